// Events between shards: exactly once, in order, whatever gets lost on the way (design.md §7).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using next = storage::memory_state::next_commit;

struct fee_world : world {
  explicit fee_world(world_options options = {}) : world(options), ann(hire("ann", 1)) { pass(1s); }
  account_id ann;
};

} // namespace

BOOST_AUTO_TEST_SUITE(lines_between_shards)

BOOST_AUTO_TEST_CASE(a_push_that_arrives_is_applied_at_once) {
  fee_world w;
  w.new_task(0);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -1000);
  BOOST_CHECK_EQUAL(w.home->counters.inbox_gaps.load(), 0U);
}

BOOST_AUTO_TEST_CASE(a_push_that_was_lost_is_read_from_the_log) {
  fee_world w;
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.new_task(0);
  BOOST_CHECK(differences(w.tables()).size() == 2); // in transit: not charged yet, no effect yet
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -1000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_push_that_comes_twice_has_one_effect) {
  fee_world w;
  w.road.copies_of_push = [](const auto&) { return 2; };
  w.new_task(0);
  w.new_task(1);
  w.pass(2s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -2000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_gap_reads_the_log) {
  fee_world w;
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.new_task(0);
  w.road.copies_of_push = {};
  w.new_task(0); // its push comes with a number too high
  BOOST_CHECK_EQUAL(w.home->counters.inbox_gaps.load(), 1U);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -2000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_lost_acknowledgement_costs_a_second_and_no_cent) {
  fee_world w;
  int looks = 0;
  w.road.copies_of_ack = [&](const auto&) { return ++looks, 0; };
  w.new_task(0);
  w.pass(1s);
  BOOST_CHECK_GT(looks, 0);
  w.road.copies_of_ack = {};
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -1000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_restart_reads_what_was_in_transit) {
  fee_world w;
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.new_task(0);
  w.new_task(3);
  w.crash();
  w.road.copies_of_push = {};
  w.start();
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -2000);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(any_order_of_lost_and_doubled_messages_ends_with_right_books) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      fee_world w;
      w.hire("bob", 2);
      std::mt19937 chance{seed};
      const auto copies = [&](const auto&) { return static_cast<int>(chance() % 3); };
      w.road.copies_of_push = copies;
      w.road.copies_of_ack = copies;
      std::vector<task_id> tasks;
      for (unsigned i = 0; i < 12; ++i) {
        tasks.push_back(w.new_task(static_cast<shard_number>(chance() % 4)));
        if (chance() % 2 == 0)
          w.complete(tasks[chance() % tasks.size()]);
        if (chance() % 4 == 0)
          w.pass(300ms);
      }
      BOOST_CHECK(w.pass_until([&] { return differences(w.tables()).empty(); }));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(money)

BOOST_AUTO_TEST_CASE(a_task_completed_twice_is_paid_once) {
  fee_world w;
  const auto task = w.new_task(0);
  const auto first = w.complete(task);
  const auto second = w.complete(task);
  w.run();
  const auto third = w.complete(task);
  w.pass(1s);
  BOOST_CHECK(first.what() == outcome::ok);
  BOOST_CHECK(second.what() == outcome::known);
  BOOST_CHECK(third.what() == outcome::known);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, 2000);
  BOOST_CHECK_EQUAL(count_entries(w.tables(), domain::entry_kind::completion_reward), 1);
  BOOST_CHECK(differences(w.tables()).empty());
}

/// Each commit of a small story in turn has an unknown outcome, written and not, or a passing failure.
BOOST_AUTO_TEST_CASE(whichever_commit_fails_nothing_is_lost_doubled_or_answered_wrongly) {
  for (const auto fault : {next::unknown_written, next::unknown_not_written, next::retry}) {
    for (int nth = 1;; ++nth) {
      BOOST_TEST_CONTEXT("fault " << static_cast<int>(fault) << " at commit " << nth) {
        fee_world w;
        w.watch.before_commit = [&w, fault, left = nth](auto) mutable {
          if (--left == 0)
            w.state.arrange(fault);
        };
        w.watch.commits.clear();
        const task_id id{w.id_in(0)};
        const auto created = w.ask(ref(id), actors::create_task_command{"t", {}, {}, {}});
        w.pass(3s);
        BOOST_REQUIRE(created.answered());
        const auto kept = w.tables().tasks.contains({0, id.value});
        BOOST_CHECK_EQUAL(created.what() == outcome::ok, kept);
        if (kept) {
          const auto done = w.complete(id);
          w.pass(3s);
          BOOST_REQUIRE(done.answered());
          BOOST_CHECK_EQUAL(done.what() == outcome::ok, w.stored(id).status == domain::task_status::done);
        }
        const auto commits = static_cast<int>(w.watch.commits.size());
        BOOST_CHECK(w.pass_until([&] { return differences(w.tables()).empty(); }));
        if (nth > commits)
          break;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_entry_after_the_days_end_carries_the_new_day_and_closes_the_old_one) {
  fee_world w;
  const auto task = w.new_task(0);
  w.complete(task);
  w.pass(1s);
  const auto yesterday = w.home->today();
  w.set_time(w.home->calendar.end_of(yesterday));
  w.new_task(0);
  w.run();
  const auto account = w.stored(w.ann);
  BOOST_CHECK(account.open_day == yesterday + std::chrono::days{1});
  BOOST_CHECK_EQUAL(account.balance.count, -1000); // 20.00 were paid out with the old day
  BOOST_CHECK_EQUAL(count_entries(w.tables(), domain::entry_kind::payout), 1);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
