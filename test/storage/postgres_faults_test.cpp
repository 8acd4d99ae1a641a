// What only the real PostgreSQL can do to us.

#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <future>
#include <sys/types.h>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;
namespace domain = ates::domain;
using kind = commit_outcome::kind;

namespace {

using steady = std::chrono::steady_clock;

/// A journal with short limits, straight at the server.
struct hasty_desk : desk<postgres_world> {
  explicit hasty_desk(postgres_world& w, std::chrono::milliseconds lock = 100ms,
                      std::chrono::milliseconds call = 400ms)
      : desk<postgres_world>(w) {
    time_limits limits;
    limits.lock = lock;
    limits.statement = 5s;
    limits.call = call;
    journal =
        std::make_unique<postgres_journal>(w.url(database_role::app), w.self, std::int16_t{0}, limits, true);
    attach();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_faults)

BOOST_AUTO_TEST_CASE(a_frozen_server_ends_the_call_within_our_limit_and_is_settled_after_the_thaw) {
  postgres_world world;
  hasty_desk d{world};
  auto first = new_task(task_in(1, 0));
  BOOST_REQUIRE(d.commits({create_record(d.epochs[1], 1, first, account_in(2, 0))}));
  auto task = new_task(task_in(1, 1));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  shared_cluster().freeze();
  const auto began = steady::now();
  const auto outcome = d.commit({r});
  const auto took = steady::now() - began;
  shared_cluster().thaw();
  BOOST_TEST((outcome.what == kind::unknown), outcome.detail);
  BOOST_TEST((took < 3s));
  std::optional<journal::settlement> settled;
  wait_until([&] { return (settled = d.journal->settle(d.shards)).has_value(); }, "it is settled");
  BOOST_TEST((d.stored<domain::task>(entity_kind::task, 1, task.id.value).has_value() == settled->committed));
}

BOOST_AUTO_TEST_CASE(a_lock_held_too_long_is_a_failure_to_be_tried_again) {
  postgres_world world;
  hasty_desk d{world};
  pqxx::connection blocker{world.url(database_role::owner)};
  pqxx::work block{blocker};
  block.exec("lock table event");
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  const auto outcome = d.commit({r});
  BOOST_TEST((outcome.what == kind::retry), outcome.detail);
  block.abort();
  BOOST_TEST(d.commits({r}));
}

BOOST_AUTO_TEST_CASE(a_wedged_backend_is_shut_out_before_the_outcome_is_told) {
  postgres_world world;
  hasty_desk d{world, 1s, 1500ms};
  pqxx::connection blocker{world.url(database_role::owner)};
  pqxx::work block{blocker};
  block.exec("lock table event"); // the statement passes the fence, then waits here
  auto task = new_task(task_in(1, 0));
  const auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  auto outcome = std::async(std::launch::async, [&] { return d.commit({r}); });
  pid_t wedged = 0;
  wait_until(
      [&] {
        const auto waiting = world.sql("select pid from pg_stat_activity where wait_event_type = 'Lock'"
                                       " and datname = current_database()");
        wedged = waiting.empty() ? 0 : waiting[0][0].as<pid_t>();
        return wedged != 0;
      },
      "the statement waits");
  ::kill(wedged, SIGSTOP);
  block.abort();
  BOOST_TEST((outcome.get().what == kind::unknown));
  BOOST_TEST(!d.journal->settle(d.shards).has_value()); // it holds the shards: nobody can tell yet
  ::kill(wedged, SIGCONT);
  std::optional<journal::settlement> settled;
  wait_until([&] { return (settled = d.journal->settle(d.shards)).has_value(); }, "it is settled");
  BOOST_TEST((d.stored<domain::task>(entity_kind::task, 1, task.id.value).has_value() == settled->committed));
}

BOOST_AUTO_TEST_CASE(a_server_that_went_away_between_batches_is_noticed_before_anything_is_sent) {
  postgres_world world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  BOOST_REQUIRE(d.commits({create_record(d.epochs[1], 1, task, account_in(2, 0))}));
  shared_cluster().stop();
  shared_cluster().start();
  wait_until([&] { return d.commits({complete_record(d.epochs[1], 1, task)}); }, "the next batch is written");
  BOOST_TEST((d.stored<domain::task>(entity_kind::task, 1, task.id.value) == task));
}

BOOST_AUTO_TEST_CASE(a_text_that_postgres_cannot_store_is_refused_alone) {
  postgres_world world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  r.kept = kept_answer{id_in(0, 0), "h", std::string("a\0b", 3), noon()};
  BOOST_TEST((d.commit({r}).what == kind::refused));
  r.kept->answer = "\xff\xfe"; // no UTF-8
  BOOST_TEST((d.commit({r}).what == kind::refused));
  r.kept->answer = "fine";
  r.employees = {sample_employee(account_in(2, 0), 1, "\xff")};
  BOOST_TEST((d.commit({r}).what == kind::refused));
  r.employees.clear();
  BOOST_TEST(d.commits({r}));
}

BOOST_AUTO_TEST_CASE(a_letter_goes_to_the_address_of_its_moment) {
  postgres_world world;
  desk d{world};
  auto account = new_account(account_in(2, 0));
  record employees;
  employees.epoch = d.epochs[0];
  employees.entity = {entity_kind::directory, {}};
  employees.employees = {sample_employee(account.id, 1, "anna")};
  BOOST_REQUIRE(d.commits({employees, reward_record(d.epochs[2], account, 0, 1)}));
  BOOST_REQUIRE(d.commits({close_record(d.epochs[2], account, sample_day() + std::chrono::days{1})}));
  const auto mail = world.sql("select address, name, amount, status from mail").at(0);
  BOOST_TEST(mail[0].as<std::string>() == "anna@example.org");
  BOOST_TEST(mail[1].as<std::string>() == "Ms anna");
  BOOST_TEST(mail[2].as<int>() == 100);
  BOOST_TEST(mail[3].as<int>() == 1);
}

BOOST_AUTO_TEST_CASE(the_books_hold_what_the_records_said) {
  postgres_world world;
  desk d{world};
  auto account = new_account(account_in(2, 0));
  BOOST_REQUIRE(d.commits(
      {reward_record(d.epochs[2], account, 0, 1, 250), reward_record(d.epochs[2], account, 0, 2, 50)}));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], account, 0, 3, 1)}));
  const auto books =
      world.sql("select sum(amount), max(balance_after), max(entry), count(*) from transfer").at(0);
  BOOST_TEST(books[0].as<int>() == 301);
  BOOST_TEST(books[1].as<int>() == 301);
  BOOST_TEST(books[2].as<int>() == 3);
  const auto day = world.sql("select rewards, completed, fees from shard_day where shard = 2").at(0);
  BOOST_TEST(day[0].as<int>() == 301);
  BOOST_TEST(day[1].as<int>() == 3);
  BOOST_TEST(day[2].as<int>() == 0);
}

BOOST_AUTO_TEST_CASE(one_batch_is_one_transaction) {
  postgres_world world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto account = new_account(account_in(2, 0));
  BOOST_REQUIRE(d.commits(
      {create_record(d.epochs[1], 1, task, account.id), reward_record(d.epochs[2], account, 0, 1)}));
  const auto rows =
      world.sql("select count(distinct xmin::text) from (select xmin from event union all select xmin from"
                " task union all select xmin from account union all select xmin from transfer union all"
                " select xmin from journal_batch) t");
  BOOST_TEST(rows.at(0)[0].as<int>() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
