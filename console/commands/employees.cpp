#include "console/commands/commands.hpp"
#include "console/csv.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

struct filter {
  std::string role;
  std::string active;
  std::string text;
  list_size size;
};

exit_code list(context& ctx, const filter& wanted) {
  query parameters;
  for (const auto& [name, value] :
       query{{"role", wanted.role}, {"active", wanted.active}, {"q", wanted.text}})
    if (!value.empty())
      parameters[name] = value;
  auto node = ctx.connect();
  const auto people = get_list(node, "/employees", parameters, wanted.size);
  if (ctx.json) {
    give(ctx, people);
    return exit_code::ok;
  }
  std::vector<std::vector<cell>> rows;
  for (const auto& one : people.at("data")) {
    const bool active = one.value("active", false);
    rows.push_back({{shown(one, "id")},
                    {shown(one, "name")},
                    {shown(one, "role")},
                    {active ? "active" : "inactive", active ? tone::good : tone::faint},
                    {shown(one, "login")},
                    {shown(one, "email")}});
  }
  print_table(ctx.around, {{"id"}, {"name"}, {"role"}, {"state"}, {"login"}, {"e-mail"}}, rows);
  tell_if_more(ctx, people);
  return exit_code::ok;
}

struct newcomer {
  std::string name, login, email, role, password;
};

json create(api& node, const newcomer& person) {
  json body = {
      {"name", person.name}, {"login", person.login}, {"email", person.email}, {"role", person.role}};
  if (!person.password.empty())
    body["password"] = person.password;
  return node.post("/employees", to_body(body));
}

std::string new_password(surroundings& around, bool from_input) {
  if (from_input)
    return ask_secret(around, "new password");
  if (const auto given = around.variable("ATES_NEW_PASSWORD"); !given.empty())
    return given;
  if (!around.in_is_terminal)
    return {};
  const auto password = ask_secret(around, "password of the new account (empty: none)");
  if (!password.empty() && ask_secret(around, "the same again") != password)
    throw failure(exit_code::failed, "the two passwords differ", "nothing was changed; try again");
  return password;
}

exit_code add_one(context& ctx, newcomer person, bool password_from_input) {
  if (person.name.empty() || person.login.empty() || person.email.empty() || person.role.empty())
    throw failure(exit_code::usage, "--name, --login, --email and --role are needed, or --file",
                  "atesctl employees add --help shows examples");
  auto node = ctx.connect();
  person.password = new_password(ctx.around, password_from_input);
  const auto employee = create(node, person);
  if (ctx.json)
    give(ctx, employee);
  else
    ctx.around.out << "Added " << shown(employee, "name") << " (" << shown(employee, "role") << "), id "
                   << shown(employee, "id") << (person.password.empty() ? ", without a password" : "")
                   << ".\n";
  return exit_code::ok;
}

/// Whether a refusal concerns this row only, so that the next one is worth a try.
bool concerns_one(const failure& refusal) {
  return refusal.status == 400 || refusal.status == 409 || refusal.status == 413 || refusal.status == 422 ||
         refusal.exit == exit_code::usage;
}

struct additions {
  json added = json::array();
  json refused = json::array();
};

void add_rows(context& ctx, csv_table& table, additions& done) {
  auto node = ctx.connect();
  progress_bar bar(ctx.around, "adding");
  while (const auto row = table.next()) {
    const auto refuse = [&](const std::string& code, const std::string& reason) {
      done.refused.push_back({{"line", row->line}, {"code", code}, {"reason", reason}});
    };
    if (!row->fault.empty()) {
      refuse("csv", row->fault);
      continue;
    }
    const auto& values = row->fields;
    try {
      done.added.push_back(create(node, {values[0], values[1], values[2], values[3], values[4]}));
    } catch (const failure& refusal) {
      if (!concerns_one(refusal))
        throw;
      refuse(refusal.code, refusal.what());
    }
    bar.show(0, 0, std::to_string(done.added.size()) + " added");
  }
}

void print_additions(context& ctx, const additions& done) {
  std::vector<std::vector<cell>> rows;
  for (const auto& row : done.refused)
    rows.push_back({{shown(row, "line")}, {shown(row, "reason"), tone::bad}});
  if (!rows.empty())
    print_table(ctx.around, {{"line", true}, {"refused because"}}, rows);
  ctx.around.out << done.added.size() << " added, " << done.refused.size() << " refused\n";
}

exit_code add_many(context& ctx, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw failure(exit_code::failed, "cannot read " + path + ": " + std::strerror(errno));
  csv_table table(file, {"name", "login", "email", "role"}, {"password"});
  additions done;
  std::optional<failure> ended_by;
  try {
    add_rows(ctx, table, done);
  } catch (const failure& reason) {
    ended_by = reason;
  }
  if (ctx.json) {
    json document = {{"added", done.added}, {"refused", done.refused}};
    if (ended_by)
      document["error"] = to_json(*ended_by);
    give(ctx, document);
  } else {
    print_additions(ctx, done);
  }
  if (ended_by) {
    explain(ctx.around, *ended_by);
    return ended_by->exit;
  }
  return done.refused.empty() ? exit_code::ok : exit_code::failed;
}

struct addition {
  newcomer person;
  std::string password_source;
  std::string file;
};

void add_add(CLI::App& employees, context& ctx) {
  const auto given = std::make_shared<addition>();
  auto& command = add_command(
      employees, ctx, "add", "Create an account, or one for every row of a CSV file (for admins)",
      "  atesctl employees add --name 'Ada Lovelace' --login ada --email ada@example.org --role worker\n"
      "  ATES_NEW_PASSWORD=… atesctl employees add --name Bo --login bo --email bo@example.org --role "
      "manager\n"
      "  atesctl employees add --file people.csv      columns name,login,email,role,password\n",
      [given](context& c) {
        return given->file.empty() ? add_one(c, given->person, !given->password_source.empty())
                                   : add_many(c, given->file);
      });
  auto* file =
      command
          .add_option("--file", given->file, "A CSV file with the columns name, login, email, role, password")
          ->check(CLI::ExistingFile)
          ->type_name("CSV");
  const auto add = [&](const char* flag, std::string& value, const char* purpose) {
    return command.add_option(flag, value, purpose)->excludes(file);
  };
  add("--name", given->person.name, "Full name")->type_name("NAME");
  add("--login", given->person.login, "What the person signs in with")->type_name("LOGIN");
  add("--email", given->person.email, "Where payouts are announced")->type_name("ADDRESS");
  add("--role", given->person.role, "What the account may do")->check(CLI::IsMember(role_names()));
  add("--password", given->password_source,
      "Only '-': read it from standard input. Without: ATES_NEW_PASSWORD, else a prompt, else the account "
      "has none. "
      "(Everybody on the machine can read a command line.)")
      ->check(CLI::IsMember({"-"}));
}

} // namespace

const std::vector<std::string>& role_names() {
  static const std::vector<std::string> names{"admin", "manager", "accountant", "worker"};
  return names;
}

void add_employees(CLI::App& app, context& ctx) {
  auto& employees = *app.add_subcommand("employees", "The people: add, list, look at and change accounts");
  employees.require_subcommand(1);
  add_add(employees, ctx);
  add_employee_changes(employees, ctx);
  const auto wanted = std::make_shared<filter>();
  auto& command = add_command(employees, ctx, "list", "Accounts, oldest first",
                              "  atesctl employees list --role worker --active true\n"
                              "  atesctl employees list --q ada --json\n",
                              [wanted](context& c) { return list(c, *wanted); });
  command.add_option("--role", wanted->role, "Only this role")->check(CLI::IsMember(role_names()));
  command.add_option("--active", wanted->active, "Only active or only inactive ones")
      ->check(CLI::IsMember({"true", "false"}));
  command.add_option("--q", wanted->text, "Part of the name")->type_name("TEXT");
  add_list_options(command, wanted->size);
}

} // namespace ates::console
