#include "storage/postgres_event_log.hpp"

#include "storage/report_query.hpp"
#include "storage/rows.hpp"

#include <algorithm>
#include <limits>

namespace ates::storage {

namespace {

/// Readers of events are few: the feed of the streams has three, the others are administrators.
constexpr std::size_t connections = 6;
/// Rows of one query, all shards together: its memory, and how long it keeps others from the connection.
constexpr std::size_t rows_max = 32 * 1024;
/// Rows of each shard in the first query, beside its share of the page.
constexpr std::size_t spare_rows = 4;

/// Tells an account's shard to record account.created or account.updated: of no use to anybody outside.
constexpr const char* is_public = "type not in ('directory.changed.v1', 'event.parked.v1')";

read_pool_options options_of(bool allow_unsafe_server) {
  read_pool_options options;
  options.size = connections;
  options.application_name = "atesd events";
  options.allow_unsafe_server = allow_unsafe_server;
  return options;
}

std::string array_of(const log_position& values) {
  std::string out = "{";
  for (const auto value : values)
    out += (out.size() == 1 ? "" : ",") + std::to_string(value);
  return out + "}";
}

/// SQL that is true of an event that the reader is to see.
std::string wanted(const event_filter& filter, report_query& query) {
  std::string any;
  for (const auto& type : filter.types)
    any += (any.empty() ? "type = " : " or type = ") + query.bind(type);
  for (const auto& prefix : filter.prefixes)
    any += (any.empty() ? "starts_with(type, " : " or starts_with(type, ") + query.bind(prefix) + ")";
  return any.empty() ? is_public : std::string{is_public} + " and (" + any + ")";
}

} // namespace

postgres_event_log::postgres_event_log(std::string url, shard_number shards, bool allow_unsafe_server)
    : shards_(shards), pool_(std::move(url), options_of(allow_unsafe_server)) {}

log_position postgres_event_log::head(deadline by) {
  report_query query;
  query << "select coalesce((select max(seq) from event where shard = s.shard), 0)"
        << " from generate_series(0, " << query.bind(std::to_string(shards_ - 1))
        << "::integer) as s (shard) order by s.shard";
  return pool_.read("read the log's head", by, [&](pqxx::transaction_base& tx) {
    log_position out;
    for (const auto& row : query.run(tx))
      out.push_back(row[0].as<std::int64_t>());
    return out;
  });
}

/// One run per want, in that order.
std::vector<log_run> postgres_event_log::runs(const std::vector<log_merge::want>& wants,
                                              const log_request& what, std::size_t rows_per_shard,
                                              deadline by) {
  log_position shards, after, until;
  for (const auto& want : wants) {
    shards.push_back(static_cast<std::int64_t>(want.shard));
    after.push_back(want.after);
    until.push_back(what.until ? (*what.until)[want.shard] : std::numeric_limits<std::int64_t>::max());
  }
  report_query query;
  const auto in = query.bind(array_of(shards)) + "::smallint[]";
  const auto from = query.bind(array_of(after)) + "::bigint[]";
  const auto to = query.bind(array_of(until)) + "::bigint[]";
  // What the reader does not want comes too, but without its content: the cursor must go past it.
  query << "select p.number - 1, p.shard, e.seq, e.at, e.wanted, case when e.wanted then e.type end,"
        << " case when e.wanted then e.subject end, case when e.wanted then e.data end from unnest(" << in
        << ", " << from << ", " << to
        << ") with ordinality as p (shard, after, until, number), lateral (select seq, " << micros("at")
        << " as at, type, subject, data, " << wanted(what.filter, query)
        << " as wanted from event where shard = p.shard and seq > p.after and seq <= p.until order by seq "
           "limit "
        << std::to_string(rows_per_shard) << ") as e order by p.number, e.seq";
  return pool_.read("read events", by, [&](pqxx::transaction_base& tx) {
    std::vector<log_run> out(wants.size());
    for (const auto& row : query.run(tx)) {
      const auto index = row[0].as<std::size_t>();
      auto& run = out.at(index);
      const auto last = run.rows.empty() ? after[index] : run.rows.back().seq;
      log_run::row one{row[2].as<std::int64_t>(), instant_of(row[3]), std::nullopt};
      // Seqs are given in the order of commits: this never happens, and if it did, nobody would miss an
      // event.
      if (one.seq != last + 1)
        continue;
      if (row[4].as<bool>())
        one.event = {row[1].as<shard_number>(), one.seq,       one.at, row[5].c_str(),
                     uuid_of(row[6]),           row[7].c_str()};
      run.rows.push_back(std::move(one));
    }
    for (auto& run : out)
      run.cut = run.rows.size() == rows_per_shard;
    return out;
  });
}

log_page postgres_event_log::read(const log_request& what, deadline by) {
  const auto now = std::chrono::steady_clock::now();
  const auto enough = now + (by - now) / 2;
  auto rows = 2 * what.events_max / shards_ + spare_rows;
  log_merge merge{what};
  for (;; rows *= 2) {
    const auto wants = merge.wants();
    rows = std::min(rows, std::max<std::size_t>(rows_max / wants.size(), 1));
    if (merge.add(runs(wants, what, rows, by)) || std::chrono::steady_clock::now() > enough)
      return std::move(merge).take();
  }
}

} // namespace ates::storage
