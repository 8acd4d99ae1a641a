#pragma once
/// The state machine of one account's money (contract.md B8..B10). Pure: decide looks, apply changes.

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/task.hpp"
#include "domain/time.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace ates::domain {

enum class entry_kind : std::uint8_t { assignment_fee = 1, completion_reward = 2, payout = 3 };

std::string_view to_string(entry_kind k) noexcept;
std::optional<entry_kind> parse_entry_kind(std::string_view text) noexcept;

/// The company's sides of the ledger. Never actors, never rows that are updated.
inline constexpr uuid company_fees{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr uuid company_rewards{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
inline constexpr uuid company_payouts{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}};

/// Everything known about the money of one account: its snapshot. `version` 0: nothing was ever posted.
struct account {
  account_id id;
  cents balance;             ///< may be negative (B8)
  std::uint64_t entries = 0; ///< number of ledger entries so far; they are numbered from 1
  day open_day{};            ///< the business day to which the figures below belong; set by the first entry
  cents fees;                ///< charged on the open day, >= 0
  cents rewards;             ///< paid on the open day, >= 0
  cents paid_out;            ///< paid out on the open day, >= 0
  std::uint64_t version = 0;

  [[nodiscard]] bool exists() const noexcept { return version != 0; }
  friend bool operator==(const account&, const account&) = default;
};

/// A fee to charge or a reward to pay, caused by an event of a task.
struct posting {
  account_id account;
  entry_kind kind = entry_kind::assignment_fee; ///< assignment_fee or completion_reward
  cents amount;                                 ///< > 0
  task_id task;
  std::optional<assign_reason> reason; ///< of a fee
  std::optional<shuffle_id> shuffle;   ///< of a fee charged by a shuffle
};

/// One ledger entry, and the transfer behind it: `amount` moves from `debit` to `credit`.
struct entry_posted {
  transfer_id id;
  account_id account;
  std::uint64_t number = 0; ///< of the account's entries
  day on{};                 ///< the business day it belongs to (B10)
  entry_kind kind = entry_kind::assignment_fee;
  uuid debit;
  uuid credit;
  cents amount; ///< > 0
  cents balance_after;
  std::optional<task_id> task;
  std::optional<assign_reason> reason;
  std::optional<shuffle_id> shuffle;

  /// As it moved the balance: negative for fees and payouts.
  [[nodiscard]] cents signed_amount() const {
    return kind == entry_kind::completion_reward ? amount : -amount;
  }
};

/// The account's open day ended; emitted when it had entries that day. Figures of the day, payout included.
struct account_day_closed {
  account_id account;
  day on{};
  cents fees;
  cents rewards;
  cents paid_out;
  cents balance; ///< after the payout
};

/// The account's open day moves on to `to`.
struct account_day_opened {
  account_id account;
  day to{};
};

using account_event = std::variant<entry_posted, account_day_closed, account_day_opened>;

/// Closes the account's days before `shard_day` (B9): pays a positive balance out to zero as an entry of the
/// account's own open day, then opens `shard_day`. No events when the account's day is not behind, or nothing
/// was ever posted.
std::vector<account_event> decide_close(const account& a, day shard_day);

/// Posts one fee or reward as an entry of `shard_day`, closing days behind it first.
std::vector<account_event> decide(const account& a, const posting& p, day shard_day);

/// Applies all events of one decision as one change: version +1 if there is any event.
void apply(account& a, const std::vector<account_event>& events);

/// Id of an account's n-th entry: the same whoever computes it.
transfer_id transfer_id_of(const account_id& account, std::uint64_t number);

} // namespace ates::domain
