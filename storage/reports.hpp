#pragma once
/// Reading committed rows for lists and figures. Whatever is read here is durable: nothing undurable is ever
/// in a table.

#include "storage/record.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ates::storage {

/// One page of a keyset walk. `next` is the position to go on from; nullopt: the walk is over.
template <class Row> struct page {
  std::vector<Row> rows;
  std::optional<std::string> next; ///< opaque to callers above; bound to nothing but the order
};

struct page_request {
  std::int32_t limit = 50;          ///< 1..500
  std::optional<std::string> after; ///< a `next` of the same list
};

struct task_filter {
  std::optional<domain::task_status> status;
  std::optional<account_id> assignee;
  std::optional<std::string> jira_id;
  std::optional<std::string> text; ///< part of title or jira_id, case-insensitive
};

struct employee_filter {
  std::optional<domain::role> role;
  std::optional<bool> active;
  std::optional<std::string> text; ///< part of name or login
};

/// A ledger entry as its account's log shows it.
struct entry_row {
  domain::transfer_id id;
  account_id account;
  std::uint64_t number = 0;
  instant at{};
  day on{};
  domain::entry_kind kind = domain::entry_kind::assignment_fee;
  cents amount; ///< signed as it moved the balance
  cents balance_after;
  struct task_ref {
    domain::task_id id;
    std::string title, jira_id, description;
  };
  std::optional<task_ref> task;
  std::optional<domain::assign_reason> reason;
  std::optional<domain::shuffle_id> shuffle;
};

/// Balance and figures of one day of one account; an account that never had an entry has zeros.
struct balance_row {
  account_id account;
  cents balance;
  day on{};
  cents fees, rewards, paid_out;
  instant as_of{}; ///< database clock of the read
};

/// Which entries of everybody's.
struct entry_filter {
  std::optional<day> on;
  std::optional<domain::entry_kind> kind;
  std::optional<account_id> account;
};

/// Business days, both included; at most max_days_of_range of them.
struct day_range {
  day from{}, to{};
};
inline constexpr std::int32_t max_days_of_range = 366; ///< contract.md §3: a leap year

/// What one business day was to one account.
struct account_day_row {
  day on{};
  cents fees, rewards, paid_out;
  cents closing_balance; ///< after the last entry through that day
};

/// Management's earnings of a day are fees - rewards (B10).
struct earnings_row {
  day on{};
  cents fees, rewards;
};

struct mail_counts {
  std::int64_t queued = 0, sent = 0, failed = 0;
};

struct payout_report {
  payout_row run;
  mail_counts mails;
};

enum class mail_status : std::uint8_t { queued = 1, sent = 2, failed = 3 };

/// One account in the register of a day's payouts.
struct payee_row {
  account_id account;
  cents amount;
  std::optional<mail_status> mail; ///< none: there is no letter
};

/// The company now.
struct today_row {
  cents earnings;
  std::int64_t negative_accounts = 0; ///< balance below 0 now
  std::int64_t negative_today = 0;    ///< rewards - fees of the day below 0
};

struct top_task_row {
  day on{};
  std::optional<day_figures::top_task> task;
};

/// Something that happened to a task.
struct task_change_row {
  enum class kind : std::uint8_t { created, edited, assigned, completed };
  std::int64_t seq = 0; ///< its place in the log of the task's shard
  instant at{};
  kind what = kind::created;
  account_id account; ///< who created, edited or completed it; to whom it was assigned
  std::optional<domain::assign_reason> reason; ///< of an assignment, as is the rest
  std::optional<domain::shuffle_id> shuffle;
  std::optional<cents> fee;
};

/// Thread-safe: takes a connection from a bounded pool. Every call throws storage_error when storage is away,
/// when no connection becomes free before `deadline`, or when the query runs into its time limit.
class reports {
public:
  using deadline = std::chrono::steady_clock::time_point;
  virtual ~reports() = default;
  virtual page<employee_row> employees(const employee_filter& filter, const page_request& at,
                                       deadline by) = 0;
  /// Without secrets.
  virtual std::optional<employee_row> employee(const account_id& id, deadline by) = 0;
  virtual page<domain::task> tasks(const task_filter& filter, const page_request& at, deadline by) = 0;
  virtual std::optional<domain::task> task(const domain::task_id& id, deadline by) = 0;
  virtual page<shuffle_row> shuffles(const page_request& at, deadline by) = 0;
  virtual std::optional<shuffle_row> shuffle(const domain::shuffle_id& id, deadline by) = 0;
  virtual page<account_id> roster(std::int64_t run, const page_request& at, deadline by) = 0;
  /// `today` decides which day's figures the rows carry.
  virtual balance_row balance(const account_id& account, day today, deadline by) = 0;
  /// All employees' accounts, oldest employee first; `negative`: only balances below (true) or not below 0
  /// (false).
  virtual page<balance_row> balances(std::optional<bool> negative, day today, const page_request& at,
                                     deadline by) = 0;
  virtual page<entry_row> log(const account_id& account, std::optional<day> on, const page_request& at,
                              deadline by) = 0;
  virtual std::optional<payout_report> payout(day on, deadline by) = 0;

  /// Newest first.
  virtual page<task_change_row> history(const domain::task_id& id, const page_request& at, deadline by) = 0;

  // -- books
  /// Entries of all accounts, newest first.
  virtual page<entry_row> entries(const entry_filter& filter, const page_request& at, deadline by) = 0;
  /// Every day of the range, oldest first.
  virtual std::vector<account_day_row> account_days(const account_id& account, const day_range& range,
                                                    deadline by) = 0;
  virtual std::vector<earnings_row> earnings(const day_range& range, deadline by) = 0;
  /// Newest first.
  virtual page<payout_report> payouts(const page_request& at, deadline by) = 0;
  /// Who was paid out on that day, by account id.
  virtual page<payee_row> payees(day on, const page_request& at, deadline by) = 0;

  // -- analytics
  virtual today_row today(day on, deadline by) = 0;
  /// Every day of the range, oldest first.
  virtual std::vector<top_task_row> most_expensive(const day_range& range, deadline by) = 0;
  /// Closed days, newest first; without a range all of them.
  virtual page<day_figures> closed_days(const std::optional<day_range>& range, const page_request& at,
                                        deadline by) = 0;
};

} // namespace ates::storage
