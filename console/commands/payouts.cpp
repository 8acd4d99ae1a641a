#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

void print_run(context& ctx, const json& run) {
  const auto mails = run.value("mails", json::object());
  const auto status = shown(run, "status");
  print_card(ctx.around, {{"day", {shown(run, "day")}},
                          {"status", {status, status == "done" ? tone::good : tone::plain}},
                          {"started", {shown_time(run, "started_at")}},
                          {"finished", {shown_time(run, "finished_at")}},
                          {"accounts paid", {shown(run, "accounts_paid")}},
                          {"total paid", shown_amount(run, "total_paid")},
                          {"mails",
                           {shown(mails, "queued") + " queued, " + shown(mails, "sent") + " sent, " +
                            shown(mails, "failed") + " failed"}}});
}

exit_code close_day(context& ctx, bool wait) {
  auto node = ctx.connect();
  auto run = node.post("/payouts");
  if (wait) {
    progress_bar bar(ctx.around, "closing the day");
    run = wait_until_over(
        ctx, node, "/payouts/" + path_segment(run.at("day").get<std::string>()), {"running"},
        [&](const json& now) { bar.show(0, 0, shown(now, "accounts_paid") + " accounts paid"); });
  }
  if (ctx.json)
    give(ctx, run);
  else
    print_run(ctx, run);
  return exit_code::ok;
}

} // namespace

void add_payouts(CLI::App& app, context& ctx) {
  const auto wait = std::make_shared<bool>(false);
  auto& command = add_command(
      app, ctx, "close-day",
      "Close the current business day now: every positive balance is paid out (for admins). A day is "
      "closed once; later entries belong to the next",
      "  atesctl close-day\n"
      "  atesctl close-day --wait      ends when every payout is in the books\n",
      [wait](context& c) { return close_day(c, *wait); });
  command.add_flag("--wait", *wait, "Wait until everybody is paid");
}

} // namespace ates::console
