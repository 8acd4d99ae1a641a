#include "domain/account.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>

using namespace ates::domain;
using namespace ates::test;

namespace {

const account_id owner = account_of(7);
const day friday = day_of("2026-11-20");
const day saturday = day_of("2026-11-21");
const day monday = day_of("2026-11-23");

posting fee(std::int64_t amount) {
  return {.account = owner,
          .kind = entry_kind::assignment_fee,
          .amount = {amount},
          .task = task_of(9),
          .reason = assign_reason::shuffled,
          .shuffle = shuffle_of(5)};
}

posting reward(std::int64_t amount) {
  return {.account = owner,
          .kind = entry_kind::completion_reward,
          .amount = {amount},
          .task = task_of(9),
          .reason = std::nullopt,
          .shuffle = std::nullopt};
}

/// As the account's shard has it before anything was posted.
account untouched() {
  account a;
  a.id = owner;
  return a;
}

account after(account a, const std::vector<posting>& postings, day shard_day) {
  for (const auto& p : postings)
    ates::domain::apply(a, decide(a, p, shard_day));
  return a;
}

void check_closed(const account_event& event, day on, const account& figures, cents balance) {
  const auto& closed = std::get<account_day_closed>(event);
  BOOST_TEST((closed.account == owner));
  BOOST_TEST(to_string(closed.on) == to_string(on));
  BOOST_TEST(closed.fees.count == figures.fees.count);
  BOOST_TEST(closed.rewards.count == figures.rewards.count);
  BOOST_TEST(closed.paid_out.count == figures.paid_out.count);
  BOOST_TEST(closed.balance.count == balance.count);
}

} // namespace

BOOST_AUTO_TEST_SUITE(accounts)

BOOST_AUTO_TEST_CASE(a_fee_moves_from_the_account_to_the_companys_fees) {
  const auto events = decide(untouched(), fee(1500), friday);
  BOOST_REQUIRE(events.size() == 1U);
  const auto& e = std::get<entry_posted>(events[0]);
  BOOST_TEST((e.id == transfer_id_of(owner, 1)));
  BOOST_TEST((e.account == owner));
  BOOST_TEST(e.number == 1U);
  BOOST_TEST(to_string(e.on) == "2026-11-20");
  BOOST_TEST((e.kind == entry_kind::assignment_fee));
  BOOST_TEST((e.debit == owner.value));
  BOOST_TEST((e.credit == company_fees));
  BOOST_TEST(e.amount.count == 1500);
  BOOST_TEST(e.signed_amount().count == -1500);
  BOOST_TEST(e.balance_after.count == -1500);
  BOOST_TEST((e.task == task_of(9)));
  BOOST_TEST((e.reason == assign_reason::shuffled));
  BOOST_TEST((e.shuffle == shuffle_of(5)));
}

BOOST_AUTO_TEST_CASE(a_reward_moves_from_the_companys_rewards_to_the_account) {
  const auto events = decide(untouched(), reward(3000), friday);
  BOOST_REQUIRE(events.size() == 1U);
  const auto& e = std::get<entry_posted>(events[0]);
  BOOST_TEST((e.debit == company_rewards));
  BOOST_TEST((e.credit == owner.value));
  BOOST_TEST(e.signed_amount().count == 3000);
  BOOST_TEST(e.balance_after.count == 3000);
  BOOST_TEST((e.task == task_of(9)));
  BOOST_TEST(!e.reason);
  BOOST_TEST(!e.shuffle);
}

BOOST_AUTO_TEST_CASE(the_first_entry_opens_the_accounts_first_day) {
  const auto a = after(untouched(), {fee(1500)}, friday);
  account expected;
  expected.id = owner;
  expected.balance = {-1500};
  expected.entries = 1;
  expected.open_day = friday;
  expected.fees = {1500};
  expected.version = 1;
  BOOST_TEST((a == expected));
  BOOST_TEST((after(account{}, {fee(1500)}, friday) == expected)); // the posting says whose account it is
}

BOOST_AUTO_TEST_CASE(entries_of_one_day_add_up_and_are_numbered) {
  const auto a = after(untouched(), {fee(1500), fee(1000), reward(3000)}, friday);
  BOOST_TEST(a.balance.count == 500);
  BOOST_TEST(a.entries == 3U);
  BOOST_TEST(a.version == 3U);
  BOOST_TEST(a.fees.count == 2500);
  BOOST_TEST(a.rewards.count == 3000);
  BOOST_TEST(a.paid_out.count == 0);
}

BOOST_AUTO_TEST_CASE(at_the_close_a_positive_balance_is_paid_out_to_zero_on_the_closed_day) {
  const auto a = after(untouched(), {fee(1000), reward(3000)}, friday);
  const auto events = decide_close(a, saturday);
  BOOST_REQUIRE(events.size() == 3U);

  const auto& payout = std::get<entry_posted>(events[0]);
  BOOST_TEST((payout.id == transfer_id_of(owner, 3)));
  BOOST_TEST((payout.account == owner));
  BOOST_TEST(payout.number == 3U);
  BOOST_TEST(to_string(payout.on) == "2026-11-20");
  BOOST_TEST((payout.kind == entry_kind::payout));
  BOOST_TEST((payout.debit == owner.value));
  BOOST_TEST((payout.credit == company_payouts));
  BOOST_TEST(payout.amount.count == 2000);
  BOOST_TEST(payout.signed_amount().count == -2000);
  BOOST_TEST(payout.balance_after.count == 0);
  BOOST_TEST(!payout.task);
  BOOST_TEST(!payout.reason);
  BOOST_TEST(!payout.shuffle);

  auto figures = a;
  figures.paid_out = {2000};
  check_closed(events[1], friday, figures, cents{0});
  const auto& opened = std::get<account_day_opened>(events[2]);
  BOOST_TEST((opened.account == owner));
  BOOST_TEST(to_string(opened.to) == "2026-11-21");

  auto closed = a;
  ates::domain::apply(closed, events);
  account expected;
  expected.id = owner;
  expected.entries = 3;
  expected.open_day = saturday;
  expected.version = 3;
  BOOST_TEST((closed == expected));
}

BOOST_AUTO_TEST_CASE(debt_is_carried_to_the_next_day_without_a_payout) {
  const auto a = after(untouched(), {fee(1000)}, friday);
  const auto events = decide_close(a, saturday);
  BOOST_REQUIRE(events.size() == 2U);
  check_closed(events[0], friday, a, cents{-1000});
  BOOST_TEST(to_string(std::get<account_day_opened>(events[1]).to) == "2026-11-21");
  auto closed = a;
  ates::domain::apply(closed, events);
  BOOST_TEST(closed.balance.count == -1000);
  BOOST_TEST(closed.fees.count == 0);
  BOOST_TEST(closed.entries == 1U);
}

BOOST_AUTO_TEST_CASE(a_balance_of_zero_after_entries_closes_the_day_without_a_payout) {
  const auto a = after(untouched(), {fee(1000), reward(1000)}, friday);
  const auto events = decide_close(a, saturday);
  BOOST_REQUIRE(events.size() == 2U);
  check_closed(events[0], friday, a, cents{0});
}

BOOST_AUTO_TEST_CASE(a_day_without_entries_is_passed_over_in_silence) {
  auto a = after(untouched(), {fee(1000)}, friday);
  ates::domain::apply(a, decide_close(a, saturday));
  const auto events = decide_close(a, monday);
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_TEST(to_string(std::get<account_day_opened>(events[0]).to) == "2026-11-23");
}

BOOST_AUTO_TEST_CASE(nothing_closes_before_its_time_or_twice) {
  const auto a = after(untouched(), {reward(1000)}, friday);
  BOOST_TEST(decide_close(untouched(), monday).empty());
  BOOST_TEST(decide_close(a, friday).empty());
  BOOST_TEST(decide_close(a, friday - std::chrono::days{1}).empty());
  auto closed = a;
  ates::domain::apply(closed, decide_close(a, saturday));
  BOOST_TEST(decide_close(closed, saturday).empty());
  auto same = closed;
  ates::domain::apply(same, {});
  BOOST_TEST((same == closed));
}

BOOST_AUTO_TEST_CASE(a_posting_after_the_days_end_pays_the_old_day_out_first) {
  const auto a = after(untouched(), {reward(3000)}, friday);
  const auto events = decide(a, fee(1200), monday);
  BOOST_REQUIRE(events.size() == 4U);
  const auto& payout = std::get<entry_posted>(events[0]);
  BOOST_TEST((payout.kind == entry_kind::payout));
  BOOST_TEST(payout.number == 2U);
  BOOST_TEST(to_string(payout.on) == "2026-11-20");
  BOOST_TEST(payout.amount.count == 3000);
  BOOST_TEST(to_string(std::get<account_day_closed>(events[1]).on) == "2026-11-20");
  BOOST_TEST(to_string(std::get<account_day_opened>(events[2]).to) == "2026-11-23");
  const auto& entry = std::get<entry_posted>(events[3]);
  BOOST_TEST(entry.number == 3U);
  BOOST_TEST(to_string(entry.on) == "2026-11-23");
  BOOST_TEST(entry.balance_after.count == -1200);

  auto next = a;
  ates::domain::apply(next, events);
  BOOST_TEST(next.balance.count == -1200);
  BOOST_TEST(next.fees.count == 1200);
  BOOST_TEST(next.rewards.count == 0);
  BOOST_TEST(next.paid_out.count == 0);
  BOOST_TEST(to_string(next.open_day) == "2026-11-23");
  BOOST_TEST(next.entries == 3U);
  BOOST_TEST(next.version == 2U); // one decision, one change
}

BOOST_AUTO_TEST_CASE(an_account_ahead_of_its_shard_keeps_its_open_day) {
  const auto a = after(untouched(), {reward(3000)}, monday);
  const auto events = decide(a, fee(1000), friday);
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_TEST(to_string(std::get<entry_posted>(events[0]).on) == "2026-11-23");
}

BOOST_AUTO_TEST_CASE(only_fees_and_rewards_of_more_than_nothing_are_posted) {
  BOOST_CHECK_THROW(decide(untouched(), fee(0), friday), std::logic_error);
  BOOST_CHECK_THROW(decide(untouched(), reward(-1), friday), std::logic_error);
  auto p = fee(1);
  p.kind = entry_kind::payout;
  BOOST_CHECK_THROW(decide(untouched(), p, friday), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_balance_beyond_64_bits_is_an_error_not_a_wrong_balance) {
  auto a = after(untouched(), {fee(1)}, friday);
  a.balance = {INT64_MIN};
  BOOST_CHECK_THROW(decide(a, fee(1), friday), std::overflow_error);
}

BOOST_AUTO_TEST_CASE(transfer_ids_never_change_and_never_repeat) {
  const account_id a{id_of("00112233-4455-6677-8899-aabbccddeeff")};
  BOOST_TEST(to_string(transfer_id_of(a, 1)) == "ac79ab0e-73d6-55a9-95fc-90eee2100a37");
  BOOST_TEST(to_string(transfer_id_of(a, 2)) == "0cb8e6a0-1173-5e71-8ecd-fdfaa12a4965");
  BOOST_TEST(to_string(transfer_id_of(a, 258)) == "ccff1ada-bdaf-53b8-81ee-d2f79889fa72");
  BOOST_TEST(to_string(transfer_id_of(a, std::uint64_t{1} << 40)) == "d53b88ee-de57-5175-9362-86787f9e9ab5");
  std::set<transfer_id> seen;
  for (std::uint8_t n = 0; n < 20; ++n)
    for (std::uint64_t number = 1; number <= 100; ++number)
      seen.insert(transfer_id_of(account_of(n), number));
  BOOST_TEST(seen.size() == 2000U);
}

BOOST_AUTO_TEST_CASE(whatever_is_posted_the_books_balance_and_each_day_is_closed_once) {
  seeded_dice dice(8);
  for (int life = 0; life < 100; ++life) {
    auto a = untouched();
    auto shard_day = friday;
    cents booked;             // sum of all signed entries
    std::uint64_t number = 0; // of the last entry
    std::set<day> closed;
    for (int step = 0; step < 60; ++step) {
      const auto amount = 1 + static_cast<std::int64_t>(uniform_below(dice, 4000));
      std::vector<account_event> events;
      switch (uniform_below(dice, 4)) {
      case 0:
        shard_day += std::chrono::days{static_cast<int>(uniform_below(dice, 3))};
        events = decide_close(a, shard_day);
        break;
      case 1:
        events = decide(a, reward(amount), shard_day);
        break;
      default:
        events = decide(a, fee(amount), shard_day);
      }
      for (const auto& event : events) {
        if (const auto* entry = std::get_if<entry_posted>(&event)) {
          booked += entry->signed_amount();
          BOOST_REQUIRE(entry->number == ++number);
          BOOST_REQUIRE(entry->balance_after == booked);
          BOOST_REQUIRE(!closed.contains(entry->on));
          BOOST_REQUIRE((entry->debit == owner.value) != (entry->credit == owner.value));
        } else if (const auto* end = std::get_if<account_day_closed>(&event)) {
          BOOST_REQUIRE(closed.insert(end->on).second);
          BOOST_REQUIRE(end->balance <= cents{0});
        }
      }
      ates::domain::apply(a, events);
      BOOST_REQUIRE(a.balance == booked);
      BOOST_REQUIRE(a.entries == number);
      BOOST_REQUIRE(!a.exists() || a.open_day <= shard_day);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kinds_of_entries_have_the_contracts_words) {
  BOOST_TEST(to_string(entry_kind::assignment_fee) == "assignment_fee");
  BOOST_TEST(to_string(entry_kind::completion_reward) == "completion_reward");
  BOOST_TEST(to_string(entry_kind::payout) == "payout");
  for (const auto k : {entry_kind::assignment_fee, entry_kind::completion_reward, entry_kind::payout})
    BOOST_TEST((parse_entry_kind(to_string(k)) == k));
  BOOST_TEST(!parse_entry_kind("fee"));
  BOOST_TEST(!parse_entry_kind(""));
}

BOOST_AUTO_TEST_SUITE_END()
