#include "storage/postgres_reports.hpp"

#include "storage/report_query.hpp"
#include "storage/rows.hpp"

namespace ates::storage {

namespace {

/// Secrets stay in storage: whoever lists employees has no use for them.
employee_row employee_without_secrets(const pqxx::row& row) {
  auto e = employee_of(row);
  e.password_hash.clear();
  e.beak_hash.clear();
  return e;
}

std::string select_payouts() {
  return "select " + payout_columns() +
         ", m.queued, m.sent, m.failed from payout p cross join lateral ("
         "select count(*) filter (where status = 1) as queued, count(*) filter (where status = 2) as sent,"
         " count(*) filter (where status = 3) as failed from mail where mail.day = p.day) m";
}

payout_report payout_report_of(const pqxx::row& row) {
  return {payout_of(row), {row[7].as<std::int64_t>(), row[8].as<std::int64_t>(), row[9].as<std::int64_t>()}};
}

} // namespace

postgres_reports::postgres_reports(std::string url, domain::shard_number shards,
                                   const read_pool_options& options)
    : shards_(shards), pool_(std::move(url), options) {}

page<employee_row> postgres_reports::employees(const employee_filter& filter, const page_request& at,
                                               deadline by) {
  report_query query;
  conditions where;
  if (at.after)
    where.add("number > " + query.bind(std::to_string(parse_number_position(*at.after))) + "::bigint");
  if (filter.role)
    where.add("role = " + std::to_string(static_cast<int>(*filter.role)));
  if (filter.active)
    where.add(*filter.active ? "active" : "not active");
  if (filter.text) {
    const auto pattern = query.bind(like_pattern(*filter.text));
    where.add("(name ilike " + pattern + " or login ilike " + pattern + ")");
  }
  query << "select " << employee_columns() << " from employee" << where.text() << " order by number limit "
        << std::to_string(at.limit + 1);
  return pool_.read("list employees", by, [&](pqxx::transaction_base& tx) {
    std::vector<employee_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(employee_without_secrets(row));
    return cut_page(std::move(rows), at.limit,
                    [](const employee_row& last) { return std::to_string(last.number); });
  });
}

std::optional<employee_row> postgres_reports::employee(const account_id& id, deadline by) {
  report_query query;
  query << "select " << employee_columns() << " from employee where id = " << query.bind(to_string(id))
        << "::uuid";
  return pool_.read("read employee", by, [&](pqxx::transaction_base& tx) -> std::optional<employee_row> {
    const auto found = query.run(tx);
    return found.empty() ? std::nullopt : std::optional{employee_without_secrets(found[0])};
  });
}

page<shuffle_row> postgres_reports::shuffles(const page_request& at, deadline by) {
  report_query query;
  query << "select " << shuffle_columns() << " from shuffle";
  if (at.after)
    query << " where run < " << query.bind(std::to_string(parse_number_position(*at.after))) << "::bigint";
  query << " order by run desc limit " << std::to_string(at.limit + 1);
  return pool_.read("list shuffles", by, [&](pqxx::transaction_base& tx) {
    std::vector<shuffle_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(shuffle_of(row));
    return cut_page(std::move(rows), at.limit,
                    [](const shuffle_row& last) { return std::to_string(last.run); });
  });
}

std::optional<shuffle_row> postgres_reports::shuffle(const domain::shuffle_id& id, deadline by) {
  report_query query;
  query << "select " << shuffle_columns() << " from shuffle"
        << " where id = " << query.bind(to_string(id)) << "::uuid";
  return pool_.read("read shuffle", by, [&](pqxx::transaction_base& tx) {
    const auto found = query.run(tx);
    return found.empty() ? std::nullopt : std::optional{shuffle_of(found[0])};
  });
}

page<account_id> postgres_reports::roster(std::int64_t run, const page_request& at, deadline by) {
  const auto after = at.after ? parse_number_position(*at.after) : -1;
  report_query query;
  query << "select account, ordinal from shuffle_roster where run = " << query.bind(std::to_string(run))
        << "::bigint and ordinal > " << query.bind(std::to_string(after))
        << "::bigint order by ordinal limit " << std::to_string(at.limit + 1);
  return pool_.read("read roster", by, [&](pqxx::transaction_base& tx) {
    const auto found = query.run(tx);
    std::vector<account_id> accounts;
    for (const auto& row : found)
      accounts.push_back(id_of<account_id>(row[0]));
    return cut_page(std::move(accounts), at.limit, [&](const account_id&) {
      return found[static_cast<pqxx::result::size_type>(at.limit - 1)][1].as<std::string>();
    });
  });
}

std::optional<payout_report> postgres_reports::payout(day on, deadline by) {
  report_query query;
  query << select_payouts() << " where p.day = " << query.bind(domain::to_string(on)) << "::date";
  return pool_.read("read payout", by, [&](pqxx::transaction_base& tx) {
    const auto found = query.run(tx);
    return found.empty() ? std::nullopt : std::optional{payout_report_of(found[0])};
  });
}

page<payout_report> postgres_reports::payouts(const page_request& at, deadline by) {
  report_query query;
  query << select_payouts();
  if (at.after)
    query << " where p.day < " << query.bind(domain::to_string(parse_day_position(*at.after))) << "::date";
  query << " order by p.day desc limit " << std::to_string(at.limit + 1);
  return pool_.read("list payouts", by, [&](pqxx::transaction_base& tx) {
    std::vector<payout_report> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(payout_report_of(row));
    return cut_page(std::move(rows), at.limit,
                    [](const payout_report& last) { return domain::to_string(last.run.on); });
  });
}

} // namespace ates::storage
