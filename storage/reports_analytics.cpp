// What management asks. The figures of a closed day are those of its event day.closed and never change; those
// of a day that is still open are computed from its entries.

#include "storage/array_text.hpp"
#include "storage/postgres_reports.hpp"
#include "storage/report_query.hpp"
#include "storage/rows.hpp"

#include <map>

namespace ates::storage {

namespace {

/// Accounts by the figures of day $1. One whose open day is later has closed it: its figures are in the
/// ledger only, which is read when there is any such account.
constexpr const char* select_today =
    "select"
    " (select coalesce(sum(d.fees - d.rewards), 0)::bigint from shard s"
    "   join shard_day d on d.shard = s.shard and d.day = $1::date),"
    " (select count(*) from account where balance < 0),"
    " (select count(*) from account where open_day = $1::date and rewards < fees)"
    " + case when exists (select from account where open_day > $1::date) then"
    "   (select count(*) from (select 1 from transfer t"
    "      join account a on a.shard = t.shard and a.id = t.account and a.open_day > $1::date"
    "      where t.day = $1::date and t.kind in (1, 2) group by t.shard, t.account"
    "      having sum(case t.kind when 2 then t.amount else -t.amount end) < 0) in_debt)"
    "   else 0 end";

/// In the words of the index event_of_closed_day.
constexpr const char* is_day_closed = "type = 'day.closed.v1'";
constexpr const char* closed_day = "(data ->> 'day')";

/// The columns of a day.closed event, in the order that figures_from reads them: first its most expensive
/// task.
std::string figure_columns() {
  return days("(data ->> 'day')::date") +
         ", data -> 'top_task' ->> 'id', data -> 'top_task' ->> 'title', data -> 'top_task' ->> 'jira_id',"
         " data -> 'top_task' ->> 'reward', " +
         micros("(data -> 'top_task' ->> 'completed_at')::timestamptz") +
         ", data -> 'top_task' ->> 'completed_by', data ->> 'earnings', data ->> 'tasks_completed',"
         " data ->> 'tasks_in_profit', data ->> 'tasks_in_deficit', data ->> 'accounts_in_profit',"
         " data ->> 'accounts_in_debt', data ->> 'total_paid'";
}

/// A task out of six columns from `first` on: id, title, jira_id, reward, completed_at, completed_by.
day_figures::top_task top_task_of(const pqxx::row& row, int first) {
  const auto jira_id = row[first + 2];
  return {id_of<domain::task_id>(row[first]),
          row[first + 1].c_str(),
          jira_id.is_null() ? "" : jira_id.c_str(),
          cents_of(row[first + 3]),
          instant_of(row[first + 4]),
          id_of<account_id>(row[first + 5])};
}

day_figures figures_from(const pqxx::row& row) {
  day_figures f;
  f.on = day_of(row[0]);
  if (!row[1].is_null())
    f.top = top_task_of(row, 1);
  f.earnings = cents_of(row[7]);
  f.tasks_completed = row[8].as<std::int64_t>();
  f.tasks_in_profit = row[9].as<std::int64_t>();
  f.tasks_in_deficit = row[10].as<std::int64_t>();
  f.accounts_in_profit = row[11].as<std::int64_t>();
  f.accounts_in_debt = row[12].as<std::int64_t>();
  f.total_paid = cents_of(row[13]);
  return f;
}

/// " and (data ->> 'day') between …": dates as text sort as dates.
std::string within(report_query& query, const day_range& range) {
  return std::string{" and "} + closed_day + " between " + query.bind(domain::to_string(range.from)) +
         " and " + query.bind(domain::to_string(range.to));
}

std::map<day, day_figures> closed_within(pqxx::transaction_base& tx, const day_range& range) {
  report_query query;
  query << "select " << figure_columns() << " from event where " << is_day_closed << within(query, range);
  std::map<day, day_figures> closed;
  for (const auto& row : query.run(tx)) {
    auto figures = figures_from(row);
    closed.emplace(figures.on, std::move(figures));
  }
  return closed;
}

} // namespace

today_row postgres_reports::today(day on, deadline by) {
  return pool_.read("read the figures of today", by, [&](pqxx::transaction_base& tx) {
    const auto row = tx.exec_params1(select_today, domain::to_string(on));
    return today_row{cents_of(row[0]), row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
  });
}

/// The highest reward of each day is in the ledger; which of the tasks that earned it was done first, only
/// the tasks know, and they are found by the shard that their id names.
std::map<day, day_figures::top_task> postgres_reports::tops_of_open_days(pqxx::transaction_base& tx,
                                                                         const std::vector<day>& open) const {
  array_text wanted;
  for (const auto on : open)
    wanted.add(on);
  array_section<3> tied;
  for (const auto& row :
       tx.exec_params("select " + days("w.day") +
                          ", t.task from unnest($1::date[]) w (day) cross join lateral ("
                          "select max(amount) as amount from transfer where day = w.day and kind = 2) best"
                          " join transfer t on t.day = w.day and t.kind = 2 and t.amount = best.amount",
                      wanted.text())) {
    const auto task = id_of<domain::task_id>(row[1]);
    tied.row(domain::shard_of(task.value, shards_), task, day_of(row[0]));
  }
  std::vector<const char*> arrays;
  tied.append_to(arrays);
  std::map<day, day_figures::top_task> tops;
  for (const auto& row : tx.exec_params(
           "select distinct on (w.day) " + days("w.day") + ", t.id, t.title, t.jira_id, t.reward, " +
               micros("s.completed_at") +
               ", s.assignee from unnest($1::smallint[], $2::uuid[], $3::date[]) w (shard, id, day)"
               " join task t on t.shard = w.shard and t.id = w.id"
               " join task_state s on s.shard = w.shard and s.id = w.id"
               " order by w.day, s.completed_at, t.id",
           arrays[0], arrays[1], arrays[2]))
    tops.emplace(day_of(row[0]), top_task_of(row, 1));
  return tops;
}

std::vector<top_task_row> postgres_reports::most_expensive(const day_range& range, deadline by) {
  return pool_.read("read the most expensive tasks", by, [&](pqxx::transaction_base& tx) {
    const auto closed = closed_within(tx, range);
    std::vector<day> open;
    for (auto on = range.from; on <= range.to; on += std::chrono::days{1})
      if (!closed.contains(on))
        open.push_back(on);
    const auto tops = open.empty() ? std::map<day, day_figures::top_task>{} : tops_of_open_days(tx, open);
    std::vector<top_task_row> rows;
    for (auto on = range.from; on <= range.to; on += std::chrono::days{1}) {
      top_task_row row{on, std::nullopt};
      if (const auto figures = closed.find(on); figures != closed.end())
        row.task = figures->second.top;
      else if (const auto top = tops.find(on); top != tops.end())
        row.task = top->second;
      rows.push_back(std::move(row));
    }
    return rows;
  });
}

page<day_figures> postgres_reports::closed_days(const std::optional<day_range>& range, const page_request& at,
                                                deadline by) {
  report_query query;
  query << "select " << figure_columns() << " from event where " << is_day_closed;
  if (range)
    query << within(query, *range);
  if (at.after)
    query << " and " << closed_day << " < " << query.bind(domain::to_string(parse_day_position(*at.after)));
  query << " order by " << closed_day << " desc limit " << std::to_string(at.limit + 1);
  return pool_.read("list closed days", by, [&](pqxx::transaction_base& tx) {
    std::vector<day_figures> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(figures_from(row));
    return cut_page(std::move(rows), at.limit,
                    [](const day_figures& last) { return domain::to_string(last.on); });
  });
}

} // namespace ates::storage
