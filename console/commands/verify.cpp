#include "console/commands/commands.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>
#include <unistd.h>

namespace ates::console {
namespace {

std::string database_url_below(const std::filesystem::path& var) {
  const auto path = var / "run" / "database-url";
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
      "difference. Reads the database of this machine (the node need not run); exit code 0: the books "
      "are right",
      "  atesctl verify\n"
      "  atesctl verify --var /srv/ates/var --json\n",
      [var](context& c) -> exit_code {
        c.around.out.flush();
        become(plan_verification(
            c.around, var->empty() ? std::nullopt : std::optional<std::filesystem::path>(*var), c.json));
      });
  command
      .add_option("--var", *var,
                  "The state folder of scripts/run (default: ATES_DATABASE_URL if set, else ./var)")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

} // namespace ates::console
