#pragma once
/// The rows that reports and operations read, in memory.

#include "storage/operations.hpp"
#include "storage/reports.hpp"
#include "test/http/fakes.hpp"

namespace ates::http::test {

/// Lists of numbered rows: the position is the number of the last row.
class fake_reports : public storage::reports {
public:
  explicit fake_reports(fake_facade& f) : facade(f) {}
  fake_facade& facade;
  std::atomic<bool> away{false};
  std::string refusal; ///< SQLSTATE with which every question is answered; empty: it is not
  std::optional<storage::task_filter> asked_tasks;
  std::vector<storage::employee_row> strangers; ///< in storage, and not known to the node yet

  template <class Row>
  storage::page<Row> paged(const std::vector<Row>& rows, const storage::page_request& at) const {
    check();
    const auto begin = at.after ? std::stoul(*at.after) : 0UL;
    const auto end = std::min(rows.size(), begin + static_cast<std::size_t>(at.limit));
    storage::page<Row> out;
    out.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                    rows.begin() + static_cast<std::ptrdiff_t>(end));
    if (end < rows.size())
      out.next = std::to_string(end);
    return out;
  }
  void check() const {
    if (away)
      throw storage::storage_error(storage::storage_error::kind::away, "test", "", "no connection");
    if (!refusal.empty())
      throw storage::storage_error(storage::storage_error::kind::refused, "test", refusal, "refused");
  }

  storage::page<storage::employee_row> employees(const storage::employee_filter&,
                                                 const storage::page_request& at, deadline) override {
    std::vector<storage::employee_row> rows;
    for (const auto& one : facade.people) {
      storage::employee_row row;
      row.id = one.who.id;
      row.login = one.who.login;
      row.email = one.who.email;
      row.name = one.who.name;
      row.role = one.who.role;
      rows.push_back(row);
    }
    return paged(rows, at);
  }
  std::optional<storage::employee_row> employee(const domain::account_id& id, deadline) override {
    check();
    for (const auto& row : strangers)
      if (row.id == id)
        return row;
    return std::nullopt;
  }
  storage::page<domain::task> tasks(const storage::task_filter& filter, const storage::page_request& at,
                                    deadline) override {
    asked_tasks = filter;
    std::vector<domain::task> rows;
    for (const auto& [id, task] : facade.tasks)
      rows.push_back(task);
    return paged(rows, at);
  }
  std::optional<domain::task> task(const domain::task_id&, deadline) override { return std::nullopt; }
  storage::page<storage::shuffle_row> shuffles(const storage::page_request& at, deadline) override {
    return paged(std::vector<storage::shuffle_row>{}, at);
  }
  std::optional<storage::shuffle_row> shuffle(const domain::shuffle_id& id, deadline) override {
    check();
    if (id.value != numbered_uuid(3, 1))
      return std::nullopt;
    storage::shuffle_row row;
    row.run = 1;
    row.id = id;
    return row;
  }
  storage::page<domain::account_id> roster(std::int64_t, const storage::page_request& at, deadline) override {
    std::vector<domain::account_id> rows;
    for (const auto& one : facade.people)
      rows.push_back(one.who.id);
    return paged(rows, at);
  }
  storage::balance_row balance(const domain::account_id& account, domain::day today, deadline) override {
    check();
    storage::balance_row row;
    row.account = account;
    row.on = today;
    row.balance = {-500};
    row.fees = {2000};
    row.rewards = {1500};
    return row;
  }
  storage::page<storage::balance_row> balances(std::optional<bool>, domain::day today,
                                               const storage::page_request& at, deadline by) override {
    std::vector<storage::balance_row> rows;
    for (const auto& one : facade.people)
      rows.push_back(balance(one.who.id, today, by));
    return paged(rows, at);
  }
  storage::page<storage::entry_row> log(const domain::account_id& account, std::optional<domain::day>,
                                        const storage::page_request& at, deadline) override {
    storage::entry_row fee;
    fee.account = account;
    fee.amount = {-1500};
    fee.balance_after = {-1500};
    fee.task = storage::entry_row::task_ref{domain::task_id{numbered_uuid(2, 1)}, "Do it", "ABC-1", ""};
    fee.reason = domain::assign_reason::created;
    return paged(std::vector{fee}, at);
  }
  std::optional<storage::payout_report> payout(domain::day on, deadline) override {
    check();
    if (on != facade.today() || !facade.closed_before)
      return std::nullopt;
    return storage::payout_report{facade.closed, {3, 2, 1}};
  }

  // -- books: what was asked for, and a few rows
  std::optional<storage::entry_filter> asked_entries;
  std::optional<storage::day_range> asked_range;
  std::vector<storage::entry_row> ledger;
  std::vector<storage::payee_row> paid;
  std::map<domain::day, storage::day_figures> closed;

  storage::page<storage::task_change_row> history(const domain::task_id&, const storage::page_request& at,
                                                  deadline) override {
    storage::task_change_row change;
    change.what = storage::task_change_row::kind::assigned;
    change.account = facade.people.front().who.id;
    change.reason = domain::assign_reason::created;
    change.fee = domain::cents{1500};
    return paged(std::vector{change}, at);
  }
  storage::page<storage::entry_row> entries(const storage::entry_filter& filter,
                                            const storage::page_request& at, deadline) override {
    asked_entries = filter;
    return paged(ledger, at);
  }
  std::vector<storage::account_day_row> account_days(const domain::account_id&,
                                                     const storage::day_range& range, deadline) override {
    asked_range = range;
    return {{range.from, {1500}, {0}, {0}, {-1500}}};
  }
  std::vector<storage::earnings_row> earnings(const storage::day_range& range, deadline) override {
    asked_range = range;
    return {{range.from, {1500}, {4000}}, {range.to, {2000}, {0}}};
  }
  storage::page<storage::payout_report> payouts(const storage::page_request& at, deadline) override {
    return paged(std::vector{storage::payout_report{facade.closed, {3, 2, 1}}}, at);
  }
  storage::page<storage::payee_row> payees(domain::day, const storage::page_request& at, deadline) override {
    return paged(paid, at);
  }
  storage::today_row today(domain::day, deadline) override {
    check();
    return {{-500}, 3, 2};
  }
  std::vector<storage::top_task_row> most_expensive(const storage::day_range& range, deadline) override {
    asked_range = range;
    std::vector<storage::top_task_row> rows;
    for (auto on = range.from; on <= range.to; on += std::chrono::days{1}) {
      const auto found = closed.find(on);
      rows.push_back({on, found == closed.end() ? std::nullopt : found->second.top});
    }
    return rows;
  }
  storage::page<storage::day_figures> closed_days(const std::optional<storage::day_range>& range,
                                                  const storage::page_request& at, deadline) override {
    asked_range = range;
    std::vector<storage::day_figures> rows;
    for (const auto& [on, figures] : closed)
      rows.insert(rows.begin(), figures);
    return paged(rows, at);
  }
};

/// The rows of a cluster that stands still, and what was asked and recorded.
class fake_operations : public storage::operations {
public:
  storage::cluster_view now;
  std::vector<storage::audit_row> rows; ///< oldest first
  std::vector<storage::incarnation> drained;
  std::vector<std::pair<domain::shard_number, storage::incarnation>> moved;
  bool just_died = false; ///< whoever is to be marked

  storage::node_view& add_node(const std::string& name, storage::node_state state) {
    storage::node_view n;
    n.row.number = static_cast<storage::incarnation>(now.nodes.size() + 1);
    n.row.name = name;
    n.row.http = "127.0.0.1:80";
    n.state = state;
    n.beat_age = std::chrono::milliseconds{120};
    n.active_actors = 7;
    now.nodes.push_back(n);
    return now.nodes.back();
  }
  void add_shard(std::optional<storage::incarnation> owner) {
    storage::shard_lease lease;
    lease.shard = static_cast<domain::shard_number>(now.shards.size());
    lease.owner = owner;
    lease.epoch = 5;
    now.shards.push_back(lease);
  }

  storage::cluster_view view(deadline) override { return now; }
  bool ask_drain(storage::incarnation node, const storage::audit_row& why, deadline by) override {
    if (just_died)
      return false;
    drained.push_back(node);
    record(why, by);
    return true;
  }
  bool ask_move(domain::shard_number shard, storage::incarnation to, const storage::audit_row& why,
                deadline by) override {
    if (just_died)
      return false;
    moved.emplace_back(shard, to);
    record(why, by);
    return true;
  }
  void record(const storage::audit_row& what, deadline by) override {
    if (!find(what.id, by))
      rows.push_back(what);
  }
  std::optional<storage::audit_row> find(const domain::uuid& id, deadline) override {
    for (const auto& row : rows)
      if (row.id == id)
        return row;
    return std::nullopt;
  }
  storage::page<storage::audit_row> audit(const storage::page_request& at, deadline) override {
    const auto begin = at.after ? std::stoul(*at.after) : 0UL;
    const auto end = std::min(rows.size(), begin + static_cast<std::size_t>(at.limit));
    storage::page<storage::audit_row> page;
    for (auto i = begin; i < end; ++i)
      page.rows.push_back(rows[rows.size() - 1 - i]);
    if (end < rows.size())
      page.next = std::to_string(end);
    return page;
  }

  std::vector<storage::parked_row> parked_rows; ///< newest first
  storage::page<storage::parked_row> parked(const storage::page_request&, deadline) override {
    storage::page<storage::parked_row> page;
    for (const auto& row : parked_rows)
      if (row.status == storage::parked_status::parked)
        page.rows.push_back(row);
    return page;
  }
  std::optional<storage::parked_row> find_parked(const domain::uuid& id, deadline) override {
    for (const auto& row : parked_rows)
      if (row.id == id)
        return row;
    return std::nullopt;
  }
};

} // namespace ates::http::test
