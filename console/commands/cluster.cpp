#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

tone tone_of(const std::string& state) {
  if (state == "serving")
    return tone::good;
  return state == "down" || state == "fenced" || state == "free" ? tone::bad : tone::plain;
}

cell shown_state(const json& of) {
  const auto state = shown(of, "state");
  return {of.value("stale", false) ? state + " (stale)" : state, tone_of(state)};
}

std::string joined(const json& names) {
  std::string out;
  for (const auto& name : names)
    out += (out.empty() ? "" : ", ") + printable(name.get<std::string>());
  return out.empty() ? "-" : out;
}

exit_code nodes(context& ctx) {
  auto node = ctx.connect();
  const auto cluster = node.get("/cluster");
  if (ctx.json) {
    give(ctx, cluster);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& n : cluster.at("nodes"))
    rows.push_back({{shown(n, "name")},
                    shown_state(n),
                    {shown(n, "shards")},
                    {shown(n, "active_actors")},
                    {shown(n, "heartbeat_age_ms")},
                    {shown(n, "incarnation")},
                    {shown(n, "pid")},
                    {shown(n, "http")},
                    {shown(n, "caf")},
                    {shown_time(n, "started_at")},
                    {joined(n.at("holds"))}});
  print_table(ctx.around,
              {{"name"},
               {"state"},
               {"shards", true},
               {"actors", true},
               {"beat ms ago", true},
               {"incarnation", true},
               {"pid", true},
               {"http"},
               {"caf"},
               {"started"},
               {"holds"}},
              rows);
  return exit_code::ok;
}

exit_code shards(context& ctx) {
  auto node = ctx.connect();
  const auto all = get_list(node, "/cluster/shards", {}, {0, true});
  if (ctx.json) {
    give(ctx, all);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& s : all.at("data"))
    rows.push_back({{shown(s, "shard")},
                    {shown(s, "owner")},
                    shown_state(s),
                    {shown(s, "epoch")},
                    {shown(s, "active_actors")},
                    {shown(s, "last_seq")},
                    {shown(s, "queue_depth")},
                    {shown(s, "gate_depth")},
                    {shown(s, "lag")}});
  print_table(ctx.around,
              {{"shard", true},
               {"owner"},
               {"state"},
               {"epoch", true},
               {"actors", true},
               {"last seq", true},
               {"queue", true},
               {"gate", true},
               {"lag", true}},
              rows);
  return exit_code::ok;
}

/// What a person wants done to a node or a shard.
struct order {
  std::string target, to, reason;
  bool dry_run = false, wait = false;
};

json body_of(const order& what) {
  json body{{"reason", what.reason}};
  if (what.dry_run)
    body["dry_run"] = true;
  if (!what.to.empty())
    body["to"] = what.to;
  return body;
}

/// A drained node owns nothing and takes nothing; one that is down does so too.
void wait_until_drained(context& ctx, api& node, const std::string& name) {
  constexpr std::chrono::milliseconds pause{200};
  progress_bar bar(ctx.around, "draining");
  for (;;) {
    const auto cluster = node.get("/cluster");
    std::int64_t left = 0;
    bool serves = false;
    for (const auto& n : cluster.at("nodes")) {
      if (n.at("name") != name)
        continue;
      left += n.at("shards").get<std::int64_t>();
      serves = serves || n.at("state") == "serving";
    }
    if (left == 0 && !serves)
      return;
    bar.show(0, 0, std::to_string(left) + " shards left");
    ctx.around.clock.wait(pause);
  }
}

exit_code drain(context& ctx, const order& what) {
  auto node = ctx.connect();
  const auto done =
      node.post("/cluster/nodes/" + path_segment(what.target) + "/drain", to_body(body_of(what)));
  if (what.wait && !what.dry_run)
    wait_until_drained(ctx, node, what.target);
  if (ctx.json) {
    give(ctx, done);
    return exit_code::ok;
  }
  const char* verb = what.dry_run ? " would give " : what.wait ? " has given " : " gives ";
  ctx.around.out << printable(what.target) << verb << shown(done, "shards") << " shards to "
                 << joined(done.at("to")) << "\n";
  return exit_code::ok;
}

exit_code move(context& ctx, const order& what) {
  auto node = ctx.connect();
  const auto done =
      node.post("/cluster/shards/" + path_segment(what.target) + "/move", to_body(body_of(what)));
  if (ctx.json) {
    give(ctx, done);
    return exit_code::ok;
  }
  ctx.around.out << "shard " << shown(done, "shard") << (what.dry_run ? " would move from " : " moves from ")
                 << shown(done, "from") << " to " << shown(done, "to") << "\n";
  return exit_code::ok;
}

exit_code audit(context& ctx, const list_size& size) {
  auto node = ctx.connect();
  const auto rows_of = get_list(node, "/ops/audit", {}, size);
  if (ctx.json) {
    give(ctx, rows_of);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& row : rows_of.at("data")) {
    const auto result = row.value("result", json::object());
    const bool refused = result.is_object() && result.contains("code");
    rows.push_back({{shown_time(row, "at")},
                    {shown(row, "action")},
                    {shown(row, "target")},
                    {row.value("dry_run", false) ? "dry run" : "-"},
                    refused ? cell{"refused: " + shown(result, "code"), tone::bad} : cell{"done", tone::good},
                    {shown(row, "by")},
                    {shown(row, "reason")}});
  }
  print_table(ctx.around, {{"at"}, {"action"}, {"target"}, {"dry run"}, {"result"}, {"by"}, {"reason"}},
              rows);
  tell_if_more(ctx, rows_of);
  return exit_code::ok;
}

void add_order_options(CLI::App& command, order& what) {
  command.add_option("--reason", what.reason, "Why, for the audit: 1 to 500 characters")
      ->required()
      ->type_name("TEXT");
  command.add_flag("--dry-run", what.dry_run, "Only say what would be done");
}

} // namespace

void add_cluster(CLI::App& app, context& ctx) {
  add_command(app, ctx, "nodes", "The nodes of the cluster (for admins)",
              "  atesctl nodes\n"
              "  atesctl nodes --json | jq '.nodes[].shards'\n",
              nodes);
  add_command(app, ctx, "shards", "Every shard: where it lives, how far it is, what waits (for admins)",
              "  atesctl shards\n", shards);

  const auto drained = std::make_shared<order>();
  auto& drain_command =
      add_command(app, ctx, "drain", "Have a node give all its shards to the others (for admins)",
                  "  atesctl drain node2 --reason 'new disk' --dry-run\n"
                  "  atesctl drain node2 --reason 'new disk' --wait      ends when it owns nothing\n",
                  [drained](context& c) { return drain(c, *drained); });
  drain_command.add_option("NODE", drained->target, "The node's name")->required()->type_name("");
  add_order_options(drain_command, *drained);
  drain_command.add_flag("--wait", drained->wait, "Wait until it owns no shard");

  const auto moved = std::make_shared<order>();
  auto& move_command = add_command(app, ctx, "move", "Have a shard moved to another node (for admins)",
                                   "  atesctl move 17 --to node3 --reason 'node1 is hot'\n",
                                   [moved](context& c) { return move(c, *moved); });
  move_command.add_option("SHARD", moved->target, "The shard's number")
      ->required()
      ->check(CLI::Range(0, 65'535))
      ->type_name("");
  move_command.add_option("--to", moved->to, "The node that is to own it")->required()->type_name("NODE");
  add_order_options(move_command, *moved);

  const auto size = std::make_shared<list_size>();
  add_list_options(add_command(app, ctx, "audit", "What operators did and tried, newest first (for admins)",
                               "  atesctl audit --limit 10\n",
                               [size](context& c) { return audit(c, *size); }),
                   *size);
}

} // namespace ates::console
