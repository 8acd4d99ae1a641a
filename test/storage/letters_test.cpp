// Letters: queued with a payout, read when they are due, marked under the fence; both implementations.

#include "storage/event_json.hpp"
#include "test/storage/worlds.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace ates::storage;
using namespace ates::test;
namespace domain = ates::domain;
using namespace std::chrono_literals;

namespace {

constexpr shard_number home = 1;
constexpr std::size_t many = 100;

/// Employees of one shard, each of whom is owed something.
template <class World> struct pay_day {
  explicit pay_day(int people) {
    record directory;
    directory.epoch = d.epochs[0];
    directory.entity = {entity_kind::directory, {}};
    directory.at = noon();
    for (int i = 0; i < people; ++i) {
      accounts.push_back(new_account(account_in(home, i)));
      directory.employees.push_back(sample_employee(accounts.back().id, i + 1, "person" + std::to_string(i)));
    }
    BOOST_REQUIRE(d.commits({directory}));
    for (auto& account : accounts)
      BOOST_REQUIRE(d.commits({reward_record(d.epochs[home], account, 0, ++seq)}));
  }
  /// Each letter of its own batch: their order is that of the accounts.
  void pay() {
    for (auto& account : accounts)
      BOOST_REQUIRE(d.commits({close_record(d.epochs[home], account, sample_day() + std::chrono::days{1})}));
  }
  record mark(const account_id& account, letter_status status, std::chrono::milliseconds again_in = 0ms) {
    record r;
    r.shard = home;
    r.epoch = d.epochs[home];
    r.entity = {entity_kind::shard, {}};
    r.at = noon();
    r.letters.push_back({account, sample_day(), status, 1, again_in, "<id@cluster>"});
    if (status != letter_status::queued)
      r.events.push_back(letter_event_row(r.letters.back(), {100}, r.at));
    return r;
  }
  due_letters due(std::size_t limit = many) { return world.loader().letters_due(home, limit); }

  World world;
  desk<World> d{world};
  std::vector<domain::account> accounts;
  std::int64_t seq = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(letters_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_payout_queues_a_letter_to_the_address_of_that_moment, World, worlds) {
  pay_day<World> p{1};
  BOOST_TEST(p.due().letters.empty());
  p.pay();
  auto moved = sample_employee(p.accounts[0].id, 1, "person0");
  const auto name = moved.name, address = moved.email;
  moved.name = "Another name";
  moved.email = "moved@example.org";
  record directory;
  directory.epoch = p.d.epochs[0];
  directory.entity = {entity_kind::directory, {}};
  directory.at = noon();
  directory.employees = {moved};
  directory.employees[0].changed += 1000;
  BOOST_REQUIRE(p.d.commits({directory}));
  const auto due = p.due();
  BOOST_TEST_REQUIRE(due.letters.size() == 1U);
  const auto& letter = due.letters[0];
  BOOST_TEST((letter.account == p.accounts[0].id && letter.on == sample_day()));
  BOOST_TEST((letter.name == name && letter.address == address));
  BOOST_TEST(letter.amount.count == 100);
  BOOST_TEST(letter.attempts == 0);
  BOOST_TEST(!due.next.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(letters_come_in_pages_those_that_wait_longest_first, World, worlds) {
  pay_day<World> p{5};
  p.pay();
  for (std::size_t done = 0; done < p.accounts.size(); ++done) {
    const auto due = p.due(2);
    BOOST_TEST_REQUIRE(due.letters.size() == std::min<std::size_t>(2, p.accounts.size() - done));
    BOOST_REQUIRE(p.d.commits({p.mark(due.letters[0].account, letter_status::sent)}));
  }
  BOOST_TEST(p.due().letters.empty());
  BOOST_TEST(p.world.loader().letters_due(home + 1, many).letters.empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_letter_to_be_tried_again_is_due_later, World, worlds) {
  pay_day<World> p{2};
  p.pay();
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[0].id, letter_status::queued, 1h)}));
  auto due = p.due();
  BOOST_TEST_REQUIRE(due.letters.size() == 1U);
  BOOST_TEST((due.letters[0].account == p.accounts[1].id));
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[1].id, letter_status::sent)}));
  due = p.due();
  BOOST_TEST(due.letters.empty());
  BOOST_TEST_REQUIRE(due.next.has_value());
  BOOST_TEST((*due.next > 0ms && *due.next <= 1h));
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[0].id, letter_status::queued, -1h)}));
  due = p.due();
  BOOST_TEST_REQUIRE(due.letters.size() == 1U);
  BOOST_TEST(due.letters[0].attempts == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_letter_is_marked_as_sent_or_given_up_once, World, worlds) {
  pay_day<World> p{2};
  p.pay();
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[0].id, letter_status::sent)}));
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[1].id, letter_status::failed)}));
  const auto before = p.d.stored(home).last_seq;
  for (const auto& account : p.accounts)
    for (const auto status : {letter_status::sent, letter_status::failed, letter_status::queued})
      BOOST_TEST((p.d.commit({p.mark(account.id, status)}).what == commit_outcome::kind::refused));
  BOOST_TEST((p.d.commit({p.mark(account_in(home, 77), letter_status::sent)}).what ==
              commit_outcome::kind::refused));
  BOOST_TEST(p.d.stored(home).last_seq == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_mark_under_a_lost_lease_is_not_made, World, worlds) {
  pay_day<World> p{1};
  p.pay();
  p.world.lose(home);
  BOOST_TEST(
      (p.d.commit({p.mark(p.accounts[0].id, letter_status::sent)}).what == commit_outcome::kind::fenced));
  BOOST_TEST(p.due().letters.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_database_remembers_what_became_of_a_letter) {
  pay_day<postgres_world> p{1};
  p.pay();
  BOOST_REQUIRE(p.d.commits({p.mark(p.accounts[0].id, letter_status::failed)}));
  const auto row = p.world.sql("select status, attempts, message_id from mail");
  BOOST_TEST_REQUIRE(row.size() == 1);
  BOOST_TEST(row[0][0].as<int>() == 3);
  BOOST_TEST(row[0][1].as<int>() == 1);
  BOOST_TEST(std::string{row[0][2].c_str()} == "<id@cluster>");
}

BOOST_AUTO_TEST_SUITE_END()
