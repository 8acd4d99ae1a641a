#include "http/json_out.hpp"
#include "http/operation.hpp"
#include "http/routes.hpp"

#include <algorithm>
#include <map>

namespace ates::http::routes {

namespace {

using storage::cluster_view;
using storage::node_state;
using storage::node_view;
using storage::shard_lease;

/// A node that has not beaten for longer is shown as stale, whatever it said last.
constexpr std::chrono::milliseconds stale_after{1000};

std::string_view state_of(const node_view& n) {
  if (n.dead)
    return "down";
  if (n.expired)
    return "fenced";
  if (n.state == node_state::joining)
    return "joining";
  return n.drain_asked || n.state == node_state::draining ? "draining" : "serving";
}

bool serves(const node_view& n) {
  return state_of(n) == "serving";
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

const node_view* owner_of(const cluster_view& view, const shard_lease& lease) {
  const auto found = std::find_if(view.nodes.begin(), view.nodes.end(),
                                  [&](const auto& n) { return !n.dead && n.row.number == lease.owner; });
  return found == view.nodes.end() ? nullptr : &*found;
}

std::int64_t owned_by(const cluster_view& view, const node_view& n) {
  return n.dead ? 0 : std::count_if(view.shards.begin(), view.shards.end(), [&](const auto& lease) {
    return lease.owner == n.row.number;
  });
}

json to_json(const node_view& n, const cluster_view& view) {
  const bool holder = !n.dead && !view.shards.empty() && view.shards.front().owner == n.row.number;
  const json holds = holder ? json{"directory", "shuffle", "payout"} : json::array();
  return {{"name", n.row.name},
          {"incarnation", n.row.number},
          {"state", state_of(n)},
          {"stale", n.beat_age > stale_after},
          {"http", text_or_null(n.row.http)},
          {"caf", text_or_null(n.row.caf)},
          {"pid", n.row.pid},
          {"version", n.row.version},
          {"started_at", domain::to_rfc3339(n.started_at)},
          {"heartbeat_age_ms", n.beat_age.count()},
          {"shards", owned_by(view, n)},
          // A node counts tasks and accounts; the supervisors are actors too.
          {"active_actors", n.dead ? 0 : n.active_actors + holds.size()},
          {"holds", holds}};
}

/// `seen`: what the owner says; nullptr: it does not, and only the lease is known.
json to_json(const shard_lease& lease, const node_view* owner, const actors::shard_status* seen) {
  if (seen != nullptr && seen->epoch < lease.epoch)
    seen = nullptr; // of an owner before
  const char* state = "loading";
  if (owner == nullptr)
    state = "free";
  else if ((lease.move_to && lease.move_to != lease.owner) || (seen != nullptr && seen->stopping))
    state = "moving";
  else if (seen != nullptr && seen->serving)
    state = "serving";
  json out{{"shard", lease.shard},
           {"owner", owner == nullptr ? json(nullptr) : json(owner->row.name)},
           {"epoch", lease.epoch},
           {"state", state}};
  for (const auto* figure : {"active_actors", "last_seq", "queue_depth", "gate_depth", "lag"})
    out[figure] = nullptr;
  if (seen == nullptr)
    return out;
  out["epoch"] = seen->epoch;
  out["active_actors"] = seen->active + seen->supervisors;
  out["last_seq"] = seen->last_seq;
  out["queue_depth"] = seen->queue_depth;
  out["gate_depth"] = seen->gate_depth;
  out["lag"] = seen->lag;
  return out;
}

/// The living node of this name, the youngest if there are two lives; nullptr: none.
const node_view* living(const cluster_view& view, const std::string& name) {
  const node_view* found = nullptr;
  for (const auto& n : view.nodes)
    if (n.row.name == name && !n.dead)
      found = &n;
  return found;
}

bool is_known(const cluster_view& view, const std::string& name) {
  return std::any_of(view.nodes.begin(), view.nodes.end(), [&](const auto& n) { return n.row.name == name; });
}

const shard_lease* find_shard(const cluster_view& view, const std::string& text) {
  const auto number = parse_shard(text);
  const auto found = std::find_if(view.shards.begin(), view.shards.end(),
                                  [&](const auto& lease) { return lease.shard == number; });
  return found == view.shards.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(const std::string& why) {
  throw problem(code::unavailable, why);
}

/// Who takes the shards of a node that is drained: everybody else who serves.
json takers(const cluster_view& view, const node_view& node) {
  json names = json::array();
  for (const auto& n : view.nodes)
    if (n.row.number != node.row.number && serves(n))
      names.push_back(n.row.name);
  std::sort(names.begin(), names.end());
  return names;
}

} // namespace

reply cluster(call& c) {
  auto view = c.with.operations.view(c.read_deadline());
  std::stable_sort(view.nodes.begin(), view.nodes.end(),
                   [](const auto& a, const auto& b) { return a.row.name < b.row.name; });
  auto nodes = json::array();
  for (const auto& n : view.nodes)
    nodes.push_back(to_json(n, view));
  return json_reply(200, {{"nodes", std::move(nodes)}, {"shards_total", view.shards.size()}});
}

reply cluster_shards(call& c) {
  const auto at = c.with.cursors.open("/cluster/shards", c.query);
  const auto view = c.with.operations.view(c.read_deadline());
  std::map<domain::shard_number, actors::shard_status> seen;
  for (const auto& status : c.with.facade.look_at_shards(c.caller()))
    seen.emplace(status.shard, status);
  const auto begin = at.after ? std::stoul(*at.after) : 0UL; // ours: cursors are sealed
  storage::page<shard_lease> page;
  for (const auto& lease : view.shards) {
    if (lease.shard < begin)
      continue;
    if (page.rows.size() == static_cast<std::size_t>(at.limit)) {
      page.next = std::to_string(lease.shard);
      break;
    }
    page.rows.push_back(lease);
  }
  return list_reply(c.with.cursors, "/cluster/shards", c.query, page, [&](const shard_lease& lease) {
    const auto status = seen.find(lease.shard);
    return to_json(lease, owner_of(view, lease), status == seen.end() ? nullptr : &status->second);
  });
}

reply drain(call& c) {
  const auto& name = c.args.at(0);
  operation asked(c, "drain", name);
  return asked.run([&] {
    const auto view = c.with.operations.view(c.read_deadline());
    if (!is_known(view, name))
      throw problem(code::not_found);
    asked.read();
    const auto* node = living(view, name);
    if (node == nullptr)
      refuse("The node is down: there is nothing to drain.");
    const json answer{{"node", name},
                      {"shards", owned_by(view, *node)},
                      {"to", takers(view, *node)},
                      {"dry_run", asked.dry_run()}};
    if (answer["to"].empty())
      refuse("No other node serves: nobody would take its shards.");
    if (asked.dry_run())
      asked.only_record(answer);
    else if (!c.with.operations.ask_drain(node->row.number, asked.row(answer), c.read_deadline()))
      refuse("The node has just gone down.");
    return answer;
  });
}

bool node_exists(const call& c) {
  return is_known(c.with.operations.view(c.read_deadline()), c.args.at(0));
}

reply move_shard(call& c) {
  operation asked(c, "move", "shard " + c.args.at(0));
  return asked.run([&] {
    const auto view = c.with.operations.view(c.read_deadline());
    const auto* lease = find_shard(view, c.args.at(0));
    if (lease == nullptr)
      throw problem(code::not_found);
    const auto name = asked.read("to");
    const auto* to = living(view, name);
    if (to == nullptr)
      throw problem(code::validation_failed, {}, {{"/to", "must be the name of a node that is there"}});
    if (!serves(*to))
      refuse("The node that is to take the shard does not serve.");
    const auto* owner = owner_of(view, *lease);
    const json answer{{"shard", lease->shard},
                      {"from", owner == nullptr ? json(nullptr) : json(owner->row.name)},
                      {"to", name},
                      {"dry_run", asked.dry_run()}};
    if (asked.dry_run() || owner == to) // where it is, it may stay
      asked.only_record(answer);
    else if (!c.with.operations.ask_move(lease->shard, to->row.number, asked.row(answer), c.read_deadline()))
      refuse("The node that is to take the shard has just gone down.");
    return answer;
  });
}

bool shard_exists(const call& c) {
  return find_shard(c.with.operations.view(c.read_deadline()), c.args.at(0)) != nullptr;
}

reply audit(call& c) {
  const auto page = c.with.operations.audit(c.with.cursors.open("/ops/audit", c.query), c.read_deadline());
  return list_reply(c.with.cursors, "/ops/audit", c.query, page, [](const storage::audit_row& row) {
    return json{{"id", to_string(row.id)}, {"at", domain::to_rfc3339(row.at)},
                {"by", to_string(row.by)}, {"action", row.action},
                {"target", row.target},    {"reason", row.reason},
                {"dry_run", row.dry_run},  {"result", shown_result(row)}};
  });
}

} // namespace ates::http::routes
