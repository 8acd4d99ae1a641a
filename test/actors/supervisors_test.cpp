// Shuffles and payouts: begun once, ended once, whatever happens meanwhile (design.md §8, contract.md B6,
// B9).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include "domain/draw.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using next = storage::memory_state::next_commit;

bool all_shuffles_ended(world& w) {
  const auto t = w.tables();
  return std::all_of(t.shuffles.begin(), t.shuffles.end(),
                     [](const auto& s) { return s.second.finished_at.has_value(); });
}

bool all_payouts_ended(world& w) {
  const auto t = w.tables();
  return std::all_of(t.payouts.begin(), t.payouts.end(),
                     [](const auto& p) { return p.second.status == storage::payout_status::done; });
}

/// Two workers and some open tasks everywhere.
struct company : world {
  explicit company(world_options options = {}) : world(options), ann(hire("ann", 1)), bob(hire("bob", 2)) {
    for (int i = 0; i < 9; ++i)
      tasks.push_back(new_task(static_cast<shard_number>(i % 4)));
    pass(1s);
  }
  account_id ann, bob;
  std::vector<task_id> tasks;
};

/// Lets the `n`-th commit from now on end like this.
void arrange_commit(world& w, int n, next what) {
  w.watch.before_commit = [&w, n, what](auto) mutable {
    if (--n == 0)
      w.state.arrange(what);
  };
}

} // namespace

BOOST_AUTO_TEST_SUITE(shuffles)

BOOST_AUTO_TEST_CASE(a_shuffle_gives_each_open_task_to_whom_the_formula_says_and_charges_the_fee) {
  company w;
  w.complete(w.tasks[0]);
  w.pass(1s);
  const auto fees = count_entries(w.tables(), domain::entry_kind::assignment_fee);
  BOOST_CHECK(w.answer(shuffles_ref, actors::request_shuffle_command{}).what() == outcome::ok);
  BOOST_REQUIRE(w.pass_until([&] { return all_shuffles_ended(w); }));
  const auto t = w.tables();
  const auto& run = t.shuffles.at(1);
  BOOST_CHECK(run.status == storage::shuffle_status::done);
  BOOST_CHECK(run.open_tasks == 8);
  BOOST_CHECK(run.reassigned == 8);
  const auto& roster = t.rosters.at(1).accounts;
  for (std::size_t i = 1; i < w.tasks.size(); ++i) {
    const auto task = w.stored(w.tasks[i]);
    BOOST_CHECK(task.assignee == roster[domain::draw(run.seed, task.id, roster.size())]);
    BOOST_CHECK_EQUAL(task.assignments, 2U);
  }
  BOOST_CHECK_EQUAL(w.stored(w.tasks[0]).assignments, 1U);
  BOOST_CHECK_EQUAL(count_entries(t, domain::entry_kind::assignment_fee), fees + 8);
  BOOST_CHECK(differences(t).empty());
}

BOOST_AUTO_TEST_CASE(shuffles_queue_and_run_one_after_another) {
  company w;
  std::vector<question> asked;
  for (int i = 0; i < 3; ++i)
    asked.push_back(w.ask(shuffles_ref, actors::request_shuffle_command{}));
  BOOST_REQUIRE(w.pass_until([&] { return w.tables().shuffles.size() == 3 && all_shuffles_ended(w); }));
  const auto t = w.tables();
  for (int i = 1; i <= 3; ++i)
    BOOST_CHECK(t.shuffles.at(i).reassigned == 9);
  BOOST_CHECK(*t.shuffles.at(2).started_at >= *t.shuffles.at(1).finished_at);
  BOOST_CHECK(*t.shuffles.at(3).started_at >= *t.shuffles.at(2).finished_at);
  for (const auto& q : asked)
    BOOST_CHECK(q.what() == outcome::ok);
  BOOST_CHECK_EQUAL(count_events(t, "shuffle.finished.v1"), 3);
  BOOST_CHECK(differences(t).empty());
}

BOOST_AUTO_TEST_CASE(only_so_many_shuffles_queue) {
  company w;
  w.road.copies_of_ack = [](const auto&) { return 0; }; // the first one never ends
  for (std::size_t i = 0; i < config::limits::queued_shuffles; ++i)
    w.ask(shuffles_ref, actors::request_shuffle_command{});
  w.run();
  BOOST_CHECK(w.answer(shuffles_ref, actors::request_shuffle_command{}).what() == outcome::overloaded);
}

BOOST_AUTO_TEST_CASE(a_shuffle_without_anybody_assignable_is_refused_and_nothing_is_stored) {
  world w;
  BOOST_CHECK(w.answer(shuffles_ref, actors::request_shuffle_command{}).what() ==
              outcome::no_assignable_account);
  BOOST_CHECK(w.tables().shuffles.empty());
}

BOOST_AUTO_TEST_CASE(a_shuffle_ends_only_when_every_fee_is_charged) {
  company w;
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.road.copies_of_ack = [](const auto&) { return 0; };
  w.answer(shuffles_ref, actors::request_shuffle_command{});
  w.pass(3s);
  BOOST_CHECK(!all_shuffles_ended(w));
  w.road = {};
  BOOST_CHECK(w.pass_until([&] { return all_shuffles_ended(w); }));
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_shuffle_interrupted_by_a_reset_goes_on_and_charges_once) {
  for (const auto fault : {next::unknown_written, next::unknown_not_written, next::retry}) {
    for (int nth = 1;; ++nth) {
      BOOST_TEST_CONTEXT("fault " << static_cast<int>(fault) << " at commit " << nth) {
        company w;
        w.watch.commits.clear();
        arrange_commit(w, nth, fault);
        w.ask(shuffles_ref, actors::request_shuffle_command{});
        BOOST_CHECK(w.pass_until([&] { return all_shuffles_ended(w) && differences(w.tables()).empty(); }));
        const auto t = w.tables();
        for (const auto& [run, row] : t.shuffles) {
          BOOST_CHECK(row.status == storage::shuffle_status::done);
          BOOST_CHECK(row.reassigned == 9);
          BOOST_CHECK_EQUAL(count_events(t, "shuffle.finished.v1"), 1);
        }
        if (nth > static_cast<int>(w.watch.commits.size()))
          break;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_shuffle_interrupted_by_the_end_of_the_node_goes_on_and_charges_once) {
  for (std::size_t nth = 1; nth <= 12; ++nth) {
    BOOST_TEST_CONTEXT("the node ends after commit " << nth) {
      company w;
      w.watch.commits.clear();
      w.ask(shuffles_ref, actors::request_shuffle_command{});
      w.step_until([&] { return w.watch.commits.size() >= nth; });
      w.crash();
      w.start();
      BOOST_CHECK(w.pass_until([&] { return all_shuffles_ended(w) && differences(w.tables()).empty(); }));
      BOOST_CHECK_EQUAL(count_events(w.tables(), "shuffle.finished.v1"), w.tables().shuffles.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_run_that_ends_while_its_progress_is_being_stored_ends_once) {
  company w;
  // While the last shard's end of the run is being written, the progress and the next request get in line;
  // the last report comes before either is durable.
  int shards_done = 0;
  w.watch.before_commit = [&](auto records) {
    for (const auto* r : records) {
      const auto* row = std::get_if<storage::shard_row>(&r->snapshot);
      if (row == nullptr || row->run_done != 1 || ++shards_done != 4)
        continue;
      w.scheduler.advance_time(1s);
      w.ask(shuffles_ref, actors::request_shuffle_command{});
      w.run_without_journal();
    }
  };
  w.ask(shuffles_ref, actors::request_shuffle_command{});
  BOOST_REQUIRE(w.step_until([&] { return shards_done == 4; }));
  w.run_without_journal();
  BOOST_CHECK(w.pass_until([&] { return w.tables().shuffles.size() == 2 && all_shuffles_ended(w); }));
  w.pass(3s);
  const auto t = w.tables();
  BOOST_CHECK_EQUAL(count_events(t, "shuffle.finished.v1"), 2);
  BOOST_CHECK(t.shuffles.at(1).reassigned == 9);
  BOOST_CHECK(t.shuffles.at(2).reassigned == 9);
  BOOST_CHECK(differences(t).empty());
}

BOOST_AUTO_TEST_CASE(a_task_created_after_the_start_is_left_alone) {
  company w;
  w.road.copies_of_ack = [](const auto&) { return 0; };
  w.answer(shuffles_ref, actors::request_shuffle_command{});
  const auto late = w.new_task(0);
  w.road.copies_of_ack = {};
  BOOST_REQUIRE(w.pass_until([&] { return all_shuffles_ended(w); }));
  BOOST_CHECK_EQUAL(w.stored(late).assignments, 1U);
  BOOST_CHECK(w.tables().shuffles.at(1).reassigned == 9);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(payouts)

namespace {

/// Ann and Bob have earned something; Carl owes.
struct pay_day : company {
  pay_day() {
    for (const auto& task : tasks)
      complete(task);
    run();
    carl = hire("carl", 3);
    while (!tables().accounts.contains({3, carl.value}) || stored(carl).balance >= domain::cents{})
      new_task(0);
    pass(2s);
    today = home->today();
    for (const auto& [key, account] : tables().accounts)
      if (account.balance > domain::cents{})
        ++to_pay;
  }
  account_id carl;
  domain::day today{};
  std::int64_t to_pay = 0;
};

void check_paid_once(pay_day& w) {
  const auto t = w.tables();
  BOOST_CHECK_EQUAL(count_entries(t, domain::entry_kind::payout), w.to_pay);
  BOOST_CHECK_EQUAL(t.mails.size(), static_cast<std::size_t>(w.to_pay));
  BOOST_CHECK_EQUAL(count_events(t, "payment_log_record.created.v1"), w.to_pay);
  BOOST_CHECK_EQUAL(count_events(t, "day.closed.v1"), 1);
  BOOST_CHECK_EQUAL(t.payouts.size(), 1U);
  BOOST_CHECK(t.payouts.at(w.today).accounts_paid == w.to_pay);
  for (const auto& [key, account] : t.accounts)
    BOOST_CHECK(account.balance <= domain::cents{});
  BOOST_CHECK_LT(w.stored(w.carl).balance.count, 0); // debt is carried over
  for (const auto& difference : differences(t))
    BOOST_ERROR(difference);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_day_is_closed_once) {
  pay_day w;
  const auto first = w.answer(payouts_ref, actors::close_day_command{});
  const auto meanwhile = w.answer(payouts_ref, actors::close_day_command{});
  BOOST_REQUIRE(w.pass_until([&] { return all_payouts_ended(w); }));
  const auto later = w.answer(payouts_ref, actors::close_day_command{});
  w.crash();
  w.start();
  const auto after_restart = w.answer(payouts_ref, actors::close_day_command{});
  w.pass(3s);
  BOOST_CHECK(first.what() == outcome::ok);
  BOOST_CHECK(meanwhile.what() == outcome::known);
  BOOST_CHECK(later.what() == outcome::known);
  BOOST_CHECK(after_restart.what() == outcome::known);
  check_paid_once(w);
}

BOOST_AUTO_TEST_CASE(a_close_is_answered_when_every_shard_has_opened_the_next_day) {
  pay_day w;
  const auto closed = w.ask(payouts_ref, actors::close_day_command{});
  while (!closed.answered())
    BOOST_REQUIRE(w.step());
  const auto t = w.tables();
  for (shard_number s = 0; s < 4; ++s)
    BOOST_CHECK(t.shards.at(s).open_day == w.today + std::chrono::days{1});
  w.new_task(0);
  BOOST_REQUIRE(w.pass_until([&] { return all_payouts_ended(w); }));
  check_paid_once(w);
}

BOOST_AUTO_TEST_CASE(a_day_closes_by_itself_when_it_is_over_and_missed_days_follow_in_order) {
  pay_day w;
  w.set_time(w.home->calendar.end_of(w.today + std::chrono::days{2}));
  BOOST_REQUIRE(w.pass_until([&] { return w.tables().payouts.size() == 3 && all_payouts_ended(w); }));
  w.pass(5s);
  const auto t = w.tables();
  BOOST_CHECK_EQUAL(t.payouts.size(), 3U);
  BOOST_CHECK_EQUAL(count_events(t, "day.closed.v1"), 3);
  BOOST_CHECK_EQUAL(t.payouts.at(w.today).accounts_paid, w.to_pay);
  BOOST_CHECK_EQUAL(t.payouts.at(w.today + std::chrono::days{1}).accounts_paid, 0);
  BOOST_CHECK(!t.payouts.at(w.today).requested_by);
  BOOST_CHECK(differences(t).empty());
}

BOOST_AUTO_TEST_CASE(the_figures_of_a_day_are_read_once_however_long_that_takes) {
  pay_day w;
  int reads = 0;
  w.watch.during_figures = [&] {
    if (++reads == 1)
      w.pass(5s); // and so does every tick
  };
  w.ask(payouts_ref, actors::close_day_command{});
  BOOST_REQUIRE(w.pass_until([&] { return all_payouts_ended(w); }));
  BOOST_CHECK_EQUAL(w.tables().payouts.at(w.today).accounts_paid, w.to_pay);
  w.pass(5s);
  BOOST_CHECK_EQUAL(reads, 1);
}

BOOST_AUTO_TEST_CASE(a_payout_interrupted_by_a_reset_pays_once) {
  for (const auto fault : {next::unknown_written, next::unknown_not_written, next::retry}) {
    for (int nth = 1;; ++nth) {
      BOOST_TEST_CONTEXT("fault " << static_cast<int>(fault) << " at commit " << nth) {
        pay_day w;
        w.watch.commits.clear();
        arrange_commit(w, nth, fault);
        w.ask(payouts_ref, actors::close_day_command{});
        w.run();
        w.pass(1s);
        if (w.tables().payouts.empty()) // the request itself was lost: asked again
          w.ask(payouts_ref, actors::close_day_command{});
        BOOST_CHECK(w.pass_until([&] { return !w.tables().payouts.empty() && all_payouts_ended(w); }));
        w.pass(2s);
        check_paid_once(w);
        if (nth > static_cast<int>(w.watch.commits.size()))
          break;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_payout_interrupted_by_the_end_of_the_node_pays_once) {
  for (std::size_t nth = 1; nth <= 12; ++nth) {
    BOOST_TEST_CONTEXT("the node ends after commit " << nth) {
      pay_day w;
      w.watch.commits.clear();
      w.ask(payouts_ref, actors::close_day_command{});
      w.step_until([&] { return w.watch.commits.size() >= nth; });
      w.crash();
      w.start();
      w.pass(1s);
      if (w.tables().payouts.empty())
        w.ask(payouts_ref, actors::close_day_command{});
      BOOST_CHECK(w.pass_until([&] { return !w.tables().payouts.empty() && all_payouts_ended(w); }));
      w.pass(2s);
      check_paid_once(w);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_entry_on_its_way_when_the_day_is_closed_belongs_to_one_day_and_the_figures_agree) {
  pay_day w;
  const auto task = w.new_task(0);
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.complete(task); // durable, but its reward is in transit
  w.run();
  const auto closed = w.answer(payouts_ref, actors::close_day_command{});
  BOOST_CHECK(closed.what() == outcome::ok);
  w.road.copies_of_push = {};
  BOOST_REQUIRE(w.pass_until([&] { return all_payouts_ended(w) && differences(w.tables()).empty(); }));
}

BOOST_AUTO_TEST_CASE(a_quarantined_account_does_not_hold_up_a_payout) {
  pay_day w;
  w.state.refuse(ref(w.carl));
  while (w.home->counters.refused_records.load() == 0)
    w.new_task(0); // sooner or later his
  for (int i = 0; i < 20; ++i)
    w.new_task(0); // and more of them after he was quarantined
  w.pass(2s);
  w.state.refuse(std::nullopt);
  w.answer(payouts_ref, actors::close_day_command{});
  BOOST_CHECK(w.pass_until([&] { return !w.tables().payouts.empty() && all_payouts_ended(w); }));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
