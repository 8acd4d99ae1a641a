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

struct mail_counts {
  std::int64_t queued = 0, sent = 0, failed = 0;
};

struct payout_report {
  payout_row run;
  mail_counts mails;
};

/// Thread-safe: takes a connection from a bounded pool. Every call throws storage_error when storage is away,
/// when no connection becomes free before `deadline`, or when the query runs into its time limit.
class reports {
public:
  using deadline = std::chrono::steady_clock::time_point;
  virtual ~reports() = default;
  virtual page<employee_row> employees(const employee_filter& filter, const page_request& at,
                                       deadline by) = 0;
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
};

} // namespace ates::storage
