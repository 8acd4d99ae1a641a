#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

exit_code login(context& ctx, const std::string& name) {
  auto node = ctx.connect();
  auto password = ctx.around.variable("ATES_PASSWORD");
  if (password.empty())
    password = ask_secret(ctx.around, "password of " + printable(name));
  const auto account = node.login(name, password);
  if (ctx.json)
    give(ctx, {{"url", node.url()}, {"account", account}});
  else
    ctx.around.out << "Signed in at " << node.url() << " as " << shown(account, "name") << " ("
                   << shown(account, "role") << ").\n";
  return exit_code::ok;
}

} // namespace

void add_login(CLI::App& app, context& ctx) {
  const auto name = std::make_shared<std::string>();
  auto& command = add_command(
      app, ctx, "login",
      "Sign in; the password comes from ATES_PASSWORD, else from a prompt, else, when standard input "
      "is no terminal, from its first line",
      "  atesctl login admin\n"
      "  atesctl login admin < var/admin-password\n"
      "  ATES_PASSWORD=… atesctl --url https://ates.example.org login boss\n",
      [name](context& c) { return login(c, *name); });
  command.add_option("NAME", *name, "The login of your account")->required()->type_name("");
}

} // namespace ates::console
