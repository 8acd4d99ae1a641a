// The ledger of all accounts, and the figures of days and payouts that come of it. Figures go by the entries'
// business day, never by their time (contract.md B10).

#include "storage/ledger_rows.hpp"
#include "storage/postgres_reports.hpp"
#include "storage/report_query.hpp"

#include <map>

namespace ates::storage {

namespace {

/// Days that have entries, newest first; the index transfer_newest is asked once for each. Only `on` if it is
/// given.
void add_days(report_query& query, const std::optional<day>& on) {
  if (on)
    query << "with days (day) as (values (" << query.bind(domain::to_string(*on)) << "::date))";
  else
    query << "with recursive days (day) as ("
             "(select day from transfer order by day desc limit 1) union all "
             "select (select t.day from transfer t where t.day < d.day order by t.day desc limit 1)"
             " from days d where d.day is not null)";
}

std::string kinds(const std::optional<domain::entry_kind>& only) {
  return only ? "(values (" + std::to_string(static_cast<int>(*only)) + "::smallint))"
              : "(values (1::smallint), (2::smallint), (3::smallint))";
}

/// The next entries of one list of transfer_newest.
std::string next_of(const std::string& day, const std::string& kind, const std::string& before,
                    std::int32_t limit) {
  return "(select t.* from transfer t where t.day = " + day + " and t.kind = " + kind + before +
         " order by t.at desc, t.id desc limit " + std::to_string(limit) + ")";
}

/// The index keeps a list per day and kind. A page of n entries is made of the n lists at most whose next
/// entry is newest.
report_query entries_query(const entry_filter& filter, const page_request& at) {
  report_query query;
  const auto limit = at.limit + 1;
  std::string before;
  if (at.after) {
    const auto position = parse_timed_position(*at.after);
    before = " and (t.at, t.id) < (" + query.bind(domain::to_rfc3339(position.at)) + "::timestamptz, " +
             query.bind(domain::to_string(position.id)) + "::uuid)";
  }
  add_days(query, filter.on);
  query << ", list as (select d.day, k.kind from days d cross join " << kinds(filter.kind)
        << " k (kind) cross join lateral " << next_of("d.day", "k.kind", before, 1)
        << " newest where d.day is not null order by newest.at desc, newest.id desc limit "
        << std::to_string(limit) << ") select " << entry_columns("e") << " from list cross join lateral "
        << next_of("list.day", "list.kind", before, limit) << " e order by e.at desc, e.id desc limit "
        << std::to_string(limit);
  return query;
}

} // namespace

page<entry_row> postgres_reports::entries(const entry_filter& filter, const page_request& at, deadline by) {
  if (filter.account)
    return log_of(filter, at, by);
  const auto query = entries_query(filter, at);
  return pool_.read("read ledger", by, [&](pqxx::transaction_base& tx) {
    std::vector<entry_row> found;
    for (const auto& row : query.run(tx))
      found.push_back(entry_of(row));
    auto cut = cut_page(std::move(found), at.limit, [](const entry_row& last) {
      return to_text(timed_position{last.at, last.id.value});
    });
    name_tasks(tx, cut.rows);
    return cut;
  });
}

std::vector<account_day_row> postgres_reports::account_days(const account_id& account, const day_range& range,
                                                            deadline by) {
  report_query query;
  const auto shard = query.bind(std::to_string(domain::shard_of(account.value, shards_))) + "::smallint";
  const auto id = query.bind(to_string(account)) + "::uuid";
  const auto from = query.bind(domain::to_string(range.from)) + "::date";
  const auto to = query.bind(domain::to_string(range.to)) + "::date";
  const auto mine = "t.shard = " + shard + " and t.account = " + id;
  // The first row is the balance before the range, if there were entries.
  query << "with span as materialized (select " << last_entry_through(shard, id, from + " - 1") << " as low, "
        << last_entry_through(shard, id, to) << " as high), sums as (select day, "
        << "coalesce(sum(amount) filter (where kind = 1), 0)::bigint as fees,"
           " coalesce(sum(amount) filter (where kind = 2), 0)::bigint as rewards,"
           " coalesce(sum(amount) filter (where kind = 3), 0)::bigint as paid_out, max(entry) as last"
           " from transfer t where "
        << mine
        << " and t.entry > (select low from span) and t.entry <= (select high from span) group by day)"
        << " select null::integer, 0, 0, 0, t.balance_after from transfer t where " << mine
        << " and t.entry = (select low from span) union all select " << days("s.day")
        << ", s.fees, s.rewards, s.paid_out, t.balance_after from sums s join transfer t on " << mine
        << " and t.entry = s.last order by 1 nulls first";
  return pool_.read("read days of an account", by, [&](pqxx::transaction_base& tx) {
    cents balance;
    std::map<day, account_day_row> with_entries;
    for (const auto& row : query.run(tx)) {
      if (row[0].is_null())
        balance = cents_of(row[4]);
      else
        with_entries[day_of(row[0])] = {day_of(row[0]), cents_of(row[1]), cents_of(row[2]), cents_of(row[3]),
                                        cents_of(row[4])};
    }
    std::vector<account_day_row> all;
    for (auto on = range.from; on <= range.to; on += std::chrono::days{1}) {
      const auto found = with_entries.find(on);
      all.push_back(found != with_entries.end() ? found->second : account_day_row{on, {}, {}, {}, balance});
      balance = all.back().closing_balance;
    }
    return all;
  });
}

std::vector<earnings_row> postgres_reports::earnings(const day_range& range, deadline by) {
  report_query query;
  query << "select " << days("d.day")
        << ", sum(d.fees)::bigint, sum(d.rewards)::bigint from shard s join shard_day d on d.shard = s.shard"
           " and d.day between "
        << query.bind(domain::to_string(range.from)) << "::date and "
        << query.bind(domain::to_string(range.to)) << "::date group by d.day";
  std::map<day, earnings_row> with_entries;
  pool_.read("read earnings", by, [&](pqxx::transaction_base& tx) {
    for (const auto& row : query.run(tx))
      with_entries[day_of(row[0])] = {day_of(row[0]), cents_of(row[1]), cents_of(row[2])};
  });
  std::vector<earnings_row> all;
  for (auto on = range.from; on <= range.to; on += std::chrono::days{1}) {
    const auto found = with_entries.find(on);
    all.push_back(found != with_entries.end() ? found->second : earnings_row{on, {}, {}});
  }
  return all;
}

page<payee_row> postgres_reports::payees(day on, const page_request& at, deadline by) {
  report_query query;
  query << "select t.account, t.amount, m.status from transfer t left join mail m on m.shard = t.shard"
           " and m.account = t.account and m.day = t.day where t.kind = 3 and t.day = "
        << query.bind(domain::to_string(on)) << "::date";
  if (at.after)
    query << " and t.account > " << query.bind(domain::to_string(parse_id_position(*at.after))) << "::uuid";
  query << " order by t.account limit " << std::to_string(at.limit + 1);
  return pool_.read("read register of payouts", by, [&](pqxx::transaction_base& tx) {
    std::vector<payee_row> rows;
    for (const auto& row : query.run(tx))
      rows.push_back(
          {id_of<account_id>(row[0]), cents_of(row[1]), optional_of(row[2], enum_of<mail_status>)});
    return cut_page(std::move(rows), at.limit, [](const payee_row& last) { return to_string(last.account); });
  });
}

} // namespace ates::storage
