// Tasks whose words are changed (contract.md §3, PATCH /tasks/{id}).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

namespace ates::test {

BOOST_AUTO_TEST_SUITE(edits)

namespace {

using namespace std::chrono_literals;

actors::edit_task_command new_title(const std::string& title) {
  return {title, std::nullopt, std::nullopt};
}

} // namespace

BOOST_AUTO_TEST_CASE(an_edit_is_answered_once_it_is_durable_and_costs_nobody_anything) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.pass(1s);
  const auto balance = w.stored(ann).balance;
  const auto edited = w.ask(ref(task), new_title("mow the lawn"), {}, ann);
  w.run_without_journal();
  BOOST_CHECK(!edited.answered());
  BOOST_CHECK(w.stored(task).title == "sweep the yard");
  w.pass(1s);
  BOOST_CHECK(edited.what() == outcome::ok);
  BOOST_CHECK(edited.task().title == "mow the lawn" && edited.task().version == 2);
  BOOST_CHECK(w.stored(task) == edited.task());
  BOOST_CHECK(w.stored(ann).balance == balance);
  const auto log = w.tables().events.at(0);
  BOOST_CHECK(log.back().row.type == "task.updated.v1");
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(time_does_not_go_back_in_a_shard_that_is_loaded_after_the_clock_was_set_back) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.pass(1s);
  const auto before = w.home->clock.now();
  w.crash();
  w.set_time(before - 3h);
  w.start();
  const auto done = w.complete(task);
  w.hire("bob", 2); // supervisors have no other time than entities
  w.pass(1s);
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(w.stored(task).completed_at >= w.stored(task).created_at);
  for (const auto& [shard, log] : w.tables().events)
    BOOST_CHECK(std::is_sorted(log.begin(), log.end(),
                               [](const auto& a, const auto& b) { return a.row.at < b.row.at; }));
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(an_edit_that_changes_nothing_writes_nothing) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto before = w.tables().events.at(0).size();
  const auto same = w.answer(ref(task), new_title("sweep the yard"));
  BOOST_CHECK(same.what() == outcome::known);
  BOOST_CHECK(same.task().version == 1);
  BOOST_CHECK_EQUAL(w.tables().events.at(0).size(), before);
}

BOOST_AUTO_TEST_CASE(a_done_task_is_not_edited_also_when_its_completion_is_still_on_its_way) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto done = w.complete(task);
  const auto late = w.ask(ref(task), new_title("too late"));
  w.run_without_journal();
  BOOST_CHECK(!late.answered()); // the refusal rests on what is not durable yet
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(late.what() == outcome::already_done);
  BOOST_CHECK(w.stored(task).title == "sweep the yard");
  BOOST_CHECK(w.answer(ref(task_id{w.id_in(2)}), new_title("nothing")).what() == outcome::not_found);
}

BOOST_AUTO_TEST_CASE(an_edit_whose_outcome_was_unknown_is_there_or_not_but_whole) {
  using next = storage::memory_state::next_commit;
  for (const auto lost : {next::unknown_written, next::unknown_not_written}) {
    world w;
    w.hire("ann", 1);
    const auto task = w.new_task(0);
    w.state.arrange(lost);
    const auto edited = w.ask(ref(task), new_title("mow the lawn"));
    w.pass(5s);
    const bool written = lost == next::unknown_written;
    BOOST_CHECK(w.stored(task).title == (written ? "mow the lawn" : "sweep the yard"));
    BOOST_CHECK_EQUAL(w.stored(task).version, written ? 2U : 1U);
    // Asked again, as a client does: it is so at most once.
    const auto again = w.answer(ref(task), new_title("mow the lawn"));
    BOOST_CHECK(again.what() == (written ? outcome::known : outcome::ok));
    BOOST_CHECK_EQUAL(w.stored(task).version, 2U);
    BOOST_CHECK(differences(w.tables()).empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
