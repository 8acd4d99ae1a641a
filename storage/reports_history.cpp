// What happened to a task, out of the log: the shard of a task holds all of its events.

#include "storage/postgres_reports.hpp"
#include "storage/report_query.hpp"
#include "storage/rows.hpp"

#include <stdexcept>

namespace ates::storage {

namespace {

using kind = task_change_row::kind;

constexpr const char* created = "task.created.v2";
constexpr const char* edited = "task.updated.v1";
constexpr const char* assigned = "task.assigned.v1";
constexpr const char* completed = "task.completed.v1";

/// In the words of the index event_of_task.
std::string is_of_task() {
  return std::string{"type in ('"} + created + "', '" + edited + "', '" + assigned + "', '" + completed +
         "')";
}

kind kind_of(const std::string& type) {
  for (const auto& [name, what] :
       {std::pair{created, kind::created}, std::pair{edited, kind::edited},
        std::pair{assigned, kind::assigned}, std::pair{completed, kind::completed}})
    if (type == name)
      return what;
  throw std::runtime_error("no event of a task's history: " + type);
}

domain::assign_reason reason_of(const pqxx::field& f) {
  const auto reason = domain::parse_assign_reason(f.c_str());
  if (!reason)
    throw std::runtime_error(std::string{"no reason of an assignment: "} + f.c_str());
  return *reason;
}

} // namespace

page<task_change_row> postgres_reports::history(const domain::task_id& id, const page_request& at,
                                                deadline by) {
  report_query query;
  query << "select seq, " << micros("at")
        << ", type, coalesce(data ->> 'account_id', data ->> 'created_by', data ->> 'by'), data ->> 'reason',"
           " data ->> 'shuffle_id', data ->> 'fee' from event where shard = "
        << query.bind(std::to_string(domain::shard_of(id.value, shards_)))
        << "::smallint and subject = " << query.bind(to_string(id)) << "::uuid and " << is_of_task();
  if (at.after)
    query << " and seq < " << query.bind(std::to_string(parse_number_position(*at.after))) << "::bigint";
  query << " order by seq desc limit " << std::to_string(at.limit + 1);
  return pool_.read("read history", by, [&](pqxx::transaction_base& tx) {
    std::vector<task_change_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back({.seq = row[0].as<std::int64_t>(),
                      .at = instant_of(row[1]),
                      .what = kind_of(row[2].c_str()),
                      .account = id_of<account_id>(row[3]),
                      .reason = optional_of(row[4], reason_of),
                      .shuffle = optional_of(row[5], id_of<domain::shuffle_id>),
                      .fee = optional_of(row[6], cents_of)});
    return cut_page(std::move(rows), at.limit,
                    [](const task_change_row& last) { return std::to_string(last.seq); });
  });
}

} // namespace ates::storage
