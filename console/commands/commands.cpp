#include "console/commands/commands.hpp"

#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <ostream>
#include <utility>

namespace ates::console {

using nlohmann::json;

void add_common_options(CLI::App& app, context& ctx) {
  app.add_flag("--json", ctx.json, "One JSON document on standard output instead of text for people");
  app.add_option("--url", ctx.url,
                 "A node of the system (environment: ATES_URL; default " + std::string(default_url) + ")")
      ->type_name("URL");
}

CLI::App& add_command(CLI::App& parent, context& ctx, const std::string& name, const std::string& purpose,
                      const std::string& examples, std::function<exit_code(context&)> action) {
  auto& command = *parent.add_subcommand(name, purpose);
  add_common_options(command, ctx);
  command.footer("Examples:\n" + examples);
  command.callback([&ctx, action = std::move(action)] { ctx.action = action; });
  return command;
}

void add_list_options(CLI::App& command, list_size& size) {
  auto* limit = command.add_option("--limit", size.limit, "How many at most (default 50)")
                    ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}))
                    ->type_name("N");
  command.add_flag("--all", size.all, "All of them")->excludes(limit);
}

json get_list(api& node, const std::string& path, const query& parameters, const list_size& size) {
  return node.list(path, parameters, size.all ? std::numeric_limits<std::size_t>::max() : size.limit);
}

void give(context& ctx, const json& document) {
  // Text from a file may be no UTF-8; it must not spoil the document.
  ctx.around.out << document.dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
}

void tell_if_more(context& ctx, const json& list) {
  if (list.at("has_more").get<bool>())
    notice(ctx.around, "There are more: --limit N shows N, --all shows all.");
}

void explain(surroundings& around, const failure& refusal) {
  notice(around, "atesctl: " + printable(refusal.what()));
  if (!refusal.next.empty())
    notice(around, "  next: " + refusal.next);
  if (!refusal.request_id.empty() && refusal.status >= 500)
    notice(around, "  request id: " + printable(refusal.request_id));
}

json to_json(const failure& refusal) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json(nullptr) : json(text); };
  return {{"exit", static_cast<int>(refusal.exit)},
          {"detail", refusal.what()},
          {"next", or_null(refusal.next)},
          {"status", refusal.status == 0 ? json(nullptr) : json(refusal.status)},
          {"code", or_null(refusal.code)},
          {"request_id", or_null(refusal.request_id)}};
}

json wait_until_over(context& ctx, api& node, const std::string& path,
                     const std::vector<std::string>& unfinished,
                     const std::function<void(const json&)>& look) {
  constexpr std::chrono::milliseconds longest{1000};
  std::chrono::milliseconds pause{50};
  for (;;) {
    auto answer = node.get(path);
    look(answer);
    const auto status = answer.at("status").get<std::string>();
    if (std::find(unfinished.begin(), unfinished.end(), status) == unfinished.end())
      return answer;
    ctx.around.clock.wait(pause);
    pause = std::min(pause * 2, longest);
  }
}

} // namespace ates::console
