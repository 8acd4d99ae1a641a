#include "storage/postgres_operations.hpp"

#include "storage/audit_rows.hpp"
#include "storage/cluster_rows.hpp"
#include "storage/report_query.hpp"
#include "storage/rows.hpp"

namespace ates::storage {

namespace {

/// A wish and its record: both, or neither if the row to be marked is not there.
report_query marked_and_recorded(report_query query, const audit_row& why) {
  query << ", recorded as (";
  insert_audit(query, why, " from marked");
  query << ") select count(*) from marked";
  return query;
}

std::string select_audit() {
  return "select id, " + micros("at") + ", by, action, target, reason, dry_run, result from ops_audit";
}

audit_row audit_of(const pqxx::row& row) {
  return {.id = uuid_of(row[0]),
          .at = instant_of(row[1]),
          .by = id_of<account_id>(row[2]),
          .action = row[3].c_str(),
          .target = row[4].c_str(),
          .reason = row[5].c_str(),
          .dry_run = row[6].as<bool>(),
          .result = row[7].c_str()};
}

} // namespace

postgres_operations::postgres_operations(std::string url, bool allow_unsafe_server)
    : pool_(std::move(url), seldom_asked("atesd operations", allow_unsafe_server)) {}

cluster_view postgres_operations::view(deadline by) {
  return pool_.read("view cluster", by,
                    [](pqxx::transaction_base& tx) { return cluster_of(tx.exec1(cluster_query())); });
}

bool postgres_operations::ask_drain(incarnation node, const audit_row& why, deadline by) {
  report_query query;
  query << "with marked as (update node set drain = true where not dead and incarnation = "
        << query.bind(std::to_string(node)) << "::bigint returning 1)";
  query = marked_and_recorded(std::move(query), why);
  return pool_.read("ask for a drain", by,
                    [&](pqxx::transaction_base& tx) { return query.run(tx)[0][0].as<int>() > 0; });
}

bool postgres_operations::ask_move(shard_number shard, incarnation to, const audit_row& why, deadline by) {
  report_query query;
  const auto target = query.bind(std::to_string(to)) + "::bigint";
  query << "with marked as (update shard set move_to = " << target
        << " where shard = " << query.bind(std::to_string(shard))
        << "::smallint and exists (select from node where not dead and incarnation = " << target
        << ") returning 1)";
  query = marked_and_recorded(std::move(query), why);
  return pool_.read("ask for a move", by,
                    [&](pqxx::transaction_base& tx) { return query.run(tx)[0][0].as<int>() > 0; });
}

void postgres_operations::record(const audit_row& what, deadline by) {
  report_query query;
  insert_audit(query, what, "");
  pool_.read("record an operation", by, [&](pqxx::transaction_base& tx) { return query.run(tx); });
}

std::optional<audit_row> postgres_operations::find(const uuid& id, deadline by) {
  report_query query;
  query << select_audit() << " where id = " << query.bind(domain::to_string(id)) << "::uuid";
  return pool_.read("find an operation", by, [&](pqxx::transaction_base& tx) -> std::optional<audit_row> {
    const auto rows = query.run(tx);
    return rows.empty() ? std::nullopt : std::optional{audit_of(rows[0])};
  });
}

page<audit_row> postgres_operations::audit(const page_request& at, deadline by) {
  report_query query;
  query << select_audit();
  if (at.after) {
    const auto position = parse_timed_position(*at.after);
    query << " where (at, id) < (" << query.bind(domain::to_rfc3339(position.at)) << "::timestamptz, "
          << query.bind(domain::to_string(position.id)) << "::uuid)";
  }
  query << " order by at desc, id desc limit " << std::to_string(at.limit + 1);
  return pool_.read("list operations", by, [&](pqxx::transaction_base& tx) {
    std::vector<audit_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(audit_of(row));
    return cut_page(std::move(rows), at.limit, [](const audit_row& last) {
      return to_text(timed_position{last.at, last.id});
    });
  });
}

page<parked_row> postgres_operations::parked(const page_request& at, deadline by) {
  report_query query;
  query << "select " << parked_columns() << " from parked where status = 1";
  if (at.after) {
    const auto position = parse_timed_position(*at.after);
    query << " and (parked_at, id) < (" << query.bind(domain::to_rfc3339(position.at)) << "::timestamptz, "
          << query.bind(domain::to_string(position.id)) << "::uuid)";
  }
  query << " order by parked_at desc, id desc limit " << std::to_string(at.limit + 1);
  return pool_.read("list parked events", by, [&](pqxx::transaction_base& tx) {
    std::vector<parked_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(parked_of(row));
    return cut_page(std::move(rows), at.limit, [](const parked_row& last) {
      return to_text(timed_position{last.parked_at, last.id});
    });
  });
}

std::optional<parked_row> postgres_operations::find_parked(const uuid& id, deadline by) {
  report_query query;
  query << "select " << parked_columns() << " from parked where id = " << query.bind(domain::to_string(id))
        << "::uuid";
  return pool_.read("find a parked event", by, [&](pqxx::transaction_base& tx) -> std::optional<parked_row> {
    const auto rows = query.run(tx);
    return rows.empty() ? std::nullopt : std::optional{parked_of(rows[0])};
  });
}

} // namespace ates::storage
