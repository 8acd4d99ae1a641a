#include "http/json_out.hpp"
#include "http/operation.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

using storage::parked_row;

json to_json(const parked_row& row) {
  return {{"id", to_string(row.id)},
          {"parked_at", domain::to_rfc3339(row.parked_at)},
          {"shard", row.shard},
          {"source", "/ates/shards/" + std::to_string(row.from.source)},
          {"target_seq", row.from.target_seq},
          {"account_id", row.account ? json(to_string(*row.account)) : json(nullptr)},
          {"type", row.type},
          {"subject", to_string(row.subject)},
          {"time", domain::to_rfc3339(row.at)},
          {"data", json::parse(row.data)},
          {"reason", row.reason}};
}

std::optional<parked_row> named_parked(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id ? c.with.operations.find_parked(*id, c.read_deadline()) : std::nullopt;
}

reply settle(call& c, const char* action, bool drop) {
  operation asked(c, action, "event " + c.args.at(0));
  return asked.run([&] {
    const auto event = named_parked(c);
    if (!event)
      throw problem(code::not_found);
    asked.read();
    const json answer{{"id", to_string(event->id)}, {"event", to_json(*event)}, {"dry_run", asked.dry_run()}};
    if (event->status != storage::parked_status::parked)
      throw problem(code::not_found, "This event was settled before.");
    if (asked.dry_run())
      asked.only_record(answer);
    else
      expect_done(c.with.facade.settle_parked(c.caller(), event->shard, event->id, drop, asked.row(answer)));
    return answer;
  });
}

} // namespace

reply parked_events(call& c) {
  const auto at = c.with.cursors.open("/ops/parked", c.query);
  return list_reply(c.with.cursors, "/ops/parked", c.query, c.with.operations.parked(at, c.read_deadline()),
                    [](const parked_row& row) { return to_json(row); });
}

reply replay_parked(call& c) {
  return settle(c, "replay", false);
}

reply drop_parked(call& c) {
  return settle(c, "drop", true);
}

bool parked_exists(const call& c) {
  const auto event = named_parked(c);
  return event && event->status == storage::parked_status::parked;
}

} // namespace ates::http::routes
