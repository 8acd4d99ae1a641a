#include "http/idempotency.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "test/http/fakes.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace ates::http;
using ates::http::test::numbered_uuid;

namespace {

bool is_refused(const std::string& raw) {
  try {
    (void)parse_query(raw, "q limit cursor status");
    return false;
  } catch (const problem& p) {
    return p.why == code::bad_request;
  }
}

bool opens(const cursors& c, const std::string& list, const query_map& query) {
  try {
    (void)c.open(list, query);
    return true;
  } catch (const problem& p) {
    return p.why != code::bad_request;
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(queries)

BOOST_AUTO_TEST_CASE(parameters_are_known_single_and_well_formed) {
  BOOST_TEST(parse_query("q=a+b%26&status=open", "q limit cursor status").at("q") == "a b&");
  BOOST_TEST(parse_query("", "").empty());
  for (const std::string bad : {"x=1", "q=1&q=2", "q=%", "q=%ff", "q=%00", "=1", "li=1", "%71=1&q=2"})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(is_refused(bad));
    }
}

BOOST_AUTO_TEST_CASE(a_parameter_that_is_said_to_may_come_more_than_once) {
  const auto query = parse_query("type=b&q=1&type=a%2Cc&type=", "type+ q");
  BOOST_TEST(list_param(query, "type") == (std::vector<std::string>{"b", "a,c", ""}),
             boost::test_tools::per_element());
  BOOST_TEST(list_param(query, "q") == (std::vector<std::string>{"1"}), boost::test_tools::per_element());
  BOOST_TEST(list_param(query, "none").empty());
  for (const std::string bad : {"q=1&q=1", "type%2B=1", "typ=1", "%2B=1"})
    BOOST_CHECK_THROW((void)parse_query(bad, "type+ q"), problem);
}

BOOST_AUTO_TEST_CASE(a_limit_is_1_to_500) {
  const cursors c("secret");
  BOOST_TEST(c.open("/l", {}).limit == 50);
  BOOST_TEST(c.open("/l", {{"limit", "500"}}).limit == 500);
  for (const std::string bad : {"0", "501", "-1", "", "1x", "+1", " 1", "99999999999"})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!opens(c, "/l", {{"limit", bad}}));
    }
}

BOOST_AUTO_TEST_CASE(a_cursor_is_good_only_for_its_list_and_filters) {
  const cursors c("secret");
  const query_map filters{{"status", "open"}};
  const auto text = c.seal("/tasks", filters, "position 7");
  BOOST_TEST(c.open("/tasks", {{"status", "open"}, {"cursor", text}, {"limit", "9"}}).after.value() ==
             "position 7");
  BOOST_TEST(!opens(c, "/shuffles", {{"status", "open"}, {"cursor", text}}));
  BOOST_TEST(!opens(c, "/tasks", {{"status", "done"}, {"cursor", text}}));
  BOOST_TEST(!opens(c, "/tasks", {{"cursor", text}}));
  BOOST_TEST(!opens(cursors("other"), "/tasks", {{"status", "open"}, {"cursor", text}}));
  for (const std::string& bad : {std::string(), std::string("x"), text + "A", text.substr(1), "B" + text})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!opens(c, "/tasks", {{"status", "open"}, {"cursor", bad}}));
    }
}

BOOST_AUTO_TEST_CASE(an_idempotency_key_has_1_to_255_visible_characters) {
  const auto accepted = [](const std::string& value) {
    request in;
    in.headers.emplace_back("idempotency-key", value);
    try {
      return idempotency_key_of(in).has_value();
    } catch (const problem&) {
      return false;
    }
  };
  BOOST_TEST(!idempotency_key_of({}).has_value());
  BOOST_TEST(accepted("a"));
  BOOST_TEST(accepted(std::string(255, '~')));
  for (const std::string& bad :
       {std::string(), std::string(256, 'a'), std::string("a b"), std::string("\xc3\xa4")})
    BOOST_TEST(!accepted(bad));
}

BOOST_AUTO_TEST_CASE(the_scope_of_a_key_is_account_method_path_and_key) {
  const ates::domain::account_id a{numbered_uuid(1, 1)}, b{numbered_uuid(1, 2)};
  const auto scope = idempotency_scope(a, "POST", "/v1/tasks", "k");
  BOOST_TEST((scope == idempotency_scope(a, "POST", "/v1/tasks", "k")));
  BOOST_TEST((scope != idempotency_scope(b, "POST", "/v1/tasks", "k")));
  BOOST_TEST((scope != idempotency_scope(a, "POST", "/v1/payouts", "k")));
  BOOST_TEST((scope != idempotency_scope(a, "POST", "/v1/tasks", "k#0")));
  BOOST_TEST((external_ref_scope("r") == external_ref_scope("r")));
  BOOST_TEST((external_ref_scope("r") != external_ref_scope("s")));
}

BOOST_AUTO_TEST_CASE(requests_that_say_the_same_have_the_same_hash) {
  const auto hash = [](const std::string& body, const query_map& query = {}) {
    return request_hash("secret", query, nlohmann::json::parse(body));
  };
  BOOST_TEST(hash(R"({"a":1,"b":2})") == hash(R"({ "b": 2, "a": 1 })"));
  BOOST_TEST(hash(R"({"a":1})") != hash(R"({"a":2})"));
  BOOST_TEST(hash("{}", {{"x", "1"}}) != hash("{}"));
}

BOOST_AUTO_TEST_CASE(a_second_request_with_a_running_key_waits_and_then_gives_up) {
  using namespace std::chrono_literals;
  running_keys keys;
  const auto scope = numbered_uuid(9, 1);
  {
    const auto first = keys.acquire(scope, std::chrono::steady_clock::now());
    const auto other = keys.acquire(numbered_uuid(9, 2), std::chrono::steady_clock::now());
    try {
      (void)keys.acquire(scope, std::chrono::steady_clock::now() + 20ms);
      BOOST_FAIL("not refused");
    } catch (const problem& p) {
      BOOST_TEST((p.why == code::idempotency_in_progress));
    }
  }
  BOOST_CHECK_NO_THROW((void)keys.acquire(scope, std::chrono::steady_clock::now()));
}

BOOST_AUTO_TEST_SUITE_END()
