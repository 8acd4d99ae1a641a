// What an operator sees of a cluster, and does to it.
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::console::test;

namespace {

json node_of(const std::string& name, const std::string& state, int shards) {
  return {{"name", name},
          {"incarnation", 4},
          {"state", state},
          {"stale", false},
          {"http", "127.0.0.1:8081"},
          {"caf", nullptr},
          {"pid", 77},
          {"version", "0.1.0"},
          {"started_at", "2026-11-21T02:00:00.000000Z"},
          {"heartbeat_age_ms", 120},
          {"shards", shards},
          {"active_actors", 9},
          {"holds", name == "node1" ? json{"directory", "shuffle", "payout"} : json::array()}};
}

json page_of(json items) {
  return {{"data", std::move(items)}, {"has_more", false}, {"next_cursor", nullptr}};
}

const json some_task = {{"kind", "task"},     {"id", "t-1"},  {"node", "node1"},     {"shard", 3},
                        {"state", "active"},  {"mailbox", 2}, {"oldest_ms", 15},     {"messages", 40},
                        {"handled_ms", 1.25}, {"version", 7}, {"durable_version", 6}};

/// Somebody signed in at a node.
struct operator_fixture {
  explicit operator_fixture(stub_node::answerer answer) : node(std::move(answer)), boss(home) {
    node.sign_in(boss);
  }
  bool said(const std::string& text) { return boss.out.str().find(text) != std::string::npos; }
  stub_node node;
  scratch_folder home;
  person boss;
};

} // namespace

BOOST_AUTO_TEST_SUITE(cluster_)

BOOST_AUTO_TEST_CASE(nodes_are_shown_with_what_they_hold) {
  operator_fixture o([](const auto&, auto& response) {
    auto stale = node_of("node2", "serving", 32);
    stale["stale"] = true;
    give(response, 200, {{"nodes", {node_of("node1", "serving", 32), stale}}, {"shards_total", 64}});
  });
  BOOST_TEST(o.boss.run({"nodes"}) == 0);
  BOOST_TEST(o.said("directory, shuffle, payout"));
  BOOST_TEST(o.said("serving (stale)"));
  BOOST_TEST(o.boss.run({"nodes", "--json"}) == 0);
  BOOST_TEST(o.boss.document().at("shards_total") == 64);
  BOOST_TEST(o.node.requests().back().path == "/v1/cluster");
}

BOOST_AUTO_TEST_CASE(a_shard_whose_owner_is_silent_shows_no_figures) {
  operator_fixture o([](const auto&, auto& response) {
    give(response, 200,
         page_of({{{"shard", 0}, {"owner", "node1"}, {"epoch", 3}, {"state", "loading"}, {"lag", nullptr}}}));
  });
  BOOST_TEST(o.boss.run({"shards"}) == 0);
  BOOST_TEST(o.said("    0  node1  loading      3       -         -      -     -    -\n"), o.boss.out.str());
  BOOST_TEST(o.node.requests().back().parameters.count("cursor") == 0u);
}

BOOST_AUTO_TEST_CASE(actors_are_filtered_by_the_node) {
  operator_fixture o([](const auto&, auto& response) { give(response, 200, page_of({some_task})); });
  BOOST_TEST(o.boss.run({"actors", "--kind", "task", "--node", "node1", "--shard", "3", "--state", "active",
                         "--sort", "mailbox", "--limit", "7"}) == 0);
  const auto asked = o.node.requests().back();
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string, std::string>>{{"kind", "task"},
                                                                  {"node", "node1"},
                                                                  {"shard", "3"},
                                                                  {"state", "active"},
                                                                  {"sort", "mailbox"},
                                                                  {"limit", "7"}}) {
    const auto found = asked.parameters.find(name);
    BOOST_REQUIRE(found != asked.parameters.end());
    BOOST_TEST(found->second == value);
  }
  BOOST_TEST(o.said("1.25"));
}

BOOST_AUTO_TEST_CASE(one_actor_is_shown_with_its_state_and_what_it_did) {
  auto detail = some_task;
  detail["epoch"] = 5;
  detail["value"] = {{"status", "open"}, {"fee", 1500}};
  detail["pending"] = 0;
  detail["recent"] =
      json::array({{{"at", "2026-11-21T02:00:00.000000Z"}, {"kind", "complete_task"}, {"ms", 0.25}}});
  detail["last_error"] = nullptr;
  operator_fixture o([&](const auto&, auto& response) { give(response, 200, detail); });
  BOOST_TEST(o.boss.run({"actor", "task", "../t"}) == 0);
  BOOST_TEST(o.said("complete_task"));
  BOOST_TEST(o.said("open"));
  BOOST_TEST(o.node.requests().back().path == "/v1/actors/task/../t"); // as decoded: one segment on the wire
  detail["value"] = nullptr;                                           // it did not say so in time
  detail["recent"] = json::array();
  BOOST_TEST(o.boss.run({"actor", "task", "t"}) == 0);
  BOOST_TEST(o.boss.run({"actor", "task", "t", "--json"}) == 0);
  BOOST_TEST(o.boss.document() == detail);
}

BOOST_AUTO_TEST_CASE(a_drain_is_waited_for_until_the_node_owns_nothing) {
  int looks = 0;
  operator_fixture o([&](const auto& request, auto& response) {
    if (request.method == "POST")
      return give(response, 202, {{"node", "node2"}, {"shards", 2}, {"to", {"node1"}}, {"dry_run", false}});
    ++looks;
    const bool over = looks >= 3;
    give(response, 200,
         {{"nodes",
           {node_of("node1", "serving", 62),
            node_of("node2", looks == 1 ? "serving" : "draining", over ? 0 : 2)}}});
  });
  BOOST_TEST(o.boss.run({"drain", "node2", "--reason", "new disk"}) == 0);
  BOOST_TEST(looks == 0);
  BOOST_TEST(o.said("node2 gives 2 shards to node1"));
  BOOST_TEST(json::parse(o.node.requests().back().body) == (json{{"reason", "new disk"}}));
  BOOST_TEST(!o.node.requests().back().key.empty());
  BOOST_TEST(o.boss.run({"drain", "node2", "--reason", "r", "--wait"}) == 0);
  BOOST_TEST(looks == 3);
  BOOST_TEST(o.boss.run({"drain", "node2", "--reason", "r", "--wait", "--dry-run"}) == 0);
  BOOST_TEST(looks == 3); // nothing to wait for
  BOOST_TEST(json::parse(o.node.requests().back().body).at("dry_run") == true);
  BOOST_TEST(o.said("would give"));
}

BOOST_AUTO_TEST_CASE(a_shard_is_moved_where_it_is_told) {
  operator_fixture o([](const auto&, auto& response) {
    give(response, 202, {{"shard", 17}, {"from", "node1"}, {"to", "node3"}, {"dry_run", false}});
  });
  BOOST_TEST(o.boss.run({"move", "17", "--to", "node3", "--reason", "hot"}) == 0);
  BOOST_TEST(o.said("shard 17 moves from node1 to node3"));
  BOOST_TEST(o.node.requests().back().path == "/v1/cluster/shards/17/move");
  BOOST_TEST(json::parse(o.node.requests().back().body) == (json{{"reason", "hot"}, {"to", "node3"}}));
}

BOOST_AUTO_TEST_CASE(a_refused_operation_ends_with_the_code_of_its_reason) {
  int status = 0;
  std::string code;
  operator_fixture o([&](const auto&, auto& response) { refuse(response, status, code, "The reason."); });
  const std::tuple<int, const char*, int> cases[] = {
      {403, "forbidden", 3}, {404, "not_found", 4}, {422, "validation_failed", 1}, {503, "unavailable", 7}};
  for (const auto& [answered, problem, exit] : cases) {
    status = answered;
    code = problem;
    BOOST_TEST(o.boss.run({"drain", "node2", "--reason", "r"}) == exit);
    BOOST_TEST(o.boss.err.str().find("The reason.") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_audit_tells_what_was_refused) {
  operator_fixture o([](const auto&, auto& response) {
    const json done = {{"at", "2026-11-21T02:00:00.000000Z"},
                       {"by", "a"},
                       {"action", "drain"},
                       {"target", "node2"},
                       {"reason", "disk"},
                       {"dry_run", true},
                       {"result", {{"status", 200}, {"answer", json::object()}}}};
    auto refused = done;
    refused["dry_run"] = false;
    refused["result"] = {{"status", 503}, {"code", "unavailable"}, {"detail", nullptr}};
    give(response, 200, page_of({done, refused}));
  });
  BOOST_TEST(o.boss.run({"audit"}) == 0);
  BOOST_TEST(o.said("dry run"));
  BOOST_TEST(o.said("refused: unavailable"));
}

BOOST_AUTO_TEST_SUITE_END()
