// The journal's rules: group commit, the output gate, and what follows when a commit does not succeed
// (design.md §5).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using next = storage::memory_state::next_commit;

/// Lets the first commit that holds a record of `entity` end like this; the others are as they are.
void arrange_for(world& w, const entity_ref& entity, next what) {
  w.watch.before_commit = [&w, entity, what, done = false](auto records) mutable {
    if (!done && std::any_of(records.begin(), records.end(), [&](auto* r) { return r->entity == entity; })) {
      done = true;
      w.state.arrange(what);
    }
  };
}

actors::journal_entry entry_of(world& w, const task_id& id, std::uint64_t generation, storage::epoch epoch) {
  auto record = std::make_shared<storage::record>();
  record->shard = domain::shard_of(id.value, w.home->shards);
  record->epoch = epoch;
  record->entity = ref(id);
  record->replaces = w.stored(id).version;
  auto task = w.stored(id);
  ++task.version;
  record->snapshot = task;
  actors::reply good;
  good.what = outcome::ok;
  return {std::move(record), generation, good};
}

} // namespace

BOOST_AUTO_TEST_SUITE(group_commit)

BOOST_AUTO_TEST_CASE(a_reply_leaves_only_after_the_commit) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto done = w.complete(task);
  w.watch.before_commit = [&, first = true](auto) mutable {
    BOOST_CHECK(!std::exchange(first, false) || !done.answered());
  };
  w.run_without_journal();
  BOOST_CHECK(!done.answered());
  BOOST_CHECK(w.stored(task).status == domain::task_status::open);
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(w.stored(task).status == domain::task_status::done);
}

BOOST_AUTO_TEST_CASE(nothing_is_pushed_before_the_commit) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.pass(1s);
  int pushed = 0;
  w.road.copies_of_push = [&](const auto&) { return ++pushed, 1; };
  w.complete(task);
  w.run_without_journal();
  BOOST_CHECK_EQUAL(pushed, 0);
  w.run();
  BOOST_CHECK_EQUAL(pushed, 1);
  BOOST_CHECK_EQUAL(w.stored(ann).balance.count, 2000);
}

BOOST_AUTO_TEST_CASE(everything_that_queued_up_meanwhile_is_in_one_batch) {
  world w;
  w.hire("ann", 1);
  std::vector<task_id> tasks;
  for (int i = 0; i < 6; ++i)
    tasks.push_back(w.new_task(static_cast<shard_number>(i % 4)));
  w.watch.commits.clear();
  // While the journal is inside its first commit, five other completions arrive.
  std::vector<question> others;
  w.watch.before_commit = [&, first = true](auto) mutable {
    if (!std::exchange(first, false))
      return;
    for (int i = 1; i < 6; ++i)
      others.push_back(w.complete(tasks[static_cast<std::size_t>(i)]));
    w.run_without_journal();
  };
  const auto first = w.complete(tasks[0]);
  w.run();
  BOOST_REQUIRE_GE(w.watch.commits.size(), 2U);
  BOOST_CHECK_EQUAL(w.watch.commits[0].records.size(), 1U);
  const auto& second = w.watch.commits[1].records;
  for (int i = 1; i < 6; ++i)
    BOOST_CHECK(std::count(second.begin(), second.end(), ref(tasks[static_cast<std::size_t>(i)])) == 1);
  BOOST_CHECK(first.what() == outcome::ok);
  for (const auto& q : others)
    BOOST_CHECK(q.what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(a_batch_holds_only_so_many_records) {
  world w;
  w.hire("ann", 1);
  std::vector<question> asked;
  w.watch.commits.clear();
  for (std::size_t i = 0; i < config::limits::batch_records + 10; ++i)
    asked.push_back(w.ask(ref(task_id{w.id_in(static_cast<shard_number>(i % 4))}),
                          actors::create_task_command{"t", {}, {}, {}}));
  w.run_without_journal();
  w.run();
  for (const auto& c : w.watch.commits)
    BOOST_CHECK_LE(c.records.size(), config::limits::batch_records);
  BOOST_CHECK_EQUAL(w.watch.commits[0].records.size(), config::limits::batch_records);
  BOOST_CHECK(std::all_of(asked.begin(), asked.end(), [](const auto& q) { return q.what() == outcome::ok; }));
}

BOOST_AUTO_TEST_CASE(a_passing_failure_is_tried_again_until_it_succeeds) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.state.go_away(true);
  const auto done = w.complete(task);
  w.pass(10s);
  BOOST_CHECK(!done.answered());
  w.state.go_away(false);
  w.pass(1s);
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.completed.v1"), 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(output_gate)

BOOST_AUTO_TEST_CASE(a_read_of_an_entity_with_undurable_changes_waits_behind_them) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.complete(task);
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run_without_journal();
  BOOST_CHECK(!read.answered());
  w.run();
  BOOST_CHECK(read.task().status == domain::task_status::done);
}

BOOST_AUTO_TEST_CASE(a_read_of_a_durable_entity_answers_without_the_journal) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run_without_journal();
  BOOST_CHECK(read.task().version == 1);
}

BOOST_AUTO_TEST_CASE(a_refusal_computed_from_undurable_state_waits_too) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.complete(task);
  const auto too_late = w.ask(ref(task), actors::complete_task_command{}, {}, account_id{w.id_in(0)});
  w.run_without_journal();
  BOOST_CHECK(!too_late.answered());
  w.run();
  BOOST_CHECK(too_late.what() == outcome::already_done);
}

BOOST_AUTO_TEST_CASE(a_refusal_that_rested_on_a_change_that_was_never_written_is_not_told) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  arrange_for(w, ref(task), next::unknown_not_written);
  const auto done = w.complete(task);
  const auto too_late = w.ask(ref(task), actors::complete_task_command{}, {}, account_id{w.id_in(0)});
  w.run();
  BOOST_CHECK(done.what() == outcome::unavailable);
  BOOST_CHECK(too_late.what() == outcome::unavailable);
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).task().status == domain::task_status::open);
}

BOOST_AUTO_TEST_CASE(an_old_lease_answer_asks_the_database_first) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(2);
  w.lose_right();
  w.watch.commits.clear();
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run_without_journal();
  BOOST_CHECK(!read.answered());
  w.run();
  BOOST_CHECK(read.what() == outcome::ok);
  BOOST_REQUIRE_EQUAL(w.watch.commits.size(), 1U);
  BOOST_CHECK(w.watch.commits[0].records.empty());
  BOOST_REQUIRE_EQUAL(w.watch.commits[0].fence_only.size(), 1U);
  BOOST_CHECK_EQUAL(w.watch.commits[0].fence_only[0].first, 2);
}

BOOST_AUTO_TEST_CASE(a_read_finds_out_that_the_lease_is_lost) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(2);
  w.lose_right();
  w.state.change([](auto& t) {
    t.leases[2].owner = 77;
    ++t.leases[2].epoch;
  });
  const auto read = w.answer(ref(task), actors::read_entity{});
  BOOST_CHECK(read.what() == outcome::unavailable);
  BOOST_CHECK_EQUAL(w.status(2).epoch, 0); // the shard is unloaded
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(definite_failure)

BOOST_AUTO_TEST_CASE(
    a_refused_record_is_narrowed_down_and_only_its_entity_is_quarantined_others_are_sent_again) {
  world w;
  w.hire("ann", 1);
  std::vector<task_id> elsewhere;
  for (int i = 0; i < 5; ++i)
    elsewhere.push_back(w.new_task(static_cast<shard_number>(1 + i % 3)));
  const auto poisoned = w.new_task(0);
  const auto beside = w.new_task(0);
  w.state.refuse(ref(poisoned));
  std::vector<question> others;
  for (int i = 0; i < 3; ++i)
    others.push_back(w.complete(elsewhere[static_cast<std::size_t>(i)]));
  const auto bad = w.complete(poisoned);
  for (int i = 3; i < 5; ++i)
    others.push_back(w.complete(elsewhere[static_cast<std::size_t>(i)]));
  w.run_without_journal();
  w.run();
  BOOST_CHECK(bad.what() == outcome::quarantined);
  for (const auto& q : others)
    BOOST_CHECK(q.what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.home->counters.refused_records.load(), 1U);
  BOOST_CHECK_EQUAL(w.home->counters.shard_resets.load(), 1U);
  // The entity beside it lives on in the reset shard; it alone stays out, also when the database would take
  // it.
  w.state.refuse(std::nullopt);
  const auto good = w.complete(beside);
  const auto still_bad = w.complete(poisoned);
  w.run();
  BOOST_CHECK(good.what() == outcome::ok);
  BOOST_CHECK(still_bad.what() == outcome::quarantined);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_lost_fence_fails_only_that_shards_records) {
  world w;
  w.hire("ann", 1);
  const auto lost = w.new_task(2);
  const auto kept = w.new_task(3);
  w.state.change([](auto& t) {
    t.leases[2].owner = 77;
    ++t.leases[2].epoch;
  });
  const auto bad = w.complete(lost);
  const auto good = w.complete(kept);
  w.run_without_journal();
  w.run();
  BOOST_CHECK(bad.what() == outcome::unavailable);
  BOOST_CHECK(good.what() == outcome::ok);
  BOOST_CHECK(w.stored(lost).status == domain::task_status::open);
  BOOST_CHECK_EQUAL(w.status(2).epoch, 0);
  BOOST_CHECK(w.status(3).serving);
  BOOST_CHECK(!w.answer(ref(lost), actors::read_entity{}).answered()); // waits for whoever serves it next
}

BOOST_AUTO_TEST_CASE(a_shard_whose_lease_comes_back_serves_again_and_takes_nothing_of_its_former_life) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(2);
  w.lose_right();
  const auto owner = w.tables().leases[2].owner;
  w.state.change([](auto& t) {
    t.leases[2].owner = 77;
    ++t.leases[2].epoch;
  });
  w.answer(ref(task), actors::read_entity{});
  BOOST_REQUIRE_EQUAL(w.status(2).epoch, 0);
  w.state.change([&](auto& t) {
    t.leases[2].owner = owner;
    ++t.leases[2].epoch;
  });
  w.renew_right();
  w.start_lost_shards();
  const auto old = w.append(entry_of(w, task, 3, 1)); // as its former life would have
  w.run();
  BOOST_CHECK(old.what() == outcome::unavailable);
  BOOST_CHECK(w.status(2).serving);
  const auto done = w.complete(task);
  w.pass(1s);
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(differences(w.tables()).empty());
}

/// Every shard of the node is somebody else's.
void lose_all_leases(world& w) {
  w.state.change([](auto& t) {
    for (auto& [_, lease] : t.leases) {
      lease.owner = 77;
      ++lease.epoch;
    }
  });
}

/// A task is completed, and the node hears that its incarnation is dead before that is written. `before`:
/// what else happens to the commit.
void check_a_late_write_is_refused(const std::function<void(world&, const task_id&)>& before) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(2);
  lose_all_leases(w);
  before(w, task);
  const auto late = w.complete(task);
  w.run_without_journal();
  caf::anon_send(w.journal, atom::dead_v);
  w.run();
  BOOST_CHECK(late.what() == outcome::unavailable);
  BOOST_CHECK(w.stored(task).status == domain::task_status::open);
  BOOST_CHECK_GE(w.home->counters.fence_refusals.load(), 1U);
}

BOOST_AUTO_TEST_CASE(what_a_dead_incarnation_still_had_in_hand_is_refused_by_the_fence_and_counted) {
  check_a_late_write_is_refused([](world&, const task_id&) {});
}

BOOST_AUTO_TEST_CASE(
    a_dead_incarnation_whose_connection_ended_with_its_lease_learns_that_nothing_was_written) {
  check_a_late_write_is_refused(
      [](world& w, const task_id& task) { arrange_for(w, ref(task), next::unknown_not_written); });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(unknown_outcome)

BOOST_AUTO_TEST_CASE(an_unknown_outcome_that_was_written_answers_ok_and_reloads) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  arrange_for(w, ref(task), next::unknown_written);
  w.watch.loads.clear();
  const auto before = w.tables().leases[0].epoch;
  const auto done = w.complete(task);
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.tables().leases[0].epoch, before + 1); // shut out whoever holds the statement
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).task().status == domain::task_status::done);
  BOOST_CHECK(std::count(w.watch.loads.begin(), w.watch.loads.end(), ref(task)) == 1);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(ann).balance.count, 2000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_that_was_not_written_answers_unavailable) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  arrange_for(w, ref(task), next::unknown_not_written);
  const auto done = w.complete(task);
  w.run();
  BOOST_CHECK(done.what() == outcome::unavailable);
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).task().status == domain::task_status::open);
  const auto again = w.complete(task);
  w.run();
  BOOST_CHECK(again.what() == outcome::ok);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_answered_while_an_outcome_is_unknown) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto other = w.new_task(1);
  arrange_for(w, ref(task), next::unknown_written);
  const auto done = w.complete(task);
  w.run_without_journal();
  BOOST_REQUIRE(w.step_until([&] { return w.home->counters.unknown_outcomes.load() != 0; }));
  w.state.go_away(true);
  const auto behind = w.complete(other);
  w.pass(5s);
  BOOST_CHECK(!done.answered());
  BOOST_CHECK(!behind.answered());
  w.state.go_away(false);
  w.pass(1s);
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(behind.what() == outcome::unavailable); // decided before the reset: dropped, not written
  BOOST_CHECK(w.stored(other).status == domain::task_status::open);
}

BOOST_AUTO_TEST_CASE(a_look_at_an_unknown_outcome_decides_what_callers_hear_even_if_the_lease_has_moved) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(2);
  arrange_for(w, ref(task), next::unknown_written);
  const auto done = w.complete(task);
  w.run_without_journal();
  BOOST_REQUIRE(w.step_until([&] { return w.home->counters.unknown_outcomes.load() != 0; }));
  w.state.change([](auto& t) {
    t.leases[2].owner = 77;
    ++t.leases[2].epoch;
  });
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.status(2).epoch, 0);
}

BOOST_AUTO_TEST_CASE(records_of_an_older_generation_are_dropped) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  arrange_for(w, ref(task), next::unknown_not_written);
  w.complete(task); // the shard starts over
  w.run();
  const auto epoch = w.status(0).epoch;
  const auto before = w.stored(task);
  const auto old = w.append(entry_of(w, task, 0, epoch));
  w.run();
  BOOST_CHECK(old.what() == outcome::unavailable);
  BOOST_CHECK(w.stored(task) == before);
  BOOST_CHECK_GE(w.home->counters.stale_records.load(), 1U);
}

BOOST_AUTO_TEST_CASE(records_of_an_older_epoch_are_refused_by_the_fence) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto before = w.stored(task);
  w.state.change([](auto& t) { ++t.leases[0].epoch; });
  const auto done = w.complete(task);
  w.run();
  BOOST_CHECK(done.what() == outcome::unavailable);
  BOOST_CHECK(w.stored(task) == before);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
