// Balances and logs. An account's row is found by its shard, which only domain::shard_of knows: pages are
// read in two statements, first who, then their rows.

#include "storage/array_text.hpp"
#include "storage/ledger_rows.hpp"
#include "storage/postgres_reports.hpp"
#include "storage/report_query.hpp"
#include "storage/rows.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

/// A filtered list looks at this many employees at a time.
constexpr std::int32_t balances_at_once = 1000;

/// Figures of day $3. An account's entries never go back to an earlier day, so that an account whose open day
/// is before it has no entry of it, and one whose open day is after it has them behind the last entry of an
/// earlier day.
std::string balances_query() {
  return "select w.account, coalesce(a.balance, 0), coalesce(f.fees, 0), coalesce(f.rewards, 0),"
         " coalesce(f.paid_out, 0), " +
         micros("clock_timestamp()") +
         " from unnest($1::smallint[], $2::uuid[]) with ordinality as w (shard, account, place)"
         " left join account a on a.shard = w.shard and a.id = w.account"
         " left join lateral ("
         "   select a.fees, a.rewards, a.paid_out where a.open_day = $3::date"
         "   union all"
         "   select sum(amount) filter (where kind = 1), sum(amount) filter (where kind = 2),"
         "     sum(amount) filter (where kind = 3)"
         "   from transfer t"
         "   where a.open_day > $3::date and t.shard = a.shard and t.account = a.id and t.day = $3::date"
         "     and t.entry > coalesce((select entry from transfer e where e.shard = a.shard and e.account = "
         "a.id"
         "       and e.day < $3::date order by e.entry desc limit 1), 0)"
         "   having a.open_day > $3::date"
         " ) f on true order by w.place";
}

struct employee_place {
  account_id account;
  std::int64_t number = 0;
};

std::vector<employee_place> employees_after(pqxx::transaction_base& tx, std::int64_t number,
                                            std::int32_t limit) {
  report_query query;
  query << "select id, number from employee where number > " << query.bind(std::to_string(number))
        << "::bigint order by number limit " << std::to_string(limit);
  std::vector<employee_place> places;
  for (const auto& row : query.run(tx))
    places.push_back({id_of<account_id>(row[0]), row[1].as<std::int64_t>()});
  return places;
}

struct placed_balance {
  balance_row row;
  std::int64_t number = 0;
};

} // namespace

std::vector<balance_row> postgres_reports::balances_of(pqxx::transaction_base& tx,
                                                       const std::vector<account_id>& accounts,
                                                       day today) const {
  array_section<2> wanted;
  for (const auto& account : accounts)
    wanted.row(domain::shard_of(account.value, shards_), account);
  std::vector<const char*> arrays;
  wanted.append_to(arrays);
  std::vector<balance_row> rows;
  for (const auto& row : tx.exec_params(balances_query(), arrays[0], arrays[1], domain::to_string(today)))
    rows.push_back({id_of<account_id>(row[0]), cents_of(row[1]), today, cents_of(row[2]), cents_of(row[3]),
                    cents_of(row[4]), instant_of(row[5])});
  return rows;
}

balance_row postgres_reports::balance(const account_id& account, day today, deadline by) {
  return pool_.read("read balance", by,
                    [&](pqxx::transaction_base& tx) { return balances_of(tx, {account}, today).front(); });
}

page<balance_row> postgres_reports::balances(std::optional<bool> negative, day today, const page_request& at,
                                             deadline by) {
  auto number = at.after ? parse_number_position(*at.after) : 0;
  const auto wanted = static_cast<std::size_t>(at.limit) + 1;
  const auto at_once = negative ? std::max(at.limit + 1, balances_at_once) : at.limit + 1;
  std::vector<placed_balance> kept;
  bool more = true;
  while (more && kept.size() < wanted) {
    pool_.read("list balances", by, [&](pqxx::transaction_base& tx) {
      const auto places = employees_after(tx, number, at_once);
      more = places.size() == static_cast<std::size_t>(at_once);
      std::vector<account_id> accounts;
      for (const auto& place : places)
        accounts.push_back(place.account);
      const auto rows = balances_of(tx, accounts, today);
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (!negative || (rows[i].balance < cents{}) == *negative)
          kept.push_back({rows[i], places[i].number});
      if (!places.empty())
        number = places.back().number;
    });
  }
  auto cut = cut_page(std::move(kept), at.limit,
                      [](const placed_balance& last) { return std::to_string(last.number); });
  page<balance_row> result;
  for (auto& placed : cut.rows)
    result.rows.push_back(placed.row);
  result.next = std::move(cut.next);
  return result;
}

page<entry_row> postgres_reports::log(const account_id& account, std::optional<day> on,
                                      const page_request& at, deadline by) {
  return log_of({on, std::nullopt, account}, at, by);
}

page<entry_row> postgres_reports::log_of(const entry_filter& filter, const page_request& at, deadline by) {
  const auto& account = filter.account.value();
  report_query query;
  const auto shard = query.bind(std::to_string(domain::shard_of(account.value, shards_))) + "::smallint";
  const auto id = query.bind(to_string(account)) + "::uuid";
  conditions where;
  where.add("shard = " + shard + " and account = " + id);
  if (at.after)
    where.add("entry < " + query.bind(std::to_string(parse_number_position(*at.after))) + "::bigint");
  if (filter.kind)
    where.add("kind = " + std::to_string(static_cast<int>(*filter.kind)));
  if (filter.on) {
    const auto last = query.bind(domain::to_string(*filter.on)) + "::date";
    where.add("entry > " + last_entry_through(shard, id, last + " - 1"));
    where.add("entry <= " + last_entry_through(shard, id, last));
  }
  query << "select " << entry_columns("transfer") << " from transfer" << where.text()
        << " order by entry desc limit " << std::to_string(at.limit + 1);
  return pool_.read("read account log", by, [&](pqxx::transaction_base& tx) {
    std::vector<entry_row> entries;
    for (const auto& row : query.run(tx))
      entries.push_back(entry_of(row));
    auto cut = cut_page(std::move(entries), at.limit,
                        [](const entry_row& last) { return std::to_string(last.number); });
    name_tasks(tx, cut.rows);
    return cut;
  });
}

/// A task is in the table before its fee is in any log.
void postgres_reports::name_tasks(pqxx::transaction_base& tx, std::vector<entry_row>& entries) const {
  array_section<2> wanted;
  std::vector<entry_row*> with_task;
  for (auto& entry : entries)
    if (entry.task) {
      wanted.row(domain::shard_of(entry.task->id.value, shards_), entry.task->id);
      with_task.push_back(&entry);
    }
  if (with_task.empty())
    return;
  std::vector<const char*> arrays;
  wanted.append_to(arrays);
  const auto found =
      tx.exec_params("select coalesce(t.title, ''), coalesce(t.jira_id, ''), coalesce(t.description, '')"
                     " from unnest($1::smallint[], $2::uuid[]) with ordinality as w (shard, id, place)"
                     " left join task t on t.shard = w.shard and t.id = w.id order by w.place",
                     arrays[0], arrays[1]);
  for (std::size_t i = 0; i < with_task.size(); ++i) {
    const auto row = found[static_cast<pqxx::result::size_type>(i)];
    with_task[i]->task->title = row[0].c_str();
    with_task[i]->task->jira_id = row[1].c_str();
    with_task[i]->task->description = row[2].c_str();
  }
}

} // namespace ates::storage
