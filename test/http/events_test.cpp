// GET /v1/events: the log in pages.

#include "http/cloud_event.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>
#include <vector>

using namespace ates::http;
using namespace ates::http::test;
using ates::domain::role;
using nlohmann::json;

namespace {

struct events_fixture : gateway_fixture {
  raw_answer get(const std::string& query) { return as(role::admin, "GET", "/v1/events" + query); }
  /// Every event from there on, page by page: "<id> <type>".
  std::vector<std::string> walk(const std::string& filters) {
    std::vector<std::string> out;
    std::string after;
    for (;;) {
      const auto page = get("?" + filters + after).json();
      for (const auto& event : page.at("data"))
        out.push_back(event.at("id").get<std::string>() + " " + event.at("type").get<std::string>());
      after = "&after=" + page.at("next_cursor").get<std::string>();
      if (!page.at("has_more").get<bool>())
        return out;
    }
  }
};

using lines = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(events, events_fixture)

BOOST_AUTO_TEST_CASE(an_event_is_a_cloud_event_as_the_contract_has_it) {
  log.add(3, "task.created.v2", R"({"title":"Say \"hi\""})");
  const auto page = get("").json();
  const json expected{{"specversion", "1.0"},
                      {"id", "3-1"},
                      {"source", "/ates/shards/3"},
                      {"type", "task.created.v2"},
                      {"subject", "00000000-0000-0000-0000-000000000004"},
                      {"time", "2026-11-21T00:00:01.000000Z"},
                      {"datacontenttype", "application/json"},
                      {"dataschema", "/schemas/task/created/v2.json"},
                      {"sequence", "00000000000000000001"},
                      {"partitionkey", "00000000-0000-0000-0000-000000000004"},
                      {"data", {{"title", "Say \"hi\""}}}};
  BOOST_TEST(page.at("data") == json::array({expected}));
  BOOST_TEST(page.at("has_more") == false);
}

BOOST_AUTO_TEST_CASE(the_subject_of_a_closed_day_is_the_day) {
  log.add(0, "day.closed.v1", R"({"day":"2026-11-20","by":null})");
  const auto event = get("").json().at("data").at(0);
  BOOST_TEST(event.at("subject") == "2026-11-20");
  BOOST_TEST(event.at("partitionkey") == "2026-11-20");
}

BOOST_AUTO_TEST_CASE(pages_follow_each_other_oldest_first_and_end_with_a_cursor_for_what_comes) {
  lines expected;
  for (int i = 0; i < 9; ++i) {
    const auto shard = static_cast<ates::domain::shard_number>(i * i % 4);
    const auto seq = log.add(shard, "task.updated.v1");
    expected.push_back(std::to_string(shard) + "-" + std::to_string(seq) + " task.updated.v1");
  }
  for (const auto* limit : {"1", "2", "9", "500"})
    BOOST_TEST(walk("limit=" + std::string(limit)) == expected, boost::test_tools::per_element());
  const auto end = get("?limit=500").json().at("next_cursor").get<std::string>();
  const auto empty = get("?after=" + end).json();
  BOOST_TEST(empty.at("data").empty());
  BOOST_TEST(empty.at("has_more") == false);
  log.add(2, "task.completed.v1");
  const auto more = get("?after=" + empty.at("next_cursor").get<std::string>()).json();
  BOOST_TEST(more.at("data").size() == 1u);
  BOOST_TEST(more.at("data").at(0).at("type") == "task.completed.v1");
}

BOOST_AUTO_TEST_CASE(after_now_begins_behind_everything_that_is_there) {
  log.add(1, "task.updated.v1");
  const auto page = get("?after=now").json();
  BOOST_TEST(page.at("data").empty());
  BOOST_TEST(page.at("has_more") == false);
  log.add(1, "task.completed.v1");
  const auto next = get("?after=" + page.at("next_cursor").get<std::string>()).json();
  BOOST_TEST(next.at("data").at(0).at("id") == "1-2");
}

BOOST_AUTO_TEST_CASE(types_are_chosen_by_name_and_by_prefix_and_may_come_more_than_once) {
  for (const auto* type : {"task.created.v1", "task.created.v2", "task.assigned.v1", "shuffle.finished.v1",
                           "audit_log_record.created.v1"})
    log.add(0, type);
  BOOST_TEST(walk("type=task.created.v2") == lines{"0-2 task.created.v2"}, boost::test_tools::per_element());
  BOOST_TEST(walk("type=task.created.*") == (lines{"0-1 task.created.v1", "0-2 task.created.v2"}),
             boost::test_tools::per_element());
  BOOST_TEST(walk("type=shuffle.*&type=task.assigned.v1&limit=1") ==
                 (lines{"0-3 task.assigned.v1", "0-4 shuffle.finished.v1"}),
             boost::test_tools::per_element());
  BOOST_TEST(walk("type=account.*").empty());
}

BOOST_AUTO_TEST_CASE(a_cursor_belongs_to_its_types_in_any_order) {
  log.add(0, "task.created.v1");
  const auto cursor = get("?type=task.*&type=day.closed.v1").json().at("next_cursor").get<std::string>();
  BOOST_TEST(get("?type=day.closed.v1&type=task.*&type=task.*&after=" + cursor).status == 200);
  for (const auto& other : {std::string("?"), std::string("?type=task.*&"), std::string("?type=shuffle.*&")})
    BOOST_TEST(get(other + "after=" + cursor).status == 400);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_refused) {
  std::string many = "?type=task.*";
  for (int i = 0; i < 32; ++i)
    many += "&type=task.n" + std::to_string(i) + ".v1";
  for (const std::string& bad : {std::string("?after="),
                                 std::string("?after=Now"),
                                 std::string("?after=AAAA"),
                                 std::string("?type="),
                                 std::string("?type=*"),
                                 std::string("?type=.*"),
                                 std::string("?type=task"),
                                 std::string("?type=task.created"),
                                 std::string("?type=task.created.v2.*"),
                                 std::string("?type=task.*.v2"),
                                 std::string("?type=Task.*"),
                                 std::string("?type=task..v2"),
                                 std::string("?type=task.created.v2.x"),
                                 std::string("?type=task.%00.v1"),
                                 std::string("?limit=0"),
                                 std::string("?limit=501"),
                                 std::string("?limit=1&limit=1"),
                                 std::string("?after=now&after=now"),
                                 std::string("?cursor=x"),
                                 many})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(get(bad).status == 400);
    }
}

BOOST_AUTO_TEST_CASE(without_storage_it_is_unavailable) {
  log.away = true;
  for (const auto* query : {"", "?after=now"}) {
    const auto answer = get(query);
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(answer.code() == "unavailable");
  }
}

BOOST_AUTO_TEST_SUITE_END()
