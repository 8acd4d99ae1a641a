// Where a command goes: here, there, or to wait.
#include "test/actors/world.hpp"

#include "actors/entity.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"

#include <boost/test/unit_test.hpp>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using actors::read_entity;

constexpr storage::incarnation self = 1, other = 2;
constexpr shard_number away = 2; ///< the shard that the other node has

/// A link that answers what the test wants and remembers what came.
struct fake_link_state {
  fake_link_state() {}
  static inline const char* name = "fake_link";
};

struct link_watch {
  std::vector<actors::envelope> commands;
  std::vector<actors::notice> notices;
};

actors::link_actor::behavior_type fake_link(actors::link_actor::stateful_pointer<fake_link_state> me,
                                            link_watch* watch) {
  actors::set_house_rules(me, fake_link_state::name);
  return {[](const actors::packet&) {},
          [watch](actors::envelope& e) -> caf::result<actors::reply> {
            watch->commands.push_back(e);
            return actors::refusal(outcome::not_found);
          },
          [watch](actors::notice& n) { watch->notices.push_back(std::move(n)); },
          [me](const actors::greeting&,
               const actors::peer_port&) -> caf::result<actors::greeting, actors::peer_port> {
            return {actors::greeting{}, actors::peer_port{me}};
          },
          [](atom::connect) {},
          [](atom::flush) {},
          [](atom::tick) {},
          [me](atom::stop) { me->quit(); }};
}

/// A node that has all shards but one, and a link to the node that has it.
struct two_nodes : world {
  two_nodes() {
    hire("ann", 1);
    task = new_task(away);
    link = system().spawn(fake_link, &watch_link);
    caf::anon_send(region, atom::detach_v, away);
    show_map(other, 5);
  }
  ~two_nodes() { caf::anon_send_exit(link, caf::exit_reason::kill); }

  void show_map(std::optional<storage::incarnation> owner, storage::epoch epoch) {
    auto map = std::make_shared<actors::cluster_map>();
    map->self = self;
    for (shard_number s = 0; s < 4; ++s)
      map->shards.push_back({s, s == away ? owner : self, s == away ? epoch : 1, {}, false});
    caf::anon_send(region, actors::cluster_map_ptr{map});
    run();
  }
  void connect() {
    caf::anon_send(region, atom::up_v, other, link);
    run();
  }
  void disconnect() {
    caf::anon_send(region, atom::down_v, other);
    run();
  }
  void attach() {
    caf::anon_send(region, atom::attach_v, away, shards.at(away));
    run();
  }
  question read() { return answer(ref(task), read_entity{}); }
  question peer_reads(storage::epoch lease) {
    actors::envelope e;
    e.to = ref(task);
    e.what = read_entity{};
    e.lease = lease;
    e.from_peer = true;
    auto q = ask(std::move(e));
    run();
    return q;
  }

  task_id task;
  link_watch watch_link;
  actors::link_actor link;
};

} // namespace

BOOST_AUTO_TEST_SUITE(region_)

BOOST_FIXTURE_TEST_CASE(a_command_goes_over_the_link_to_the_node_that_has_the_shard, two_nodes) {
  connect();
  BOOST_CHECK(read().what() == outcome::not_found); // what the link says
  BOOST_REQUIRE_EQUAL(watch_link.commands.size(), 1U);
  BOOST_CHECK_EQUAL(watch_link.commands[0].lease, 5);
  BOOST_CHECK_EQUAL(watch_link.commands[0].hops, 1);
}

BOOST_FIXTURE_TEST_CASE(a_command_waits_for_a_link_that_is_down, two_nodes) {
  const auto q = read();
  BOOST_CHECK(!q.answered());
  connect();
  BOOST_CHECK(q.what() == outcome::not_found);
}

BOOST_FIXTURE_TEST_CASE(a_command_waits_for_a_shard_that_is_nowhere_until_it_is_attached, two_nodes) {
  show_map(std::nullopt, 6);
  const auto q = read();
  BOOST_CHECK(!q.answered());
  attach();
  BOOST_CHECK(q.what() == outcome::ok);
}

BOOST_FIXTURE_TEST_CASE(what_comes_for_a_shard_on_the_move_waits_for_its_new_owner, two_nodes) {
  show_map(self, 6);
  attach();
  BOOST_CHECK(read().what() == outcome::ok);
  connect();
  caf::scoped_actor asking{system()};
  auto held = asking->request(region, 3600s, atom::hold_v, away);
  run();
  held.receive([](bool) {}, [](const caf::error&) { BOOST_ERROR("not held"); });
  const auto q = read();
  BOOST_CHECK(!q.answered());
  caf::anon_send(region, actors::placement{away, other, 7});
  run();
  BOOST_CHECK(q.what() == outcome::not_found);
  BOOST_CHECK_EQUAL(watch_link.commands.at(0).lease, 7);
}

BOOST_FIXTURE_TEST_CASE(a_command_whose_deadline_passes_while_it_waits_is_unavailable, two_nodes) {
  const auto q = ask_until(std::chrono::steady_clock::now() + 150ms, ref(task), read_entity{});
  pass(100ms);
  BOOST_CHECK(q.what() == outcome::unavailable);
}

BOOST_FIXTURE_TEST_CASE(a_peer_that_asks_for_a_shard_that_is_elsewhere_is_told_where, two_nodes) {
  connect();
  const auto q = peer_reads(4);
  BOOST_REQUIRE(q.what() == outcome::moved);
  const auto& where = std::get<actors::placement>(q.reply().value);
  BOOST_CHECK(where.shard == away && where.owner == other && where.epoch == 5);
  BOOST_CHECK(watch_link.commands.empty()); // never passed on
}

BOOST_FIXTURE_TEST_CASE(a_peer_that_knows_a_newer_lease_waits_for_our_map, two_nodes) {
  connect();
  const auto q = peer_reads(6);
  BOOST_CHECK(!q.answered());
  show_map(self, 6);
  BOOST_CHECK(!q.answered()); // ours now, and still being loaded
  attach();
  BOOST_CHECK(q.what() == outcome::ok);
}

BOOST_FIXTURE_TEST_CASE(a_command_that_went_over_two_links_waits_for_the_next_map, two_nodes) {
  connect();
  actors::envelope e;
  e.to = ref(task);
  e.what = read_entity{};
  e.hops = 2;
  const auto q = ask(std::move(e));
  run();
  BOOST_CHECK(!q.answered());
  show_map(other, 6);
  BOOST_CHECK(q.what() == outcome::not_found);
}

BOOST_FIXTURE_TEST_CASE(an_older_map_does_not_undo_what_a_peer_has_told, two_nodes) {
  caf::anon_send(region, actors::placement{away, storage::incarnation{3}, 9});
  show_map(other, 8);
  connect();
  const auto q = read();
  BOOST_CHECK(!q.answered()); // node 3 has it, and there is no link to node 3
}

BOOST_FIXTURE_TEST_CASE(a_node_whose_link_went_down_is_not_asked, two_nodes) {
  connect();
  disconnect();
  BOOST_CHECK(!read().answered());
  BOOST_CHECK(watch_link.commands.empty());
}

BOOST_FIXTURE_TEST_CASE(notices_go_over_the_link_but_a_peers_notice_is_never_passed_on, two_nodes) {
  connect();
  caf::anon_send(region, actors::inbox_look{0, away, 3});
  run();
  BOOST_REQUIRE_EQUAL(watch_link.notices.size(), 1U);
  BOOST_CHECK_EQUAL(std::get<actors::inbox_look>(watch_link.notices[0]).head, 3);
  caf::anon_send(region, actors::peer_notice{actors::inbox_look{0, away, 3}});
  run();
  BOOST_CHECK_EQUAL(watch_link.notices.size(), 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
