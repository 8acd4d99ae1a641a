#include "http/policy.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <string>

using namespace ates::http;
using namespace ates::http::test;
using ates::domain::role;

namespace {

/// contract.md §2, written down a second time by hand: a = admin, m = manager, c = accountant, w = worker, -
/// = nobody needs a token, o = only the own account.
const std::map<std::string, std::string> rights{
    {"POST /v1/auth", "-"},
    {"POST /v1/auth/refresh", "-"},
    {"POST /v1/auth/logout", "-"},
    {"GET /v1/me", "amcw"},
    {"GET /v1/employees", "amcw"},
    {"POST /v1/employees", "a"},
    {"GET /v1/employees/{id}", "amcw"},
    {"PATCH /v1/employees/{id}", "ao"},
    {"GET /v1/tasks", "amcw"},
    {"POST /v1/tasks", "amcw"},
    {"POST /v1/tasks/batch", "amcw"},
    {"POST /v1/tasks/assign", "am"},
    {"GET /v1/tasks/{id}", "amcw"},
    {"PATCH /v1/tasks/{id}", "amcw"}, // of those the last two only their own: see lists_test.cpp
    {"GET /v1/tasks/{id}/history", "amcw"},
    {"POST /v1/tasks/{id}/complete", "amcw"},
    {"GET /v1/shuffles", "am"},
    {"GET /v1/shuffles/{id}", "am"},
    {"GET /v1/shuffles/{id}/roster", "am"},
    {"GET /v1/accounts", "ac"},
    {"GET /v1/accounts/{id}", "aco"},
    {"GET /v1/accounts/{id}/log", "aco"},
    {"GET /v1/accounts/{id}/days", "aco"},
    {"GET /v1/accounting/log", "ac"},
    {"GET /v1/accounting/earnings", "ac"},
    {"POST /v1/payouts", "a"},
    {"GET /v1/payouts", "ac"},
    {"GET /v1/payouts/{day}", "ac"},
    {"GET /v1/payouts/{day}/accounts", "ac"},
    {"GET /v1/analytics/today", "a"},
    {"GET /v1/analytics/most-expensive", "a"},
    {"GET /v1/analytics/days", "a"},
    {"GET /v1/events", "a"},
    {"GET /v1/events/stream", "a"},
    {"GET /v1/cluster", "a"},
    {"GET /v1/cluster/shards", "a"},
    {"POST /v1/cluster/nodes/{name}/drain", "a"},
    {"POST /v1/cluster/shards/{n}/move", "a"},
    {"GET /v1/actors", "a"},
    {"GET /v1/actors/{kind}/{id}", "a"},
    {"POST /v1/actors/{kind}/{id}/passivate", "a"},
    {"POST /v1/actors/{kind}/{id}/release", "a"},
    {"GET /v1/ops/audit", "a"},
    {"GET /v1/ops/parked", "a"},
    {"POST /v1/ops/parked/{id}/replay", "a"},
    {"POST /v1/ops/parked/{id}/drop", "a"},
    {"POST /v1/ops/verify", "a"},
    {"GET /v1/ops/verifications/{id}", "a"},
    {"GET /livez", "-"},
    {"GET /readyz", "-"},
    {"GET /metrics", "-"},
    {"GET /.well-known/jwks.json", "-"},
    {"GET /schemas/{file...}", "-"},
    {"GET /openapi.json", "-"},
};

constexpr std::string_view letters = "amcw"; // in the order of domain::all_roles

/// A path of the pattern whose object does not exist.
std::string absent(std::string_view pattern) {
  std::string out(pattern);
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>{"{id}", "ffffffff-ffff-4fff-bfff-ffffffffffff"},
        {"{day}", "1999-01-01"},
        {"{kind}", "task"},
        {"{name}", "node9"},
        {"{n}", "99"},
        {"{file...}", "nothing/here.json"}})
    if (const auto at = out.find(name); at != std::string::npos)
      out.replace(at, name.size(), value);
  return out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(who_may, gateway_fixture)

BOOST_AUTO_TEST_CASE(the_policy_table_and_the_contract_name_the_same_routes) {
  std::set<std::string> served;
  for (const auto& route : policies())
    served.insert(std::string(route.method) + " " + std::string(route.path));
  BOOST_TEST(served.size() == policies().size());
  for (const auto& name : served)
    BOOST_TEST(rights.contains(name), name);
  for (const auto& [name, who] : rights)
    BOOST_TEST(served.contains(name), name);
}

BOOST_AUTO_TEST_CASE(each_route_takes_exactly_the_roles_of_the_contract) {
  for (const auto& route : policies()) {
    const auto& allowed = rights.at(std::string(route.method) + " " + std::string(route.path));
    const auto target = absent(route.path);
    // An unreadable body on purpose: a missing right must be said first, and nothing may be executed.
    const std::string body = route.body == body_kind::none ? "" : "{\"no such field\":1}";
    BOOST_TEST_CONTEXT(route.method << " " << target) {
      const auto anonymous = plain(route.method, target, body).status;
      BOOST_TEST((anonymous == 401) == (allowed != "-"));
      for (const auto who : ates::domain::all_roles) {
        const auto letter = letters[static_cast<std::size_t>(who) - 1];
        const bool may = allowed == "-" || allowed.find(letter) != std::string::npos;
        BOOST_TEST_CONTEXT(letter) {
          const auto status = as(who, route.method, target, body).status;
          BOOST_TEST((status == 403) == !may);
          if (may && target != route.path)
            BOOST_TEST(status == 404);
        }
      }
    }
  }
  BOOST_TEST(people.created == 0);
}

BOOST_AUTO_TEST_CASE(everyone_sees_the_own_books_and_only_bookkeepers_those_of_others) {
  for (const auto who : ates::domain::all_roles) {
    const auto own = to_string(person(who).id);
    for (const std::string& path : {std::string("/v1/accounts/me"), "/v1/accounts/" + own,
                                    std::string("/v1/accounts/me/log"), "/v1/accounts/" + own + "/log",
                                    std::string("/v1/accounts/me/days"), "/v1/accounts/" + own + "/days"})
      BOOST_TEST(as(who, "GET", path).status == 200);
    const auto other = to_string(person(who == role::admin ? role::worker : role::admin).id);
    const int expected = who == role::admin || who == role::accountant ? 200 : 403;
    BOOST_TEST(as(who, "GET", "/v1/accounts/" + other).status == expected);
    BOOST_TEST(as(who, "GET", "/v1/accounts/nonsense").status == (expected == 200 ? 404 : 403));
  }
}

BOOST_AUTO_TEST_CASE(login_and_address_are_shown_to_admins_and_to_oneself) {
  const auto worker = "/v1/employees/" + to_string(person(role::worker).id);
  for (const auto who : ates::domain::all_roles) {
    const bool whole = who == role::admin || who == role::worker;
    const auto body = as(who, "GET", worker).json();
    for (const auto* field : {"login", "email", "created_at"})
      BOOST_TEST(body.contains(field) == whole);
    BOOST_TEST(as(who, "GET", "/v1/me").json().contains("login"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
