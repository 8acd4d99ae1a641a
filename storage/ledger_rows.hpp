#pragma once
/// Rows of the ledger, as the reports on one account and on all of them read them.

#include "storage/reports.hpp"
#include "storage/rows.hpp"

#include <string>

namespace ates::storage {

/// The number of the account's last entry of day `day` or before, 0: none. Days never fall along the numbers,
/// which have no gaps: a binary search by primary key, however long the log is.
inline std::string last_entry_through(const std::string& shard, const std::string& account,
                                      const std::string& day) {
  return "(with recursive search (low, high) as ("
         " select 0::bigint, coalesce((select entries from account where shard = " +
         shard + " and id = " + account +
         "), 0)"
         " union all"
         " select case when t.day <= " +
         day +
         " then middle else low end,"
         "   case when t.day <= " +
         day +
         " then high else middle - 1 end"
         " from search, lateral (select (low + high + 1) / 2 as middle) m,"
         "   lateral (select day from transfer where shard = " +
         shard + " and account = " + account +
         " and entry = middle) t"
         " where low < high)"
         " select low from search where low = high)";
}

/// The columns of an entry, in the order that entry_of reads them.
inline std::string entry_columns(const std::string& table) {
  const auto of = [&](const char* column) { return table + "." + column; };
  return of("id") + ", " + of("account") + ", " + of("entry") + ", " + micros(of("at")) + ", " +
         days(of("day")) + ", " + of("kind") + ", " + of("amount") + ", " + of("balance_after") + ", " +
         of("task") + ", " + of("reason") + ", " + of("shuffle");
}

inline entry_row entry_of(const pqxx::row& row) {
  entry_row e;
  e.id = id_of<domain::transfer_id>(row[0]);
  e.account = id_of<account_id>(row[1]);
  e.number = row[2].as<std::uint64_t>();
  e.at = instant_of(row[3]);
  e.on = day_of(row[4]);
  e.kind = enum_of<domain::entry_kind>(row[5]);
  const auto amount = cents_of(row[6]);
  e.amount = e.kind == domain::entry_kind::completion_reward ? amount : -amount;
  e.balance_after = cents_of(row[7]);
  if (!row[8].is_null())
    e.task = entry_row::task_ref{id_of<domain::task_id>(row[8]), {}, {}, {}};
  e.reason = optional_of(row[9], enum_of<domain::assign_reason>);
  e.shuffle = optional_of(row[10], id_of<domain::shuffle_id>);
  return e;
}

} // namespace ates::storage
