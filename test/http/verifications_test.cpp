// Asking a node whether the books are right.
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::http::test;
using ates::domain::role;
using nlohmann::json;

namespace {

struct verifications_fixture : gateway_fixture {
  raw_answer post(const std::string& key = "", const std::string& body = "") {
    return as(role::admin, "POST", "/v1/ops/verify", body,
              key.empty() ? "" : "Idempotency-Key: " + key + "\r\n");
  }
  raw_answer get(const std::string& location) { return as(role::admin, "GET", location); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(verifications_, verifications_fixture)

BOOST_AUTO_TEST_CASE(a_verification_is_begun_and_found_where_the_answer_says) {
  const auto begun = post();
  BOOST_TEST(begun.status == 202);
  const auto location = begun.header("location");
  BOOST_TEST(location == "/v1/ops/verifications/" + begun.json()["id"].get<std::string>());
  const auto shown = get(location);
  BOOST_TEST(shown.status == 200);
  BOOST_TEST(shown.json()["status"] == "running");
  BOOST_TEST(shown.json()["checked"] == json({{"accounts", 0}, {"tasks", 0}, {"transfers", 0}, {"days", 0}}));
  BOOST_TEST(shown.json()["in_transit"] == 0);
  BOOST_TEST(shown.json()["differences"] == json::array());
  BOOST_TEST(shown.json()["finished_at"].is_null());
  BOOST_TEST(shown.json()["requested_by"] == to_string(person(role::admin).id));
  BOOST_TEST(post().header("location") != location); // without a key, each is one of its own
}

BOOST_AUTO_TEST_CASE(a_verification_shows_what_it_looks_at_and_then_what_it_found) {
  const auto location = post().header("location");
  auto& run = books.runs.begin()->second;
  run.progress = "task states";
  BOOST_TEST(get(location).json()["progress"] == "task states");
  run.progress = "";
  run.finished_at = ates::domain::instant{};
  run.result = R"({"checked":{"accounts":3,"tasks":5,"transfers":9,"days":2},"in_transit":1,
                   "differences":[{"what":"w","id":"i","expected":"1","found":"2"}],"difference_count":1})";
  const auto shown = get(location).json();
  BOOST_TEST(shown["status"] == "done");
  BOOST_TEST(shown["progress"].is_null());
  BOOST_TEST(shown["checked"]["transfers"] == 9);
  BOOST_TEST(shown["in_transit"] == 1);
  BOOST_TEST(shown["differences"] ==
             json::array({{{"what", "w"}, {"id", "i"}, {"expected", "1"}, {"found", "2"}}}));
  BOOST_TEST(shown["difference_count"] == 1);
  BOOST_TEST(shown["finished_at"] == "1970-01-01T00:00:00.000000Z");
}

BOOST_AUTO_TEST_CASE(one_key_begins_one_verification) {
  const auto first = post("k");
  const auto again = post("k", "{}"); // no body is as good as {}
  BOOST_TEST(again.status == 202);
  BOOST_TEST(again.header("idempotent-replayed") == "true");
  BOOST_TEST(first.header("idempotent-replayed") == "");
  BOOST_TEST(again.body == first.body);
  BOOST_TEST(again.header("location") == first.header("location"));
  BOOST_TEST(books.runs.size() == 1u);
  post("another");
  BOOST_TEST(books.runs.size() == 2u);
}

BOOST_AUTO_TEST_CASE(who_joins_one_that_waits_is_told_where_it_is_also_when_asking_again) {
  const auto first = post("k");
  books.waiting = books.runs.begin()->first;
  const auto joined = post("l");
  BOOST_TEST(joined.header("location") == first.header("location"));
  BOOST_TEST(joined.header("idempotent-replayed") == "");
  books.waiting.reset();
  const auto again = post("l");
  BOOST_TEST(again.header("location") == first.header("location"));
  BOOST_TEST(again.header("idempotent-replayed") == "true");
  BOOST_TEST(books.runs.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_verification_is_recorded) {
  const auto begun = post();
  const auto audit = as(role::admin, "GET", "/v1/ops/audit").json()["data"];
  BOOST_REQUIRE(audit.size() == 1u);
  BOOST_TEST(audit[0]["action"] == "verify");
  BOOST_TEST(audit[0]["target"] == "books");
  BOOST_TEST(audit[0]["by"] == to_string(person(role::admin).id));
  BOOST_TEST(audit[0]["result"]["status"] == 202);
  BOOST_TEST(audit[0]["result"]["answer"] == begun.json());
}

BOOST_AUTO_TEST_CASE(only_admins_verify_and_what_is_not_there_is_not_found) {
  const auto location = post().header("location");
  for (const auto other : {role::manager, role::accountant, role::worker}) {
    BOOST_TEST(as(other, "POST", "/v1/ops/verify").status == 403);
    BOOST_TEST(as(other, "GET", location).status == 403);
    BOOST_TEST(as(other, "GET", "/v1/ops/verifications/none").status == 403);
  }
  BOOST_TEST(get("/v1/ops/verifications/" + to_string(numbered_uuid(9, 9))).code() == "not_found");
  BOOST_TEST(get("/v1/ops/verifications/none").code() == "not_found");
  BOOST_TEST(get("/v1/ops/verifications/none?x=1").code() == "not_found"); // before what is wrong with it
  BOOST_TEST(get(location + "?x=1").status == 400);
  BOOST_TEST(post("", R"({"reason":"r"})").status == 400);
  BOOST_TEST(books.runs.size() == 1u);
}

BOOST_AUTO_TEST_CASE(without_storage_nothing_is_begun) {
  books.away = true;
  BOOST_TEST(post("k").code() == "unavailable");
  BOOST_TEST(!post("k").header("retry-after").empty());
  BOOST_TEST(get("/v1/ops/verifications/" + to_string(numbered_uuid(9, 9))).status == 503);
  books.away = false;
  BOOST_TEST(post("k").status == 202);
}

BOOST_AUTO_TEST_SUITE_END()
