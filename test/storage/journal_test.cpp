// The conformance suite of the journal seam: what PostgreSQL does, its memory twin does.

#include "storage/event_json.hpp"
#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <future>

using namespace ates::storage;
using namespace ates::test;
namespace domain = ates::domain;
using kind = commit_outcome::kind;

namespace ates::storage {
static std::ostream& operator<<(std::ostream& out, commit_outcome::kind k) {
  return out << static_cast<int>(k);
}
} // namespace ates::storage

namespace {

std::set<std::int64_t> above(const shard_counters& counters, shard_number source) {
  const auto found = counters.above.find(source);
  return found == counters.above.end() ? std::set<std::int64_t>{} : found->second;
}

std::int64_t at(const std::map<shard_number, std::int64_t>& values, shard_number key) {
  const auto found = values.find(key);
  return found == values.end() ? 0 : found->second;
}

} // namespace

BOOST_AUTO_TEST_SUITE(journal_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_task_is_read_back_as_it_was_written, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  BOOST_REQUIRE(d.commits({create_record(d.epochs[1], 1, task, account_in(2, 0))}));
  BOOST_TEST((d.template stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
  BOOST_REQUIRE(d.commits({complete_record(d.epochs[1], 1, task)}));
  BOOST_TEST((d.template stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_edited_task_is_read_back_with_its_new_words, World, worlds) {
  World world;
  desk d{world};
  const auto read_back = [&](const domain::task& t) {
    return d.template stored<domain::task>(entity_kind::task, 1, t.id.value);
  };
  auto task = new_task(task_in(1, 0));
  auto other = new_task(task_in(1, 1));
  const auto e = d.epochs.at(1);
  BOOST_REQUIRE(
      d.commits({create_record(e, 1, task, account_in(2, 0)), create_record(e, 1, other, account_in(2, 0))}));
  BOOST_REQUIRE(d.commits({edit_record(e, 1, task, "New \"words\" \\ 水")}));
  BOOST_TEST((read_back(task) == task));
  BOOST_TEST(task.jira_id.empty());
  // In one batch with changes that leave the words alone, before and after.
  BOOST_REQUIRE(d.commits({shuffle_record(e, 1, task, account_in(3, 0), 1), edit_record(e, 1, task, "Newer"),
                           complete_record(e, 1, task)}));
  BOOST_TEST((read_back(task) == task));
  BOOST_TEST((read_back(other) == other));
  // Created and edited in one batch.
  auto fresh = new_task(task_in(1, 2));
  BOOST_REQUIRE(
      d.commits({create_record(e, 1, fresh, account_in(2, 0)), edit_record(e, 1, fresh, "At once")}));
  BOOST_TEST((read_back(fresh) == fresh));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_edit_by_a_writer_that_lost_its_lease_changes_no_words, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  BOOST_REQUIRE(d.commits({create_record(d.epochs.at(1), 1, task, account_in(2, 0))}));
  auto edited = task;
  const auto late = edit_record(d.epochs.at(1), 1, edited, "Too late");
  world.lose(1);
  BOOST_TEST(d.commit({late}).what == kind::fenced);
  BOOST_TEST((d.template stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_edit_of_another_version_is_refused_whole, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  BOOST_REQUIRE(d.commits({create_record(d.epochs.at(1), 1, task, account_in(2, 0))}));
  auto stale = task;
  BOOST_REQUIRE(d.commits({complete_record(d.epochs.at(1), 1, task)}));
  BOOST_TEST(d.commit({edit_record(d.epochs.at(1), 1, stale, "Over it")}).what == kind::refused);
  BOOST_TEST((d.template stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_account_is_read_back_as_it_was_written, World, worlds) {
  World world;
  desk d{world};
  auto account = new_account(account_in(2, 0));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], account, 0, 1)}));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], account, 0, 2)}));
  BOOST_TEST(account.balance.count == 200);
  BOOST_TEST((d.template stored<domain::account>(entity_kind::account, 2, account.id.value) == account));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shard_is_read_back_as_it_was_written, World, worlds) {
  World world;
  desk d{world};
  record r;
  r.shard = 3;
  r.epoch = d.epochs[3];
  r.entity = {entity_kind::shard, {}};
  shard_row row{sample_day(), 4, noon(), 3, 17, sample_day() - std::chrono::days{1}, 1};
  r.snapshot = row;
  BOOST_REQUIRE(d.commits({r}));
  BOOST_TEST((world.loader().load_shards(d.shards)[3].state == row));
  r.replaces = 1;
  row.version = 2;
  row.run_done = 4;
  r.snapshot = row;
  BOOST_REQUIRE(d.commits({r}));
  BOOST_TEST((world.loader().load_shards(d.shards)[3].state == row));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(several_records_of_one_entity_in_a_batch_leave_the_last_state, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto account = new_account(account_in(2, 0));
  const auto e = d.epochs;
  BOOST_REQUIRE(d.commits({create_record(e.at(1), 1, task, account.id), complete_record(e.at(1), 1, task),
                           reward_record(e.at(2), account, 0, 1), reward_record(e.at(2), account, 0, 2)}));
  BOOST_TEST(task.version == 2u);
  BOOST_TEST((d.template stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
  BOOST_TEST((d.template stored<domain::account>(entity_kind::account, 2, account.id.value) == account));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(events_are_numbered_without_gaps_also_after_a_refused_batch, World, worlds) {
  World world;
  desk d{world};
  auto first = new_task(task_in(1, 0));
  BOOST_REQUIRE(
      d.commits({create_record(d.epochs[1], 1, first, account_in(2, 0))})); // 3 events, 1 for shard 2
  auto wrong = first;
  wrong.version = 7;
  BOOST_TEST(d.commit({complete_record(d.epochs[1], 1, wrong)}).what == kind::refused);
  d.out.clear();
  BOOST_REQUIRE(d.commits({complete_record(d.epochs[1], 1, first)}));
  BOOST_REQUIRE(d.out.size() == 1u);
  BOOST_TEST(d.out[0].target_seq == 2);
  BOOST_TEST(d.stored(1).last_seq == 4);
  BOOST_TEST(at(d.stored(1).last_target_seq, 2) == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(numbers_go_on_after_a_restart, World, worlds) {
  World world;
  auto task = new_task(task_in(1, 0));
  {
    desk d{world};
    BOOST_REQUIRE(d.commits({create_record(d.epochs[1], 1, task, account_in(2, 0))}));
  }
  desk d{world};
  BOOST_REQUIRE(d.commits({complete_record(d.epochs[1], 1, task)}));
  BOOST_TEST(d.out[0].target_seq == 2);
  BOOST_TEST(d.stored(1).last_seq == 4);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_pushed_is_what_the_inbox_holds, World, worlds) {
  World world;
  desk d{world};
  auto one = new_task(task_in(1, 0));
  auto two = new_task(task_in(1, 1));
  auto three = new_task(task_in(3, 0));
  const auto e = d.epochs;
  BOOST_REQUIRE(d.commits(
      {create_record(e.at(1), 1, one, account_in(2, 0)), create_record(e.at(3), 3, three, account_in(2, 1)),
       create_record(e.at(1), 1, two, account_in(2, 0)), complete_record(e.at(1), 1, one)}));
  std::vector<delivery> from_one;
  for (const auto& event : d.out)
    if (event.source == 1)
      from_one.push_back(event);
  const auto inbox = world.loader().inbox(2, 1, 0, 100);
  BOOST_REQUIRE(inbox.size() == 3u);
  BOOST_REQUIRE(from_one.size() == 3u);
  for (std::size_t i = 0; i < inbox.size(); ++i) {
    BOOST_TEST(inbox[i].target_seq == static_cast<std::int64_t>(i + 1));
    BOOST_TEST(inbox[i].target_seq == from_one[i].target_seq);
    BOOST_TEST(inbox[i].type == from_one[i].type);
    BOOST_TEST(inbox[i].data == from_one[i].data);
    BOOST_TEST((inbox[i].subject == from_one[i].subject && inbox[i].at == from_one[i].at));
  }
  BOOST_TEST(world.loader().inbox(2, 1, 1, 1).at(0).target_seq == 2);
  const auto heads = world.loader().inbox_heads(2);
  BOOST_TEST(heads.size() == 2u);
  BOOST_TEST(at(heads, 1) == 3);
  BOOST_TEST(at(heads, 3) == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_batch_with_one_stale_shard_is_refused_whole, World, worlds) {
  World world;
  desk d{world};
  world.lose(2);
  auto good = new_task(task_in(1, 0));
  auto stale = new_task(task_in(2, 0));
  const auto outcome = d.commit({create_record(d.epochs[1], 1, good, account_in(3, 0)),
                                 create_record(d.epochs[2], 2, stale, account_in(3, 0))});
  BOOST_TEST(outcome.what == kind::fenced);
  BOOST_TEST(outcome.shards == std::vector<shard_number>{2}, boost::test_tools::per_element());
  BOOST_TEST(d.out.empty());
  BOOST_TEST(d.stored(1).last_seq == 0);
  BOOST_TEST(!d.template stored<domain::task>(entity_kind::task, 1, good.id.value).has_value());
  auto again = new_task(task_in(1, 0));
  BOOST_TEST(d.commits({create_record(d.epochs[1], 1, again, account_in(3, 0))}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_record_of_an_older_epoch_is_refused, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto outcome = d.commit({create_record(d.epochs[1] - 1, 1, task, account_in(3, 0))});
  BOOST_TEST(outcome.what == kind::fenced);
  BOOST_TEST(outcome.shards == std::vector<shard_number>{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(records_of_two_epochs_of_one_shard_are_refused_together, World, worlds) {
  World world;
  desk d{world};
  auto one = new_task(task_in(1, 0));
  auto two = new_task(task_in(1, 1));
  const auto outcome = d.commit({create_record(d.epochs[1], 1, one, account_in(3, 0)),
                                 create_record(d.epochs[1] - 1, 1, two, account_in(3, 0))});
  BOOST_TEST(outcome.what == kind::fenced);
  BOOST_TEST(outcome.shards == std::vector<shard_number>{1}, boost::test_tools::per_element());
  BOOST_TEST(d.stored(1).last_seq == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_commit_that_waited_for_a_takeover_is_refused, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(3, 0));
  world.begin_takeover(1);
  auto outcome = std::async(std::launch::async, [&] { return d.commit({r}); });
  world.wait_for_blocked_commit();
  world.end_takeover(1);
  BOOST_TEST(outcome.get().what == kind::fenced);
  BOOST_TEST(d.stored(1).last_seq == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_empty_batch_proves_or_disproves_leases, World, worlds) {
  World world;
  desk d{world};
  const std::vector<std::pair<shard_number, epoch>> leases{{1, d.epochs[1]}, {2, d.epochs[2]}};
  BOOST_TEST(d.journal->commit({}, leases, d.out).what == kind::committed);
  world.lose(2);
  const auto outcome = d.journal->commit({}, leases, d.out);
  BOOST_TEST(outcome.what == kind::fenced);
  BOOST_TEST(outcome.shards == std::vector<shard_number>{2}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_snapshot_that_replaces_another_version_aborts, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto account = new_account(account_in(2, 0));
  BOOST_REQUIRE(d.commits(
      {create_record(d.epochs[1], 1, task, account.id), reward_record(d.epochs[2], account, 0, 1)}));
  auto behind = task;
  behind.version = 0;
  BOOST_TEST(d.commit({complete_record(d.epochs[1], 1, behind)}).what == kind::refused);
  auto twice = new_task(task.id);
  BOOST_TEST(d.commit({create_record(d.epochs[1], 1, twice, account.id)}).what == kind::refused);
  auto ahead = account;
  ahead.version = 5;
  BOOST_TEST(d.commit({reward_record(d.epochs[2], ahead, 0, 2)}).what == kind::refused);
  auto fresh = new_account(account.id);
  BOOST_TEST(d.commit({reward_record(d.epochs[2], fresh, 0, 2)}).what == kind::refused);
  BOOST_TEST((d.template stored<domain::account>(entity_kind::account, 2, account.id.value) == account));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_broken_chain_of_versions_inside_a_batch_aborts, World, worlds) {
  World world;
  desk d{world};
  auto account = new_account(account_in(2, 0));
  const auto first = reward_record(d.epochs[2], account, 0, 1);
  ++account.version; // as if a record had been lost in between
  const auto second = reward_record(d.epochs[2], account, 0, 2);
  BOOST_TEST(d.commit({first, second}).what == kind::refused);
  BOOST_TEST(d.stored(2).last_seq == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cursor_moves_only_over_an_unbroken_run, World, worlds) {
  World world;
  desk d{world};
  auto a = new_account(account_in(2, 0));
  auto b = new_account(account_in(2, 1));
  const auto e = d.epochs.at(2);
  BOOST_REQUIRE(d.commits({reward_record(e, a, 1, 2), reward_record(e, b, 1, 4)}));
  BOOST_TEST(d.journal->cursor(2, 1) == 0);
  BOOST_TEST(at(d.stored(2).cursor, 1) == 0);
  BOOST_TEST(above(d.stored(2), 1) == (std::set<std::int64_t>{2, 4}), boost::test_tools::per_element());
  BOOST_REQUIRE(d.commits({reward_record(e, a, 1, 1)}));
  BOOST_TEST(d.journal->cursor(2, 1) == 2);
  BOOST_TEST(at(d.stored(2).cursor, 1) == 2);
  BOOST_TEST(above(d.stored(2), 1) == (std::set<std::int64_t>{4}), boost::test_tools::per_element());
  BOOST_REQUIRE(d.commits({reward_record(e, b, 1, 5), reward_record(e, a, 1, 3)}));
  BOOST_TEST(d.journal->cursor(2, 1) == 5);
  BOOST_TEST(at(d.stored(2).cursor, 1) == 5);
  BOOST_TEST(above(d.stored(2), 1).empty());
  BOOST_TEST(d.journal->cursor(2, 3) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cursor_goes_on_from_what_was_read_back, World, worlds) {
  World world;
  auto a = new_account(account_in(2, 0));
  {
    desk d{world};
    BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], a, 1, 1), reward_record(d.epochs[2], a, 1, 3)}));
  }
  desk d{world};
  BOOST_TEST(d.journal->cursor(2, 1) == 1);
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], a, 1, 2)}));
  BOOST_TEST(d.journal->cursor(2, 1) == 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cause_that_has_had_its_effect_is_refused, World, worlds) {
  World world;
  desk d{world};
  auto a = new_account(account_in(2, 0));
  auto b = new_account(account_in(2, 1));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], a, 1, 1)}));
  BOOST_TEST(d.commit({reward_record(d.epochs[2], b, 1, 1)}).what == kind::refused);
  auto fresh = new_account(account_in(2, 1));
  BOOST_TEST(d.commits({reward_record(d.epochs[2], fresh, 3, 1)})); // the same number of another source
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_lost_commit_reply_is_settled_by_the_batch_number, World, worlds) {
  for (const bool written : {true, false}) {
    BOOST_TEST_CONTEXT("written: " << written) {
      World world;
      desk d{world};
      auto before = new_task(task_in(1, 0));
      BOOST_REQUIRE(d.commits({create_record(d.epochs[1], 1, before, account_in(2, 0))}));
      auto task = new_task(task_in(1, 1));
      const auto created = create_record(d.epochs[1], 1, task, account_in(2, 0));
      world.lose_next_reply(written);
      BOOST_TEST(d.commit({created}).what == kind::unknown);
      const auto settled = d.journal->settle(d.shards);
      BOOST_REQUIRE(settled.has_value());
      BOOST_TEST(settled->committed == written);
      BOOST_TEST(
          (d.template stored<domain::task>(entity_kind::task, 1, task.id.value).has_value() == written));
      for (const auto shard : d.shards)
        BOOST_TEST(settled->new_epochs.at(shard) == d.epochs[shard] + 1);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(numbers_go_on_after_a_settlement, World, worlds) {
  for (const bool written : {true, false}) {
    BOOST_TEST_CONTEXT("written: " << written) {
      World world;
      desk d{world};
      auto task = new_task(task_in(1, 0));
      world.lose_next_reply(written);
      BOOST_TEST(d.commit({create_record(d.epochs[1], 1, task, account_in(2, 0))}).what == kind::unknown);
      const auto settled = d.journal->settle(d.shards);
      BOOST_REQUIRE(settled.has_value());
      auto next = new_task(task_in(1, 1));
      const auto r = create_record(settled->new_epochs.at(1), 1, next, account_in(2, 0));
      BOOST_REQUIRE(d.commits({r}));
      BOOST_TEST(d.stored(1).last_seq == (written ? 6 : 3));
      BOOST_TEST(at(d.stored(1).last_target_seq, 2) == (written ? 2 : 1));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_a_settlement_the_old_epoch_is_shut_out, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  world.lose_next_reply(false);
  BOOST_TEST(d.commit({r}).what == kind::unknown);
  BOOST_REQUIRE(d.journal->settle(d.shards).has_value());
  BOOST_TEST(d.commit({r}).what == kind::fenced);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_settlement_tells_what_happened_also_when_the_lease_has_moved, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  world.lose_next_reply(true);
  BOOST_TEST(d.commit({create_record(d.epochs[1], 1, task, account_in(2, 0))}).what == kind::unknown);
  world.lose(1);
  const auto settled = d.journal->settle(d.shards);
  BOOST_REQUIRE(settled.has_value());
  BOOST_TEST(settled->committed);
  BOOST_TEST(!settled->new_epochs.contains(1));
  BOOST_TEST(settled->new_epochs.contains(2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(while_storage_is_away_nothing_is_written_and_nothing_settled, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  world.lose_next_reply(false);
  BOOST_TEST(d.commit({r}).what == kind::unknown);
  world.go_away();
  BOOST_TEST(!d.journal->settle(d.shards).has_value());
  BOOST_CHECK_THROW(world.loader().load_shards(d.shards), storage_error);
  world.come_back();
  const auto settled = d.journal->settle(d.shards);
  BOOST_REQUIRE(settled.has_value());
  BOOST_TEST(!settled->committed);
  auto again = new_task(task_in(1, 0));
  BOOST_TEST(d.commits({create_record(settled->new_epochs.at(1), 1, again, account_in(2, 0))}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_commit_that_cannot_connect_is_to_be_tried_again, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  world.go_away();
  BOOST_TEST(d.commit({r}).what == kind::retry);
  world.come_back();
  BOOST_TEST(d.commits({r}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(two_journals_of_one_node_write_side_by_side, World, worlds) {
  World world;
  desk even{world, {0, 2}};
  desk odd{world, {1, 3}};
  odd.journal = world.journal(1);
  odd.attach();
  auto a = new_task(task_in(0, 0));
  auto b = new_task(task_in(1, 0));
  BOOST_TEST(even.commits({create_record(even.epochs[0], 0, a, account_in(2, 0))}));
  world.lose_next_reply(false);
  BOOST_TEST(odd.commit({create_record(odd.epochs[1], 1, b, account_in(3, 0))}).what == kind::unknown);
  BOOST_TEST(even.commits({complete_record(even.epochs[0], 0, a)}));
  const auto settled = odd.journal->settle(odd.shards);
  BOOST_REQUIRE(settled.has_value());
  BOOST_TEST(!settled->committed); // the other journal's batches do not count
  BOOST_TEST(!settled->new_epochs.contains(0));
}

BOOST_AUTO_TEST_SUITE_END()
