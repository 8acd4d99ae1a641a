#include "http/passwords.hpp"
#include "http/problem.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>

using namespace ates::http;
using namespace ates::http::test;
using ates::actors::outcome;
using ates::domain::role;

namespace {

struct signed_in_fixture : gateway_fixture {
  signed_in_fixture() {
    passwords p(10);
    const auto later = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    for (auto& one : people.people)
      one.password_hash = p.hash("password of " + one.who.login, later);
  }
  raw_answer sign_in(const std::string& login, const std::string& password) {
    return plain("POST", "/v1/auth", nlohmann::json{{"login", login}, {"password", password}}.dump());
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(signing_in, signed_in_fixture)

BOOST_AUTO_TEST_CASE(a_password_opens_a_session_whose_token_works) {
  const auto answer = sign_in("Worker", "password of worker");
  BOOST_REQUIRE(answer.status == 200);
  const auto body = answer.json();
  BOOST_TEST(body["token_type"] == "Bearer");
  BOOST_TEST(body["expires_in"] == 300);
  BOOST_TEST(body["account"]["role"] == "worker");
  const auto me =
      plain("GET", "/v1/me", "", "Authorization: Bearer " + body["access_token"].get<std::string>() + "\r\n");
  BOOST_TEST(me.json()["login"] == "worker");
  BOOST_TEST(answer.header("cache-control") == "no-store");
}

BOOST_AUTO_TEST_CASE(whatever_is_wrong_with_credentials_the_answer_is_the_same) {
  people.people[1].who.active = false;
  people.people[2].password_hash.clear();
  for (const auto& [login, password] : {std::pair<std::string, std::string>{"worker", "wrong"},
                                        {"nobody", "password of worker"},
                                        {"manager", "password of manager"},
                                        {"accountant", "password of accountant"}}) {
    const auto refused = sign_in(login, password);
    check_problem(refused, 401, "bad_credentials");
  }
  BOOST_TEST(people.sessions.empty());
}

BOOST_AUTO_TEST_CASE(ten_failures_of_a_login_shut_it_also_for_the_right_password) {
  for (int i = 0; i < 10; ++i)
    BOOST_TEST(sign_in(i % 2 == 0 ? "worker" : "WORKER", "wrong").status == 401);
  const auto refused = sign_in("worker", "password of worker");
  check_problem(refused, 429, "too_many_requests");
  BOOST_TEST(std::stoi(refused.header("retry-after")) > 800);
  BOOST_TEST(sign_in("admin", "password of admin").status == 200);
}

BOOST_AUTO_TEST_CASE(failures_on_other_nodes_count_and_whoever_is_shut_costs_no_more_questions) {
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(sign_in("worker", "wrong").status == 401);
  failures.fail_elsewhere(6);
  const auto refused = sign_in("worker", "password of worker");
  check_problem(refused, 429, "too_many_requests");
  BOOST_TEST(std::stoi(refused.header("retry-after")) > 800);
  const auto asked = failures.asked();
  check_problem(sign_in("WORKER", "password of worker"), 429, "too_many_requests");
  BOOST_TEST(failures.asked() == asked);
  BOOST_TEST(sign_in("admin", "password of admin").status == 200); // the address may have more
}

BOOST_AUTO_TEST_CASE(what_cannot_be_counted_is_not_tried) {
  failures.go_away();
  for (int i = 0; i < 12; ++i)
    check_problem(sign_in("worker", "wrong"), 503, "unavailable");
}

BOOST_AUTO_TEST_CASE(storage_without_room_or_time_is_unavailable_and_any_other_refusal_of_it_our_error) {
  for (const auto* passing : {"53100", "53300", "40P01", "57014", "55P03"}) {
    rows.refusal = passing;
    check_problem(as(role::admin, "GET", "/v1/tasks"), 503, "unavailable");
  }
  rows.refusal = "42P01";
  check_problem(as(role::admin, "GET", "/v1/tasks"), 500, "internal");
}

BOOST_AUTO_TEST_CASE(what_was_typed_is_not_to_be_read_among_the_failures) {
  BOOST_TEST(sign_in("a password typed too early", "wrong").status == 401);
  BOOST_TEST(failures.keys().size() == 2U);
  for (const auto& key : failures.keys())
    BOOST_TEST((key.find("early") == std::string::npos && key.find("127.0.0.1") == std::string::npos), key);
}

BOOST_AUTO_TEST_CASE(success_counts_as_no_failure) {
  for (int i = 0; i < 12; ++i)
    BOOST_TEST(sign_in("worker", "password of worker").status == 200);
}

BOOST_AUTO_TEST_CASE(exactly_one_secret_is_needed) {
  for (const auto* body : {R"({"login":"worker"})", R"({"login":"worker","password":"x","beak":"aGk="})",
                           R"({"login":"worker","beak":"not base64!"})", R"({"password":"x"})"})
    check_problem(plain("POST", "/v1/auth", body), 422, "validation_failed");
}

BOOST_AUTO_TEST_CASE(a_beak_signs_in_like_a_password) {
  const std::string image = R"("beak":"/9j/4AAQ")";
  BOOST_TEST(as(role::admin, "POST", "/v1/employees",
                R"({"name":"Popug","login":"popug","email":"p@a.b","role":"worker",)" + image + "}")
                 .status == 201);
  BOOST_TEST(plain("POST", "/v1/auth", R"({"login":"popug",)" + image + "}").status == 200);
  BOOST_TEST(plain("POST", "/v1/auth", R"({"login":"popug","beak":"/9j/4AAR"})").status == 401);
  BOOST_TEST(plain("POST", "/v1/auth", R"({"login":"popug","password":""})").status == 401);
}

BOOST_AUTO_TEST_CASE(a_refresh_token_rotates_and_its_reuse_is_seen) {
  const auto first = sign_in("worker", "password of worker").json()["refresh_token"].get<std::string>();
  const auto refresh = [&](const std::string& token) {
    return plain("POST", "/v1/auth/refresh", nlohmann::json{{"refresh_token", token}}.dump());
  };
  const auto rotated = refresh(first);
  BOOST_REQUIRE(rotated.status == 200);
  BOOST_TEST(rotated.json()["refresh_token"] != first);
  BOOST_TEST(refresh(rotated.json()["refresh_token"]).status == 200);
  check_problem(refresh(first), 401, "token_reused");
  check_problem(refresh("nonsense"), 401, "unauthenticated");
}

BOOST_AUTO_TEST_CASE(signing_out_is_always_done) {
  const auto token = sign_in("worker", "password of worker").json()["refresh_token"].get<std::string>();
  for (const auto& text : {token, token, std::string("nonsense")}) {
    const auto out = plain("POST", "/v1/auth/logout", nlohmann::json{{"refresh_token", text}}.dump());
    BOOST_TEST(out.status == 204);
    BOOST_TEST(out.body.empty());
  }
  BOOST_TEST(people.sessions.empty());
}

BOOST_AUTO_TEST_CASE(a_token_of_nobody_or_of_an_inactive_account_is_refused) {
  auto stranger = person(role::worker);
  stranger.id = ates::domain::account_id{numbered_uuid(1, 200)};
  const auto bearer =
      "Authorization: Bearer " +
      tokens(signing_key(key)).make(stranger, numbered_uuid(7, 1), std::chrono::system_clock::now()) + "\r\n";
  check_problem(plain("GET", "/v1/me", "", bearer), 401, "unauthenticated");
  people.state.people = false; // a node that does not know its employees yet cannot say so
  check_problem(plain("GET", "/v1/me", "", bearer), 503, "unavailable");
  people.people[3].who.active = false;
  check_problem(as(role::worker, "GET", "/v1/me"), 401, "account_inactive");
}

BOOST_AUTO_TEST_CASE(who_is_looked_up_just_before_the_node_learns_of_its_employees_is_not_told_to_be_nobody) {
  const auto late = token(role::worker);
  const auto everybody = std::exchange(people.people, {});
  people.state.people = false;
  people.after_a_miss = [&] {
    people.people = everybody;
    people.state.people = true;
  };
  check_problem(plain("GET", "/v1/me", "", late), 503, "unavailable");
  BOOST_TEST(plain("GET", "/v1/me", "", late).status == 200);
}

BOOST_AUTO_TEST_CASE(role_comes_from_the_directory_and_not_from_the_token) {
  const auto old = token(role::admin);
  people.people[0].who.role = role::worker;
  check_problem(plain("POST", "/v1/payouts", "", old), 403, "forbidden");
}

BOOST_AUTO_TEST_CASE(an_expired_token_is_told_apart) {
  const auto old = tokens(signing_key(key))
                       .make(person(role::worker), numbered_uuid(7, 1),
                             std::chrono::system_clock::now() - std::chrono::seconds{301});
  check_problem(plain("GET", "/v1/me", "", "Authorization: Bearer " + old + "\r\n"), 401, "token_expired");
  check_problem(plain("GET", "/v1/me", "", "Authorization: Basic YTpi\r\n"), 401, "unauthenticated");
}

BOOST_AUTO_TEST_CASE(without_storage_nobody_waits_for_the_hash) {
  people.state.storage = false;
  check_problem(sign_in("worker", "password of worker"), 503, "unavailable");
}

BOOST_AUTO_TEST_SUITE_END()
