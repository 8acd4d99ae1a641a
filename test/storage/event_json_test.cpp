// Every event that we make validates against its schema (contract.md §4).

#include "storage/event_json.hpp"
#include "test/storage/samples.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace ates::storage;
using namespace ates::test;
namespace domain = ates::domain;
using nlohmann::json;

namespace {

/// Sends one line per event, {"type": …, "data": …}, to the validator; its exit status.
int validate(const std::vector<event_row>& events) {
  FILE* validator = ::popen("python3 test/storage/validate_events.py config/schemas", "w");
  BOOST_REQUIRE(validator != nullptr);
  for (const auto& event : events) {
    const auto line = json{{"type", event.type}, {"data", json::parse(event.data)}}.dump() + "\n";
    std::fputs(line.c_str(), validator);
  }
  return WEXITSTATUS(::pclose(validator));
}

delivery delivered(const event_row& row) {
  return {1, row.target.value(), 1, row.type, row.subject, row.at, row.data};
}

std::vector<event_row> task_events() {
  auto named = new_task(task_in(1, 0));
  auto events = create_record(1, 1, named, account_in(2, 0), "Say \"hi\" \\ 你好\t").events;
  const auto add = [&](const record& r) { events.insert(events.end(), r.events.begin(), r.events.end()); };
  add(shuffle_record(1, 1, named, account_in(3, 0), 1));
  for (const auto* description : {"Say \"hi\"", ""})
    for (const auto& event :
         domain::decide(named, domain::edit_task{account_in(2, 0), std::nullopt, "ABC-7", description})
             .events)
      events.push_back(task_event_row(event, named, noon(), shards_total));
  add(edit_record(1, 1, named, "Say \"ho\" \\ 你好"));
  add(complete_record(1, 1, named));
  auto bare = new_task(task_in(1, 1));
  const domain::create_task command{"Bare", "", "", "", account_in(2, 0), {{1000}, {2000}}, account_in(2, 0)};
  for (const auto& event : domain::decide(bare, command).events) {
    events.push_back(task_event_row(event, bare, noon(), shards_total));
    if (const auto* created = std::get_if<domain::task_created>(&event))
      events.push_back(legacy_task_created_event_row(*created, noon()));
  }
  return events;
}

std::vector<event_row> all_events() {
  auto events = task_events();
  auto account = new_account(account_in(2, 0));
  const auto add = [&](const record& r) { events.insert(events.end(), r.events.begin(), r.events.end()); };
  add(reward_record(1, account, 0, 1));
  add(close_record(1, account, sample_day() + std::chrono::days{1}));
  domain::entry_posted payout;
  payout.kind = domain::entry_kind::payout;
  payout.amount = {5};
  events.push_back(payment_event_row(payout, noon()));
  for (const auto status : {letter_status::sent, letter_status::failed})
    events.push_back(letter_event_row({.account = account_in(2, 0),
                                       .on = sample_day(),
                                       .status = status,
                                       .attempts = 1,
                                       .again_in = {},
                                       .message_id = "<\"a\"@b>"},
                                      {5}, noon()));
  const auto anna = sample_employee(account_in(2, 0), 1, "anna");
  for (const bool created : {true, false}) {
    const auto by = created ? std::nullopt : std::optional{account_in(1, 0)};
    events.push_back(directory_changed_event_row(anna, by, created, std::nullopt, noon(), shards_total));
    events.push_back(account_event_row(delivered(events.back()), noon()).value());
  }
  events.push_back(logged_in_event_row(account_in(2, 0), noon()));
  for (const auto& account : {std::optional{account_in(2, 0)}, std::optional<account_id>{}})
    events.push_back(parked_event_row({.id = parked_id(2, {1, 7}),
                                       .shard = 2,
                                       .from = {1, 7},
                                       .account = account,
                                       .type = "task.assigned.v1",
                                       .subject = id_in(0, 3),
                                       .at = noon(),
                                       .data = "{}",
                                       .reason = "it cannot take it"},
                                      noon()));
  shuffle_row run;
  run.id = {id_in(0, 3)};
  run.requested_by = account_in(1, 0);
  run.open_tasks = 4;
  run.reassigned = 3;
  events.push_back(shuffle_requested_event_row(run, noon()));
  events.push_back(shuffle_finished_event_row(run, noon()));
  day_figures figures;
  figures.on = sample_day();
  events.push_back(day_closed_event_row(figures, std::nullopt, noon()));
  figures.top = {task_in(1, 0), "Top", "", {4000}, noon(), account_in(2, 0)};
  events.push_back(day_closed_event_row(figures, account_in(1, 0), noon()));
  return events;
}

} // namespace

BOOST_AUTO_TEST_SUITE(event_shapes)

BOOST_AUTO_TEST_CASE(every_event_validates_against_its_schema) {
  BOOST_TEST(validate(all_events()) == 0);
}

BOOST_AUTO_TEST_CASE(the_validator_refuses_what_a_schema_does_not_allow) {
  const auto fine = logged_in_event_row(account_in(2, 0), noon());
  for (const char* data : {R"({})", R"({"account_id": 7})", R"({"account_id": "no uuid"})",
                           R"({"account_id": "00000000-0000-0000-0000-000000000001", "email": "a@b.c"})"}) {
    auto broken = fine;
    broken.data = data;
    BOOST_TEST(validate({broken}) == 1, data);
  }
  auto unknown = fine;
  unknown.type = "account.vanished.v1";
  BOOST_TEST(validate({unknown}) == 1);
}

BOOST_AUTO_TEST_CASE(an_assignment_is_a_fee_for_the_assignees_shard) {
  auto task = new_task(task_in(1, 0));
  create_record(1, 1, task, account_in(2, 0));
  const auto shuffled = shuffle_record(1, 1, task, account_in(3, 0), 1).events.at(0);
  BOOST_TEST((shuffled.target == shard_number{3}));
  const auto posting = posting_of(delivered(shuffled)).value();
  BOOST_TEST((posting.kind == domain::entry_kind::assignment_fee));
  BOOST_TEST(posting.amount.count == 1500);
  BOOST_TEST((posting.account == account_in(3, 0) && posting.task == task.id));
  BOOST_TEST((posting.reason == domain::assign_reason::shuffled));
  BOOST_TEST(posting.shuffle.has_value());
  BOOST_TEST((account_of(delivered(shuffled)) == account_in(3, 0)));
}

BOOST_AUTO_TEST_CASE(a_completion_is_a_reward_for_the_assignees_shard) {
  auto task = new_task(task_in(1, 0));
  create_record(1, 1, task, account_in(2, 0));
  const auto completed = complete_record(1, 1, task).events.at(0);
  BOOST_TEST((completed.target == shard_number{2}));
  const auto posting = posting_of(delivered(completed)).value();
  BOOST_TEST((posting.kind == domain::entry_kind::completion_reward));
  BOOST_TEST(posting.amount.count == 3000);
  BOOST_TEST((posting.account == account_in(2, 0) && posting.task == task.id));
  BOOST_TEST((!posting.reason && !posting.shuffle));
}

BOOST_AUTO_TEST_CASE(an_edit_tells_all_the_words_and_owes_nothing) {
  auto task = new_task(task_in(1, 0));
  create_record(1, 1, task, account_in(2, 0));
  const auto edited = edit_record(1, 1, task, "Water them").events.at(0);
  BOOST_TEST(edited.type == "task.updated.v1");
  BOOST_TEST(!edited.target.has_value());
  const auto data = json::parse(edited.data);
  BOOST_TEST(data.at("title") == "Water them");
  BOOST_TEST(data.at("jira_id").is_null());
  BOOST_TEST(data.at("description") == task.description);
  BOOST_TEST(data.at("by") == to_string(account_in(2, 0)));
}

BOOST_AUTO_TEST_CASE(an_event_of_the_directory_concerns_its_account_and_posts_nothing) {
  const auto anna = sample_employee(account_in(2, 0), 1, "anna");
  const auto changed =
      directory_changed_event_row(anna, account_in(1, 0), true, std::nullopt, noon(), shards_total);
  BOOST_TEST((changed.target == shard_number{2}));
  BOOST_TEST((account_of(delivered(changed)) == anna.id)); // not `by`
  BOOST_TEST(!posting_of(delivered(changed)).has_value());
  const auto recorded = account_event_row(delivered(changed), noon()).value();
  BOOST_TEST(recorded.type == "account.created.v1");
  BOOST_TEST(!json::parse(recorded.data).contains("created"));
}

BOOST_AUTO_TEST_CASE(free_text_keeps_its_bytes) {
  auto task = new_task(task_in(1, 0));
  const std::string title = "Say \"hi\" \\ 你好 \xf0\x9f\x98\x80";
  const auto created = create_record(1, 1, task, account_in(2, 0), title).events.at(0);
  BOOST_TEST(json::parse(created.data).at("title").get<std::string>() == title);
}

BOOST_AUTO_TEST_SUITE_END()
