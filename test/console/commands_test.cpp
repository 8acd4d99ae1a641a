#include "console/display.hpp"
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::console;
using namespace ates::console::test;

namespace {

const json open_task = {{"id", "t-1"},
                        {"title", "Do \x1b[31mit"},
                        {"jira_id", nullptr},
                        {"status", "open"},
                        {"assignee", {{"id", "a-1"}, {"name", "Ann"}}},
                        {"fee", 1500},
                        {"reward", 3000}};

json page_of(json items) {
  return {{"data", std::move(items)}, {"has_more", false}, {"next_cursor", nullptr}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(an_answer_decides_the_exit_code) {
  int status = 0;
  std::string code;
  stub_node node([&](const auto&, auto& response) { refuse(response, status, code, "The reason."); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  const std::tuple<int, const char*, int> cases[] = {
      {400, "bad_request", 1},       {401, "account_inactive", 3},  {403, "forbidden", 3},
      {404, "not_found", 4},         {409, "not_assignee", 5},      {409, "already_done", 5},
      {422, "validation_failed", 1}, {429, "too_many_requests", 3}, {500, "internal", 1},
      {502, "unavailable", 7},       {503, "quarantined", 7},       {504, "unavailable", 7},
  };
  for (const auto& [answered, problem, exit] : cases) {
    status = answered;
    code = problem;
    BOOST_TEST(boss.run({"tasks", "complete", "t", "--json"}) == exit, "of " << answered);
    BOOST_TEST(boss.err.str().find("The reason.") != std::string::npos);
    const auto error = boss.document().at("error");
    BOOST_TEST(error.at("exit") == exit);
    BOOST_TEST(error.at("code") == problem);
    BOOST_TEST(error.at("status") == answered);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_api_s_is_a_failure_and_no_crash) {
  std::string body;
  stub_node node([&](const auto&, auto& response) { response.set_content(body, "text/html"); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  for (const auto* text : {"<html>", "", "[]", "{}", R"({"data": 5})", R"({"data": [], "has_more": true})"}) {
    body = text;
    BOOST_TEST(boss.run({"tasks", "list"}) == 1, "of " << text);
    BOOST_TEST(boss.err.str().find("--url") != std::string::npos, "of " << text);
  }
}

BOOST_AUTO_TEST_CASE(a_command_line_that_is_wrong_ends_with_exit_code_2_and_no_request) {
  stub_node node([](const auto&, auto& response) { give(response, 200, json::object()); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  const std::vector<std::string> cases[] = {
      {},
      {"frobnicate"},
      {"tasks"},
      {"tasks", "frobnicate"},
      {"tasks", "show"},
      {"tasks", "show", "a", "b"},
      {"tasks", "add"},
      {"tasks", "add", "\xFF"},
      {"tasks", "list", "--status", "late"},
      {"tasks", "list", "--limit", "0"},
      {"tasks", "list", "--limit", "-1"},
      {"tasks", "list", "--limit", "many"},
      {"tasks", "list", "--limit", "5", "--all"},
      {"employees", "add", "--name", "Ann"},
      {"employees", "add", "--name", "A", "--login", "a", "--email", "a@b", "--role", "boss"},
      {"employees", "add", "--name", "A", "--login", "a", "--email", "a@b", "--role", "worker", "--password",
       "secret"},
      {"tasks", "edit"},
      {"tasks", "edit", "t-1"},
      {"tasks", "history"},
      {"employees", "show"},
      {"employees", "update", "a"},
      {"employees", "update", "a", "--active", "maybe"},
      {"employees", "update", "a", "--role", "boss"},
      {"payouts"},
      {"payouts", "accounts"},
      {"import", "/no/such/file.csv"},
      {"login"},
      {"--url", "localhost", "tasks", "list"},
      {"shuffle", "--now"},
      {"actors", "--kind", "shard"},
      {"actors", "--state", "passive"},
      {"actors", "--sort", "id"},
      {"actors", "--shard", "-1"},
      {"actor", "task"},
      {"actor", "node", "x"},
      {"drain", "node1"},
      {"drain", "--reason", "r"},
      {"move", "1", "--reason", "r"},
      {"move", "x", "--to", "node1", "--reason", "r"},
      {"move", "1", "--to", "node1"},
  };
  for (const auto& arguments : cases)
    BOOST_TEST(boss.run(arguments) == 2, "of " << (arguments.empty() ? "nothing" : arguments.back()));
  BOOST_TEST(node.requests().empty());
}

BOOST_AUTO_TEST_CASE(every_command_explains_itself_with_examples) {
  const scratch_folder home;
  person anybody(home);
  const std::vector<std::string> all[] = {
      {},
      {"login"},
      {"import"},
      {"employees", "add"},
      {"employees", "list"},
      {"employees", "show"},
      {"employees", "update"},
      {"tasks", "list"},
      {"tasks", "show"},
      {"tasks", "history"},
      {"tasks", "add"},
      {"tasks", "edit"},
      {"tasks", "complete"},
      {"shuffle"},
      {"shuffles", "list"},
      {"shuffles", "show"},
      {"shuffles", "roster"},
      {"close-day"},
      {"payouts", "list"},
      {"payouts", "show"},
      {"payouts", "accounts"},
      {"balance"},
      {"log"},
      {"verify"},
      {"nodes"},
      {"shards"},
      {"actors"},
      {"actor"},
      {"drain"},
      {"move"},
      {"audit"},
  };
  for (auto arguments : all) {
    arguments.emplace_back("--help");
    BOOST_TEST(anybody.run(arguments) == 0);
    BOOST_TEST(anybody.out.str().find("Examples:\n  atesctl ") != std::string::npos, anybody.out.str());
  }
}

BOOST_AUTO_TEST_CASE(somebody_who_never_signed_in_is_told_how) {
  stub_node node([](const auto&, auto& response) { give(response, 200, json::object()); });
  const scratch_folder home;
  person stranger(home);
  BOOST_TEST(stranger.run({"--url", node.url(), "tasks", "list"}) == 3);
  BOOST_TEST(stranger.err.str().find("atesctl --url " + node.url() + " login NAME") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_password_comes_from_the_environment_or_from_standard_input) {
  stub_node node([](const auto&, auto& response) { give(response, 200, page_of(json::array())); });
  const scratch_folder home;
  person boss(home);
  boss.around.environment["ATES_URL"] = node.url();
  boss.in.str("correct horse battery\r\nmore\n");
  BOOST_TEST(boss.run({"login", "boss"}) == 0);
  BOOST_TEST(boss.run({"tasks", "list"}) == 0);

  boss.around.environment["ATES_PASSWORD"] = "wrong";
  BOOST_TEST(boss.run({"login", "boss"}) == 3);
  BOOST_TEST(boss.run({"tasks", "list"}) == 0); // the session before stands

  boss.around.environment["ATES_PASSWORD"] = "";
  boss.in.str("");
  boss.in.clear();
  BOOST_TEST(boss.run({"login", "boss"}) == 1);
}

BOOST_AUTO_TEST_CASE(text_that_looks_like_a_command_stays_text) {
  stub_node node([](const auto&, auto& response) { give(response, 201, open_task); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "shuffle"}) == 0);
  BOOST_TEST(json::parse(node.requests().at(0).body) == (json{{"title", "shuffle"}}));
  BOOST_TEST(
      boss.run({"tasks", "add", "--title", "[A-1] list", "--description", "login", "--jira-id", "A-1"}) == 0);
  BOOST_TEST(json::parse(node.requests().at(1).body) ==
             (json{{"title", "[A-1] list"}, {"description", "login"}, {"jira_id", "A-1"}}));
}

BOOST_AUTO_TEST_CASE(a_table_is_plain_text_unless_it_is_for_a_terminal) {
  stub_node node([](const auto&, auto& response) { give(response, 200, page_of({open_task})); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "list"}) == 0);
  BOOST_TEST(boss.out.str() == "id   status     fee  reward  assignee  jira id  title\n"
                               "t-1  open    $15.00  $30.00  Ann       -        Do ?[31mit\n");
  boss.around.out_is_terminal = true;
  BOOST_TEST(boss.run({"tasks", "list"}) == 0);
  BOOST_TEST(boss.out.str().starts_with("\033[1mid"));
  BOOST_TEST(boss.out.str().find("Do ?[31mit") != std::string::npos);
  boss.around.environment["NO_COLOR"] = "1";
  BOOST_TEST(boss.run({"tasks", "list"}) == 0);
  BOOST_TEST(boss.out.str().find('\033') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_employee_is_added_with_the_password_from_where_it_was_said_to_be) {
  stub_node node([](const auto&, auto& response) {
    give(response, 201, {{"id", "a"}, {"name", "Ann"}, {"role", "worker"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  std::vector<std::string> add{"employees", "add",     "--name",          "Ann",    "--login",
                               "ann",       "--email", "ann@example.org", "--role", "worker"};
  json body = {{"name", "Ann"}, {"login", "ann"}, {"email", "ann@example.org"}, {"role", "worker"}};
  BOOST_TEST(boss.run(add) == 0);
  BOOST_TEST(json::parse(node.requests().at(0).body) == body);
  boss.around.environment["ATES_NEW_PASSWORD"] = "from the environment";
  BOOST_TEST(boss.run(add) == 0);
  body["password"] = "from the environment";
  BOOST_TEST(json::parse(node.requests().at(1).body) == body);
  boss.in.str("from standard input\n");
  add.insert(add.end(), {"--password", "-"});
  BOOST_TEST(boss.run(add) == 0);
  body["password"] = "from standard input";
  BOOST_TEST(json::parse(node.requests().at(2).body) == body);
}

BOOST_AUTO_TEST_CASE(a_file_of_employees_adds_those_that_can_be_added_and_names_the_others) {
  stub_node node([](const auto& request, auto& response) {
    if (json::parse(request.body).at("login") == "bob")
      return refuse(response, 409, "login_taken", "This login is taken.");
    give(response, 201, {{"id", "a"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  const auto file = home.write("people.csv", "name,login,email,role,password\n"
                                             "Ann,ann,a@b,worker,long enough a password\n"
                                             "Bob,bob,b@b,worker,\n"
                                             "Cid,cid,c@b,manager,\n");
  BOOST_TEST(boss.run({"employees", "add", "--file", file, "--json"}) == 1);
  BOOST_TEST(boss.document().at("added").size() == 2U);
  BOOST_TEST(boss.document().at("refused") ==
             (json{{{"line", 3}, {"code", "login_taken"}, {"reason", "This login is taken."}}}));
  BOOST_TEST(json::parse(node.requests().at(0).body).at("password") == "long enough a password");
  BOOST_TEST(!json::parse(node.requests().at(2).body).contains("password"));
}

BOOST_AUTO_TEST_CASE(an_account_is_changed_in_what_was_given_and_nothing_else) {
  stub_node node([](const auto& request, auto& response) {
    if (request.path == "/v1/me")
      return give(response, 200, {{"id", "boss-id"}});
    give(response, 200, {{"id", "a-1"}, {"name", "Ann"}, {"role", "manager"}, {"active", false}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"employees", "update", "a-1", "--role", "manager", "--active", "false"}) == 0);
  BOOST_TEST(node.requests().back().method == "PATCH");
  BOOST_TEST(node.requests().back().path == "/v1/employees/a-1");
  BOOST_TEST(json::parse(node.requests().back().body) == (json{{"role", "manager"}, {"active", false}}));
  BOOST_TEST(boss.out.str().find("state    inactive") != std::string::npos, boss.out.str());
  BOOST_TEST(boss.run({"employees", "update", "me", "--name", "", "--email", "b@c"}) == 0);
  BOOST_TEST(node.requests().back().path == "/v1/employees/boss-id");
  BOOST_TEST(json::parse(node.requests().back().body) == (json{{"name", ""}, {"email", "b@c"}}));
  BOOST_TEST(boss.run({"employees", "show", "a-1", "--json"}) == 0);
  BOOST_TEST(boss.document().at("name") == "Ann");
}

BOOST_AUTO_TEST_CASE(an_own_new_password_goes_with_the_present_one_and_anybody_else_s_without) {
  stub_node node([](const auto& request, auto& response) {
    give(response, 200, {{"id", request.path == "/v1/me" ? "boss-id" : "a-1"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  boss.around.environment["ATES_NEW_PASSWORD"] = "parrots are loud";
  BOOST_TEST(boss.run({"employees", "update", "a-1", "--password"}) == 0);
  BOOST_TEST(json::parse(node.requests().back().body) == (json{{"password", "parrots are loud"}}));
  BOOST_TEST(boss.run({"employees", "update", "me", "--password"}) == 0);
  const json both = {{"password", "parrots are loud"}, {"current_password", "correct horse battery"}};
  BOOST_TEST(json::parse(node.requests().back().body) == both);
  boss.around.environment.erase("ATES_NEW_PASSWORD");
  boss.around.environment.erase("ATES_PASSWORD");
  boss.in.str("correct horse battery\nparrots are loud\n");
  BOOST_TEST(boss.run({"employees", "update", "boss-id", "--password"}) == 0);
  BOOST_TEST(json::parse(node.requests().back().body) == both);
}

BOOST_AUTO_TEST_CASE(a_task_is_edited_in_what_was_given_and_an_empty_jira_id_takes_it_away) {
  stub_node node([](const auto&, auto& response) { give(response, 200, open_task); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "edit", "t-1", "--title", "[A-1] New"}) == 0);
  BOOST_TEST(node.requests().back().method == "PATCH");
  BOOST_TEST(node.requests().back().path == "/v1/tasks/t-1");
  BOOST_TEST(json::parse(node.requests().back().body) == (json{{"title", "[A-1] New"}}));
  BOOST_TEST(boss.run({"tasks", "edit", "t-1", "--jira-id", "", "--description", ""}) == 0);
  BOOST_TEST(json::parse(node.requests().back().body) == (json{{"jira_id", nullptr}, {"description", ""}}));
}

BOOST_AUTO_TEST_CASE(a_history_is_a_table) {
  stub_node node([](const auto&, auto& response) {
    give(response, 200,
         page_of({{{"at", "2026-11-21T02:00:00.000000Z"},
                   {"what", "assigned"},
                   {"account", {{"id", "a-1"}, {"name", "Ann"}}},
                   {"reason", "shuffled"},
                   {"shuffle_id", "s-1"},
                   {"fee", 1500}},
                  {{"at", "2026-11-21T01:00:00.000000Z"},
                   {"what", "created"},
                   {"account", {{"id", "b-1"}, {"name", "Bob"}}},
                   {"reason", nullptr},
                   {"shuffle_id", nullptr},
                   {"fee", nullptr}}}));
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "history", "t-1"}) == 0);
  BOOST_TEST(node.requests().back().path == "/v1/tasks/t-1/history");
  BOOST_TEST(boss.out.str() == "at                   what      account  reason       fee\n"
                               "2026-11-21 02:00:00  assigned  Ann      shuffled  $15.00\n"
                               "2026-11-21 01:00:00  created   Bob      -              -\n");
}

BOOST_AUTO_TEST_CASE(closed_days_and_who_was_paid_are_tables) {
  stub_node node([](const auto& request, auto& response) {
    if (request.path.ends_with("/accounts"))
      return give(response, 200,
                  page_of({{{"account_id", "a-1"}, {"name", "Ann"}, {"amount", 1205}, {"mail", "sent"}}}));
    const json run = {{"day", "2026-11-21"}, {"status", "done"}, {"accounts_paid", 1}, {"total_paid", 1205}};
    give(response, 200, request.path == "/v1/payouts" ? page_of({run}) : run);
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"payouts", "list"}) == 0);
  BOOST_TEST(boss.out.str() == "day         status  finished  accounts paid  total paid\n"
                               "2026-11-21  done    -                     1      $12.05\n");
  BOOST_TEST(boss.run({"payouts", "show", "2026-11-21"}) == 0);
  BOOST_TEST(boss.out.str().find("total paid     $12.05") != std::string::npos);
  BOOST_TEST(boss.run({"payouts", "accounts", "2026-11-21"}) == 0);
  BOOST_TEST(node.requests().back().path == "/v1/payouts/2026-11-21/accounts");
  BOOST_TEST(boss.out.str() == "account  name  amount  mail\n"
                               "a-1      Ann   $12.05  sent\n");
}

BOOST_AUTO_TEST_CASE(shuffle_waits_until_the_run_is_over) {
  int looks = 0;
  std::string last = "done";
  stub_node node([&](const auto& request, auto& response) {
    json run = {{"id", "s-1"}, {"status", "queued"}, {"open_tasks", 7}, {"reassigned", 0}};
    if (request.method == "POST")
      return give(response, 202, run);
    run["status"] = ++looks < 4 ? "running" : last;
    give(response, 200, run);
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"shuffle", "--json"}) == 0);
  BOOST_TEST(boss.document().at("status") == "queued");
  BOOST_TEST(looks == 0);
  BOOST_TEST(boss.run({"shuffle", "--wait", "--json"}) == 0);
  BOOST_TEST(boss.document().at("status") == "done");
  BOOST_TEST(looks == 4);
  BOOST_TEST(node.requests().back().path == "/v1/shuffles/s-1");
  last = "failed";
  BOOST_TEST(boss.run({"shuffle", "--wait"}) == 1);
}

BOOST_AUTO_TEST_CASE(close_day_waits_until_everybody_is_paid) {
  int looks = 0;
  stub_node node([&](const auto& request, auto& response) {
    if (request.method == "POST")
      return give(response, 202, {{"day", "2026-11-21"}, {"status", "running"}});
    give(response, 200,
         {{"day", "2026-11-21"},
          {"status", ++looks < 3 ? "running" : "done"},
          {"accounts_paid", 2},
          {"total_paid", 1205}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"close-day", "--wait"}) == 0);
  BOOST_TEST(looks == 3);
  BOOST_TEST(node.requests().back().path == "/v1/payouts/2026-11-21");
  BOOST_TEST(boss.out.str().find("total paid     $12.05") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(balance_and_log_are_one_s_own_unless_an_account_is_named) {
  stub_node node([](const auto& request, auto& response) {
    if (request.path.ends_with("/log"))
      return give(response, 200,
                  page_of({{{"at", "2026-11-21T02:00:00.000000Z"}, {"amount", -1500}, {"task", nullptr}}}));
    give(response, 200, {{"balance", -5}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"balance"}) == 0);
  BOOST_TEST(boss.out.str().find("balance       -$0.05") != std::string::npos);
  BOOST_TEST(boss.run({"log", "../x", "--day", "2026-11-21"}) == 0);
  BOOST_TEST(boss.out.str().find("2026-11-21 02:00:00") != std::string::npos);
  BOOST_TEST(node.requests().at(0).path == "/v1/accounts/me");
  BOOST_TEST(node.requests().at(1).path == "/v1/accounts/../x/log"); // as decoded: one segment on the wire
  BOOST_TEST(node.requests().at(1).parameters.find("day")->second == "2026-11-21");
}

BOOST_AUTO_TEST_CASE(amounts_are_shown_to_the_cent) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "$0.00"},   {5, "$0.05"},         {1500, "$15.00"},
      {-1, "-$0.01"}, {-12345, "-$123.45"}, {INT64_MIN, "-$92233720368547758.08"}};
  for (const auto& [amount, text] : cases)
    BOOST_TEST(dollars(amount) == text);
}

BOOST_AUTO_TEST_SUITE_END()
