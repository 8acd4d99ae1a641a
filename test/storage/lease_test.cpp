// Leases: who is alive, who owns what, and how it changes hands.

#include "test/storage/worlds.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <future>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;

namespace {

/// One node: its connection and its incarnation.
struct player {
  template <class World>
  player(World& world, const std::string& name, std::chrono::milliseconds lease = 60s)
      : ttl(lease), store(world.new_lease_store()) {
    join(name);
  }
  void join(const std::string& name) {
    self = store->join({.number = 0,
                        .name = name,
                        .http = "127.0.0.1:1",
                        .caf = "127.0.0.1:2",
                        .version = "test",
                        .pid = 17,
                        .boot_nonce = id_in(0, 77)},
                       ttl);
  }
  beat beat_once(node_state state = node_state::serving, std::uint32_t active_actors = 0) {
    return store->heartbeat(self, ttl, state, active_actors);
  }
  std::vector<shard_lease> take(const std::vector<shard_number>& wanted = all_shards()) {
    return store->take(self, wanted);
  }
  std::vector<shard_lease> give(const std::vector<shard_number>& shards, std::optional<incarnation> to) {
    return store->hand_over(self, shards, to);
  }
  std::vector<incarnation> bury() { return store->bury(self); }
  bool bury_if_gone(incarnation other, std::chrono::milliseconds silent) {
    return store->bury_if_gone(self, other, silent);
  }
  /// The connection ends and nothing is given back.
  void crash() { store.reset(); }

  std::chrono::milliseconds ttl;
  std::unique_ptr<lease_store> store;
  incarnation self = 0;
};

template <class World> cluster_view view_of(World& world) {
  return world.new_lease_store()->view();
}

template <class World> shard_lease lease_of(World& world, shard_number shard) {
  return view_of(world).shards.at(shard);
}

template <class World> std::size_t owned_by(World& world, incarnation who) {
  const auto leases = view_of(world).shards;
  return static_cast<std::size_t>(
      std::count_if(leases.begin(), leases.end(), [&](const auto& lease) { return lease.owner == who; }));
}

template <class World> std::optional<node_view> seen(World& world, incarnation who) {
  for (auto& node : view_of(world).nodes)
    if (node.row.number == who)
      return node;
  return std::nullopt;
}

std::vector<shard_number> numbers(const std::vector<shard_lease>& leases) {
  std::vector<shard_number> all;
  for (const auto& lease : leases)
    all.push_back(lease.shard);
  return all;
}

bool contains(const std::vector<incarnation>& all, incarnation one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

audit_row wish() {
  static int count = 0;
  audit_row row;
  row.id = id_in(0, ++count);
  row.by = account_in(0, 1);
  row.action = "move";
  row.result = "{}";
  return row;
}

operations::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

/// Whoever is declared dead has lost its connection as well, and hears it on the next one.
bool hears_that_it_is_dead(player& node) {
  bool alive = true;
  wait_until(
      [&] {
        try {
          alive = node.beat_once().alive;
          return true;
        } catch (const storage_error& error) {
          return error.what_kind() != storage_error::kind::away;
        }
      },
      "it can ask");
  return !alive;
}

/// A server takes a moment to notice that a connection has ended.
template <class World> void wait_until_lock_is_free(World& world, incarnation who) {
  if constexpr (std::is_same_v<World, postgres_world>)
    wait_until(
        [&] {
          return world
              .sql("select from pg_locks where locktype = 'advisory' and objid = " + std::to_string(who))
              .empty();
        },
        "the lock of a crashed node is free");
}

} // namespace

BOOST_AUTO_TEST_SUITE(lease_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_lease_given_back_can_be_taken_with_a_higher_epoch, World, worlds) {
  World world;
  player first{world, "node2"};
  BOOST_REQUIRE(world.new_lease_store()->hand_over(world.self, all_shards(), first.self).size() ==
                shards_total);
  const auto before = view_of(world).shards;
  first.store->leave(first.self);
  for (const auto& lease : view_of(world).shards) {
    BOOST_TEST(!lease.owner.has_value());
    BOOST_TEST(lease.epoch > before[lease.shard].epoch);
  }
  player next{world, "node3"};
  const auto taken = next.take();
  BOOST_TEST(numbers(taken) == all_shards(), boost::test_tools::per_element());
  for (const auto& lease : taken)
    BOOST_TEST(lease.epoch > before[lease.shard].epoch + 1);
  BOOST_TEST(next.take().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dead_incarnation_never_comes_back, World, worlds) {
  World world;
  player node{world, "node2"};
  const auto old_life = node.self;
  node.store->leave(old_life);
  BOOST_TEST(!node.beat_once().alive);
  world.new_lease_store()->leave(world.self);
  BOOST_TEST(node.take().empty());
  node.join("node2");
  BOOST_TEST(node.self > old_life);
  BOOST_TEST(!node.store->heartbeat(old_life, 5s, node_state::serving, 0).alive);
  BOOST_TEST(node.beat_once().alive);
  BOOST_TEST(node.take().size() == shards_total);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(shards_of_a_living_node_are_not_taken, World, worlds) {
  World world;
  player other{world, "node2"};
  BOOST_TEST(other.take().empty());
  BOOST_TEST(owned_by(world, world.self) == shards_total);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_the_wanted_shards_are_taken_in_ascending_order, World, worlds) {
  World world;
  world.new_lease_store()->leave(world.self);
  player node{world, "node2"};
  const std::vector<shard_number> expected{1, 3, 5};
  BOOST_TEST(numbers(node.take({5, 1, 3})) == expected, boost::test_tools::per_element());
  BOOST_TEST(owned_by(world, node.self) == 3u);
  BOOST_TEST(node.take({}).empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_heartbeat_brings_the_clock_forward, World, worlds) {
  World world;
  player node{world, "node2"};
  const auto first = node.beat_once();
  const auto second = node.beat_once();
  BOOST_TEST(first.alive);
  BOOST_TEST((second.database_clock >= first.database_clock));
  BOOST_TEST((first.database_clock > instant{} + std::chrono::years{50}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_view_shows_what_a_node_says_of_itself, World, worlds) {
  World world;
  player node{world, "node2"};
  BOOST_TEST((seen(world, node.self)->state == node_state::joining));
  node.beat_once(node_state::draining, 42);
  world.age_beat(node.self, 7s);
  const auto view = view_of(world);
  BOOST_REQUIRE(view.nodes.size() == 2u);
  const auto& shown = view.nodes.back(); // by incarnation
  BOOST_TEST(shown.row.number == node.self);
  BOOST_TEST(shown.row.name == "node2");
  BOOST_TEST(shown.row.http == "127.0.0.1:1");
  BOOST_TEST(shown.row.caf == "127.0.0.1:2");
  BOOST_TEST(shown.row.version == "test");
  BOOST_TEST(shown.row.pid == 17);
  BOOST_TEST((shown.row.boot_nonce == id_in(0, 77)));
  BOOST_TEST((shown.state == node_state::draining));
  BOOST_TEST(shown.active_actors == 42u);
  BOOST_TEST(!shown.drain_asked);
  BOOST_TEST(!shown.dead);
  BOOST_TEST(!shown.expired);
  BOOST_TEST((shown.beat_age >= 7s && shown.beat_age < 17s));
  BOOST_TEST((shown.started_at > view.database_clock - 10s && shown.started_at <= view.database_clock));
  world.age_beat(node.self, 60s);
  BOOST_TEST(seen(world, node.self)->expired);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_view_shows_a_dead_node_until_its_name_lives_again_or_a_day_is_over, World,
                              worlds) {
  World world;
  player node{world, "node2"};
  const auto first = node.self;
  node.store->leave(first);
  BOOST_TEST(seen(world, first)->dead);
  BOOST_TEST(!seen(world, first)->expired);
  world.age_beat(first, 25h);
  BOOST_TEST(!seen(world, first).has_value());
  node.join("node2");
  const auto second = node.self;
  node.store->leave(second);
  BOOST_TEST(seen(world, second)->dead);
  node.join("node2");
  BOOST_TEST(!seen(world, second).has_value());
  BOOST_TEST(!seen(world, node.self)->dead);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_new_life_takes_over_at_once_from_one_whose_lock_is_free, World, worlds) {
  World world;
  player first{world, "node9"};
  world.new_lease_store()->hand_over(world.self, all_shards(), first.self);
  first.crash();
  wait_until_lock_is_free(world, first.self);
  player second{world, "node9"};
  BOOST_TEST(second.take().empty());
  BOOST_TEST(second.bury() == std::vector{first.self}, boost::test_tools::per_element());
  BOOST_TEST(second.take().size() == shards_total);
  BOOST_TEST(second.bury().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_life_that_still_holds_its_lock_and_lease_is_not_declared_dead, World,
                              worlds) {
  World world;
  player first{world, "node9"};
  player second{world, "node9"};
  BOOST_TEST(second.bury().empty());
  BOOST_TEST(first.beat_once().alive);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_life_whose_lease_has_run_out_is_declared_dead_although_its_lock_is_held,
                              World, worlds) {
  World world;
  player frozen{world, "node9"};
  player second{world, "node9"};
  world.age_beat(frozen.self, 61s);
  BOOST_TEST(second.bury() == std::vector{frozen.self}, boost::test_tools::per_element());
  BOOST_TEST(hears_that_it_is_dead(frozen));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_a_node_that_has_beaten_for_a_whole_ttl_judges_others, World, worlds) {
  World world;
  world.age_beat(world.self, 61s);
  player judge{world, "judge", 300ms};
  BOOST_TEST(judge.bury().empty());
  const auto first = judge.beat_once().database_clock;
  BOOST_TEST(judge.bury().empty());
  auto last = first;
  wait_until(
      [&] {
        last = judge.beat_once().database_clock;
        return contains(judge.bury(), world.self);
      },
      "the judge has judged");
  BOOST_TEST((last - first >= 300ms));
  BOOST_TEST(judge.take().size() == shards_total);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_judge_that_was_silent_itself_begins_anew, World, worlds) {
  World world;
  player judge{world, "judge", 300ms};
  const auto beat_for_a_ttl = [&] {
    const auto first = judge.beat_once().database_clock;
    wait_until([&] { return judge.beat_once().database_clock - first > 310ms; }, "a ttl has passed");
  };
  beat_for_a_ttl();
  world.age_beat(world.self, 61s);
  world.age_beat(judge.self, 160ms); // as if it had been frozen
  BOOST_TEST(judge.bury().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dead_node_judges_nobody, World, worlds) {
  World world;
  player first{world, "node9"};
  player second{world, "node9"};
  second.beat_once();
  first.crash();
  wait_until_lock_is_free(world, first.self);
  world.new_lease_store()->leave(second.self);
  world.age_beat(first.self, 10s);
  BOOST_TEST(second.bury().empty());
  BOOST_TEST(!second.bury_if_gone(first.self, 1s));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_node_whose_link_is_lost_and_whose_lock_is_free_is_buried_at_once, World,
                              worlds) {
  World world;
  player survivor{world, "node2"};
  player victim{world, "node3"};
  survivor.beat_once();
  victim.crash();
  wait_until_lock_is_free(world, victim.self);
  world.age_beat(victim.self, 1s);
  BOOST_TEST(survivor.bury_if_gone(victim.self, 700ms));
  BOOST_TEST(seen(world, victim.self)->dead);
  BOOST_TEST(survivor.bury_if_gone(victim.self, 700ms)); // dead before
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_node_that_was_silent_for_less_than_asked_is_not_buried, World, worlds) {
  World world;
  player survivor{world, "node2"};
  player victim{world, "node3"};
  survivor.beat_once();
  victim.crash();
  wait_until_lock_is_free(world, victim.self);
  BOOST_TEST(!survivor.bury_if_gone(victim.self, 30s));
  BOOST_TEST(!seen(world, victim.self)->dead);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_silent_node_that_holds_its_lock_is_not_buried_before_its_lease_is_over, World,
                              worlds) {
  World world;
  player survivor{world, "node2"};
  player slow{world, "node3"};
  survivor.beat_once();
  world.age_beat(slow.self, 10s);
  BOOST_TEST(!survivor.bury_if_gone(slow.self, 700ms));
  BOOST_TEST(slow.beat_once().alive);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_handed_over_shard_goes_to_the_target_with_the_next_epoch, World, worlds) {
  World world;
  player target{world, "node2"};
  auto store = world.new_lease_store();
  const auto before = view_of(world).shards;
  const auto given = store->hand_over(world.self, std::vector<shard_number>{6, 2}, target.self);
  BOOST_REQUIRE(given.size() == 2u);
  BOOST_TEST(given[0].shard == 2);
  BOOST_TEST(given[1].shard == 6);
  for (const auto& lease : given) {
    BOOST_TEST((lease.owner == target.self));
    BOOST_TEST(lease.epoch == before[lease.shard].epoch + 1);
    BOOST_TEST(!lease.moved_by_hand);
  }
  BOOST_TEST(owned_by(world, target.self) == 2u);
  BOOST_TEST(owned_by(world, world.self) == shards_total - 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_handed_over_shard_goes_to_nobody_if_the_target_died, World, worlds) {
  World world;
  player target{world, "node2"};
  target.store->leave(target.self);
  auto store = world.new_lease_store();
  const auto given = store->hand_over(world.self, std::vector<shard_number>{2}, target.self);
  BOOST_REQUIRE(given.size() == 1u);
  BOOST_TEST(!given[0].owner.has_value());
  player silent{world, "node3"};
  world.age_beat(silent.self, 61s);
  const auto again = store->hand_over(world.self, std::vector<shard_number>{3}, silent.self);
  BOOST_REQUIRE(again.size() == 1u);
  BOOST_TEST(!again[0].owner.has_value());
  player heir{world, "node4"};
  BOOST_TEST(heir.take().size() == 2u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shard_is_handed_over_to_nobody_when_that_is_wanted, World, worlds) {
  World world;
  auto store = world.new_lease_store();
  const auto before = lease_of(world, 4).epoch;
  const auto given = store->hand_over(world.self, std::vector<shard_number>{4}, std::nullopt);
  BOOST_REQUIRE(given.size() == 1u);
  BOOST_TEST(!lease_of(world, 4).owner.has_value());
  BOOST_TEST(lease_of(world, 4).epoch == before + 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_hands_over_what_is_not_theirs, World, worlds) {
  World world;
  player node{world, "node2"};
  const auto before = lease_of(world, 2);
  BOOST_TEST(node.give({2}, node.self).empty());
  BOOST_TEST(lease_of(world, 2).epoch == before.epoch);
  BOOST_TEST((lease_of(world, 2).owner == world.self));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wish_is_fulfilled_by_the_change_of_owner_it_asked_for, World, worlds) {
  World world;
  player target{world, "node2"};
  BOOST_TEST(world.operations().ask_move(3, target.self, wish(), soon()));
  BOOST_TEST((lease_of(world, 3).move_to == target.self));
  BOOST_TEST((lease_of(world, 3).owner == world.self));
  const auto given =
      world.new_lease_store()->hand_over(world.self, std::vector<shard_number>{3}, target.self);
  BOOST_REQUIRE(given.size() == 1u);
  BOOST_TEST(given[0].moved_by_hand);
  BOOST_TEST(!given[0].move_to.has_value());
  const auto back = target.give({3}, world.self);
  BOOST_REQUIRE(back.size() == 1u);
  BOOST_TEST(!back[0].moved_by_hand);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wish_ends_with_any_other_change_of_owner, World, worlds) {
  World world;
  player target{world, "node2"};
  player other{world, "node3"};
  BOOST_REQUIRE(world.operations().ask_move(3, target.self, wish(), soon()));
  world.new_lease_store()->hand_over(world.self, std::vector<shard_number>{3}, other.self);
  BOOST_TEST(!lease_of(world, 3).move_to.has_value());
  BOOST_TEST(!lease_of(world, 3).moved_by_hand);
  BOOST_REQUIRE(world.operations().ask_move(4, target.self, wish(), soon()));
  world.new_lease_store()->leave(world.self);
  BOOST_TEST(!lease_of(world, 4).move_to.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wish_survives_the_death_of_the_owner_until_the_shard_is_taken, World,
                              worlds) {
  World world;
  player owner{world, "node2"};
  player target{world, "node3"};
  world.new_lease_store()->hand_over(world.self, std::vector<shard_number>{3}, owner.self);
  BOOST_REQUIRE(world.operations().ask_move(3, target.self, wish(), soon()));
  target.beat_once();
  owner.crash();
  wait_until_lock_is_free(world, owner.self);
  world.age_beat(owner.self, 10s);
  BOOST_REQUIRE(target.bury_if_gone(owner.self, 1s));
  const auto taken = target.take({3});
  BOOST_REQUIRE(taken.size() == 1u);
  BOOST_TEST(taken[0].moved_by_hand);
  BOOST_TEST(!taken[0].move_to.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_node_holds_the_drain_token_and_its_end_gives_it_up, World, worlds) {
  World world;
  player first{world, "node2"};
  player second{world, "node3"};
  BOOST_TEST(first.store->take_drain_token(first.self));
  BOOST_TEST(first.store->take_drain_token(first.self)); // it is ours already
  BOOST_TEST(!second.store->take_drain_token(second.self));
  first.store->give_back_drain_token();
  BOOST_TEST(second.store->take_drain_token(second.self));
  BOOST_TEST(!first.store->take_drain_token(first.self));
  second.crash();
  wait_until([&] { return first.store->take_drain_token(first.self); }, "the token is free again");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_node_that_is_asked_to_drain_hears_it_with_its_next_heartbeat, World, worlds) {
  World world;
  player node{world, "node2"};
  BOOST_TEST(!node.beat_once().drain_asked);
  BOOST_TEST(world.operations().ask_drain(node.self, wish(), soon()));
  BOOST_TEST(node.beat_once().drain_asked);
  BOOST_TEST(seen(world, node.self)->drain_asked);
  BOOST_TEST(!seen(world, world.self)->drain_asked);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_an_outage_nobody_is_buried_before_a_whole_ttl_of_beats, World, worlds) {
  World world;
  player survivor{world, "node2"};
  player slow{world, "node3"}; // still without a connection when the survivor is back
  survivor.beat_once();
  world.go_away();
  BOOST_CHECK_THROW(survivor.beat_once(), storage_error);
  slow.crash();
  world.come_back();
  wait_until(
      [&] {
        try {
          return survivor.beat_once().alive;
        } catch (const storage_error& error) {
          return error.what_kind() != storage_error::kind::away;
        }
      },
      "the survivor beats again");
  world.age_beat(slow.self, 10s);
  BOOST_TEST(!survivor.bury_if_gone(slow.self, 1s));
  BOOST_TEST(survivor.bury().empty());
  BOOST_TEST(!seen(world, slow.self)->dead);
}

BOOST_AUTO_TEST_SUITE_END()
