// Lists and figures as the gateway reads them.

#include "bench/books.hpp"
#include "storage/postgres_reports.hpp"
#include "test/storage/sample_books.hpp"
#include "test/storage/walk.hpp"

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>
#include <set>
#include <thread>

using namespace ates;
using namespace ates::test;
using namespace std::chrono_literals;
using storage::postgres_reports;

namespace {

storage::reports::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

storage::read_pool_options quick() {
  storage::read_pool_options options;
  options.allow_unsafe_server = true;
  return options;
}

postgres_reports reports_of(const sample_books& books) {
  return {books.url(), shards_total, quick()};
}

std::vector<std::string> titles(postgres_reports& reports, const storage::task_filter& filter,
                                std::int32_t limit = 50) {
  std::vector<std::string> found;
  for (const auto& t : walk([&](const auto& at) { return reports.tasks(filter, at, soon()); }, limit))
    found.push_back(t.title);
  return found;
}

using words = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(reports)

BOOST_AUTO_TEST_CASE(a_walk_over_tasks_gives_each_once_newest_first_also_when_tasks_are_made_meanwhile) {
  sample_books books;
  const auto ann = books.hire("ann");
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    if (i % 5 != 0)
      books.pass(1s); // some are created at the same instant
    expected.push_back(to_string(books.create("Task", ann)));
  }
  auto reports = reports_of(books);
  std::vector<std::string> seen;
  storage::page_request at{4, std::nullopt};
  std::optional<domain::instant> last;
  do {
    const auto page = reports.tasks({}, at, soon());
    for (const auto& t : page.rows) {
      BOOST_TEST((!last || t.created_at <= *last));
      last = t.created_at;
      seen.push_back(to_string(t.id));
    }
    at.after = page.next;
    books.pass(1s);
    books.create("Made during the walk", ann);
  } while (at.after);
  std::sort(seen.begin(), seen.end());
  std::sort(expected.begin(), expected.end());
  BOOST_TEST(seen == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(tasks_are_filtered_by_status_assignee_jira_id_and_text) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto bob = books.hire("bob");
  const std::pair<const char*, const char*> made[] = {
      {"Water the plants", "HOME-1"}, {"Feed the parrot", ""},   {"100% of C:\\temp_x", "OPS-7"},
      {"Über-Müll raus", ""},         {"Water again", "HOME-1"}, {"tempZx", ""}};
  bool to_ann = false;
  for (const auto& [title, jira_id] : made) {
    books.pass(1s);
    const auto id = books.create(title, (to_ann = !to_ann) ? ann : bob, jira_id);
    if (std::string_view{title}.starts_with("Feed") || std::string_view{title}.starts_with("Water a"))
      books.complete(id);
  }
  auto reports = reports_of(books);
  const auto filtered = [](auto change) {
    storage::task_filter filter;
    change(filter);
    return filter;
  };
  using filter = storage::task_filter;
  using domain::task_status;
  const std::pair<filter, words> rules[] = {
      {filtered([](filter& f) { f.status = task_status::done; }), {"Water again", "Feed the parrot"}},
      {filtered([](filter& f) { f.status = task_status::open; }),
       {"tempZx", "Über-Müll raus", "100% of C:\\temp_x", "Water the plants"}},
      {filtered([&](filter& f) { f.assignee = ann; }),
       {"Water again", "100% of C:\\temp_x", "Water the plants"}},
      {filtered([&](filter& f) { f.assignee = bob, f.status = task_status::done; }), {"Feed the parrot"}},
      {filtered([](filter& f) { f.jira_id = "HOME-1"; }), {"Water again", "Water the plants"}},
      {filtered([](filter& f) { f.jira_id = "HOME-1", f.status = task_status::open; }), {"Water the plants"}},
      {filtered([](filter& f) { f.jira_id = ""; }), {}},
      {filtered([](filter& f) { f.text = "wAtEr"; }), {"Water again", "Water the plants"}},
      {filtered([](filter& f) { f.text = "home-"; }), {"Water again", "Water the plants"}},
      {filtered([&](filter& f) { f.text = "water", f.assignee = ann, f.status = task_status::open; }),
       {"Water the plants"}},
      {filtered([](filter& f) { f.text = "MÜLL"; }), {"Über-Müll raus"}},
      {filtered([](filter& f) { f.text = "plants home"; }), {}}, // across title and jira_id
      {filtered([](filter& f) { f.text = "%"; }), {"100% of C:\\temp_x"}},
      {filtered([](filter& f) { f.text = "p_x"; }), {"100% of C:\\temp_x"}},
      {filtered([](filter& f) { f.text = ":\\t"; }), {"100% of C:\\temp_x"}},
      {filtered([](filter& f) { f.text = "nothing like it"; }), {}},
  };
  for (const auto& [wanted, expected] : rules)
    for (const std::int32_t limit : {1, 2, 50})
      BOOST_TEST(titles(reports, wanted, limit) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_task_comes_as_it_is_stored) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto id = books.create("With \"quotes\" \\ and 水", ann, "HOME-1");
  books.pass(1s);
  books.complete(id);
  auto reports = reports_of(books);
  BOOST_TEST((reports.task(id, soon()) == books.task(id)));
  BOOST_TEST((reports.tasks({}, {}, soon()).rows.at(0) == books.task(id)));
  BOOST_TEST(!reports.task({domain::uuid{{1}}}, soon()));
}

BOOST_AUTO_TEST_CASE(a_malformed_position_is_an_argument_error) {
  sample_books books;
  auto reports = reports_of(books);
  for (const auto* bad : {"", "x", "12", "12.nonsense", "-1.00000000-0000-0000-0000-000000000000",
                          "9223372036854775807.00000000-0000-0000-0000-000000000000"})
    BOOST_CHECK_THROW(reports.tasks({}, {50, bad}, soon()), std::invalid_argument);
  for (const auto* bad : {"", "x", "1x", "99999999999999999999"})
    BOOST_CHECK_THROW(reports.employees({}, {50, bad}, soon()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(employees_come_oldest_first_and_without_secrets) {
  sample_books books;
  for (const auto* login : {"ann", "bob", "Cyd_1", "dan"})
    books.hire(login);
  books.world.sql("update employee set role = 1, active = false where login = 'dan'");
  auto reports = reports_of(books);
  const auto logins = [&](const storage::employee_filter& filter) {
    words found;
    for (const auto& e : walk([&](const auto& at) { return reports.employees(filter, at, soon()); }, 2)) {
      BOOST_TEST(e.password_hash.empty());
      found.push_back(e.login);
    }
    return found;
  };
  BOOST_TEST(logins({}) == (words{"ann", "bob", "Cyd_1", "dan"}), boost::test_tools::per_element());
  BOOST_TEST(logins({.role = domain::role::admin, .active = {}, .text = {}}) == (words{"dan"}));
  BOOST_TEST(logins({.role = {}, .active = true, .text = {}}) == (words{"ann", "bob", "Cyd_1"}));
  BOOST_TEST(logins({.role = {}, .active = {}, .text = "d_"}) == (words{"Cyd_1"}));
  BOOST_TEST(logins({.role = {}, .active = {}, .text = "MS B"}) == (words{"bob"}));
  const auto first = reports.employees({}, {1, std::nullopt}, soon()).rows.at(0).id;
  const auto ann = reports.employee(first, soon());
  BOOST_REQUIRE(ann.has_value());
  BOOST_TEST(ann->login == "ann");
  BOOST_TEST(ann->password_hash.empty());
  BOOST_TEST(!reports.employee({}, soon()).has_value());
}

BOOST_AUTO_TEST_CASE(a_balance_carries_the_figures_of_the_day_asked_for) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto day_one = books.today;
  books.complete(books.create("One", ann)); // -1500 +3000
  books.deliver();
  books.close_day();        // paid out: 1500
  books.create("Two", ann); // -1500
  auto reports = reports_of(books);

  const auto today = reports.balance(ann, books.today, soon());
  BOOST_TEST(today.balance.count == -1500);
  BOOST_TEST((today.fees.count == 1500 && today.rewards.count == 0 && today.paid_out.count == 0));
  BOOST_TEST((today.on == books.today && today.account == ann));

  // The account is on a later day than the one asked for: closed by hand.
  const auto before = reports.balance(ann, day_one, soon());
  BOOST_TEST(before.balance.count == -1500);
  BOOST_TEST((before.fees.count == 1500 && before.rewards.count == 3000 && before.paid_out.count == 1500));

  // The account is behind: nothing was posted on that day.
  const auto after = reports.balance(ann, books.today + std::chrono::days{1}, soon());
  BOOST_TEST(after.balance.count == -1500);
  BOOST_TEST((after.fees.count == 0 && after.rewards.count == 0 && after.paid_out.count == 0));

  const auto nobody = reports.balance({domain::uuid{{1}}}, books.today, soon());
  BOOST_TEST((nobody.balance.count == 0 && nobody.fees.count == 0));
}

BOOST_AUTO_TEST_CASE(balances_list_all_employees_oldest_first_or_those_below_zero) {
  sample_books books;
  std::vector<domain::account_id> all;
  for (int i = 0; i < 9; ++i)
    all.push_back(books.hire("login" + std::to_string(i)));
  for (const int indebted : {1, 4, 8})
    books.create("Task", all.at(static_cast<std::size_t>(indebted)));
  books.world.sql(
      "delete from account where balance = 0 and id = (select min(id::text)::uuid from account where "
      "balance = 0)"); // the shard does not know this account yet
  auto reports = reports_of(books);
  const auto listed = [&](std::optional<bool> negative, std::int32_t limit) {
    std::vector<domain::account_id> found;
    for (const auto& b :
         walk([&](const auto& at) { return reports.balances(negative, books.today, at, soon()); }, limit))
      found.push_back(b.account);
    return found;
  };
  for (const std::int32_t limit : {1, 2, 50}) {
    BOOST_TEST((listed(std::nullopt, limit) == all));
    BOOST_TEST((listed(true, limit) == std::vector{all[1], all[4], all[8]}));
    BOOST_TEST((listed(false, limit) == std::vector{all[0], all[2], all[3], all[5], all[6], all[7]}));
  }
}

BOOST_AUTO_TEST_CASE(a_log_is_newest_first_and_can_be_cut_to_a_day) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto day_one = books.today;
  const auto first = books.create("One", ann, "HOME-1");
  books.complete(first);
  books.deliver();
  books.shuffle();
  books.close_day();
  books.close_day(); // a day without entries between
  const auto last_day = books.today;
  for (int i = 0; i < 5; ++i)
    books.create("Later", ann);
  books.shuffle();
  auto reports = reports_of(books);
  const auto numbers = [&](std::optional<domain::day> on, std::int32_t limit) {
    std::vector<std::uint64_t> found;
    for (const auto& e : walk([&](const auto& at) { return reports.log(ann, on, at, soon()); }, limit))
      found.push_back(e.number);
    return found;
  };
  using list = std::vector<std::uint64_t>;
  for (const std::int32_t limit : {1, 3, 50}) {
    BOOST_TEST(numbers(std::nullopt, limit) == (list{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
    BOOST_TEST(numbers(day_one, limit) == (list{3, 2, 1}));
    BOOST_TEST(numbers(day_one + std::chrono::days{1}, limit) == list{});
    BOOST_TEST(numbers(last_day, limit) == (list{13, 12, 11, 10, 9, 8, 7, 6, 5, 4}));
    BOOST_TEST(numbers(last_day + std::chrono::days{1}, limit) == list{});
  }

  const auto log = reports.log(ann, std::nullopt, {}, soon()).rows;
  const auto& fee = log.at(12);
  BOOST_TEST((fee.amount.count == -1500 && fee.balance_after.count == -1500 && fee.on == day_one));
  BOOST_TEST((fee.reason == domain::assign_reason::created && !fee.shuffle));
  BOOST_TEST(
      (fee.task && fee.task->id == first && fee.task->title == "One" && fee.task->jira_id == "HOME-1"));
  BOOST_TEST(fee.task->description == "How: as usual");
  BOOST_TEST((log.at(11).kind == domain::entry_kind::completion_reward && log.at(11).amount.count == 3000));
  BOOST_TEST((log.at(10).kind == domain::entry_kind::payout && log.at(10).amount.count == -1500 &&
              !log.at(10).task));
  BOOST_TEST((log.at(0).reason == domain::assign_reason::shuffled && log.at(0).shuffle));
}

BOOST_AUTO_TEST_CASE(shuffles_rosters_and_payouts_come_as_stored) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto bob = books.hire("bob");
  books.complete(books.create("One", ann));
  books.deliver();
  for (int i = 0; i < 3; ++i)
    books.shuffle();
  const auto day_one = books.today;
  books.close_day();
  auto reports = reports_of(books);
  const auto runs = walk([&](const auto& at) { return reports.shuffles(at, soon()); }, 2);
  BOOST_TEST_REQUIRE(runs.size() == 3U);
  BOOST_TEST((runs[0].run == 3 && runs[2].run == 1));
  BOOST_TEST(runs[0].seed == 18'000'000'000'000'000'000ULL);
  BOOST_TEST((reports.shuffle(runs[1].id, soon()) == runs[1]));
  BOOST_TEST(!reports.shuffle({domain::uuid{{1}}}, soon()));
  const auto roster = walk([&](const auto& at) { return reports.roster(2, at, soon()); }, 1);
  BOOST_TEST((roster == std::vector{ann, bob}));

  const auto payout = reports.payout(day_one, soon());
  BOOST_TEST_REQUIRE(payout.has_value());
  BOOST_TEST((payout->run.accounts_paid == 1 && payout->run.total_paid.count == 1500));
  BOOST_TEST((payout->mails.queued == 1 && payout->mails.sent == 0 && payout->mails.failed == 0));
  BOOST_TEST(!reports.payout(books.today, soon()));
}

BOOST_AUTO_TEST_CASE(a_page_of_many_tasks_follows_an_index_whatever_the_filter) {
  const auto name = new_database();
  const auto owner = shared_cluster().url(database_role::owner, name);
  bench::copy_session session(owner);
  bench::books(session, {.tasks = 30'000, .accounts = 50}).write();
  session.run("update task_state set status = 2, completed_at = now() where id in"
              " (select id from task_state order by created_at limit 5)"); // five done ones, the oldest
  session.run("analyze task_state");
  postgres_reports reports(shared_cluster().url(database_role::app, name), shards_total, quick());
  const auto scanned = [&] {
    session.run("select pg_stat_force_next_flush()");
    return std::stoll(session.table("select sum(seq_scan) from pg_stat_user_tables where relname in"
                                    " ('task', 'task_state')")[0][0]);
  };
  using domain::task_status;
  const auto someone = reports.employees({}, {1, std::nullopt}, soon()).rows.at(0).id;
  const storage::task_filter filters[] = {
      {},
      {.status = task_status::open, .assignee = {}, .jira_id = {}, .text = {}},
      {.status = task_status::done, .assignee = {}, .jira_id = {}, .text = {}},
      {.status = {}, .assignee = someone, .jira_id = {}, .text = {}},
      {.status = {}, .assignee = {}, .jira_id = "BENCH-7", .text = {}},
      {.status = {}, .assignee = {}, .jira_id = {}, .text = "29991"},
  };
  const auto before = scanned();
  for (const auto& filter : filters)
    BOOST_TEST(!reports.tasks(filter, {50, std::nullopt}, soon()).rows.empty());
  BOOST_TEST(scanned() == before);
  // A rare text that the look ahead does not meet is found by the trigram index.
  BOOST_TEST(
      reports.tasks({.status = {}, .assignee = {}, .jira_id = {}, .text = " 77"}, {500, std::nullopt}, soon())
          .rows.size() ==
      std::stoul(session.table("select count(*) from task where title like '% 77%'")[0][0]));
}

BOOST_AUTO_TEST_CASE(sessions_of_reports_cannot_write) {
  sample_books books;
  storage::read_pool pool(books.url(), quick());
  BOOST_CHECK_EXCEPTION(
      pool.read("write", soon(), [](auto& tx) { return tx.exec("insert into setting values ('a', 'b')"); }),
      storage::storage_error, [](const auto& e) { return e.sqlstate() == "25006"; });
}

BOOST_AUTO_TEST_CASE(the_pool_is_bounded_and_waiting_ends_with_the_deadline) {
  sample_books books;
  auto options = quick();
  options.size = 2;
  storage::read_pool pool(books.url(), options);
  std::promise<void> leave;
  const auto left = leave.get_future().share();
  std::atomic<int> inside = 0;
  std::vector<std::jthread> guests;
  for (int i = 0; i < 2; ++i)
    guests.emplace_back([&] {
      pool.read("stay", soon(), [&](auto&) {
        ++inside;
        left.wait();
        return 0;
      });
    });
  wait_until([&] { return inside == 2; }, "two connections are lent");
  const auto begin = std::chrono::steady_clock::now();
  BOOST_CHECK_THROW(pool.read("wait", begin + 100ms, [](auto&) { return 0; }), storage::storage_error);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 1s));
  leave.set_value();
  BOOST_TEST(pool.read("go", soon(), [](auto&) { return 7; }) == 7);
}

BOOST_AUTO_TEST_CASE(without_storage_a_read_fails_within_two_seconds_and_works_again_when_it_is_back) {
  postgres_cluster cluster(durability::waived); // of its own: it is stopped and frozen
  storage::read_pool pool(cluster.url(database_role::owner), quick());
  const auto read = [&] {
    return pool.read("one", soon(), [](auto& tx) { return tx.exec1("select 1")[0].template as<int>(); });
  };
  const auto fails_quickly = [&] {
    const auto begin = std::chrono::steady_clock::now();
    try {
      read();
      return false;
    } catch (const storage::storage_error& e) {
      return e.what_kind() == storage::storage_error::kind::away &&
             std::chrono::steady_clock::now() - begin < 2s;
    }
  };
  const auto works = [&] {
    try {
      return read() == 1;
    } catch (const storage::storage_error&) {
      return false;
    }
  };
  BOOST_TEST(works());
  cluster.stop();
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(fails_quickly());
  cluster.start();
  wait_until(works, "the pool has reconnected");
  cluster.freeze();
  BOOST_TEST(fails_quickly()); // on the connection that it has
  BOOST_TEST(fails_quickly()); // making a new one
  cluster.thaw();
  wait_until(works, "the pool has reconnected");
}

BOOST_AUTO_TEST_SUITE_END()
