// Lists of tasks. Which index a walk follows depends on the filter; every one of them is ordered as the list
// is.

#include "storage/postgres_reports.hpp"
#include "storage/report_query.hpp"
#include "storage/rows.hpp"

namespace ates::storage {

namespace {

using domain::task_status;

/// The trigram index finds rare texts quickly, but gives a common one's half a million tasks to sort. A
/// common text fills a page from this many of the next tasks; one that does not has few enough matches for
/// the index.
constexpr std::int32_t look_ahead = 20'000;

std::vector<domain::task> to_tasks(const pqxx::result& found) {
  std::vector<domain::task> tasks;
  tasks.reserve(found.size());
  for (const auto& row : found)
    tasks.push_back(task_of(row));
  return tasks;
}

/// Whose tasks, in which state, from where on: what every walk below looks at.
struct walk {
  const task_filter& filter;
  std::optional<task_status> status;
  std::optional<timed_position> after;
  std::int32_t limit = 0;
};

void add_filter(report_query& query, conditions& where, const walk& w) {
  if (w.filter.assignee)
    where.add("s.assignee = " + query.bind(to_string(*w.filter.assignee)) + "::uuid");
  if (w.status)
    where.add("s.status = " + std::to_string(static_cast<int>(*w.status)));
  if (w.filter.jira_id)
    where.add("t.jira_id <> '' and t.jira_id = " + query.bind(*w.filter.jira_id));
  if (w.filter.text) {
    const auto pattern = query.bind(like_pattern(*w.filter.text));
    // The first is what the trigram index knows; the second excludes a match across the seam.
    where.add("(t.title || ' ' || t.jira_id) ilike " + pattern);
    where.add("(t.title ilike " + pattern + " or t.jira_id ilike " + pattern + ")");
  }
}

/// "(table.created_at, table.id) < (…)": what comes behind the position in a list that is newest first.
void add_position(report_query& query, conditions& where, const std::string& table, const walk& w) {
  if (w.after)
    where.add("(" + table + ".created_at, " + table + ".id) < (" +
              query.bind(domain::to_rfc3339(w.after->at)) + "::timestamptz, " +
              query.bind(domain::to_string(w.after->id)) + "::uuid)");
}

/// A walk along one index, as a parenthesised select. `ordered` is the table whose index it follows: t for
/// all tasks and those of a jira_id, s for those of a status or an assignee.
void add_walk(report_query& query, const walk& w) {
  const bool by_text = w.filter.jira_id || w.filter.text;
  const std::string ordered = !by_text && (w.filter.assignee || w.status) ? "s" : "t";
  conditions where;
  add_filter(query, where, w);
  add_position(query, where, ordered, w);
  query << "(select " << task_columns()
        << " from task t join task_state s on s.shard = t.shard and s.id = t.id" << where.text()
        << " order by " << ordered << ".created_at desc, " << ordered << ".id desc limit "
        << std::to_string(w.limit) << ")";
}

/// The index of an assignee's tasks is ordered within each status: two walks, merged.
void add_walk_of_both_statuses(report_query& query, walk w) {
  w.status = task_status::open;
  add_walk(query, w);
  query << " union all ";
  w.status = task_status::done;
  add_walk(query, w);
  query << " order by 9 desc, 1 desc limit " << std::to_string(w.limit); // created_at, id
}

/// Looks for a text only among the next tasks of the list.
void add_look_ahead(report_query& query, const walk& w) {
  conditions before;
  add_position(query, before, "task", w);
  conditions where;
  add_filter(query, where, w);
  query << "select " << task_columns() << " from (select * from task" << before.text()
        << " order by created_at desc, id desc limit " << std::to_string(look_ahead)
        << ") t join task_state s on s.shard = t.shard and s.id = t.id" << where.text()
        << " order by t.created_at desc, t.id desc limit " << std::to_string(w.limit);
}

} // namespace

page<domain::task> postgres_reports::tasks(const task_filter& filter, const page_request& at, deadline by) {
  const walk w{filter, filter.status,
               at.after ? std::optional{parse_timed_position(*at.after)} : std::nullopt, at.limit + 1};
  report_query first_look;
  if (filter.text && !filter.assignee && !filter.jira_id)
    add_look_ahead(first_look, w);
  report_query query;
  if (filter.assignee && !filter.status)
    add_walk_of_both_statuses(query, w);
  else
    add_walk(query, w);
  auto tasks = pool_.read("list tasks", by, [&](pqxx::transaction_base& tx) {
    if (!first_look.empty())
      if (auto found = to_tasks(first_look.run(tx)); found.size() == static_cast<std::size_t>(w.limit))
        return found;
    return to_tasks(query.run(tx));
  });
  return cut_page(std::move(tasks), at.limit, [](const domain::task& last) {
    return to_text(timed_position{last.created_at, last.id.value});
  });
}

std::optional<domain::task> postgres_reports::task(const domain::task_id& id, deadline by) {
  report_query query;
  query << "select " << task_columns()
        << " from task t join task_state s on s.shard = t.shard and s.id = t.id where t.shard = "
        << query.bind(std::to_string(domain::shard_of(id.value, shards_)))
        << "::smallint and t.id = " << query.bind(to_string(id)) << "::uuid";
  const auto found =
      pool_.read("read task", by, [&](pqxx::transaction_base& tx) { return to_tasks(query.run(tx)); });
  return found.empty() ? std::nullopt : std::optional{found.front()};
}

} // namespace ates::storage
