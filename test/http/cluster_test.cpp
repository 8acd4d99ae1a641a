// What operators see of the cluster and do to it.
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::http::test;
using ates::domain::role;
using ates::storage::entity_kind;
using ates::storage::node_state;
using nlohmann::json;

namespace {

/// node1 owns shards 0 and 1, node2 shard 2; shard 3 is nobody's.
struct cluster_fixture : gateway_fixture {
  cluster_fixture() {
    cluster.add_node("node1", node_state::serving);
    cluster.add_node("node2", node_state::serving);
    cluster.add_shard(1);
    cluster.add_shard(1);
    cluster.add_shard(2);
    cluster.add_shard(std::nullopt);
  }
  json get(const std::string& path) { return as(role::admin, "GET", "/v1" + path).json(); }
  raw_answer post(const std::string& path, const json& body, const std::string& key = "") {
    return as(role::admin, "POST", "/v1" + path, body.dump(),
              key.empty() ? "" : "Idempotency-Key: " + key + "\r\n");
  }
  raw_answer drain(const std::string& node, const json& body, const std::string& key = "") {
    return post("/cluster/nodes/" + node + "/drain", body, key);
  }
  /// The state of the node that `change` has made of node2.
  template <class Change> std::string state_after(Change change) {
    change(cluster.now.nodes[1]);
    return get("/cluster")["nodes"][1]["state"];
  }
};

ates::actors::actor_detail actor(entity_kind kind, std::uint8_t n) {
  ates::actors::actor_detail a;
  a.row.of = {kind, n == 0 ? ates::domain::uuid{} : numbered_uuid(2, n)};
  a.row.shard = 2;
  a.row.node = "node2";
  a.row.mailbox = 3;
  a.row.oldest_ms = 17;
  a.row.messages = 5;
  a.row.handled_us = 1'250;
  a.row.version = 9;
  a.row.durable_version = 8;
  a.epoch = 5;
  a.value = R"({"status":"open"})";
  a.pending = 1;
  a.recent = {{ates::domain::instant{}, "complete_task", 250}};
  return a;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(cluster_, cluster_fixture)

BOOST_AUTO_TEST_CASE(the_cluster_is_shown_node_by_node) {
  const auto body = get("/cluster");
  BOOST_TEST(body["shards_total"] == 4);
  BOOST_REQUIRE(body["nodes"].size() == 2u);
  const auto& first = body["nodes"][0];
  for (const auto* member : {"name", "incarnation", "state", "stale", "http", "caf", "pid", "version",
                             "started_at", "heartbeat_age_ms", "shards", "active_actors", "holds"})
    BOOST_TEST(first.contains(member), member);
  BOOST_TEST(first["shards"] == 2);
  BOOST_TEST(first["holds"] == json({"directory", "shuffle", "payout"}));
  BOOST_TEST(first["active_actors"] == 10); // seven of its shards, and the supervisors
  BOOST_TEST(body["nodes"][1]["holds"] == json::array());
  BOOST_TEST(body["nodes"][1]["shards"] == 1);
  BOOST_TEST(!first["stale"].get<bool>());
}

BOOST_AUTO_TEST_CASE(the_state_of_a_node_is_what_it_may_do) {
  BOOST_TEST(state_after([](auto& n) { n.state = node_state::joining; }) == "joining");
  BOOST_TEST(state_after([](auto& n) { n.state = node_state::serving; }) == "serving");
  BOOST_TEST(state_after([](auto& n) { n.drain_asked = true; }) == "draining");
  BOOST_TEST(state_after([](auto& n) { n.state = node_state::draining; }) == "draining");
  BOOST_TEST(state_after([](auto& n) { n.expired = true; }) == "fenced");
  BOOST_TEST(state_after([](auto& n) { n.dead = true; }) == "down");
  cluster.now.nodes[1].beat_age = std::chrono::milliseconds{1001};
  BOOST_TEST(get("/cluster")["nodes"][1]["stale"] == true);
  BOOST_TEST(get("/cluster")["nodes"][1]["shards"] == 0); // the dead own nothing
}

BOOST_AUTO_TEST_CASE(a_shard_is_shown_as_its_owner_sees_it_or_else_as_the_leases_say) {
  people.shards = {{.shard = 0,
                    .epoch = 5,
                    .serving = true,
                    .active = 4,
                    .supervisors = 3,
                    .last_seq = 99,
                    .queue_depth = 6,
                    .gate_depth = 7,
                    .lag = 8},
                   {.shard = 1, .epoch = 5, .serving = false},
                   {.shard = 2, .epoch = 4, .serving = true}};
  const auto shards = get("/cluster/shards")["data"];
  BOOST_REQUIRE(shards.size() == 4u);
  BOOST_TEST(shards[0] == json({{"shard", 0},
                                {"owner", "node1"},
                                {"epoch", 5},
                                {"state", "serving"},
                                {"active_actors", 7},
                                {"last_seq", 99},
                                {"queue_depth", 6},
                                {"gate_depth", 7},
                                {"lag", 8}}));
  BOOST_TEST(shards[1]["state"] == "loading");
  BOOST_TEST(shards[2]["state"] == "loading"); // an owner before answered
  BOOST_TEST(shards[2]["last_seq"].is_null());
  BOOST_TEST(shards[3]["state"] == "free");
  BOOST_TEST(shards[3]["owner"].is_null());
  cluster.now.shards[0].move_to = 2;
  BOOST_TEST(get("/cluster/shards")["data"][0]["state"] == "moving");
}

BOOST_AUTO_TEST_CASE(shards_are_listed_once_each_page_by_page) {
  std::vector<int> seen;
  std::string cursor;
  for (;;) {
    const auto page = get("/cluster/shards?limit=3" + cursor);
    for (const auto& shard : page["data"])
      seen.push_back(shard["shard"]);
    if (!page["has_more"].get<bool>())
      break;
    cursor = "&cursor=" + page["next_cursor"].get<std::string>();
  }
  BOOST_TEST(seen == (std::vector{0, 1, 2, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_drain_is_asked_for_once_and_recorded) {
  const auto done = drain("node1", {{"reason", "new disk"}}, "k");
  BOOST_TEST(done.status == 202);
  BOOST_TEST(done.json() == json({{"node", "node1"}, {"shards", 2}, {"to", {"node2"}}, {"dry_run", false}}));
  const auto again = drain("node1", {{"reason", "new disk"}}, "k");
  BOOST_TEST(again.status == 202);
  BOOST_TEST(again.header("idempotent-replayed") == "true");
  BOOST_TEST(again.body == done.body);
  BOOST_TEST(drain("node1", {{"reason", "another"}}, "k").code() == "idempotency_mismatch");
  BOOST_TEST(cluster.drained == std::vector<ates::storage::incarnation>{1}, boost::test_tools::per_element());
  const auto audit = get("/ops/audit")["data"];
  BOOST_REQUIRE(audit.size() == 1u);
  BOOST_TEST(audit[0]["action"] == "drain");
  BOOST_TEST(audit[0]["target"] == "node1");
  BOOST_TEST(audit[0]["reason"] == "new disk");
  BOOST_TEST(audit[0]["by"] == to_string(person(role::admin).id));
  BOOST_TEST(audit[0]["dry_run"] == false);
  BOOST_TEST(audit[0]["result"] == json({{"status", 202}, {"answer", done.json()}}));
}

BOOST_AUTO_TEST_CASE(a_dry_run_says_what_would_be_done_and_does_nothing) {
  const auto drained = drain("node2", {{"reason", "what if"}, {"dry_run", true}});
  BOOST_TEST(drained.status == 200);
  BOOST_TEST(drained.json()["shards"] == 1);
  const auto moved = post("/cluster/shards/0/move", {{"reason", "x"}, {"to", "node2"}, {"dry_run", true}});
  BOOST_TEST(moved.status == 200);
  BOOST_TEST(moved.json() == json({{"shard", 0}, {"from", "node1"}, {"to", "node2"}, {"dry_run", true}}));
  BOOST_TEST(cluster.drained.empty());
  BOOST_TEST(cluster.moved.empty());
  BOOST_TEST(cluster.rows.size() == 2u);
  BOOST_TEST(cluster.rows[0].dry_run);
}

BOOST_AUTO_TEST_CASE(a_refused_operation_says_why_and_is_recorded) {
  cluster.add_node("node3", node_state::serving).dead = true;
  cluster.add_node("node4", node_state::joining);
  const json fine{{"reason", "r"}};
  const auto move = [&](const char* shard, json body) {
    return post(std::string("/cluster/shards/") + shard + "/move", body);
  };
  const std::tuple<raw_answer, int, std::string> table[] = {
      {drain("node9", fine), 404, "not_found"},
      {drain("node%00", fine), 404, "not_found"},
      {drain("node1", json::object()), 422, "validation_failed"},
      {drain("node1", {{"reason", "  "}}), 422, "validation_failed"},
      {drain("node1", {{"reason", std::string(501, 'x')}}), 422, "validation_failed"},
      {drain("node1", {{"reason", std::string("a\0b", 3)}}), 422, "validation_failed"},
      {drain("node3", fine), 503, "unavailable"},
      {move("4", fine), 404, "not_found"},
      {move("-1", fine), 404, "not_found"},
      {move("x", fine), 404, "not_found"},
      {move("0", fine), 422, "validation_failed"},
      {move("0", {{"reason", "r"}, {"to", "node9"}}), 422, "validation_failed"},
      {move("0", {{"reason", "r"}, {"to", "node4"}}), 503, "unavailable"},
  };
  for (const auto& [answer, status, code] : table) {
    BOOST_TEST(answer.status == status);
    BOOST_TEST(answer.code() == code);
  }
  BOOST_TEST(cluster.rows.size() == std::size(table));
  BOOST_TEST(cluster.drained.empty());
  BOOST_TEST(cluster.moved.empty());
  BOOST_TEST(get("/ops/audit")["data"][0]["result"]["code"] == "unavailable");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_no_operation) {
  BOOST_TEST(drain("node1", {{"reason", "r"}, {"force", true}}).status == 400);
  BOOST_TEST(drain("node1", {{"reason", 5}}).status == 400);
  BOOST_TEST(drain("node1", {{"reason", "r"}, {"dry_run", "yes"}}).status == 400);
  BOOST_TEST(drain("node9", {{"reason", 5}}).status == 404);
  BOOST_TEST(cluster.drained.empty());
}

BOOST_AUTO_TEST_CASE(the_last_node_that_serves_is_not_drained) {
  cluster.now.nodes[0].drain_asked = true;
  const auto refused = drain("node2", {{"reason", "r"}});
  BOOST_TEST(refused.status == 503);
  BOOST_TEST(refused.json()["detail"].get<std::string>().find("No other node serves") != std::string::npos);
  BOOST_TEST(!refused.header("retry-after").empty());
  BOOST_TEST(cluster.drained.empty());
  BOOST_TEST(cluster.rows.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_kept_under_its_key) {
  cluster.just_died = true;
  BOOST_TEST(drain("node1", {{"reason", "r"}}, "k").status == 503);
  cluster.just_died = false;
  BOOST_TEST(drain("node1", {{"reason", "r"}}, "k").status == 202);
  BOOST_TEST(cluster.drained.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_shard_moves_to_the_node_that_is_named) {
  BOOST_TEST(post("/cluster/shards/0/move", {{"reason", "r"}, {"to", "node2"}}).status == 202);
  BOOST_REQUIRE(cluster.moved.size() == 1u);
  BOOST_TEST(cluster.moved[0].first == 0);
  BOOST_TEST(cluster.moved[0].second == 2);
  BOOST_TEST(post("/cluster/shards/2/move", {{"reason", "r"}, {"to", "node2"}}).status == 202); // is there
  BOOST_TEST(cluster.moved.size() == 1u);
  BOOST_TEST(cluster.rows.size() == 2u);
}

BOOST_AUTO_TEST_CASE(actors_are_listed_with_what_they_cost) {
  people.active = {actor(entity_kind::task, 1), actor(entity_kind::directory, 0),
                   actor(entity_kind::shuffles, 0)};
  const auto page = get("/actors?limit=2");
  BOOST_TEST(page["has_more"] == true);
  BOOST_TEST(page["data"][0] == json({{"kind", "task"},
                                      {"id", to_string(numbered_uuid(2, 1))},
                                      {"node", "node2"},
                                      {"shard", 2},
                                      {"state", "active"},
                                      {"mailbox", 3},
                                      {"oldest_ms", 17},
                                      {"messages", 5},
                                      {"handled_ms", 1.25},
                                      {"version", 9},
                                      {"durable_version", 8}}));
  const auto last = get("/actors?limit=2&cursor=" + page["next_cursor"].get<std::string>());
  BOOST_TEST(last["data"][0]["kind"] == "shuffle");
  BOOST_TEST(last["data"][0]["id"] != page["data"][1]["id"]); // supervisors have ids of their own
}

BOOST_AUTO_TEST_CASE(the_filters_of_actors_reach_the_shards_they_mean) {
  get("/actors?kind=account&state=quarantined&sort=age");
  BOOST_TEST((people.asked_actors->kind == entity_kind::account));
  BOOST_TEST((people.asked_actors->state == ates::actors::actor_state::quarantined));
  BOOST_TEST((people.asked_actors->order == ates::actors::actor_order::age));
  BOOST_TEST(!people.asked_actors->shards.has_value());
  using shards = std::vector<ates::domain::shard_number>;
  const std::pair<std::string, shards> table[] = {
      {"node=node1", {0, 1}},     {"node=node9", {}},          {"shard=2", {2}},
      {"shard=2&node=node1", {}}, {"shard=1&node=node1", {1}}, {"shard=99", {}}};
  for (const auto& [filter, expected] : table) {
    get("/actors?" + filter);
    BOOST_TEST_CONTEXT(filter)
    BOOST_TEST(*people.asked_actors->shards == expected, boost::test_tools::per_element());
  }
  for (const auto* bad :
       {"kind=shard", "kind=", "state=passive", "sort=id", "shard=x", "shard=-1", "node=a&node=b"})
    BOOST_TEST(as(role::admin, "GET", std::string("/v1/actors?") + bad).status == 400, bad);
}

BOOST_AUTO_TEST_CASE(one_actor_is_shown_with_its_state) {
  people.active = {actor(entity_kind::task, 1), actor(entity_kind::payouts, 0)};
  const auto task = get("/actors/task/" + to_string(numbered_uuid(2, 1)));
  BOOST_TEST(task["epoch"] == 5);
  BOOST_TEST(task["value"] == json({{"status", "open"}}));
  BOOST_TEST(task["pending"] == 1);
  BOOST_TEST(task["recent"] ==
             json::array({{{"at", "1970-01-01T00:00:00.000000Z"}, {"kind", "complete_task"}, {"ms", 0.25}}}));
  BOOST_TEST(task["last_error"].is_null());
  const auto listed = get("/actors")["data"][1];
  BOOST_TEST(get("/actors/payout/" + listed["id"].get<std::string>())["kind"] == "payout");
  for (const auto& absent :
       {"/v1/actors/task/" + to_string(numbered_uuid(2, 9)), std::string("/v1/actors/task/nonsense"),
        "/v1/actors/shard/" + to_string(numbered_uuid(2, 1)),
        "/v1/actors/payout/" + to_string(numbered_uuid(2, 1))})
    BOOST_TEST(as(role::admin, "GET", absent).status == 404, absent);
  people.broken = ates::actors::outcome::unavailable;
  BOOST_TEST(as(role::admin, "GET", "/v1/actors").status == 503);
}

BOOST_AUTO_TEST_SUITE_END()
