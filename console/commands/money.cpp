#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

struct wanted_log {
  std::string account = "me";
  std::string day;
  list_size size;
};

exit_code balance(context& ctx, const std::string& account) {
  auto node = ctx.connect();
  const auto money = node.get("/accounts/" + path_segment(account));
  if (ctx.json) {
    give(ctx, money);
    return exit_code::ok;
  }
  const auto today = money.value("today", json::object());
  print_card(ctx.around, {{"account", {shown(money, "account_id")}},
                          {"name", {shown(money, "name")}},
                          {"balance", shown_amount(money, "balance")},
                          {"business day", {shown(today, "day")}},
                          {"fees", shown_amount(today, "fees")},
                          {"rewards", shown_amount(today, "rewards")},
                          {"paid out", shown_amount(today, "paid_out")},
                          {"net", shown_amount(today, "net")}});
  return exit_code::ok;
}

exit_code log(context& ctx, const wanted_log& wanted) {
  auto node = ctx.connect();
  const auto entries = get_list(node, "/accounts/" + path_segment(wanted.account) + "/log",
                                wanted.day.empty() ? query{} : query{{"day", wanted.day}}, wanted.size);
  if (ctx.json) {
    give(ctx, entries);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& entry : entries.at("data")) {
    const auto task = entry.find("task");
    rows.push_back({{shown_time(entry, "at")},
                    {shown(entry, "day")},
                    {shown(entry, "kind")},
                    shown_amount(entry, "amount"),
                    shown_amount(entry, "balance_after"),
                    {shown(entry, "reason")},
                    {task != entry.end() && task->is_object() ? shown(*task, "title") : "-"}});
  }
  print_table(ctx.around,
              {{"at"}, {"day"}, {"kind"}, {"amount", true}, {"balance", true}, {"reason"}, {"task"}}, rows);
  tell_if_more(ctx, entries);
  return exit_code::ok;
}

} // namespace

void add_money(CLI::App& app, context& ctx) {
  const auto account = std::make_shared<std::string>("me");
  add_command(app, ctx, "balance", "An account's balance and its figures of today",
              "  atesctl balance\n"
              "  atesctl balance 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11      for admins and accountants\n",
              [account](context& c) { return balance(c, *account); })
      .add_option("ACCOUNT", *account, "An account's id (default: your own)")
      ->type_name("");

  const auto wanted = std::make_shared<wanted_log>();
  auto& command =
      add_command(app, ctx, "log", "What moved an account's balance, newest first",
                  "  atesctl log\n"
                  "  atesctl log --day 2026-11-21 --all\n"
                  "  atesctl log 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11      for admins and accountants\n",
                  [wanted](context& c) { return log(c, *wanted); });
  command.add_option("ACCOUNT", wanted->account, "An account's id (default: your own)")->type_name("");
  command.add_option("--day", wanted->day, "Only this business day")->type_name("YYYY-MM-DD");
  add_list_options(command, wanted->size);
}

} // namespace ates::console
