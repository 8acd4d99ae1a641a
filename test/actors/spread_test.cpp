// Who should own what: evenly, and with few moves.
#include "actors/spread.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>

namespace ates::actors {

namespace {

using storage::incarnation;
using storage::shard_number;

/// A cluster that does what the plans of its nodes say.
class town {
public:
  explicit town(shard_number shards) {
    for (shard_number s = 0; s < shards; ++s)
      view.shards.push_back({.shard = s, .owner = {}, .epoch = 0, .move_to = {}, .moved_by_hand = false});
  }
  void join(incarnation number) {
    storage::node_view n;
    n.row.number = number;
    n.row.name = "node" + std::to_string(number);
    n.state = storage::node_state::serving;
    view.nodes.push_back(n);
  }
  storage::node_view& node(incarnation number) {
    for (auto& n : view.nodes)
      if (n.row.number == number)
        return n;
    throw std::logic_error("no such node");
  }
  void die(incarnation number) { node(number).dead = true; }
  /// Everybody follows their plan once. Answers how many shards changed hands.
  std::size_t settle() {
    std::map<shard_number, incarnation> moves;
    for (const auto& n : view.nodes) {
      if (n.dead)
        continue;
      const auto plan = plan_spread(view, n.row.number);
      for (const auto s : plan.take)
        BOOST_REQUIRE_MESSAGE(moves.emplace(s, n.row.number).second, "two nodes take shard " << s);
      for (const auto& [s, to] : plan.give)
        BOOST_REQUIRE_MESSAGE(moves.emplace(s, to).second, "shard " << s << " is given twice");
    }
    for (const auto& [s, to] : moves) {
      view.shards.at(s).moved_by_hand = view.shards.at(s).move_to == to;
      view.shards.at(s).owner = to;
      view.shards.at(s).move_to.reset();
    }
    return moves.size();
  }
  [[nodiscard]] std::size_t owned(incarnation number) const {
    std::size_t n = 0;
    for (const auto& s : view.shards)
      n += s.owner == number ? 1 : 0;
    return n;
  }
  storage::cluster_view view;
};

} // namespace

BOOST_AUTO_TEST_SUITE(spread_)

BOOST_AUTO_TEST_CASE(a_node_that_is_alone_takes_everything) {
  town t{64};
  t.join(1);
  BOOST_TEST(t.settle() == 64);
  BOOST_TEST(t.owned(1) == 64);
  BOOST_TEST(t.settle() == 0);
}

BOOST_AUTO_TEST_CASE(every_number_of_nodes_has_even_shares_and_only_the_needed_moves) {
  for (const shard_number shards : std::initializer_list<shard_number>{1, 7, 64, 1024}) {
    town t{shards};
    for (incarnation n = 1; n <= 9; ++n) {
      t.join(n);
      const auto moved = t.settle();
      for (incarnation i = 1; i <= n; ++i) {
        BOOST_TEST(t.owned(i) >= shards / static_cast<std::size_t>(n));
        BOOST_TEST(t.owned(i) <= (shards + static_cast<std::size_t>(n) - 1) / static_cast<std::size_t>(n));
      }
      if (n > 1)
        BOOST_TEST(moved == t.owned(n)); // nothing but what the newcomer gets
      BOOST_TEST(t.settle() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_shards_of_a_dead_node_are_shared_by_the_others_and_nothing_else_moves) {
  town t{64};
  for (incarnation n = 1; n <= 3; ++n)
    t.join(n);
  t.settle();
  const auto lost = t.owned(2);
  t.die(2);
  BOOST_TEST(t.settle() == lost);
  BOOST_TEST(t.owned(1) == 32);
  BOOST_TEST(t.owned(3) == 32);
}

BOOST_AUTO_TEST_CASE(a_silent_node_keeps_its_shards_until_it_is_dead) {
  town t{64};
  t.join(1);
  t.join(2);
  t.settle();
  t.node(2).expired = true;
  BOOST_TEST(plan_spread(t.view, 1).take.empty());
  t.die(2);
  BOOST_TEST(t.settle() == 32);
}

BOOST_AUTO_TEST_CASE(a_draining_node_gives_everything_and_gets_nothing) {
  town t{64};
  t.join(1);
  t.join(2);
  t.join(3);
  t.settle();
  t.node(3).drain_asked = true;
  t.node(3).state = storage::node_state::draining;
  t.settle();
  BOOST_TEST(t.owned(3) == 0);
  BOOST_TEST(t.owned(1) == 32);
  BOOST_TEST(t.owned(2) == 32);
}

BOOST_AUTO_TEST_CASE(the_last_node_keeps_what_nobody_takes) {
  town t{64};
  t.join(1);
  t.settle();
  t.node(1).state = storage::node_state::draining;
  BOOST_TEST(t.settle() == 0);
  BOOST_TEST(t.owned(1) == 64);
}

BOOST_AUTO_TEST_CASE(a_joining_node_is_left_alone) {
  town t{64};
  t.join(1);
  t.join(2);
  t.node(2).state = storage::node_state::joining;
  t.settle();
  BOOST_TEST(t.owned(2) == 0);
}

BOOST_AUTO_TEST_CASE(a_shard_moved_by_hand_goes_there_and_stays) {
  town t{64};
  t.join(1);
  t.join(2);
  t.settle();
  shard_number moved = 0;
  while (t.view.shards[moved].owner != 1)
    ++moved;
  t.view.shards[moved].move_to = 2;
  t.settle();
  BOOST_CHECK(t.view.shards[moved].owner == 2);
  while (t.settle() != 0) {
  }
  BOOST_CHECK(t.view.shards[moved].owner == 2);
  BOOST_TEST(t.owned(1) == 32);
  BOOST_TEST(t.owned(2) == 32);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::actors
