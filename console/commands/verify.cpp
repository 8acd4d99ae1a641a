#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>
#include <unistd.h>

namespace ates::console {
namespace {

using nlohmann::json;

std::filesystem::path url_record(const std::filesystem::path& var) {
  return var / "run" / "database-url";
}

std::string database_url_below(const std::filesystem::path& var) {
  const auto path = url_record(var);
  std::ifstream file(path);
  std::string url;
  if (!file || !std::getline(file, url) || url.empty())
    throw failure(
        exit_code::failed, "no database found: " + path.string() + " cannot be read",
        "give the folder that scripts/run uses with --var DIR, or the database in ATES_DATABASE_URL");
  return url;
}

/// Never returns: this process becomes atesd.
[[noreturn]] void become(const verification& plan) {
  std::vector<std::string> texts{plan.program.string()};
  texts.insert(texts.end(), plan.arguments.begin(), plan.arguments.end());
  std::vector<std::string> settings;
  for (const auto& [name, value] : plan.environment)
    settings.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (auto& one : strings)
      result.push_back(one.data());
    result.push_back(nullptr);
    return result;
  };
  execve(texts.front().c_str(), pointers(texts).data(), pointers(settings).data());
  throw failure(exit_code::failed, "cannot run " + plan.program.string() + ": " + std::strerror(errno));
}

/// Whether somebody is signed in there, or nothing else is left.
bool may_ask_node(const context& ctx) {
  const bool can_be = !ctx.around.variable("XDG_CONFIG_HOME").empty() || !ctx.around.variable("HOME").empty();
  if (can_be && ctx.connect().signed_in())
    return true;
  return ctx.around.variable("ATES_DATABASE_URL").empty() && !std::filesystem::exists(url_record("var"));
}

/// As `atesd --verify` says it.
void print_result(context& ctx, const json& found) {
  auto& out = ctx.around.out;
  const auto& checked = found.at("checked");
  out << "checked " << shown(checked, "accounts") << " accounts, " << shown(checked, "tasks") << " tasks, "
      << shown(checked, "transfers") << " transfers, " << shown(checked, "days") << " days; "
      << shown(found, "in_transit") << " events in transit\n";
  for (const auto& d : found.at("differences"))
    out << shown(d, "what") << " " << shown(d, "id") << ": expected " << shown(d, "expected") << ", found "
        << shown(d, "found") << "\n";
  const auto total = found.at("difference_count").get<std::uint64_t>();
  if (total > found.at("differences").size())
    out << "… and " << total - found.at("differences").size() << " more\n";
  if (total == 0)
    out << "no differences: the books are right\n";
  else
    out << total << (total == 1 ? " difference\n" : " differences\n");
}

exit_code verify_by_node(context& ctx) {
  auto node = ctx.connect();
  const auto id = node.post("/ops/verify").at("id").get<std::string>();
  json found;
  {
    progress_bar bar(ctx.around, "verifying");
    found = wait_until_over(ctx, node, "/ops/verifications/" + path_segment(id), {"running"},
                            [&](const json& now) {
                              const bool begun = !now.at("progress").is_null();
                              bar.show(0, 0, begun ? shown(now, "progress") : "waits for its turn");
                            });
  }
  if (ctx.json)
    give(ctx, found);
  else
    print_result(ctx, found);
  return found.at("difference_count") == 0 ? exit_code::ok : exit_code::failed;
}

} // namespace

verification plan_verification(const surroundings& around, const std::optional<std::filesystem::path>& var,
                               bool json) {
  verification plan{around.own_binary.parent_path() / "atesd", {"--verify"}, around.environment};
  if (!std::filesystem::exists(plan.program))
    throw failure(exit_code::failed, "there is no " + plan.program.string(),
                  "verify needs the daemon's binary beside its own: build both");
  if (json)
    plan.arguments.emplace_back("--json");
  // atesd refuses a variable ATES_… that it does not know.
  for (const auto* ours : {"ATES_URL", "ATES_PASSWORD", "ATES_NEW_PASSWORD"})
    plan.environment.erase(ours);
  if (var || around.variable("ATES_DATABASE_URL").empty())
    plan.environment["ATES_DATABASE_URL"] = database_url_below(var.value_or("var"));
  return plan;
}

void add_verify(CLI::App& app, context& ctx) {
  const auto var = std::make_shared<std::string>();
  auto& command = add_command(
      app, ctx, "verify",
      "Recompute every balance, task and daily figure from the ledger and the event log, and name each "
      "difference; exit code 0: the books are right. Asks the node (for admins); with --var, or if you are "
      "not signed in, reads the database of this machine instead, whose node need not run",
      "  atesctl verify\n"
      "  atesctl verify --var /srv/ates/var --json\n",
      [var](context& c) -> exit_code {
        if (var->empty() && may_ask_node(c))
          return verify_by_node(c);
        c.around.out.flush();
        become(plan_verification(
            c.around, var->empty() ? std::nullopt : std::optional<std::filesystem::path>(*var), c.json));
      });
  command
      .add_option("--var", *var,
                  "The state folder of scripts/run (without it, and not signed in: ATES_DATABASE_URL if set, "
                  "else ./var)")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

} // namespace ates::console
