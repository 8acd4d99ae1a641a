#include "http/csv.hpp"
#include "http/json_out.hpp"
#include "http/ranges.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

using top_task = storage::day_figures::top_task;

json top_task_json(const std::optional<top_task>& task) {
  if (!task)
    return nullptr;
  return {{"id", to_string(task->id)},
          {"title", task->title},
          {"jira_id", task->jira_id.empty() ? json(nullptr) : json(task->jira_id)},
          {"reward", task->reward.count},
          {"completed_at", domain::to_rfc3339(task->completed_at)},
          {"completed_by", to_string(task->completed_by)}};
}

json figures_json(const storage::day_figures& f) {
  return {{"day", domain::to_string(f.on)},
          {"earnings", f.earnings.count},
          {"top_task", top_task_json(f.top)},
          {"tasks_completed", f.tasks_completed},
          {"tasks_in_profit", f.tasks_in_profit},
          {"tasks_in_deficit", f.tasks_in_deficit},
          {"accounts_in_profit", f.accounts_in_profit},
          {"accounts_in_debt", f.accounts_in_debt},
          {"total_paid", f.total_paid.count}};
}

void add_figures(csv_table& table, const storage::day_figures& f) {
  table.word(domain::to_string(f.on)).number(f.earnings.count);
  if (f.top)
    table.word(to_string(f.top->id))
        .text(f.top->title)
        .text(f.top->jira_id)
        .number(f.top->reward.count)
        .word(domain::to_rfc3339(f.top->completed_at))
        .word(to_string(f.top->completed_by));
  else
    table.word("").word("").word("").word("").word("").word("");
  table.number(f.tasks_completed)
      .number(f.tasks_in_profit)
      .number(f.tasks_in_deficit)
      .number(f.accounts_in_profit)
      .number(f.accounts_in_debt)
      .number(f.total_paid.count);
}

} // namespace

reply analytics_today(call& c) {
  const auto today = c.with.facade.today();
  const auto now = c.with.reports.today(today, c.read_deadline());
  return json_reply(200, {{"day", domain::to_string(today)},
                          {"earnings", now.earnings.count},
                          {"negative_accounts", now.negative_accounts},
                          {"negative_today", now.negative_today}});
}

reply most_expensive(call& c) {
  const auto range = period_param(c.query, c.with.facade.today());
  auto days = json::array();
  std::optional<top_task> overall;
  for (const auto& row : c.with.reports.most_expensive(range, c.read_deadline())) {
    days.push_back({{"day", domain::to_string(row.on)}, {"task", top_task_json(row.task)}});
    if (row.task && (!overall || storage::goes_before(*row.task, *overall)))
      overall = row.task;
  }
  return json_reply(200, {{"days", std::move(days)}, {"overall", top_task_json(overall)}});
}

reply closed_days(call& c) {
  const auto range = range_param(c.query, c.with.facade.today());
  const auto page =
      c.with.reports.closed_days(range, c.with.cursors.open("/analytics/days", c.query), c.read_deadline());
  return list_in_either_form(c, "/analytics/days", page, figures_json,
                             csv_table{"day", "earnings", "top_task_id", "top_task_title", "top_task_jira_id",
                                       "top_task_reward", "top_task_completed_at", "top_task_completed_by",
                                       "tasks_completed", "tasks_in_profit", "tasks_in_deficit",
                                       "accounts_in_profit", "accounts_in_debt", "total_paid"},
                             [](const auto& row, csv_table& table) { add_figures(table, row); });
}

} // namespace ates::http::routes
