// The ledger of all accounts, days, earnings, analytics and histories, against figures computed by hand.

#include "storage/postgres_reports.hpp"
#include "test/storage/sample_books.hpp"
#include "test/storage/walk.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <tuple>

using namespace ates;
using namespace ates::test;
using namespace std::chrono_literals;
using domain::entry_kind;
using storage::day_range;
using storage::postgres_reports;

namespace {

constexpr std::chrono::days one_day{1};

storage::reports::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

postgres_reports reports_of(const sample_books& books) {
  storage::read_pool_options options;
  options.allow_unsafe_server = true;
  return {books.url(), shards_total, options};
}

/// Three days of business of ann, bob and cyd; the third one is open.
///   day 1: ann earns 3000 - 1500, bob -1500, and ann is paid 1500
///   day 2: nothing
///   day 3: ann -1500 (shuffled from bob), bob earns 4000 - 1500 and 4000 - 1500
struct three_days {
  sample_books books;
  domain::account_id ann = books.hire("ann"), bob = books.hire("bob"), cyd = books.hire("cyd");
  domain::day one = books.today, two = one + one_day, three = two + one_day;
  domain::task_id first, second, late, early;

  three_days() {
    first = books.create("First", ann, "HOME-1");
    books.pass(1s);
    second = books.create("Second", bob);
    books.complete(first);
    books.deliver();
    books.pass(1s);
    books.close_day();
    books.pass(24h);
    books.close_day();
    books.pass(24h);
    late = books.create("Late", bob, "", 4000);
    early = books.create("Early", bob, "", 4000);
    books.pass(1s);
    books.complete(early);
    books.pass(1s);
    books.complete(late);
    books.deliver();
    books.pass(1s);
    books.shuffle(); // second goes from bob to cyd
  }
};

using figures = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

std::vector<figures> days_of(postgres_reports& reports, const domain::account_id& who,
                             const day_range& range) {
  std::vector<figures> found;
  auto on = range.from;
  for (const auto& d : reports.account_days(who, range, soon())) {
    BOOST_TEST((d.on == on));
    on += one_day;
    found.emplace_back(d.fees.count, d.rewards.count, d.paid_out.count, d.closing_balance.count);
  }
  BOOST_TEST((on == range.to + one_day));
  return found;
}

std::vector<std::string> ids(const std::vector<storage::entry_row>& entries) {
  std::vector<std::string> found;
  for (const auto& e : entries)
    found.push_back(to_string(e.id));
  return found;
}

} // namespace

BOOST_AUTO_TEST_SUITE(figures_of_days)

BOOST_AUTO_TEST_CASE(the_days_of_an_account_have_zeros_and_carry_the_balance) {
  three_days b;
  auto reports = reports_of(b.books);
  const day_range all{b.one - one_day, b.three + one_day};
  BOOST_TEST(
      (days_of(reports, b.ann, all) ==
       std::vector<figures>{{0, 0, 0, 0}, {1500, 3000, 1500, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}));
  BOOST_TEST(
      (days_of(reports, b.bob, all) ==
       std::vector<figures>{
           {0, 0, 0, 0}, {1500, 0, 0, -1500}, {0, 0, 0, -1500}, {3000, 8000, 0, 3500}, {0, 0, 0, 3500}}));
  // A range that begins in the middle knows the balance before it.
  BOOST_TEST((days_of(reports, b.bob, {b.two, b.two}) == std::vector<figures>{{0, 0, 0, -1500}}));
  BOOST_TEST((days_of(reports, b.cyd, {b.three, b.three}) == std::vector<figures>{{1500, 0, 0, -1500}}));
  BOOST_TEST((days_of(reports, {domain::uuid{{1}}}, {b.one, b.two}) ==
              std::vector<figures>{{0, 0, 0, 0}, {0, 0, 0, 0}}));
}

BOOST_AUTO_TEST_CASE(earnings_are_the_sums_of_all_shards) {
  three_days b;
  auto reports = reports_of(b.books);
  const auto rows = reports.earnings({b.one - one_day, b.three}, soon());
  BOOST_TEST_REQUIRE(rows.size() == 4U);
  const auto is = [&](std::size_t i, domain::day on, std::int64_t fees, std::int64_t rewards) {
    return rows[i].on == on && rows[i].fees.count == fees && rows[i].rewards.count == rewards;
  };
  BOOST_TEST((is(0, b.one - one_day, 0, 0) && is(1, b.one, 3000, 3000)));
  BOOST_TEST((is(2, b.two, 0, 0) && is(3, b.three, 4500, 8000)));
}

BOOST_AUTO_TEST_CASE(the_ledger_is_every_account_newest_first_however_it_is_cut) {
  three_days b;
  auto reports = reports_of(b.books);
  const auto list = [&](const storage::entry_filter& filter, std::int32_t limit) {
    return walk([&](const auto& at) { return reports.entries(filter, at, soon()); }, limit);
  };
  auto all = list({}, 50);
  BOOST_TEST(std::is_sorted(all.begin(), all.end(), [](const auto& x, const auto& y) {
    return std::tie(x.at, x.id) > std::tie(y.at, y.id);
  }));
  BOOST_TEST(all.size() == b.books.world.sql("select count(*) from transfer")[0][0].as<std::size_t>());
  for (const std::int32_t limit : {1, 2, 3})
    BOOST_TEST(ids(list({}, limit)) == ids(all), boost::test_tools::per_element());
  // Each filter, and each two, and all three, are what a scan of everything finds.
  for (const auto& on :
       {std::optional<domain::day>{}, std::optional{b.one}, std::optional{b.two}, std::optional{b.three}})
    for (const auto& kind : {std::optional<entry_kind>{}, std::optional{entry_kind::assignment_fee},
                             std::optional{entry_kind::completion_reward}, std::optional{entry_kind::payout}})
      for (const auto& account : {std::optional<domain::account_id>{}, std::optional{b.bob}}) {
        std::vector<storage::entry_row> expected;
        std::copy_if(all.begin(), all.end(), std::back_inserter(expected), [&](const auto& e) {
          return (!on || e.on == *on) && (!kind || e.kind == *kind) && (!account || e.account == *account);
        });
        auto found = list({on, kind, account}, 2);
        if (account) // within one account: by number
          BOOST_TEST(std::is_sorted(found.begin(), found.end(),
                                    [](const auto& x, const auto& y) { return x.number > y.number; }));
        const auto by_id = [](const auto& x, const auto& y) { return x.id < y.id; };
        std::sort(found.begin(), found.end(), by_id);
        std::sort(expected.begin(), expected.end(), by_id);
        BOOST_TEST(ids(found) == ids(expected), boost::test_tools::per_element());
      }
  const auto rewards = list({b.one, entry_kind::completion_reward, std::nullopt}, 50);
  BOOST_TEST_REQUIRE(rewards.size() == 1U);
  BOOST_TEST((rewards[0].account == b.ann && rewards[0].task->title == "First" &&
              rewards[0].task->jira_id == "HOME-1" && rewards[0].amount.count == 3000));
}

BOOST_AUTO_TEST_CASE(a_walk_over_the_ledger_gives_each_entry_once_while_others_are_posted) {
  three_days b;
  auto reports = reports_of(b.books);
  const auto before = ids(walk([&](const auto& at) { return reports.entries({}, at, soon()); }, 50));
  std::vector<std::string> seen;
  storage::page_request at{2, std::nullopt};
  do {
    const auto page = reports.entries({}, at, soon());
    for (const auto& e : page.rows)
      seen.push_back(to_string(e.id));
    at.after = page.next;
    b.books.pass(1s);
    b.books.create("Posted during the walk", b.cyd);
  } while (at.after);
  BOOST_TEST(seen == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(payouts_are_listed_newest_first_and_their_registers_name_who_was_paid) {
  three_days b;
  b.books.close_day();
  auto reports = reports_of(b.books);
  for (const std::int32_t limit : {1, 50}) {
    const auto runs = walk([&](const auto& at) { return reports.payouts(at, soon()); }, limit);
    BOOST_TEST_REQUIRE(runs.size() == 3U);
    BOOST_TEST((runs[0].run.on == b.three && runs[1].run.on == b.two && runs[2].run.on == b.one));
    BOOST_TEST((runs[0].run.total_paid.count == 3500 && runs[0].mails.queued == 1));
    BOOST_TEST((runs[1].run.total_paid.count == 0 && runs[1].mails.queued == 0));
  }
  const auto paid = reports.payees(b.three, {}, soon()).rows;
  BOOST_TEST_REQUIRE(paid.size() == 1U);
  BOOST_TEST((paid[0].account == b.bob && paid[0].amount.count == 3500));
  BOOST_TEST((paid[0].mail == storage::mail_status::queued));
  BOOST_TEST(reports.payees(b.two, {}, soon()).rows.empty());
}

BOOST_AUTO_TEST_CASE(a_register_is_walked_by_account) {
  sample_books books;
  std::vector<domain::account_id> paid;
  for (int i = 0; i < 5; ++i) {
    paid.push_back(books.hire("login" + std::to_string(i)));
    books.complete(books.create("Task", paid.back()));
  }
  books.deliver();
  const auto on = books.today;
  books.close_day();
  books.world.sql("delete from mail where account = '" + to_string(paid[2]) + "'");
  books.world.sql("update mail set status = 3 where account = '" + to_string(paid[3]) + "'");
  auto reports = reports_of(books);
  const auto found = walk([&](const auto& at) { return reports.payees(on, at, soon()); }, 2);
  auto sorted = paid;
  std::sort(sorted.begin(), sorted.end());
  BOOST_TEST_REQUIRE(found.size() == sorted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    BOOST_TEST((found[i].account == sorted[i] && found[i].amount.count == 1500));
    BOOST_TEST(found[i].mail.has_value() == (found[i].account != paid[2]));
    BOOST_TEST((found[i].mail == storage::mail_status::failed) == (found[i].account == paid[3]));
  }
}

BOOST_AUTO_TEST_CASE(today_counts_debts_and_losses_of_the_day_also_after_a_close_by_hand) {
  three_days b;
  auto reports = reports_of(b.books);
  const auto open = reports.today(b.three, soon());
  BOOST_TEST(open.earnings.count == 4500 - 8000);
  BOOST_TEST(open.negative_accounts == 1); // cyd
  BOOST_TEST(open.negative_today == 1);    // cyd; bob's debt was of another day
  b.books.close_day();
  b.books.create("For tomorrow", b.ann); // cyd's and bob's day goes on
  const auto closed = reports.today(b.three, soon());
  BOOST_TEST(closed.earnings.count == 4500 - 8000);
  BOOST_TEST(closed.negative_accounts == 2); // cyd and ann, now
  BOOST_TEST(closed.negative_today == 1);    // of the closed day: cyd alone
  const auto tomorrow = reports.today(b.three + one_day, soon());
  BOOST_TEST((tomorrow.earnings.count == 1500 && tomorrow.negative_today == 1));
  const auto later = reports.today(b.three + 5 * one_day, soon());
  BOOST_TEST((later.earnings.count == 0 && later.negative_today == 0));
}

BOOST_AUTO_TEST_CASE(the_most_expensive_task_is_the_same_before_and_after_the_close) {
  three_days b;
  auto reports = reports_of(b.books);
  const auto tops = [&] { return reports.most_expensive({b.one - one_day, b.three}, soon()); };
  const auto check = [&](const std::vector<storage::top_task_row>& rows) {
    BOOST_TEST_REQUIRE(rows.size() == 4U);
    BOOST_TEST((!rows[0].task && !rows[2].task));
    BOOST_TEST_REQUIRE((rows[1].task && rows[3].task));
    const auto& first = *rows[1].task;
    BOOST_TEST((first.id == b.first && first.title == "First" && first.jira_id == "HOME-1"));
    BOOST_TEST((first.reward.count == 3000 && first.completed_by == b.ann));
    BOOST_TEST((rows[3].task->id == b.early)); // B11: of the two at 4000 the one that was completed first
    BOOST_TEST((rows[3].task->completed_at == b.books.task(b.early).completed_at));
  };
  check(tops()); // day one out of its event, day three out of the ledger
  b.books.close_day();
  check(tops());
}

BOOST_AUTO_TEST_CASE(equals_that_were_completed_at_the_same_moment_go_by_id) {
  sample_books books;
  const auto ann = books.hire("ann");
  std::vector<domain::task_id> equal;
  for (int i = 0; i < 6; ++i)
    equal.push_back(books.create("Equal", ann));
  books.create("Dearer, but open", ann, "", 4000);
  for (const auto& id : equal)
    books.complete(id);
  books.deliver();
  auto reports = reports_of(books);
  const auto on = books.today;
  const auto lowest = *std::min_element(equal.begin(), equal.end());
  BOOST_TEST((reports.most_expensive({on, on}, soon()).at(0).task->id == lowest));
  books.close_day();
  BOOST_TEST((reports.most_expensive({on, on}, soon()).at(0).task->id == lowest));
}

BOOST_AUTO_TEST_CASE(closed_days_show_the_figures_of_their_close) {
  three_days b;
  b.books.close_day();
  auto reports = reports_of(b.books);
  const auto list = [&](const std::optional<day_range>& range, std::int32_t limit) {
    return walk([&](const auto& at) { return reports.closed_days(range, at, soon()); }, limit);
  };
  for (const std::int32_t limit : {1, 2, 50}) {
    const auto all = list(std::nullopt, limit);
    BOOST_TEST_REQUIRE(all.size() == 3U);
    BOOST_TEST((all[0].on == b.three && all[1].on == b.two && all[2].on == b.one));
    const auto& f = all[0];
    BOOST_TEST((f.earnings.count == 4500 - 8000 && f.total_paid.count == 3500));
    BOOST_TEST((f.tasks_completed == 2 && f.tasks_in_profit == 0 && f.tasks_in_deficit == 2));
    BOOST_TEST((f.accounts_in_profit == 1 && f.accounts_in_debt == 1));
    BOOST_TEST((f.top && f.top->id == b.early && f.top->title == "Early" && f.top->jira_id.empty()));
    BOOST_TEST((all[1].earnings.count == 0 && !all[1].top && all[1].accounts_in_debt == 1));
  }
  BOOST_TEST(list(day_range{b.one, b.two}, 1).size() == 2U);
  BOOST_TEST(list(day_range{b.three, b.three + one_day}, 50).size() == 1U);
  BOOST_TEST(list(day_range{b.one - one_day, b.one - one_day}, 50).empty());
}

BOOST_AUTO_TEST_CASE(a_history_tells_everything_that_happened_to_a_task_newest_first) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto bob = books.hire("bob");
  const auto id = books.create("One", ann);
  books.create("Another", ann);
  books.pass(1s);
  books.edit(id, "Two");
  books.pass(1s);
  books.shuffle();
  books.pass(1s);
  books.complete(id);
  books.deliver();
  auto reports = reports_of(books);
  using what = storage::task_change_row::kind;
  for (const std::int32_t limit : {1, 2, 50}) {
    const auto rows = walk([&](const auto& at) { return reports.history(id, at, soon()); }, limit);
    BOOST_TEST_REQUIRE(rows.size() == 5U);
    BOOST_TEST((rows[0].what == what::completed && rows[0].account == bob && !rows[0].fee));
    BOOST_TEST((rows[1].what == what::assigned && rows[1].account == bob));
    BOOST_TEST((rows[1].reason == domain::assign_reason::shuffled && rows[1].shuffle));
    BOOST_TEST((rows[1].fee->count == 1500 && rows[1].at == books.now - 1s));
    BOOST_TEST((rows[2].what == what::edited && rows[2].account == ann && !rows[2].reason));
    BOOST_TEST((rows[3].what == what::assigned && rows[3].account == ann && !rows[3].shuffle));
    BOOST_TEST((rows[3].reason == domain::assign_reason::created));
    BOOST_TEST((rows[4].what == what::created && rows[4].account == ann && !rows[4].fee));
    BOOST_TEST((rows[4].at == books.task(id).created_at));
  }
  BOOST_TEST(reports.history({domain::uuid{{1}}}, {}, soon()).rows.empty());
}

BOOST_AUTO_TEST_CASE(edited_words_are_what_is_found_and_shown) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto id = books.create("Water the plants", ann, "HOME-1");
  books.edit(id, "Feed the parrot");
  auto reports = reports_of(books);
  const auto found = [&](const char* text) {
    storage::task_filter filter;
    filter.text = text;
    return reports.tasks(filter, {}, soon()).rows.size();
  };
  BOOST_TEST((found("parrot") == 1U && found("plants") == 0U && found("HOME-1") == 0U));
  const auto entry = reports.log(ann, std::nullopt, {}, soon()).rows.at(0);
  BOOST_TEST((entry.task->title == "Feed the parrot" && entry.task->jira_id.empty()));
}

BOOST_AUTO_TEST_CASE(a_malformed_position_of_these_lists_is_an_argument_error) {
  sample_books books;
  auto reports = reports_of(books);
  for (const auto* bad : {"", "x", "2026-13-01"}) {
    BOOST_CHECK_THROW(reports.payouts({50, bad}, soon()), std::invalid_argument);
    BOOST_CHECK_THROW(reports.payees(books.today, {50, bad}, soon()), std::invalid_argument);
    BOOST_CHECK_THROW(reports.closed_days(std::nullopt, {50, bad}, soon()), std::invalid_argument);
    BOOST_CHECK_THROW(reports.entries({}, {50, bad}, soon()), std::invalid_argument);
  }
}

BOOST_AUTO_TEST_SUITE_END()
