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

exit_code list(context& ctx, const list_size& size) {
  auto node = ctx.connect();
  const auto runs = get_list(node, "/payouts", {}, size);
  if (ctx.json) {
    give(ctx, runs);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& run : runs.at("data"))
    rows.push_back({{shown(run, "day")},
                    {shown(run, "status")},
                    {shown_time(run, "finished_at")},
                    {shown(run, "accounts_paid")},
                    shown_amount(run, "total_paid")});
  print_table(ctx.around, {{"day"}, {"status"}, {"finished"}, {"accounts paid", true}, {"total paid", true}},
              rows);
  tell_if_more(ctx, runs);
  return exit_code::ok;
}

exit_code show(context& ctx, const std::string& day) {
  auto node = ctx.connect();
  const auto run = node.get("/payouts/" + path_segment(day));
  if (ctx.json)
    give(ctx, run);
  else
    print_run(ctx, run);
  return exit_code::ok;
}

exit_code accounts(context& ctx, const std::string& day, const list_size& size) {
  auto node = ctx.connect();
  const auto payees = get_list(node, "/payouts/" + path_segment(day) + "/accounts", {}, size);
  if (ctx.json) {
    give(ctx, payees);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& payee : payees.at("data"))
    rows.push_back({{shown(payee, "account_id")},
                    {shown(payee, "name")},
                    shown_amount(payee, "amount"),
                    {shown(payee, "mail")}});
  print_table(ctx.around, {{"account"}, {"name"}, {"amount", true}, {"mail"}}, rows);
  tell_if_more(ctx, payees);
  return exit_code::ok;
}

void add_day(CLI::App& command, std::string& day) {
  command.add_option("DAY", day, "The business day")->required()->type_name("YYYY-MM-DD");
}

void add_past(CLI::App& app, context& ctx) {
  auto& payouts = *app.add_subcommand("payouts", "Closed days so far (for admins and accountants)");
  payouts.require_subcommand(1);
  const auto size = std::make_shared<list_size>();
  add_list_options(add_command(payouts, ctx, "list", "Days that were closed, newest first",
                               "  atesctl payouts list --limit 10\n",
                               [size](context& c) { return list(c, *size); }),
                   *size);
  const auto day = std::make_shared<std::string>();
  add_day(add_command(payouts, ctx, "show", "One day's payouts and their letters",
                      "  atesctl payouts show 2026-11-21\n", [day](context& c) { return show(c, *day); }),
          *day);
  auto& register_of = add_command(payouts, ctx, "accounts", "Who was paid how much",
                                  "  atesctl payouts accounts 2026-11-21 --all\n",
                                  [day, size](context& c) { return accounts(c, *day, *size); });
  add_day(register_of, *day);
  add_list_options(register_of, *size);
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
  add_past(app, ctx);
}

} // namespace ates::console
