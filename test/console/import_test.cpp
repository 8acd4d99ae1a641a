#include "console/import.hpp"

#include "domain/text.hpp"
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace ates::console;
using namespace ates::console::test;
using namespace std::chrono_literals;

namespace {

/// What a node does with a batch: every external_ref once, titles by the real rule.
class backlog {
public:
  void answer(const httplib::Request& request, httplib::Response& response) {
    json results = json::array();
    const auto body = json::parse(request.body);
    for (const auto& item : body.at("tasks"))
      results.push_back(result_of(item));
    batch_sizes.push_back(results.size());
    give(response, 200, {{"results", results}});
  }

  [[nodiscard]] stub_node::answerer answerer() {
    return [this](const auto& request, auto& response) { answer(request, response); };
  }

  std::map<std::string, json> tasks; ///< by external_ref
  std::vector<std::size_t> batch_sizes;
  std::size_t busy_for = 0; ///< so many items are answered 503 first

private:
  json result_of(const json& item) {
    if (busy_for > 0) {
      --busy_for;
      return {{"status", 503}, {"problem", {{"code", "overloaded"}}}};
    }
    const auto jira_id =
        item.contains("jira_id") ? std::optional(item.at("jira_id").get<std::string>()) : std::nullopt;
    const auto name = ates::domain::parse_task_name(item.at("title").get<std::string>(), jira_id);
    if (const auto* fault = std::get_if<ates::domain::name_fault>(&name))
      return {{"status", 422},
              {"problem",
               {{"code", "validation_failed"},
                {"errors", {{{"pointer", "/" + fault->field}, {"detail", fault->detail}}}}}}};
    const bool is_new = tasks.emplace(item.at("external_ref"), item).second;
    return {{"status", is_new ? 201 : 200}, {"task", json::object()}};
  }
};

std::vector<std::uint64_t> refused_lines(const json& document) {
  std::vector<std::uint64_t> lines;
  for (const auto& row : document.at("refused"))
    lines.push_back(row.at("line"));
  return lines;
}

std::string many_rows(int count) {
  std::string text = "title\n";
  for (int i = 0; i < count; ++i)
    text += "row " + std::to_string(i) + "\n";
  return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(importing)

BOOST_AUTO_TEST_CASE(a_row_has_the_name_that_anybody_can_recompute) {
  // Computed beside this project, in Python, from the formula in import.hpp.
  row_names names;
  BOOST_TEST(names.next("", "Avoid helper target", "") ==
             "61648acea52823997c5151cba527fd845e39b494f810a0a6a208c12b590d8f63");
  BOOST_TEST(names.next("A-1", "Tâche", "two\nlines") !=
             "21e5ab12c647485ba558844090e8370c9275bb201404378efc5087a0b5c15e84");
  BOOST_TEST(names.next("A-1", "Tâche", "two\nlines") ==
             "21e5ab12c647485ba558844090e8370c9275bb201404378efc5087a0b5c15e84");
}

BOOST_AUTO_TEST_CASE(rows_that_differ_have_different_names_however_their_values_are_cut) {
  row_names names;
  std::set<std::string> seen;
  const std::array<std::string, 3> rows[] = {{"ab", "c", ""}, {"a", "bc", ""}, {"", "abc", ""},
                                             {"", "ab", "c"}, {"", "a", "bc"}, {"", "abc", ""}};
  for (const auto& [jira_id, title, description] : rows)
    seen.insert(names.next(jira_id, title, description));
  BOOST_TEST(seen.size() == std::size(rows));
}

BOOST_AUTO_TEST_CASE(a_real_backlog_is_imported_but_for_17_rows_and_a_second_time_adds_none) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  const std::string file = ATES_SOURCE_DIR "/test/console/backlog_excerpt.csv";
  BOOST_TEST(boss.run({"import", file, "--json"}) == 1);
  const auto first = boss.document();
  BOOST_TEST(first.at("rows") == 197);
  BOOST_TEST(first.at("created") == 180);
  BOOST_TEST(first.at("known") == 0);
  BOOST_TEST(first.at("refused").size() == 17U);
  BOOST_TEST(first.at("ignored_columns") == json{"reported_on"});
  BOOST_TEST(stored.tasks.size() == 180U);

  BOOST_TEST(boss.run({"import", file, "--json"}) == 1);
  BOOST_TEST(boss.document().at("created") == 0);
  BOOST_TEST(boss.document().at("known") == 180);
  BOOST_TEST(refused_lines(boss.document()) == refused_lines(first), boost::test_tools::per_element());
  BOOST_TEST(stored.tasks.size() == 180U);
}

BOOST_AUTO_TEST_CASE(a_longer_file_adds_only_what_is_new_and_equal_rows_are_several_tasks) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", "title\nsame\nsame\n"), "--json"}) == 0);
  BOOST_TEST(boss.document().at("created") == 2);
  BOOST_TEST(boss.run({"import", home.write("b.csv", "title\nother\nsame\nsame\nsame\n"), "--json"}) == 0);
  BOOST_TEST(boss.document().at("created") == 2);
  BOOST_TEST(boss.document().at("known") == 2);
}

BOOST_AUTO_TEST_CASE(refused_rows_are_named_by_the_line_they_start_on_with_the_reason) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  const auto file = home.write("a.csv", "title,description\n"
                                        "good,\"two\nlines\"\n" // 2
                                        "bad [one],\n"          // 4
                                        "too,many,fields\n"     // 5
                                        "not \xFF utf-8,\n"     // 6
                                        "\n"
                                        "good too,\n"); // 8
  BOOST_TEST(boss.run({"import", file}) == 1);
  const auto text = boss.out.str();
  BOOST_TEST(text.find("   4  title: ") != std::string::npos);
  BOOST_TEST(text.find("   5  the row has 3 fields") != std::string::npos);
  BOOST_TEST(text.find("   6  the text is not UTF-8") != std::string::npos);
  BOOST_TEST(text.find("5 rows: 2 created, 0 known already, 3 refused") != std::string::npos);
  BOOST_TEST(boss.run({"import", file, "--json"}) == 1);
  BOOST_TEST(refused_lines(boss.document()) == (std::vector<std::uint64_t>{4, 5, 6}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(values_reach_the_node_as_the_file_has_them_and_empty_ones_are_left_out) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(
      boss.run(
          {"import", home.write("a.csv", "jira_id,title,description\nA-1,\" Tâche, \"\"x\"\" \",\"a\r\nb\"\n"
                                         ",plain,\n")}) == 0);
  std::vector<json> sent;
  for (auto [reference, item] : stored.tasks) {
    item.erase("external_ref");
    sent.push_back(item);
  }
  std::sort(sent.begin(), sent.end(), [](const json& a, const json& b) { return a.size() < b.size(); });
  BOOST_TEST_REQUIRE(sent.size() == 2U);
  BOOST_TEST(sent[0] == (json{{"title", "plain"}}));
  BOOST_TEST(sent[1] == (json{{"title", " Tâche, \"x\" "}, {"jira_id", "A-1"}, {"description", "a\nb"}}));
}

BOOST_AUTO_TEST_CASE(rows_answered_503_are_sent_again_until_they_are_in) {
  backlog stored;
  stored.busy_for = 1300;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(1201)), "--json"}) == 0);
  BOOST_TEST(boss.document().at("created") == 1201);
  BOOST_TEST(stored.tasks.size() == 1201U);
  BOOST_TEST((boss.clock.waited > 0s));
}

BOOST_AUTO_TEST_CASE(batches_hold_at_most_500_rows_and_each_has_a_key_of_its_own) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(1201))}) == 0);
  BOOST_TEST(stored.batch_sizes == (std::vector<std::size_t>{500, 500, 201}),
             boost::test_tools::per_element());
  std::set<std::string> keys;
  for (const auto& request : node.requests())
    keys.insert(request.key);
  BOOST_TEST(keys.size() == 3U);
  BOOST_TEST(!keys.contains(""));
}

BOOST_AUTO_TEST_CASE(batches_of_long_rows_stay_far_below_what_a_node_takes) {
  backlog stored;
  stub_node node(stored.answerer());
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  std::string text = "title,description\n";
  for (int i = 0; i < 12; ++i)
    text += "row,\"" + std::string(900'000, 'x') + "\"\n";
  BOOST_TEST(boss.run({"import", home.write("a.csv", text)}) == 0);
  for (const auto& request : node.requests())
    BOOST_TEST(request.body.size() < batch_bytes + 64 * 1024);
  BOOST_TEST(stored.tasks.size() == 12U);
}

BOOST_AUTO_TEST_CASE(a_token_that_ends_in_the_middle_does_not_end_the_import) {
  backlog stored;
  stub_node node([&](const auto& request, auto& response) {
    if (stored.batch_sizes.size() == 1 && request.get_header_value("Authorization") == "Bearer token-0")
      return refuse(response, 401, "token_expired");
    stored.answer(request, response);
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(1201))}) == 0);
  BOOST_TEST(stored.tasks.size() == 1201U);
  BOOST_TEST(node.refreshes == 1);
}

BOOST_AUTO_TEST_CASE(an_import_waits_longer_for_the_node_than_other_commands) {
  backlog stored;
  int answers = 0;
  stub_node node([&](const auto& request, auto& response) {
    if (++answers <= 60)
      return refuse(response, 503, "unavailable");
    stored.answer(request, response);
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(3))}) == 0);
  BOOST_TEST((boss.clock.waited > 60s));
  BOOST_TEST(boss.err.str().find("trying again for up to 600 s") != std::string::npos);
  BOOST_TEST(boss.err.str().find("answers again") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_import_that_gives_up_says_what_is_in_and_ends_with_exit_code_7) {
  backlog stored;
  stub_node node([&](const auto& request, auto& response) {
    if (stored.batch_sizes.size() == 1)
      return refuse(response, 503, "unavailable");
    stored.answer(request, response);
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(700)), "--json"}) == 7);
  BOOST_TEST(boss.document().at("created") == 500);
  BOOST_TEST(boss.document().at("error").at("code") == "unavailable");
  BOOST_TEST((boss.clock.waited <= 600s));
}

BOOST_AUTO_TEST_CASE(an_import_stops_when_nobody_can_be_given_a_task) {
  stub_node node([](const auto& request, auto& response) {
    json results = json::array();
    for (std::size_t i = json::parse(request.body).at("tasks").size(); i > 0; --i)
      results.push_back(
          {{"status", 409}, {"problem", {{"code", "no_assignable_account"}, {"detail", "Nobody."}}}});
    give(response, 200, {{"results", results}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", many_rows(1201))}) == 1);
  BOOST_TEST(node.requests().size() == 1U);
  BOOST_TEST(boss.err.str().find("employees add --role worker") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_without_titles_is_refused_before_anything_is_sent) {
  stub_node node([](const auto&, auto& response) { refuse(response, 500, "internal"); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"import", home.write("a.csv", "name\nx\n")}) == 1);
  BOOST_TEST(boss.err.str().find("names no column \"title\"") != std::string::npos);
  BOOST_TEST(node.requests().empty());
}

BOOST_AUTO_TEST_SUITE_END()
