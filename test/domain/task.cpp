#include "domain/task.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace ates::domain;
using namespace ates::test;

namespace {

constexpr price prices{cents{1500}, cents{3000}};
const account_id creator = account_of(1);
const account_id assignee = account_of(2);
const account_id somebody = account_of(3);
constexpr instant monday{std::chrono::sys_days{std::chrono::year{2026} / 11 / 16} + std::chrono::hours{9}};
constexpr instant later = monday + std::chrono::hours{1};

create_task creation() {
  return {.title = "Fix it",
          .jira_id = "ABC-1",
          .description = "all of it",
          .external_ref = "row-7",
          .by = creator,
          .prices = prices,
          .assignee = assignee};
}

task nothing() {
  task t;
  t.id = task_of(9);
  return t;
}

template <class Command> task after(task t, const Command& command, instant at) {
  const auto verdict = decide(t, command);
  BOOST_REQUIRE(verdict.outcome == task_outcome::done);
  apply(t, verdict.events, at);
  return t;
}

task open_task() {
  return after(nothing(), creation(), monday);
}
task done_task() {
  return after(open_task(), complete_task{assignee}, later);
}

template <class Command> void check_refused(const task& t, const Command& command, task_outcome outcome) {
  const auto verdict = decide(t, command);
  BOOST_TEST((verdict.outcome == outcome));
  BOOST_TEST(verdict.events.empty());
  auto same = t;
  apply(same, verdict.events, later);
  BOOST_TEST((same == t));
}

} // namespace

BOOST_AUTO_TEST_SUITE(tasks)

BOOST_AUTO_TEST_CASE(a_task_is_created_priced_and_assigned_at_once) {
  const auto verdict = decide(nothing(), creation());
  BOOST_TEST((verdict.outcome == task_outcome::done));
  BOOST_REQUIRE(verdict.events.size() == 3U);

  const auto& created = std::get<task_created>(verdict.events[0]);
  BOOST_TEST((created.task == task_of(9)));
  BOOST_TEST(created.title == "Fix it");
  BOOST_TEST(created.jira_id == "ABC-1");
  BOOST_TEST(created.description == "all of it");
  BOOST_TEST(created.external_ref == "row-7");
  BOOST_TEST((created.by == creator));

  const auto& estimated = std::get<task_estimated>(verdict.events[1]);
  BOOST_TEST((estimated.task == task_of(9)));
  BOOST_TEST((estimated.prices == prices));

  const auto& assigned = std::get<task_assigned>(verdict.events[2]);
  BOOST_TEST((assigned.task == task_of(9)));
  BOOST_TEST((assigned.account == assignee));
  BOOST_TEST(!assigned.previous);
  BOOST_TEST((assigned.reason == assign_reason::created));
  BOOST_TEST(!assigned.shuffle);
  BOOST_TEST(assigned.run == 0U);
  BOOST_TEST((assigned.fee == prices.fee));
}

BOOST_AUTO_TEST_CASE(a_new_task_is_open_at_version_1_with_one_fee_charged) {
  task expected;
  expected.id = task_of(9);
  expected.title = "Fix it";
  expected.jira_id = "ABC-1";
  expected.description = "all of it";
  expected.external_ref = "row-7";
  expected.prices = prices;
  expected.created_by = creator;
  expected.created_at = monday;
  expected.status = task_status::open;
  expected.assignee = assignee;
  expected.assigned_at = monday;
  expected.assignments = 1;
  expected.version = 1;
  BOOST_TEST((open_task() == expected));
}

BOOST_AUTO_TEST_CASE(a_task_is_created_once) {
  check_refused(open_task(), creation(), task_outcome::exists);
  check_refused(done_task(), creation(), task_outcome::exists);
}

BOOST_AUTO_TEST_CASE(an_edit_changes_the_words_that_are_given_and_nothing_else) {
  const auto open = open_task();
  auto expected = open;
  expected.title = "Mend it";
  expected.version = 2;
  BOOST_TEST((after(open, edit_task{somebody, "Mend it", std::nullopt, std::nullopt}, later) == expected));

  const auto verdict = decide(open, edit_task{somebody, std::nullopt, "", "half of it"});
  BOOST_REQUIRE(verdict.events.size() == 1U);
  const auto& edited = std::get<task_edited>(verdict.events[0]);
  BOOST_TEST((edited.task == open.id && edited.by == somebody));
  BOOST_TEST(edited.title == "Fix it");
  BOOST_TEST(edited.jira_id.empty());
  BOOST_TEST(edited.description == "half of it");
}

BOOST_AUTO_TEST_CASE(an_edit_to_what_a_task_is_changes_nothing_and_a_done_one_stays_as_it_is) {
  check_refused(open_task(), edit_task{somebody, std::nullopt, std::nullopt, std::nullopt},
                task_outcome::unchanged);
  check_refused(open_task(), edit_task{somebody, "Fix it", "ABC-1", "all of it"}, task_outcome::unchanged);
  check_refused(done_task(), edit_task{creator, "Mend it", std::nullopt, std::nullopt},
                task_outcome::already_done);
  check_refused(nothing(), edit_task{creator, "Mend it", std::nullopt, std::nullopt},
                task_outcome::not_found);
}

BOOST_AUTO_TEST_CASE(only_the_assignee_completes_an_open_task) {
  const auto open = open_task();
  check_refused(open, complete_task{somebody}, task_outcome::not_assignee);
  check_refused(open, complete_task{creator}, task_outcome::not_assignee);

  const auto verdict = decide(open, complete_task{assignee});
  BOOST_TEST((verdict.outcome == task_outcome::done));
  BOOST_REQUIRE(verdict.events.size() == 1U);
  const auto& completed = std::get<task_completed>(verdict.events[0]);
  BOOST_TEST((completed.task == open.id));
  BOOST_TEST((completed.account == assignee));
  BOOST_TEST((completed.reward == prices.reward));
  BOOST_TEST((completed.fees == prices.fee));

  auto expected = open;
  expected.status = task_status::done;
  expected.completed_at = later;
  expected.version = 2;
  BOOST_TEST((done_task() == expected));
}

BOOST_AUTO_TEST_CASE(a_task_completed_twice_is_paid_once) {
  check_refused(done_task(), complete_task{assignee}, task_outcome::unchanged);
  check_refused(done_task(), complete_task{somebody}, task_outcome::already_done);
  check_refused(done_task(), complete_task{creator}, task_outcome::already_done);
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_is_neither_completed_nor_shuffled) {
  check_refused(nothing(), complete_task{assignee}, task_outcome::not_found);
  check_refused(nothing(), complete_task{account_id{}}, task_outcome::not_found);
  check_refused(nothing(), shuffle_task{1, shuffle_of(5), somebody}, task_outcome::not_found);
}

BOOST_AUTO_TEST_CASE(a_shuffle_gives_the_task_to_the_drawn_account_and_charges_it) {
  const auto open = open_task();
  const auto verdict = decide(open, shuffle_task{4, shuffle_of(5), somebody});
  BOOST_TEST((verdict.outcome == task_outcome::done));
  BOOST_REQUIRE(verdict.events.size() == 1U);
  const auto& assigned = std::get<task_assigned>(verdict.events[0]);
  BOOST_TEST((assigned.task == open.id));
  BOOST_TEST((assigned.account == somebody));
  BOOST_TEST((assigned.previous == assignee));
  BOOST_TEST((assigned.reason == assign_reason::shuffled));
  BOOST_TEST((assigned.shuffle == shuffle_of(5)));
  BOOST_TEST(assigned.run == 4U);
  BOOST_TEST((assigned.fee == prices.fee));

  auto expected = open;
  expected.assignee = somebody;
  expected.assigned_at = later;
  expected.assignments = 2;
  expected.last_run = 4;
  expected.version = 2;
  BOOST_TEST((after(open, shuffle_task{4, shuffle_of(5), somebody}, later) == expected));
}

BOOST_AUTO_TEST_CASE(a_released_task_goes_to_another_and_is_charged_again_but_counts_for_no_run) {
  const auto open = open_task();
  const auto verdict = decide(open, release_task{assignee, somebody});
  BOOST_REQUIRE(verdict.events.size() == 1U);
  const auto& e = std::get<task_assigned>(verdict.events[0]);
  BOOST_TEST((e.account == somebody && e.previous == assignee));
  BOOST_TEST((e.reason == assign_reason::released && !e.shuffle && e.run == 0 && e.fee == open.prices.fee));
  const auto released = after(open, release_task{assignee, somebody}, later);
  BOOST_TEST((released.assignee == somebody && released.assignments == open.assignments + 1));
  BOOST_TEST(released.last_run == open.last_run);
}

BOOST_AUTO_TEST_CASE(what_the_leaver_does_not_have_any_more_is_not_released) {
  check_refused(nothing(), release_task{assignee, somebody}, task_outcome::not_found);
  check_refused(open_task(), release_task{somebody, assignee}, task_outcome::unchanged);
  const auto done = after(open_task(), complete_task{assignee}, later);
  check_refused(done, release_task{assignee, somebody}, task_outcome::unchanged);
}

BOOST_AUTO_TEST_CASE(a_shuffle_charges_the_fee_also_when_the_same_account_is_drawn) {
  const auto shuffled = after(open_task(), shuffle_task{1, shuffle_of(5), assignee}, later);
  BOOST_TEST((shuffled.assignee == assignee));
  BOOST_TEST(shuffled.assignments == 2U);
  BOOST_TEST(shuffled.version == 2U);
}

BOOST_AUTO_TEST_CASE(a_run_reaches_a_task_once_and_never_goes_back) {
  const auto shuffled = after(open_task(), shuffle_task{4, shuffle_of(5), somebody}, later);
  check_refused(shuffled, shuffle_task{4, shuffle_of(5), somebody}, task_outcome::unchanged);
  check_refused(shuffled, shuffle_task{4, shuffle_of(5), creator}, task_outcome::unchanged);
  check_refused(shuffled, shuffle_task{3, shuffle_of(4), creator}, task_outcome::unchanged);
  BOOST_TEST(after(shuffled, shuffle_task{5, shuffle_of(6), creator}, later).last_run == 5U);
}

BOOST_AUTO_TEST_CASE(a_done_task_is_not_shuffled) {
  check_refused(done_task(), shuffle_task{4, shuffle_of(5), somebody}, task_outcome::unchanged);
}

BOOST_AUTO_TEST_CASE(after_a_shuffle_the_new_assignee_completes_and_the_old_one_may_not) {
  const auto shuffled = after(open_task(), shuffle_task{4, shuffle_of(5), somebody}, later);
  check_refused(shuffled, complete_task{assignee}, task_outcome::not_assignee);
  const auto verdict = decide(shuffled, complete_task{somebody});
  BOOST_REQUIRE(verdict.events.size() == 1U);
  BOOST_TEST((std::get<task_completed>(verdict.events[0]).fees == prices.fee * 2));
}

BOOST_AUTO_TEST_CASE(whatever_happens_a_task_is_charged_per_assignment_and_paid_at_most_once) {
  seeded_dice dice(6);
  for (int life = 0; life < 200; ++life) {
    auto t = nothing();
    std::uint32_t fees = 0;
    std::uint32_t rewards = 0;
    std::uint64_t changes = 0;
    for (int step = 0; step < 50; ++step) {
      const auto who = account_of(static_cast<std::uint8_t>(1 + uniform_below(dice, 3)));
      task_verdict verdict;
      switch (uniform_below(dice, 8)) {
      case 0:
        verdict = decide(t, complete_task{who});
        break;
      case 1:
        verdict = decide(t, creation());
        break;
      default:
        verdict = decide(t, shuffle_task{1 + uniform_below(dice, 40), shuffle_of(5), who});
      }
      BOOST_REQUIRE((verdict.outcome == task_outcome::done) == !verdict.events.empty());
      for (const auto& event : verdict.events) {
        fees += std::holds_alternative<task_assigned>(event) ? 1U : 0U;
        rewards += std::holds_alternative<task_completed>(event) ? 1U : 0U;
      }
      changes += verdict.events.empty() ? 0U : 1U;
      apply(t, verdict.events, monday + std::chrono::minutes{step});
      BOOST_REQUIRE(t.assignments == fees);
      BOOST_REQUIRE(t.version == changes);
      BOOST_REQUIRE(rewards == (t.status == task_status::done ? 1U : 0U));
      BOOST_REQUIRE(t.completed_at.has_value() == (t.status == task_status::done));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_words_of_a_task_are_those_of_the_contract) {
  BOOST_TEST(to_string(task_status::open) == "open");
  BOOST_TEST(to_string(task_status::done) == "done");
  BOOST_TEST(to_string(assign_reason::created) == "created");
  BOOST_TEST(to_string(assign_reason::shuffled) == "shuffled");
  BOOST_TEST(to_string(assign_reason::released) == "released");
  BOOST_TEST((parse_task_status("open") == task_status::open));
  BOOST_TEST((parse_task_status("done") == task_status::done));
  BOOST_TEST(!parse_task_status("Done"));
  BOOST_TEST(!parse_task_status(""));
}

BOOST_AUTO_TEST_SUITE_END()
