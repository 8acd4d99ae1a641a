#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

const std::vector<std::string> kinds{"task", "account", "directory", "shuffle", "payout"};

cell shown_state(const json& actor) {
  const auto state = shown(actor, "state");
  return {state, state == "active" ? tone::good : state == "quarantined" ? tone::bad : tone::plain};
}

struct filter {
  std::string kind, node, shard, state, sort;
  list_size size;
};

exit_code list(context& ctx, const filter& wanted) {
  query parameters;
  for (const auto& [name, value] : query{{"kind", wanted.kind},
                                         {"node", wanted.node},
                                         {"shard", wanted.shard},
                                         {"state", wanted.state},
                                         {"sort", wanted.sort}})
    if (!value.empty())
      parameters[name] = value;
  auto node = ctx.connect();
  const auto actors = get_list(node, "/actors", parameters, wanted.size);
  if (ctx.json) {
    give(ctx, actors);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& a : actors.at("data"))
    rows.push_back({{shown(a, "kind")},
                    {shown(a, "id")},
                    {shown(a, "node")},
                    {shown(a, "shard")},
                    shown_state(a),
                    {shown(a, "mailbox")},
                    {shown(a, "oldest_ms")},
                    {shown(a, "messages")},
                    {shown(a, "handled_ms")},
                    {shown(a, "version")},
                    {shown(a, "durable_version")}});
  print_table(ctx.around,
              {{"kind"},
               {"id"},
               {"node"},
               {"shard", true},
               {"state"},
               {"mailbox", true},
               {"oldest ms", true},
               {"messages", true},
               {"handled ms", true},
               {"version", true},
               {"durable", true}},
              rows);
  tell_if_more(ctx, actors);
  return exit_code::ok;
}

exit_code show(context& ctx, const std::string& kind, const std::string& id) {
  auto node = ctx.connect();
  const auto actor = node.get("/actors/" + path_segment(kind) + "/" + path_segment(id));
  if (ctx.json) {
    give(ctx, actor);
    return exit_code::ok;
  }
  print_card(ctx.around, {{"kind", {shown(actor, "kind")}},
                          {"id", {shown(actor, "id")}},
                          {"state", shown_state(actor)},
                          {"node", {shown(actor, "node")}},
                          {"shard", {shown(actor, "shard")}},
                          {"epoch", {shown(actor, "epoch")}},
                          {"version", {shown(actor, "version")}},
                          {"durable", {shown(actor, "durable_version")}},
                          {"mailbox", {shown(actor, "mailbox")}},
                          {"oldest ms", {shown(actor, "oldest_ms")}},
                          {"pending", {shown(actor, "pending")}},
                          {"messages", {shown(actor, "messages")}},
                          {"handled ms", {shown(actor, "handled_ms")}},
                          {"last error", {shown(actor, "last_error")}}});
  if (const auto& value = actor.at("value"); value.is_object()) {
    ctx.around.out << "\n";
    std::vector<std::pair<std::string, cell>> members;
    for (const auto& [name, _] : value.items())
      members.emplace_back(printable(name), cell{shown(value, name.c_str())});
    print_card(ctx.around, members);
  }
  if (actor.at("recent").empty())
    return exit_code::ok;
  ctx.around.out << "\n";
  std::vector<std::vector<cell>> rows;
  for (const auto& one : actor.at("recent"))
    rows.push_back({{shown_time(one, "at")}, {shown(one, "kind")}, {shown(one, "ms")}});
  print_table(ctx.around, {{"recently"}, {"did"}, {"ms", true}}, rows);
  return exit_code::ok;
}

} // namespace

void add_actors(CLI::App& app, context& ctx) {
  const auto wanted = std::make_shared<filter>();
  auto& actors = add_command(app, ctx, "actors", "The actors in memory, wherever they live (for admins)",
                             "  atesctl actors --sort mailbox --limit 10      where it is crowded\n"
                             "  atesctl actors --kind account --node node2\n"
                             "  atesctl actors --state quarantined --all\n",
                             [wanted](context& c) { return list(c, *wanted); });
  actors.add_option("--kind", wanted->kind, "Only these")->check(CLI::IsMember(kinds))->type_name("KIND");
  actors.add_option("--node", wanted->node, "Only on this node")->type_name("NODE");
  actors.add_option("--shard", wanted->shard, "Only of this shard")
      ->check(CLI::Range(0, 65'535))
      ->type_name("N");
  actors.add_option("--state", wanted->state, "Only in this state")
      ->check(CLI::IsMember({"active", "quarantined", "stopping"}))
      ->type_name("STATE");
  actors.add_option("--sort", wanted->sort, "The highest first")
      ->check(CLI::IsMember({"mailbox", "messages", "age"}))
      ->type_name("WHAT");
  add_list_options(actors, wanted->size);

  const auto named = std::make_shared<std::pair<std::string, std::string>>();
  auto& actor = add_command(app, ctx, "actor", "One actor with its state, in memory or not (for admins)",
                            "  atesctl actor task 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11\n"
                            "  atesctl actor payout 00000000-0000-0000-0000-000000000005\n",
                            [named](context& c) { return show(c, named->first, named->second); });
  actor.add_option("KIND", named->first, "task, account, directory, shuffle or payout")
      ->required()
      ->check(CLI::IsMember(kinds))
      ->type_name("");
  actor.add_option("ID", named->second, "Its id, as `atesctl actors` shows it")->required()->type_name("");
}

} // namespace ates::console
