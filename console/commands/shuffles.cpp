#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

std::string progress_of(const json& run) {
  return shown(run, "status") == "queued"
             ? "waits for an earlier run"
             : shown(run, "reassigned") + " of " + shown(run, "open_tasks") + " tasks";
}

/// 0 when it is not known yet.
std::uint64_t count_of(const json& run, const char* member) {
  const auto found = run.find(member);
  return found != run.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

void print_run(context& ctx, const json& run) {
  const auto status = shown(run, "status");
  print_card(ctx.around, {{"id", {shown(run, "id")}},
                          {"status",
                           {status, status == "done"     ? tone::good
                                    : status == "failed" ? tone::bad
                                                         : tone::plain}},
                          {"requested", {shown_time(run, "requested_at")}},
                          {"started", {shown_time(run, "started_at")}},
                          {"finished", {shown_time(run, "finished_at")}},
                          {"open tasks", {shown(run, "open_tasks")}},
                          {"reassigned", {shown(run, "reassigned")}},
                          {"seed", {shown(run, "seed")}}});
}

exit_code shuffle(context& ctx, bool wait) {
  auto node = ctx.connect();
  auto run = node.post("/tasks/assign");
  if (wait) {
    progress_bar bar(ctx.around, "shuffling");
    run = wait_until_over(ctx, node, "/shuffles/" + path_segment(run.at("id").get<std::string>()),
                          {"queued", "running"}, [&](const json& now) {
                            bar.show(count_of(now, "reassigned"), count_of(now, "open_tasks"),
                                     progress_of(now));
                          });
  }
  if (ctx.json)
    give(ctx, run);
  else
    print_run(ctx, run);
  if (run.at("status") != "failed")
    return exit_code::ok;
  notice(ctx.around, "atesctl: nobody was assignable when the run started");
  notice(ctx.around, "  next: add somebody (atesctl employees add --role worker …), then shuffle again");
  return exit_code::failed;
}

exit_code list(context& ctx, const list_size& size) {
  auto node = ctx.connect();
  const auto runs = get_list(node, "/shuffles", {}, size);
  if (ctx.json) {
    give(ctx, runs);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& run : runs.at("data"))
    rows.push_back({{shown(run, "id")},
                    {shown(run, "status")},
                    {shown_time(run, "requested_at")},
                    {shown_time(run, "started_at")},
                    {shown_time(run, "finished_at")},
                    {shown(run, "open_tasks")},
                    {shown(run, "reassigned")}});
  print_table(ctx.around,
              {{"id"},
               {"status"},
               {"requested"},
               {"started"},
               {"finished"},
               {"open tasks", true},
               {"reassigned", true}},
              rows);
  tell_if_more(ctx, runs);
  return exit_code::ok;
}

exit_code show(context& ctx, const std::string& id) {
  auto node = ctx.connect();
  const auto run = node.get("/shuffles/" + path_segment(id));
  if (ctx.json)
    give(ctx, run);
  else
    print_run(ctx, run);
  return exit_code::ok;
}

exit_code roster(context& ctx, const std::string& id) {
  auto node = ctx.connect();
  const auto accounts = get_list(node, "/shuffles/" + path_segment(id) + "/roster", {}, {0, true});
  if (ctx.json) {
    give(ctx, accounts);
    return exit_code::ok;
  }
  for (const auto& account : accounts.at("data"))
    ctx.around.out << printable(account.get<std::string>()) << "\n";
  return exit_code::ok;
}

void add_one(CLI::App& shuffles, context& ctx, const char* name, const char* purpose,
             exit_code (*action)(context&, const std::string&)) {
  const auto id = std::make_shared<std::string>();
  auto& command =
      add_command(shuffles, ctx, name, purpose,
                  "  atesctl shuffles " + std::string(name) + " 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11\n",
                  [id, action](context& c) { return action(c, *id); });
  command.add_option("ID", *id, "The run's id")->required()->type_name("");
}

} // namespace

void add_shuffles(CLI::App& app, context& ctx) {
  const auto wait = std::make_shared<bool>(false);
  auto& press =
      add_command(app, ctx, "shuffle", "Give every open task to somebody anew (for admins and managers)",
                  "  atesctl shuffle\n"
                  "  atesctl shuffle --wait      ends when every fee of the run is in the books\n",
                  [wait](context& c) { return shuffle(c, *wait); });
  press.add_flag("--wait", *wait, "Wait until the run is over");

  auto& shuffles = *app.add_subcommand("shuffles", "Runs of shuffle so far");
  shuffles.require_subcommand(1);
  const auto size = std::make_shared<list_size>();
  add_list_options(add_command(shuffles, ctx, "list", "Runs, newest first",
                               "  atesctl shuffles list --limit 10\n",
                               [size](context& c) { return list(c, *size); }),
                   *size);
  add_one(shuffles, ctx, "show", "One run", show);
  add_one(shuffles, ctx, "roster",
          "The accounts a run drew from, ascending: with the seed, everybody can check the draws", roster);
}

} // namespace ates::console
