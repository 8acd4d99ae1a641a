// Edits, histories, books and analytics as they come over HTTP: what is asked of storage, and the shape of
// the answers in JSON and CSV.

#include "http/csv.hpp"
#include "http/ranges.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ates::http;
using namespace ates::http::test;
using ates::domain::role;
using nlohmann::json;

namespace {

constexpr const char* csv_please = "Accept: text/csv\r\n";

ates::domain::day on(const char* text) {
  return *ates::domain::parse_day(text);
}

std::string told(const std::optional<ates::storage::day_range>& range) {
  using ates::domain::to_string;
  return range ? to_string(range->from) + ".." + to_string(range->to) : "none";
}

struct lists_fixture : gateway_fixture {
  /// A task that the worker has made.
  std::string new_task() {
    const auto made =
        as(role::worker, "POST", "/v1/tasks", R"({"title":"[ABC-1] Do it","description":"How"})");
    BOOST_REQUIRE(made.status == 201);
    return "/v1/tasks/" + made.json()["id"].get<std::string>();
  }
  /// What the last accepted edit asked for: title, jira_id, description; "-" where it is to stay.
  std::string asked() {
    const auto& edit = people.asked_edit.value();
    return edit.title.value_or("-") + "|" + edit.jira_id.value_or("-") + "|" + edit.description.value_or("-");
  }
  ates::storage::entry_row entry(const std::string& title) {
    ates::storage::entry_row e;
    e.account = person(role::worker).id;
    e.amount = {-1500};
    e.balance_after = {-1500};
    e.task = ates::storage::entry_row::task_ref{{numbered_uuid(2, 1)}, title, "ABC-1", "a \"b\",\nc"};
    e.reason = ates::domain::assign_reason::created;
    return e;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(edits, lists_fixture)

BOOST_AUTO_TEST_CASE(an_edit_is_parsed_as_a_new_task_is_and_leaves_alone_what_it_does_not_name) {
  const auto path = new_task();
  const std::pair<const char*, const char*> rules[] = {
      {R"({"title":" Mend it "})", "Mend it|-|-"},
      {R"({"title":"[XYZ-2] - Mend it"})", "Mend it|XYZ-2|-"},
      {R"({"title":"[XYZ-2] Mend it","jira_id":"XYZ-2"})", "Mend it|XYZ-2|-"},
      {R"({"title":"Mend it","jira_id":"XYZ-2"})", "Mend it|XYZ-2|-"},
      {R"({"title":"Mend it","jira_id":null})", "Mend it||-"},
      {R"({"jira_id":"XYZ-2"})", "-|XYZ-2|-"},
      {R"({"jira_id":null})", "-||-"},
      {R"({"description":" two [sic]\nlines "})", "-|-|two [sic]\nlines"},
      {R"({"description":null})", "-|-|"},
      {R"({"description":""})", "-|-|"},
      {R"({})", "-|-|-"},
      {"", "-|-|-"},
  };
  for (const auto& [body, expected] : rules)
    BOOST_TEST_CONTEXT(body) {
      people.asked_edit.reset();
      const auto edited = as(role::manager, "PATCH", path, body);
      BOOST_TEST(edited.status == 200);
      BOOST_TEST_REQUIRE(people.asked_edit.has_value());
      BOOST_TEST(asked() == expected);
      BOOST_TEST(edited.json() == as(role::manager, "GET", path).json());
    }
}

BOOST_AUTO_TEST_CASE(an_edit_that_breaks_a_rule_is_refused_with_the_field_and_changes_nothing) {
  const auto path = new_task();
  const auto before = as(role::admin, "GET", path).json();
  const std::pair<const char*, const char*> bad[] = {
      {R"({"title":""})", "/title"},
      {R"({"title":"a [b]"})", "/title"},
      {R"({"title":"[XYZ-2] Mend it","jira_id":"XYZ-3"})", "/jira_id"},
      {R"({"title":"[XYZ-2] Mend it","jira_id":null})", "/jira_id"},
      {R"({"jira_id":"xyz"})", "/jira_id"},
      {R"({"jira_id":""})", "/jira_id"},
      {R"({"description":"a\u0001"})", "/description"},
  };
  for (const auto& [body, pointer] : bad)
    BOOST_TEST_CONTEXT(body) {
      const auto refused = as(role::admin, "PATCH", path, body);
      BOOST_TEST(refused.status == 422);
      BOOST_TEST(refused.json()["errors"][0]["pointer"] == pointer);
    }
  for (const auto* body : {R"({"fee":1})", R"({"reward":1})", R"({"status":"done"})", R"({"assignee":"x"})",
                           R"({"external_ref":"x"})", R"({"title":null})", R"({"title":1})",
                           R"({"description":1})", R"([])", R"("x")", R"({"title":"a","title":"b"})", "{"})
    BOOST_TEST_CONTEXT(body) {
      BOOST_TEST(as(role::admin, "PATCH", path, body).code() == "bad_request");
    }
  BOOST_TEST(as(role::admin, "GET", path).json() == before);
}

BOOST_AUTO_TEST_CASE(a_task_is_edited_by_admins_managers_and_whoever_made_it) {
  const auto path = new_task(); // the worker's
  for (const auto who : {role::admin, role::manager, role::worker})
    BOOST_TEST(as(who, "PATCH", path, R"({"title":"Mend it"})").status == 200);
  // Before anything is said about the body, and also about a done task.
  for (const auto* body : {R"({"title":"Mend it"})", R"({"title":""})", R"({"no such":1})", "{"})
    BOOST_TEST(as(role::accountant, "PATCH", path, body).status == 403);
  BOOST_TEST(as(role::worker, "POST", path + "/complete", "").status == 200);
  BOOST_TEST(as(role::accountant, "PATCH", path, R"({"title":"Mend it"})").status == 403);
  BOOST_TEST(as(role::worker, "PATCH", path, R"({"title":"Mend it"})").code() == "already_done");
  // Where the right depends on the object, a missing one is 404, whatever the body.
  for (const auto* missing : {"/v1/tasks/ffffffff-ffff-4fff-bfff-ffffffffffff", "/v1/tasks/nonsense"})
    for (const auto* body : {R"({"title":"Mend it"})", R"({"title":""})", "{"})
      for (const auto who : ates::domain::all_roles)
        BOOST_TEST(as(who, "PATCH", missing, body).status == 404);
}

BOOST_AUTO_TEST_CASE(a_history_names_who_what_and_why) {
  const auto path = new_task();
  const auto history = as(role::worker, "GET", path + "/history");
  BOOST_TEST(history.status == 200);
  BOOST_TEST(history.json()["data"][0] ==
             (json{{"at", "1970-01-01T00:00:00.000000Z"},
                   {"what", "assigned"},
                   {"account", {{"id", to_string(person(role::admin).id)}, {"name", "Name of admin"}}},
                   {"reason", "created"},
                   {"shuffle_id", nullptr},
                   {"fee", 1500}}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(figures, lists_fixture)

BOOST_AUTO_TEST_CASE(a_range_is_from_one_day_to_another_both_included) {
  const auto today = on("2026-11-21");
  const std::pair<query_map, const char*> rules[] = {
      {{}, "none"},
      {{{"from", "2026-11-01"}, {"to", "2026-11-03"}}, "2026-11-01..2026-11-03"},
      {{{"from", "2026-11-03"}, {"to", "2026-11-03"}}, "2026-11-03..2026-11-03"},
      {{{"from", "2026-11-19"}}, "2026-11-19..2026-11-21"},
      {{{"from", "2026-11-21"}}, "2026-11-21..2026-11-21"},
      {{{"to", "2026-11-19"}}, "2026-11-19..2026-11-19"},
      {{{"to", "2027-01-01"}}, "2027-01-01..2027-01-01"},
      {{{"from", "2024-01-01"}, {"to", "2024-12-31"}}, "2024-01-01..2024-12-31"}, // 366 days
  };
  for (const auto& [query, expected] : rules)
    BOOST_TEST(told(range_param(query, today)) == expected);
  const query_map bad[] = {
      {{"from", "2026-11-03"}, {"to", "2026-11-02"}},
      {{"from", "2026-11-22"}},
      {{"from", "2024-01-01"}, {"to", "2025-01-01"}},
      {{"from", "2025-11-20"}},
      {{"from", "yesterday"}},
      {{"to", "2026-02-30"}},
  };
  for (const auto& query : bad)
    BOOST_CHECK_THROW((void)range_param(query, today), problem);
}

BOOST_AUTO_TEST_CASE(a_period_is_a_day_a_week_from_monday_or_a_month_from_the_first) {
  const std::tuple<const char*, const char*, const char*> rules[] = {
      {"day", "2026-11-21", "2026-11-21..2026-11-21"},
      {"week", "2026-11-21", "2026-11-16..2026-11-21"}, // a Saturday
      {"week", "2026-11-22", "2026-11-16..2026-11-22"}, // Sunday is its last day
      {"week", "2026-11-23", "2026-11-23..2026-11-23"},
      {"week", "2026-01-01", "2025-12-29..2026-01-01"},
      {"month", "2026-11-21", "2026-11-01..2026-11-21"},
      {"month", "2026-11-01", "2026-11-01..2026-11-01"},
      {"month", "2024-02-29", "2024-02-01..2024-02-29"},
  };
  for (const auto& [period, today, expected] : rules)
    BOOST_TEST(told(period_param({{"period", period}}, on(today))) == expected);
  BOOST_TEST(told(period_param({}, on("2026-11-21"))) == "2026-11-21..2026-11-21");
  BOOST_TEST(told(period_param({{"to", "2026-11-20"}}, on("2026-11-21"))) == "2026-11-20..2026-11-20");
  for (const query_map& bad : {query_map{{"period", "year"}}, query_map{{"period", ""}},
                               query_map{{"period", "day"}, {"to", "2026-11-20"}}})
    BOOST_CHECK_THROW((void)period_param(bad, on("2026-11-21")), problem);
}

BOOST_AUTO_TEST_CASE(the_ledger_is_filtered_by_day_kind_and_account) {
  rows.ledger = {entry("One"), entry("Two")};
  const auto worker = to_string(person(role::worker).id);
  const auto first =
      as(role::accountant, "GET",
         "/v1/accounting/log?day=2026-11-20&kind=assignment_fee&account=" + worker + "&limit=1");
  BOOST_TEST(first.status == 200);
  BOOST_TEST((rows.asked_entries->on == on("2026-11-20")));
  BOOST_TEST((rows.asked_entries->kind == ates::domain::entry_kind::assignment_fee));
  BOOST_TEST((rows.asked_entries->account == person(role::worker).id));
  const auto item = first.json()["data"][0];
  BOOST_TEST(item["account_id"] == worker);
  BOOST_TEST(item["name"] == "Name of worker");
  BOOST_TEST(item["amount"] == -1500);
  BOOST_TEST(item["task"]["title"] == "One");
  BOOST_TEST(first.json()["has_more"] == true);
  const auto cursor = first.json()["next_cursor"].get<std::string>();
  BOOST_TEST(as(role::accountant, "GET", "/v1/accounting/log?cursor=" + cursor).status == 400);
  for (const auto* bad : {"kind=fee", "account=me", "day=today", "reason=created", "limit=0"})
    BOOST_TEST(as(role::admin, "GET", std::string("/v1/accounting/log?") + bad).code() == "bad_request");
}

BOOST_AUTO_TEST_CASE(earnings_are_fees_less_rewards_of_each_day_and_of_all) {
  const auto got = as(role::accountant, "GET", "/v1/accounting/earnings?from=2026-11-01&to=2026-11-02");
  BOOST_TEST(told(rows.asked_range) == "2026-11-01..2026-11-02");
  BOOST_TEST(got.json() ==
             (json{{"days",
                    {{{"day", "2026-11-01"}, {"fees", 1500}, {"rewards", 4000}, {"earnings", -2500}},
                     {{"day", "2026-11-02"}, {"fees", 2000}, {"rewards", 0}, {"earnings", 2000}}}},
                   {"total", {{"fees", 3500}, {"rewards", 4000}, {"earnings", -500}}}}));
  as(role::accountant, "GET", "/v1/accounting/earnings");
  BOOST_TEST(told(rows.asked_range) == "2026-11-21..2026-11-21"); // a default day is today
}

BOOST_AUTO_TEST_CASE(the_days_of_an_account_are_those_asked_for) {
  const auto got = as(role::worker, "GET", "/v1/accounts/me/days?from=2026-11-20");
  BOOST_TEST(told(rows.asked_range) == "2026-11-20..2026-11-21");
  BOOST_TEST(got.json() == (json{{"data",
                                  {{{"day", "2026-11-20"},
                                    {"fees", 1500},
                                    {"rewards", 0},
                                    {"paid_out", 0},
                                    {"closing_balance", -1500}}}}}));
}

BOOST_AUTO_TEST_CASE(payouts_are_listed_and_each_has_its_register) {
  as(role::admin, "POST", "/v1/payouts", "");
  const auto list = as(role::accountant, "GET", "/v1/payouts").json();
  BOOST_TEST(list["data"][0]["day"] == "2026-11-21");
  BOOST_TEST(list["data"][0]["mails"] == (json{{"queued", 3}, {"sent", 2}, {"failed", 1}}));
  rows.paid = {{person(role::worker).id, {4200}, ates::storage::mail_status::sent},
               {person(role::manager).id, {100}, ates::storage::mail_status::failed}};
  const auto path = std::string("/v1/payouts/2026-11-21/accounts");
  const auto page = as(role::accountant, "GET", path + "?limit=1").json();
  BOOST_TEST(page["data"] == (json{{{"account_id", to_string(person(role::worker).id)},
                                    {"name", "Name of worker"},
                                    {"amount", 4200},
                                    {"mail", "sent"}}}));
  BOOST_TEST(page["has_more"] == true);
  BOOST_TEST(as(role::accountant, "GET", "/v1/payouts/2026-11-20/accounts").status == 404);
}

BOOST_AUTO_TEST_CASE(analytics_say_what_today_and_the_most_expensive_task_are) {
  BOOST_TEST(
      as(role::admin, "GET", "/v1/analytics/today").json() ==
      (json{{"day", "2026-11-21"}, {"earnings", -500}, {"negative_accounts", 3}, {"negative_today", 2}}));
  using top = ates::storage::day_figures::top_task;
  const auto done = [&](std::uint8_t n, std::int64_t reward, int second) {
    return top{
        {numbered_uuid(2, n)},  "Task", "", {reward}, ates::domain::instant{std::chrono::seconds{second}},
        person(role::worker).id};
  };
  rows.closed[on("2026-11-16")].top = done(3, 3000, 20);
  rows.closed[on("2026-11-18")].top = done(2, 4000, 10);
  rows.closed[on("2026-11-19")].top = done(1, 4000, 10); // B11: the lowest id of equals
  const auto week = as(role::admin, "GET", "/v1/analytics/most-expensive?period=week").json();
  BOOST_TEST(week["days"].size() == 6U);
  BOOST_TEST(week["days"][0]["day"] == "2026-11-16");
  BOOST_TEST(week["days"][1]["task"].is_null());
  BOOST_TEST(week["overall"] == (json{{"id", to_string(numbered_uuid(2, 1))},
                                      {"title", "Task"},
                                      {"jira_id", nullptr},
                                      {"reward", 4000},
                                      {"completed_at", "1970-01-01T00:00:10.000000Z"},
                                      {"completed_by", to_string(person(role::worker).id)}}));
  const auto nothing = as(role::admin, "GET", "/v1/analytics/most-expensive?to=2026-11-17").json();
  BOOST_TEST(nothing == (json{{"days", {{{"day", "2026-11-17"}, {"task", nullptr}}}}, {"overall", nullptr}}));
}

BOOST_AUTO_TEST_CASE(closed_days_come_newest_first_with_or_without_a_range) {
  for (const auto* day : {"2026-11-18", "2026-11-19"})
    rows.closed[on(day)].on = on(day);
  const auto page = as(role::admin, "GET", "/v1/analytics/days?limit=1").json();
  BOOST_TEST(told(rows.asked_range) == "none");
  BOOST_TEST(page["data"] == (json{{{"day", "2026-11-19"},
                                    {"earnings", 0},
                                    {"top_task", nullptr},
                                    {"tasks_completed", 0},
                                    {"tasks_in_profit", 0},
                                    {"tasks_in_deficit", 0},
                                    {"accounts_in_profit", 0},
                                    {"accounts_in_debt", 0},
                                    {"total_paid", 0}}}));
  BOOST_TEST(page["has_more"] == true);
  as(role::admin, "GET", "/v1/analytics/days?from=2026-11-18&to=2026-11-19");
  BOOST_TEST(told(rows.asked_range) == "2026-11-18..2026-11-19");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(csv, lists_fixture)

BOOST_AUTO_TEST_CASE(whoever_prefers_csv_gets_it) {
  const std::pair<const char*, bool> rules[] = {
      {"text/csv", true},
      {"TEXT/CSV; charset=utf-8", true},
      {"text/csv, */*;q=0.1", true},
      {"text/csv, */*", true},
      {"text/*", true},
      {"application/json;q=0.5, text/csv", true},
      {"application/json, text/csv;q=0.5", false},
      {"application/json, text/csv", false},
      {"text/csv;q=0", false},
      {"text/csv;q=0, */*", false},
      {"text/csv;q=nonsense", false},
      {"text/csvx", false},
      {"*/*", false},
      {"application/json", false},
      {"text/html", false},
      {"", false},
      {",;,=", false},
  };
  for (const auto& [accept, expected] : rules)
    BOOST_TEST_CONTEXT(accept) {
      request in;
      in.headers.emplace_back("accept", accept);
      BOOST_TEST(wants_csv(in) == expected);
    }
  BOOST_TEST(!wants_csv({}));
}

BOOST_AUTO_TEST_CASE(a_cell_is_quoted_when_it_must_be_and_never_is_a_formula) {
  const std::pair<const char*, const char*> rules[] = {
      {"plain", "plain"},
      {"", ""},
      {"a,b", "\"a,b\""},
      {"say \"hi\"", "\"say \"\"hi\"\"\""},
      {"two\nlines", "\"two\nlines\""},
      {"=1+1", "'=1+1"},
      {"+1", "'+1"},
      {"-1", "'-1"},
      {"@SUM(A1)", "'@SUM(A1)"},
      {"\tx", "'\tx"},
      {"\rx", "\"'\rx\""},
      {"=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""},
      {"a=b", "a=b"},
      {"'x", "'x"},
      {"水", "水"},
  };
  for (const auto& [value, expected] : rules) {
    csv_table table{"a", "b"};
    table.text(value).number(-1500).end();
    BOOST_TEST(table.whole() == std::string("a,b\r\n") + expected + ",-1500\r\n");
  }
}

BOOST_AUTO_TEST_CASE(lists_come_as_csv_with_the_next_page_in_a_header) {
  rows.ledger = {entry("=cmd()"), entry("Two"), entry("Three")};
  const auto first =
      as(role::accountant, "GET", "/v1/accounting/log?kind=assignment_fee&limit=1", "", csv_please);
  BOOST_TEST(first.status == 200);
  BOOST_TEST(first.header("content-type") == "text/csv; charset=utf-8; header=present");
  BOOST_TEST(first.header("vary") == "Accept");
  BOOST_TEST(
      first.body ==
      "account_id,name,id,at,day,kind,amount,balance_after,task_id,task_title,task_jira_id,"
      "task_description,reason,shuffle_id\r\n" +
          to_string(person(role::worker).id) +
          ",Name of worker,00000000-0000-0000-0000-000000000000,1970-01-01T00:00:00.000000Z,1970-01-01,"
          "assignment_fee,-1500,-1500," +
          to_string(numbered_uuid(2, 1)) + ",'=cmd(),ABC-1,\"a \"\"b\"\",\nc\",created,\r\n");
  const auto link = first.header("link");
  BOOST_TEST(link.starts_with("</v1/accounting/log?cursor="));
  BOOST_TEST(link.ends_with(">; rel=\"next\""));
  const auto second = as(role::accountant, "GET", link.substr(1, link.find('>') - 1), "", csv_please);
  BOOST_TEST(second.status == 200);
  BOOST_TEST(second.body.find(",Two,") != std::string::npos);
  BOOST_TEST(second.body.find("cmd") == std::string::npos);
  const auto whole = as(role::accountant, "GET", "/v1/accounting/log", "", csv_please);
  BOOST_TEST(whole.header("link").empty());
  // An error is an error in either form.
  BOOST_TEST(as(role::worker, "GET", "/v1/accounting/log", "", csv_please).header("content-type") ==
             "application/problem+json");
}

BOOST_AUTO_TEST_CASE(own_log_days_register_and_closed_days_come_as_csv_too) {
  as(role::admin, "POST", "/v1/payouts", "");
  rows.paid = {{person(role::worker).id, {4200}, std::nullopt}};
  rows.closed[on("2026-11-18")].on = on("2026-11-18");
  const std::pair<const char*, std::string> rules[] = {
      {"/v1/accounts/me/days?to=2026-11-20",
       "day,fees,rewards,paid_out,closing_balance\r\n2026-11-20,1500,0,0,-1500\r\n"},
      {"/v1/payouts/2026-11-21/accounts",
       "account_id,name,amount,mail\r\n" + to_string(person(role::worker).id) + ",Name of worker,4200,\r\n"},
      {"/v1/analytics/days",
       "day,earnings,top_task_id,top_task_title,top_task_jira_id,top_task_reward,top_task_completed_at,"
       "top_task_completed_by,tasks_completed,tasks_in_profit,tasks_in_deficit,accounts_in_profit,"
       "accounts_in_debt,total_paid\r\n2026-11-18,0,,,,,,,0,0,0,0,0,0\r\n"},
  };
  for (const auto& [path, expected] : rules) {
    BOOST_TEST(as(role::admin, "GET", path, "", csv_please).body == expected);
    BOOST_TEST(as(role::admin, "GET", path).header("vary") == "Accept");
    BOOST_TEST(as(role::admin, "GET", path).header("content-type") == "application/json");
  }
  const auto log = as(role::worker, "GET", "/v1/accounts/me/log", "", csv_please).body;
  BOOST_TEST(log.starts_with("id,at,day,kind,amount,balance_after,task_id,task_title,"));
  BOOST_TEST(log.find(",assignment_fee,-1500,-1500,") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
