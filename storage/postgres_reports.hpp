#pragma once
/// Lists and figures from PostgreSQL. Pages are keyset walks: each goes on behind the last row's place in an
/// index, so that a page costs the same at the beginning and at the end of a million rows.

#include "storage/read_pool.hpp"
#include "storage/reports.hpp"

#include <string>

namespace ates::storage {

/// A position of a list is plain text ("1795226400000000.<uuid>", "17"); one that is malformed throws
/// std::invalid_argument. Employees come without their secrets' hashes.
class postgres_reports final : public reports {
public:
  /// Connects on demand. `shards`: of the database (setting exchange.shards).
  postgres_reports(std::string url, domain::shard_number shards, const read_pool_options& options = {});

  page<employee_row> employees(const employee_filter& filter, const page_request& at, deadline by) override;
  std::optional<employee_row> employee(const account_id& id, deadline by) override;
  page<domain::task> tasks(const task_filter& filter, const page_request& at, deadline by) override;
  std::optional<domain::task> task(const domain::task_id& id, deadline by) override;
  page<shuffle_row> shuffles(const page_request& at, deadline by) override;
  std::optional<shuffle_row> shuffle(const domain::shuffle_id& id, deadline by) override;
  page<account_id> roster(std::int64_t run, const page_request& at, deadline by) override;
  balance_row balance(const account_id& account, day today, deadline by) override;
  page<balance_row> balances(std::optional<bool> negative, day today, const page_request& at,
                             deadline by) override;
  page<entry_row> log(const account_id& account, std::optional<day> on, const page_request& at,
                      deadline by) override;
  std::optional<payout_report> payout(day on, deadline by) override;
  page<task_change_row> history(const domain::task_id& id, const page_request& at, deadline by) override;
  page<entry_row> entries(const entry_filter& filter, const page_request& at, deadline by) override;
  std::vector<account_day_row> account_days(const account_id& account, const day_range& range,
                                            deadline by) override;
  std::vector<earnings_row> earnings(const day_range& range, deadline by) override;
  page<payout_report> payouts(const page_request& at, deadline by) override;
  page<payee_row> payees(day on, const page_request& at, deadline by) override;
  today_row today(day on, deadline by) override;
  std::vector<top_task_row> most_expensive(const day_range& range, deadline by) override;
  page<day_figures> closed_days(const std::optional<day_range>& range, const page_request& at,
                                deadline by) override;

private:
  std::vector<balance_row> balances_of(pqxx::transaction_base& tx, const std::vector<account_id>& accounts,
                                       day today) const;
  std::map<day, day_figures::top_task> tops_of_open_days(pqxx::transaction_base& tx,
                                                         const std::vector<day>& open) const;
  /// One account's entries; `filter` names it.
  page<entry_row> log_of(const entry_filter& filter, const page_request& at, deadline by);
  void name_tasks(pqxx::transaction_base& tx, std::vector<entry_row>& entries) const;

  domain::shard_number shards_;
  read_pool pool_;
};

} // namespace ates::storage
