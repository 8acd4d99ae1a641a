// Take-overs from processes that are frozen in the middle of something: only the real PostgreSQL has them.

#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <future>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

node_row named(const std::string& name) {
  node_row row;
  row.name = name;
  return row;
}

/// A backend of `owner` in an open transaction that holds all shards, as a batch does.
struct open_batch {
  open_batch(const postgres_world& world, const std::string& application_name)
      : connection(world.url(database_role::app)) {
    pqxx::nontransaction{connection}.exec0("set application_name = " + connection.quote(application_name));
    transaction.emplace(connection);
    transaction->exec("select from shard order by shard for key share");
  }
  pqxx::connection connection;
  std::optional<pqxx::work> transaction;
};

std::string journal_of(incarnation owner) {
  return "atesd " + std::to_string(owner) + " journal 0";
}

struct heir {
  explicit heir(postgres_world& world)
      : store(world.new_lease_store()), self(store->join(named("heir"), 60s)) {
    store->heartbeat(self, 60s, node_state::serving, 0);
  }
  std::unique_ptr<lease_store> store;
  incarnation self;
};

} // namespace

BOOST_AUTO_TEST_SUITE(lease_faults)

BOOST_AUTO_TEST_CASE(a_frozen_process_with_an_open_transaction_does_not_keep_its_shards) {
  postgres_world world;
  const open_batch frozen{world, journal_of(world.self)};
  heir next{world};
  auto same_name = world.new_lease_store();
  world.age_beat(world.self, 61s); // frozen for longer than its lease
  const auto began = steady::now();
  const auto new_life = same_name->join(named("node1"), 60s);
  BOOST_TEST(same_name->bury(new_life).size() == 1u);
  BOOST_TEST(next.store->take(next.self, all_shards()).size() == shards_total);
  BOOST_TEST((steady::now() - began < 2s));
}

BOOST_AUTO_TEST_CASE(a_backend_that_comes_back_for_a_dead_node_is_ended_by_the_take_over_it_blocks) {
  postgres_world world;
  heir next{world};
  world.sql("update node set dead = true where incarnation = " + std::to_string(world.self));
  const open_batch late{world, journal_of(world.self)}; // begun after the node was declared dead
  const auto began = steady::now();
  BOOST_CHECK_EXCEPTION(next.store->take(next.self, all_shards()), storage_error, [](const auto& error) {
    return error.what_kind() == storage_error::kind::refused && error.sqlstate() == "55P03";
  });
  BOOST_TEST((steady::now() - began < 1500ms)); // so that heartbeats go on
  BOOST_TEST(next.store->heartbeat(next.self, 60s, node_state::serving, 0).alive);
  wait_until(
      [&] {
        try {
          return next.store->take(next.self, all_shards()).size() == shards_total;
        } catch (const storage_error&) {
          return false;
        }
      },
      "the shards are taken");
}

BOOST_AUTO_TEST_CASE(a_take_waits_for_a_batch_that_holds_the_row) {
  postgres_world world;
  time_limits patient = lease_limits;
  patient.lock = 10s;
  patient.statement = 10s;
  patient.call = 15s;
  postgres_lease store{world.url(database_role::app), patient, true};
  const auto self = store.join(named("heir"), 60s);
  std::optional<open_batch> batch{std::in_place, world, "a batch of nobody"};
  world.sql("update node set dead = true where incarnation = " + std::to_string(world.self));
  auto taken = std::async(std::launch::async, [&] {
    return store.take(self, std::vector<shard_number>{1, 2});
  });
  wait_until(
      [&] {
        return !world
                    .sql("select from pg_stat_activity where wait_event_type = 'Lock'"
                         " and application_name = 'atesd " +
                         std::to_string(self) + " lease'")
                    .empty();
      },
      "the take waits");
  batch->transaction->commit();
  BOOST_TEST(taken.get().size() == 2u);
}

BOOST_AUTO_TEST_CASE(backends_of_the_living_outlast_a_burial) {
  postgres_world world;
  heir living{world};
  open_batch busy{world, journal_of(living.self)};
  const open_batch dead{world, journal_of(world.self)};
  auto same_name = world.new_lease_store();
  const auto new_life = same_name->join(named("node1"), 60s);
  world.age_beat(world.self, 61s);
  BOOST_TEST(same_name->bury(new_life).size() == 1u);
  wait_until(
      [&] {
        return world
            .sql("select from pg_stat_activity where application_name = '" + journal_of(world.self) + "'")
            .empty();
      },
      "the backend of the dead is ended");
  BOOST_CHECK_NO_THROW(busy.transaction->commit());
  BOOST_TEST(living.store->heartbeat(living.self, 60s, node_state::serving, 0).alive);
}

BOOST_AUTO_TEST_CASE(a_journal_of_the_dead_has_its_connection_ended) {
  postgres_world world;
  const desk d{world}; // its journal has a connection
  const auto connections = [&] {
    return world.sql("select from pg_stat_activity where application_name = '" + journal_of(world.self) + "'")
        .size();
  };
  BOOST_REQUIRE(connections() == 1);
  auto same_name = world.new_lease_store();
  const auto new_life = same_name->join(named("node1"), 60s);
  world.age_beat(world.self, 61s);
  same_name->bury(new_life);
  wait_until([&] { return connections() == 0; }, "it is ended");
}

BOOST_AUTO_TEST_CASE(a_lease_store_whose_connection_was_ended_connects_again_and_holds_its_lock) {
  postgres_world world;
  heir node{world};
  const auto name = "atesd " + std::to_string(node.self) + " lease";
  world.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '" + name + "'");
  wait_until(
      [&] {
        try {
          return node.store->heartbeat(node.self, 60s, node_state::serving, 0).alive &&
                 world.sql("select from pg_locks where locktype = 'advisory' and granted and objid = " +
                           std::to_string(node.self))
                         .size() == 1;
        } catch (const storage_error& error) {
          return error.what_kind() != storage_error::kind::away;
        }
      },
      "it beats and holds its lock again");
  BOOST_TEST(world.sql("select from pg_stat_activity where application_name = '" + name + "'").size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
