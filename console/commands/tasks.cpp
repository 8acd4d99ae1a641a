#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

cell shown_status(const json& task) {
  const auto status = shown(task, "status");
  return {status, status == "done" ? tone::good : tone::plain};
}

std::string name_of(const json& task, const char* member) {
  const auto found = task.find(member);
  return found != task.end() && found->is_object() ? shown(*found, "name") : "-";
}

void print_task(context& ctx, const json& task) {
  std::string description = shown(task, "description");
  print_card(ctx.around, {{"id", {shown(task, "id")}},
                          {"title", {shown(task, "title")}},
                          {"jira id", {shown(task, "jira_id")}},
                          {"description", {description.empty() ? "-" : description}},
                          {"status", shown_status(task)},
                          {"assignee", {name_of(task, "assignee")}},
                          {"fee", shown_amount(task, "fee")},
                          {"reward", shown_amount(task, "reward")},
                          {"created", {shown_time(task, "created_at")}},
                          {"assigned", {shown_time(task, "assigned_at")}},
                          {"completed", {shown_time(task, "completed_at")}}});
}

exit_code give_task(context& ctx, const json& task, const std::string& headline) {
  if (ctx.json) {
    give(ctx, task);
    return exit_code::ok;
  }
  if (!headline.empty())
    ctx.around.out << headline << "\n";
  print_task(ctx, task);
  return exit_code::ok;
}

struct filter {
  std::string status, assignee, jira_id, text;
  list_size size;
};

exit_code list(context& ctx, const filter& wanted) {
  query parameters;
  for (const auto& [name, value] : query{{"status", wanted.status},
                                         {"assignee", wanted.assignee},
                                         {"jira_id", wanted.jira_id},
                                         {"q", wanted.text}})
    if (!value.empty())
      parameters[name] = value;
  auto node = ctx.connect();
  const auto tasks = get_list(node, "/tasks", parameters, wanted.size);
  if (ctx.json) {
    give(ctx, tasks);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& task : tasks.at("data"))
    rows.push_back({{shown(task, "id")},
                    shown_status(task),
                    shown_amount(task, "fee"),
                    shown_amount(task, "reward"),
                    {name_of(task, "assignee")},
                    {shown(task, "jira_id")},
                    {shown(task, "title")}});
  print_table(ctx.around,
              {{"id"}, {"status"}, {"fee", true}, {"reward", true}, {"assignee"}, {"jira id"}, {"title"}},
              rows);
  tell_if_more(ctx, tasks);
  return exit_code::ok;
}

struct new_task {
  std::string title, jira_id, description, external_ref;
};

exit_code add(context& ctx, const new_task& wanted) {
  json body = {{"title", wanted.title}};
  for (const auto& [name, value] : query{{"jira_id", wanted.jira_id},
                                         {"description", wanted.description},
                                         {"external_ref", wanted.external_ref}})
    if (!value.empty())
      body[name] = value;
  auto node = ctx.connect();
  return give_task(ctx, node.post("/tasks", to_body(body)), "Added.");
}

void add_list(CLI::App& tasks, context& ctx) {
  const auto wanted = std::make_shared<filter>();
  auto& command = add_command(tasks, ctx, "list", "Tasks, newest first",
                              "  atesctl tasks list --status open --assignee me\n"
                              "  atesctl tasks list --q mailbox --limit 500\n"
                              "  atesctl tasks list --all --json\n",
                              [wanted](context& c) { return list(c, *wanted); });
  command.add_option("--status", wanted->status, "Only open or only done ones")
      ->check(CLI::IsMember({"open", "done"}));
  command.add_option("--assignee", wanted->assignee, "Only tasks of this account: 'me' or an id")
      ->type_name("ACCOUNT");
  command.add_option("--jira-id", wanted->jira_id, "Only tasks with exactly this jira id")->type_name("ID");
  command.add_option("--q", wanted->text, "Part of the title or the jira id")->type_name("TEXT");
  add_list_options(command, wanted->size);
}

void add_add(CLI::App& tasks, context& ctx) {
  const auto wanted = std::make_shared<new_task>();
  auto& command =
      add_command(tasks, ctx, "add", "Create a task; somebody is given it at once",
                  "  atesctl tasks add 'Make mailbox countable'\n"
                  "  atesctl tasks add '[ATES-17] Describe the release' --description 'For newcomers'\n",
                  [wanted](context& c) { return add(c, *wanted); });
  command.add_option("title,--title", wanted->title, "What is to be done; may begin with a [JIRA-ID]")
      ->required()
      ->type_name("TEXT");
  command.add_option("--jira-id", wanted->jira_id, "E.g. ATES-17")->type_name("ID");
  command.add_option("--description", wanted->description, "More about it")->type_name("TEXT");
  command
      .add_option("--external-ref", wanted->external_ref,
                  "Your own name for it: the same again gives the same task")
      ->type_name("TEXT");
}

void add_one(CLI::App& tasks, context& ctx, const char* name, const char* purpose, const char* examples,
             exit_code (*action)(context&, const std::string&)) {
  const auto id = std::make_shared<std::string>();
  auto& command =
      add_command(tasks, ctx, name, purpose, examples, [id, action](context& c) { return action(c, *id); });
  command.add_option("ID", *id, "The task's id")->required()->type_name("");
}

exit_code show(context& ctx, const std::string& id) {
  auto node = ctx.connect();
  return give_task(ctx, node.get("/tasks/" + path_segment(id)), "");
}

exit_code complete(context& ctx, const std::string& id) {
  auto node = ctx.connect();
  return give_task(ctx, node.post("/tasks/" + path_segment(id) + "/complete"),
                   "Completed; the reward is yours.");
}

struct task_edit {
  std::string id;
  std::optional<std::string> title, jira_id, description;
};

exit_code edit(context& ctx, const task_edit& wanted) {
  json body = json::object();
  if (wanted.title)
    body["title"] = *wanted.title;
  if (wanted.jira_id)
    body["jira_id"] = wanted.jira_id->empty() ? json(nullptr) : json(*wanted.jira_id);
  if (wanted.description)
    body["description"] = *wanted.description;
  if (body.empty())
    throw failure(exit_code::usage, "nothing is to be changed", "give --title, --jira-id or --description");
  auto node = ctx.connect();
  return give_task(ctx, node.patch("/tasks/" + path_segment(wanted.id), to_body(body)), "Changed.");
}

void add_edit(CLI::App& tasks, context& ctx) {
  const auto wanted = std::make_shared<task_edit>();
  auto& command = add_command(
      tasks, ctx, "edit", "Change an open task's words (for admins, managers and whoever created it)",
      "  atesctl tasks edit 3f0c2f1e-7f5e-5a68-9d3b-6a2f4f1d8c11 --title '[ATES-17] Describe the release'\n"
      "  atesctl tasks edit 3f0c2f1e-7f5e-5a68-9d3b-6a2f4f1d8c11 --jira-id '' --description 'For all'\n",
      [wanted](context& c) { return edit(c, *wanted); });
  command.add_option("ID", wanted->id, "The task's id")->required()->type_name("");
  command.add_option("--title", wanted->title, "May begin with a [JIRA-ID]")->type_name("TEXT");
  command.add_option("--jira-id", wanted->jira_id, "E.g. ATES-17; empty: it has none any more")
      ->type_name("ID");
  command.add_option("--description", wanted->description, "More about it; may be empty")->type_name("TEXT");
}

exit_code history(context& ctx, const std::string& id, const list_size& size) {
  auto node = ctx.connect();
  const auto changes = get_list(node, "/tasks/" + path_segment(id) + "/history", {}, size);
  if (ctx.json) {
    give(ctx, changes);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& change : changes.at("data"))
    rows.push_back({{shown_time(change, "at")},
                    {shown(change, "what")},
                    {name_of(change, "account")},
                    {shown(change, "reason")},
                    shown_amount(change, "fee")});
  print_table(ctx.around, {{"at"}, {"what"}, {"account"}, {"reason"}, {"fee", true}}, rows);
  tell_if_more(ctx, changes);
  return exit_code::ok;
}

void add_history(CLI::App& tasks, context& ctx) {
  const auto id = std::make_shared<std::string>();
  const auto size = std::make_shared<list_size>();
  auto& command = add_command(tasks, ctx, "history", "What happened to a task, newest first",
                              "  atesctl tasks history 3f0c2f1e-7f5e-5a68-9d3b-6a2f4f1d8c11 --all\n",
                              [id, size](context& c) { return history(c, *id, *size); });
  command.add_option("ID", *id, "The task's id")->required()->type_name("");
  add_list_options(command, *size);
}

} // namespace

void add_tasks(CLI::App& app, context& ctx) {
  auto& tasks = *app.add_subcommand("tasks", "The work: list, look at, create, edit and complete tasks");
  tasks.require_subcommand(1);
  add_list(tasks, ctx);
  add_one(tasks, ctx, "show", "One task", "  atesctl tasks show 3f0c2f1e-7f5e-5a68-9d3b-6a2f4f1d8c11\n",
          show);
  add_history(tasks, ctx);
  add_add(tasks, ctx);
  add_edit(tasks, ctx);
  add_one(tasks, ctx, "complete", "Complete a task that you were given",
          "  atesctl tasks complete 3f0c2f1e-7f5e-5a68-9d3b-6a2f4f1d8c11\n", complete);
}

} // namespace ates::console
