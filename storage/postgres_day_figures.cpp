#include "storage/postgres_day_figures.hpp"

#include "storage/array_text.hpp"
#include "storage/rows.hpp"

#include <algorithm>

namespace ates::storage {

using domain::to_string;

namespace {

constexpr const char* select_day =
    "select coalesce(sum(d.fees - d.rewards), 0)::bigint,"
    " coalesce(sum(d.paid_out), 0)::bigint, coalesce(sum(d.completed), 0)::bigint,"
    " coalesce(sum(d.paid), 0)::bigint, count(*)"
    " from shard s left join shard_day d on d.shard = s.shard and d.day = $1::date";
constexpr const char* select_accounts_in_debt =
    "select count(*) from account a"
    " cross join lateral (select t.balance_after from transfer t where t.shard = a.shard and t.account = a.id"
    "   and t.day <= $1::date order by t.entry desc limit 1) l where l.balance_after < 0";
constexpr const char* select_rewarded_tasks = "select task from transfer where day = $1::date and kind = 2";
const std::string select_completed = "select t.id, t.reward, t.fee * s.assignments, " +
                                     micros("s.completed_at") +
                                     ", s.assignee from unnest($1::smallint[], $2::uuid[]) w (shard, id)"
                                     " join task t using (shard, id) join task_state s using (shard, id)";
constexpr const char* select_names = "select title, jira_id from task where shard = $1 and id = $2";

constexpr pqxx::result::size_type tasks_per_query = 5000;

/// Adds up to tasks_per_query of the day's tasks, found by the shard that their id names.
void add_tasks(pqxx::transaction_base& tx, day_figures& figures, const pqxx::result& rewarded,
               pqxx::result::size_type first, shard_number shards_total) {
  array_text shards;
  array_text ids;
  const auto end = std::min(rewarded.size(), first + tasks_per_query);
  for (auto i = first; i < end; ++i) {
    const auto id = uuid_of(rewarded[i][0]);
    shards.add(domain::shard_of(id, shards_total));
    ids.add(id);
  }
  for (const auto& row : tx.exec_params(select_completed, shards.text(), ids.text())) {
    const day_figures::top_task task{
        id_of<domain::task_id>(row[0]), {}, {}, cents_of(row[1]), instant_of(row[3]),
        id_of<account_id>(row[4])};
    const auto fees = cents_of(row[2]);
    figures.tasks_in_profit += fees > task.reward ? 1 : 0;
    figures.tasks_in_deficit += fees < task.reward ? 1 : 0;
    if (!figures.top || goes_before(task, *figures.top))
      figures.top = task;
  }
}

} // namespace

day_figures read_day_figures(pqxx::transaction_base& tx, day on) {
  day_figures figures;
  figures.on = on;
  const auto sums = tx.exec_params1(select_day, to_string(on));
  figures.earnings = cents_of(sums[0]);
  figures.total_paid = cents_of(sums[1]);
  figures.tasks_completed = sums[2].as<std::int64_t>();
  figures.accounts_in_profit = sums[3].as<std::int64_t>();
  figures.accounts_in_debt = tx.exec_params1(select_accounts_in_debt, to_string(on))[0].as<std::int64_t>();
  const auto shards = sums[4].as<shard_number>();
  const auto rewarded = tx.exec_params(select_rewarded_tasks, to_string(on));
  for (pqxx::result::size_type first = 0; first < rewarded.size(); first += tasks_per_query)
    add_tasks(tx, figures, rewarded, first, shards);
  if (!figures.top)
    return figures;
  const auto id = figures.top->id;
  const auto names = tx.exec_params1(select_names, domain::shard_of(id.value, shards), to_string(id));
  figures.top->title = names[0].c_str();
  figures.top->jira_id = names[1].c_str();
  return figures;
}

} // namespace ates::storage
