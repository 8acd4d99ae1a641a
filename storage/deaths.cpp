#include "storage/deaths.hpp"

#include "storage/array_text.hpp"
#include "storage/connection.hpp"

#include <pqxx/pqxx>

namespace ates::storage {

namespace {

constexpr const char* count_and_quarantine =
    "with counted as ("
    "  insert into death as d (shard, kind, entity, deaths, last)"
    "  select distinct w.shard, w.kind, w.id, 1, clock_timestamp()"
    "  from unnest($1::smallint[], $2::smallint[], $3::uuid[]) w (shard, kind, id)"
    "  on conflict (shard, kind, entity) do update set last = excluded.last,"
    "    deaths = case when d.last < clock_timestamp() - $4 * interval '1 second' then 1 else d.deaths + 1 "
    "end"
    "  returning shard, kind, entity, deaths)"
    " insert into quarantine (shard, kind, entity, reason)"
    " select shard, kind, entity, deaths || ' processes died while it had a message in hand'"
    " from counted where deaths >= $5 on conflict do nothing";

} // namespace

void count_deaths(const std::string& url, std::span<const entity_place> had_in_hand,
                  bool allow_unsafe_server) {
  if (had_in_hand.empty())
    return;
  array_text shards, kinds, ids;
  for (const auto& [shard, entity] : had_in_hand) {
    shards.add(shard);
    kinds.add(entity.kind);
    ids.add(entity.id);
  }
  session_options session;
  session.application_name = "atesd deaths";
  session.allow_unsafe_server = allow_unsafe_server;
  connection database(url, session);
  database.run("count deaths", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    tx.exec_params(count_and_quarantine, shards.text(), kinds.text(), ids.text(),
                   std::chrono::seconds{death_window}.count(), deaths_budget);
    tx.commit();
  });
}

} // namespace ates::storage
