/// PATCH /employees/{id}: who may change what, and what a new secret needs (contract.md §2).

#include "http/passwords.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::http;
using namespace ates::http::test;
using ates::domain::role;

namespace {

struct people_fixture : gateway_fixture {
  people_fixture() {
    passwords hashing{10};
    for (auto& one : people.people)
      one.password_hash =
          hashing.hash("the current password", std::chrono::steady_clock::now() + std::chrono::seconds{10});
  }
  std::string path_of(role r) { return "/v1/employees/" + to_string(person(r).id); }
  static std::string login_body(const std::string& password) {
    return nlohmann::json{{"login", "worker"}, {"password", password}}.dump();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(changing_employees, people_fixture)

BOOST_AUTO_TEST_CASE(an_admin_changes_any_field_of_anybody) {
  const auto changed = as(role::admin, "PATCH", path_of(role::worker),
                          R"({"name":" Bo ","login":"bo","email":"bo@x.org","role":"manager","active":false,
                              "password":"a brand new password"})");
  BOOST_TEST(changed.status == 200);
  BOOST_TEST(changed.json()["name"] == "Bo");
  BOOST_TEST(changed.json()["role"] == "manager");
  BOOST_TEST(changed.json()["active"] == false);
  BOOST_REQUIRE(people.changes.size() == 1U);
  BOOST_TEST(people.changes[0].checked_against.empty());
  BOOST_TEST(!people.changes[0].keep_session.has_value());
}

BOOST_AUTO_TEST_CASE(nobody_else_changes_login_role_or_active_or_anybody_else) {
  for (const auto* body : {R"({"role":"admin"})", R"({"login":"x"})", R"({"active":true})", R"({"role":7})"})
    BOOST_TEST(as(role::worker, "PATCH", path_of(role::worker), body).status == 403);
  for (const auto r : {role::manager, role::accountant, role::worker})
    BOOST_TEST(as(r, "PATCH", path_of(role::admin), R"({"name":"X"})").status == 403);
  BOOST_TEST(people.changes.empty());
}

BOOST_AUTO_TEST_CASE(everybody_changes_the_own_name_and_address) {
  for (const auto r : ates::domain::all_roles)
    BOOST_TEST(as(r, "PATCH", path_of(r), R"({"name":"New Name","email":"new@x.org"})").status == 200);
  BOOST_TEST(people.changes.size() == 4U);
}

BOOST_AUTO_TEST_CASE(an_own_secret_is_changed_with_the_current_one_only_and_the_session_goes_on) {
  BOOST_TEST(
      as(role::worker, "PATCH", path_of(role::worker), R"({"password":"a brand new password"})").status ==
      422);
  const auto wrong = as(role::worker, "PATCH", path_of(role::worker),
                        R"({"password":"a brand new password","current_password":"not the current one"})");
  BOOST_TEST(wrong.status == 422);
  BOOST_TEST(wrong.json()["errors"][0]["pointer"] == "/current_password");
  BOOST_TEST(people.changes.empty());
  const auto before = people.find_login("worker")->password_hash;
  BOOST_TEST(as(role::worker, "PATCH", path_of(role::worker),
                R"({"password":"a brand new password","current_password":"the current password"})")
                 .status == 200);
  BOOST_REQUIRE(people.changes.size() == 1U);
  BOOST_TEST(people.changes[0].checked_against == before);
  BOOST_TEST((people.changes[0].keep_session == session));
  BOOST_TEST(plain("POST", "/v1/auth", login_body("a brand new password"), "").status == 200);
  BOOST_TEST(plain("POST", "/v1/auth", login_body("the current password"), "").status == 401);
}

BOOST_AUTO_TEST_CASE(an_admin_too_needs_the_current_secret_for_the_own_one) {
  BOOST_TEST(as(role::admin, "PATCH", path_of(role::admin), R"({"beak":"aW1hZ2U="})").status == 422);
}

BOOST_AUTO_TEST_CASE(guessing_the_current_secret_is_throttled_like_signing_in) {
  int refused = 0;
  for (int i = 0; i < 12 && refused == 0; ++i)
    refused = as(role::worker, "PATCH", path_of(role::worker),
                 R"({"password":"a brand new password","current_password":"a guess, a guess"})")
                          .status == 429
                  ? i + 1
                  : 0;
  BOOST_TEST(refused == 11);
}

BOOST_AUTO_TEST_CASE(what_the_directory_refuses_is_told_by_its_name) {
  for (const auto& [what, name] : {std::pair{ates::actors::outcome::last_admin, "last_admin"},
                                   std::pair{ates::actors::outcome::last_assignee, "last_assignee"},
                                   std::pair{ates::actors::outcome::login_taken, "login_taken"}}) {
    people.broken = what;
    const auto refused = as(role::admin, "PATCH", path_of(role::worker), R"({"active":false})");
    BOOST_TEST(refused.status == 409);
    BOOST_TEST(refused.json()["code"] == name);
  }
}

BOOST_AUTO_TEST_CASE(faults_of_a_change_are_told_all_at_once_and_unknown_employees_first) {
  const auto refused = as(role::admin, "PATCH", path_of(role::worker),
                          R"({"name":"","email":"nobody","role":"king","password":"short"})");
  BOOST_TEST(refused.status == 422);
  BOOST_TEST(refused.json()["errors"].size() == 4U);
  BOOST_TEST(as(role::admin, "PATCH", path_of(role::worker), R"({"nickname":"X"})").status == 400);
  BOOST_TEST(as(role::admin, "PATCH", "/v1/employees/ffffffff-ffff-4fff-bfff-ffffffffffff", R"({"name":""})")
                 .status == 404);
  BOOST_TEST(people.changes.empty());
}

BOOST_AUTO_TEST_CASE(who_was_hired_through_another_node_is_there_before_this_one_has_heard_of_it) {
  ates::storage::employee_row row;
  row.id = ates::domain::account_id{numbered_uuid(1, 99)};
  row.name = row.login = "late";
  row.role = role::worker;
  rows.strangers = {row};
  const auto id = to_string(row.id);
  BOOST_TEST(as(role::admin, "GET", "/v1/employees/" + id).json()["name"] == "late");
  BOOST_TEST(as(role::admin, "GET", "/v1/accounts/" + id).status == 200);
  BOOST_TEST(as(role::worker, "GET", "/v1/accounts/" + id).status == 403);
  rows.away = true; // then nobody can tell
  BOOST_TEST(as(role::admin, "GET", "/v1/employees/" + id).status == 503);
}

BOOST_AUTO_TEST_SUITE_END()
