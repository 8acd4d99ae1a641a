#include "storage/cluster_rows.hpp"

#include "storage/rows.hpp"

#include <nlohmann/json.hpp>

namespace ates::storage {

namespace {

using nlohmann::json;

std::optional<incarnation> incarnation_in(const json& value) {
  return value.is_null() ? std::nullopt : std::optional{value.get<incarnation>()};
}

node_view node_in(const json& node) {
  node_view view;
  view.row = {.number = node[0].get<incarnation>(),
              .name = node[1].get<std::string>(),
              .http = node[2].get<std::string>(),
              .caf = node[3].get<std::string>(),
              .version = node[4].get<std::string>(),
              .pid = node[5].get<std::int32_t>(),
              .boot_nonce = domain::parse_uuid(node[6].get<std::string>()).value()};
  view.state = node_state{node[7].get<std::uint8_t>()};
  view.drain_asked = node[8].get<bool>();
  view.dead = node[9].get<bool>();
  view.expired = node[10].get<bool>();
  view.beat_age = std::chrono::milliseconds{node[11].get<std::int64_t>()};
  view.started_at = instant{std::chrono::microseconds{node[12].get<std::int64_t>()}};
  view.active_actors = node[13].get<std::uint32_t>();
  return view;
}

} // namespace

const std::string& cluster_query() {
  // The last life of each name, by probes of the index: a database remembers thousands of lives.
  static const std::string sql =
      "with recursive moment as materialized (select clock_timestamp() as now), last_life as ("
      "   (select * from node order by name desc, incarnation desc limit 1)"
      "   union all select l.* from last_life cross join lateral"
      "     (select * from node where node.name < last_life.name"
      "      order by name desc, incarnation desc limit 1) l),"
      " shown as (select * from node where not dead"
      "   union all select l.* from last_life l, moment"
      "   where dead and last_beat > now - interval '24 hours')"
      " select " +
      micros("now") +
      ", (select coalesce(json_agg(json_build_array(incarnation, name, http, caf, version, pid, boot_nonce,"
      "   state, drain, dead, not dead and lease_until < now,"
      "   greatest(0, (extract(epoch from now - last_beat) * 1000)::bigint), " +
      micros("started_at") +
      ", active_actors) order by incarnation), '[]') from shown)"
      ", (select coalesce(json_agg(json_build_array(shard, owner, epoch, move_to, moved_by_hand)"
      "   order by shard), '[]') from shard)"
      ", (select coalesce(max(changed), 0) from employee) from moment";
  return sql;
}

cluster_view cluster_of(const pqxx::row& row) {
  cluster_view view;
  view.database_clock = instant_of(row[0]);
  for (const auto& node : json::parse(row[1].c_str()))
    view.nodes.push_back(node_in(node));
  for (const auto& shard : json::parse(row[2].c_str()))
    view.shards.push_back({shard[0].get<shard_number>(), incarnation_in(shard[1]), shard[2].get<epoch>(),
                           incarnation_in(shard[3]), shard[4].get<bool>()});
  view.directory_version = row[3].as<std::int64_t>();
  return view;
}

shard_lease lease_of(const pqxx::row& row) {
  const auto number = [](const pqxx::field& f) { return f.as<incarnation>(); };
  return {row[0].as<shard_number>(), optional_of(row[1], number), row[2].as<epoch>(),
          optional_of(row[3], number), row[4].as<bool>()};
}

} // namespace ates::storage
