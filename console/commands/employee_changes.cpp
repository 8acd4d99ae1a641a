#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

void print_employee(context& ctx, const json& person) {
  const bool active = person.value("active", false);
  print_card(ctx.around, {{"id", {shown(person, "id")}},
                          {"name", {shown(person, "name")}},
                          {"role", {shown(person, "role")}},
                          {"state", {active ? "active" : "inactive", active ? tone::good : tone::faint}},
                          {"login", {shown(person, "login")}},
                          {"e-mail", {shown(person, "email")}},
                          {"created", {shown_time(person, "created_at")}}});
}

exit_code give_employee(context& ctx, const json& person) {
  if (ctx.json)
    give(ctx, person);
  else
    print_employee(ctx, person);
  return exit_code::ok;
}

/// `me` or an id, as an id.
std::string id_of(api& node, const std::string& account) {
  return account == "me" ? node.get("/me").at("id").get<std::string>() : account;
}

exit_code show(context& ctx, const std::string& account) {
  auto node = ctx.connect();
  return give_employee(ctx,
                       account == "me" ? node.get("/me") : node.get("/employees/" + path_segment(account)));
}

struct change {
  std::string account;
  std::optional<std::string> name, login, email, role, active;
  bool password = false;
};

json fields_of(const change& wanted) {
  json fields = json::object();
  const auto take = [&](const char* field, const std::optional<std::string>& value) {
    if (value)
      fields[field] = *value;
  };
  take("name", wanted.name);
  take("login", wanted.login);
  take("email", wanted.email);
  take("role", wanted.role);
  if (wanted.active)
    fields["active"] = *wanted.active == "true";
  return fields;
}

/// One's own needs the present one, too.
void ask_passwords(context& ctx, api& node, const std::string& id, json& fields) {
  if (node.get("/me").at("id") == id) {
    const auto current = ctx.around.variable("ATES_PASSWORD");
    fields["current_password"] = current.empty() ? ask_secret(ctx.around, "present password") : current;
  }
  const auto given = ctx.around.variable("ATES_NEW_PASSWORD");
  fields["password"] = given.empty() ? ask_secret(ctx.around, "new password") : given;
}

exit_code update(context& ctx, const change& wanted) {
  auto fields = fields_of(wanted);
  if (fields.empty() && !wanted.password)
    throw failure(exit_code::usage, "nothing is to be changed",
                  "atesctl employees update --help lists what can be");
  auto node = ctx.connect();
  const auto id = id_of(node, wanted.account);
  if (wanted.password)
    ask_passwords(ctx, node, id, fields);
  return give_employee(ctx, node.patch("/employees/" + path_segment(id), to_body(fields)));
}

} // namespace

void add_employee_changes(CLI::App& employees, context& ctx) {
  const auto account = std::make_shared<std::string>();
  add_command(employees, ctx, "show", "One account",
              "  atesctl employees show me\n"
              "  atesctl employees show 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11\n",
              [account](context& c) { return show(c, *account); })
      .add_option("ID", *account, "The account's id, or 'me'")
      ->required()
      ->type_name("");

  const auto wanted = std::make_shared<change>();
  auto& command = add_command(
      employees, ctx, "update",
      "Change an account: any for admins, else your own name, e-mail and password. Open tasks of somebody "
      "who leaves, or is no longer given tasks, go to others",
      "  atesctl employees update 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11 --active false\n"
      "  atesctl employees update 3f0c2f1e-7f5e-4a68-9d3b-6a2f4f1d8c11 --role manager --email "
      "ada@example.org\n"
      "  atesctl employees update me --password      asks for the present and the new one\n",
      [wanted](context& c) { return update(c, *wanted); });
  command.add_option("ID", wanted->account, "The account's id, or 'me'")->required()->type_name("");
  command.add_option("--name", wanted->name, "Full name")->type_name("NAME");
  command.add_option("--login", wanted->login, "What the person signs in with")->type_name("LOGIN");
  command.add_option("--email", wanted->email, "Where payouts are announced")->type_name("ADDRESS");
  command.add_option("--role", wanted->role, "What the account may do")->check(CLI::IsMember(role_names()));
  command.add_option("--active", wanted->active, "false: the person has left")
      ->check(CLI::IsMember({"true", "false"}));
  command.add_flag(
      "--password", wanted->password,
      "A new password, from ATES_NEW_PASSWORD, else a prompt, else standard input; before it your "
      "present one, if it is your own (ATES_PASSWORD)");
}

} // namespace ates::console
