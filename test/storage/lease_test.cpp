// Leases: who is alive and who owns what.

#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;

namespace {

node_row node(const std::string& name) {
  return {.number = 0, .name = name, .http = "127.0.0.1:1", .caf = "", .version = "test", .pid = 1};
}

std::size_t owned_by(lease_store& store, incarnation who) {
  const auto leases = store.leases();
  return static_cast<std::size_t>(
      std::count_if(leases.begin(), leases.end(), [&](const auto& lease) { return lease.owner == who; }));
}

} // namespace

BOOST_AUTO_TEST_SUITE(lease_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_lease_given_back_can_be_taken_with_a_higher_epoch, World, worlds) {
  World world;
  auto store = world.new_lease_store();
  const auto before = store->leases();
  BOOST_REQUIRE(before.size() == shards_total);
  store->leave(world.self);
  for (const auto& lease : store->leases()) {
    BOOST_TEST(!lease.owner.has_value());
    BOOST_TEST(lease.epoch > before[lease.shard].epoch);
  }
  auto next = world.new_lease_store();
  const auto self = next->join(node("node2"), 5s);
  const auto taken = next->take_free(self);
  BOOST_REQUIRE(taken.size() == shards_total);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    BOOST_TEST(taken[i].shard == i);
    BOOST_TEST(taken[i].epoch > before[i].epoch + 1);
  }
  BOOST_TEST(next->take_free(self).empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dead_incarnation_never_comes_back, World, worlds) {
  World world;
  auto store = world.new_lease_store();
  store->leave(world.self);
  BOOST_TEST(!store->heartbeat(world.self, 5s).alive);
  BOOST_TEST(store->take_free(world.self).empty());
  const auto next = store->join(node("node1"), 5s);
  BOOST_TEST(next > world.self);
  BOOST_TEST(!store->heartbeat(world.self, 5s).alive);
  BOOST_TEST(store->heartbeat(next, 5s).alive);
  BOOST_TEST(store->take_free(next).size() == shards_total);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(shards_of_a_living_node_are_not_taken, World, worlds) {
  World world;
  auto store = world.new_lease_store();
  const auto other = store->join(node("node2"), 5s);
  BOOST_TEST(store->take_free(other).empty());
  BOOST_TEST(owned_by(*store, world.self) == shards_total);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_heartbeat_brings_the_clock_forward, World, worlds) {
  World world;
  auto store = world.new_lease_store();
  const auto self = store->join(node("node2"), 5s);
  const auto first = store->heartbeat(self, 5s);
  const auto second = store->heartbeat(self, 5s);
  BOOST_TEST(first.alive);
  BOOST_TEST((second.database_clock >= first.database_clock));
  BOOST_TEST((first.database_clock > instant{} + std::chrono::years{50}));
}

BOOST_AUTO_TEST_CASE(a_new_life_takes_over_at_once_from_one_whose_lock_is_free) {
  postgres_world world;
  auto first = world.new_lease_store();
  first->leave(world.self);
  const auto old_life = first->join(node("node9"), 1h);
  BOOST_REQUIRE(first->take_free(old_life).size() == shards_total);
  first.reset(); // as a crash: the connection ends, nothing is given back
  auto second = world.new_lease_store();
  incarnation new_life = 0;
  wait_until(
      [&] { // the server notices the end of a connection soon, not at once
        new_life = new_life == 0 ? second->join(node("node9"), 1h) : new_life;
        return second->take_free(new_life).size() == shards_total;
      },
      "the new life has all shards");
  BOOST_TEST(!second->heartbeat(old_life, 1h).alive);
}

BOOST_AUTO_TEST_CASE(a_life_that_still_holds_its_lock_and_lease_is_not_declared_dead) {
  postgres_world world;
  auto living = world.new_lease_store();
  const auto old_life = living->join(node("node9"), 1h);
  auto second = world.new_lease_store();
  second->join(node("node9"), 1h);
  BOOST_TEST(living->heartbeat(old_life, 1h).alive);
}

BOOST_AUTO_TEST_CASE(a_life_whose_lease_has_run_out_is_declared_dead_although_its_lock_is_held) {
  postgres_world world;
  auto frozen = world.new_lease_store();
  const auto old_life = frozen->join(node("node9"), 1ms);
  auto second = world.new_lease_store();
  wait_until([&] { return !world.sql("select from node where lease_until < now() and not dead").empty(); },
             "the lease runs out");
  second->join(node("node9"), 1h);
  BOOST_TEST(!frozen->heartbeat(old_life, 1h).alive);
}

BOOST_AUTO_TEST_CASE(only_a_node_that_has_beaten_for_a_whole_ttl_judges_others) {
  postgres_world world;
  world.sql("update node set lease_until = now() - interval '1 second'");
  auto judge = world.new_lease_store();
  const auto ttl = 200ms;
  const auto self = judge->join(node("judge"), ttl);
  BOOST_TEST(judge->heartbeat(self, 1h).alive);
  BOOST_TEST(judge->take_free(self).empty());
  const auto since = std::chrono::steady_clock::now();
  wait_until(
      [&] { return judge->heartbeat(self, 1h).alive && judge->take_free(self).size() == shards_total; },
      "the judge has all shards");
  BOOST_TEST((std::chrono::steady_clock::now() - since > ttl / 2));
}

BOOST_AUTO_TEST_CASE(a_lease_store_whose_connection_was_ended_connects_again_and_holds_its_lock) {
  postgres_world world;
  auto store = world.new_lease_store();
  const auto self = store->join(node("node9"), 1h);
  world.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'atesd lease'"
            " and datname = current_database()");
  wait_until(
      [&] {
        try {
          return store->heartbeat(self, 1h).alive;
        } catch (const storage_error& error) {
          return error.what_kind() != storage_error::kind::away;
        }
      },
      "it beats again");
  BOOST_TEST(world.sql("select from pg_locks where locktype = 'advisory' and objid = " + std::to_string(self))
                 .size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
