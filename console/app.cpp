#include "console/app.hpp"

#include "console/commands/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

namespace ates::console {
namespace {

constexpr const char* root_footer = R"(Examples:
  atesctl login admin                          sign in; the password is asked for
  atesctl import backlog.csv                   create a task for every row
  atesctl tasks list --status open --all       every open task
  atesctl shuffle --wait                       give every open task to somebody anew
  atesctl tasks list --json | jq '.data[].id'  one JSON document on standard output

Exit codes: 0 ok, 1 failed, 2 usage, 3 not signed in or not allowed, 4 not found,
            5 conflict, 7 unavailable.
Environment: ATES_URL (instead of --url), ATES_PASSWORD (login), ATES_NEW_PASSWORD
            (employees add), NO_COLOR.
'atesctl COMMAND --help' explains one command.)";

/// Ends every failure the same way, whatever threw it.
exit_code perform(context& ctx) {
  try {
    return ctx.action(ctx);
  } catch (const failure& refusal) {
    if (ctx.json)
      give(ctx, {{"error", to_json(refusal)}});
    explain(ctx.around, refusal);
    return refusal.exit;
  } catch (const nlohmann::json::exception& unexpected) {
    const failure odd(exit_code::failed,
                      "the node's answer is not what was expected: " + std::string(unexpected.what()),
                      "is atesctl as new as the node, and --url the URL of one?");
    if (ctx.json)
      give(ctx, {{"error", to_json(odd)}});
    explain(ctx.around, odd);
    return odd.exit;
  }
}

} // namespace

int run(const std::vector<std::string>& arguments, surroundings& around) {
  CLI::App app{"atesctl: aTES from the command line", "atesctl"};
  app.footer(root_footer);
  app.set_version_flag("--version", "atesctl " ATES_VERSION);
  app.require_subcommand(1);
  context ctx{around, around.variable("ATES_URL"), false, {}};
  if (ctx.url.empty())
    ctx.url = default_url;
  add_common_options(app, ctx);
  for (const auto add : {add_login, add_import, add_employees, add_tasks, add_shuffles, add_payouts,
                         add_money, add_verify, add_cluster, add_actors})
    add(app, ctx);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend()); // as CLI11 wants them
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, around.out, around.err) == 0 ? 0 : static_cast<int>(exit_code::usage);
  }
  try {
    return static_cast<int>(perform(ctx));
  } catch (const std::exception& error) {
    explain(around, failure(exit_code::failed, error.what()));
    return static_cast<int>(exit_code::failed);
  }
}

} // namespace ates::console
