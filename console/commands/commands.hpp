#pragma once
/// What the commands share, and the function by which each family adds itself to atesctl.

#include "console/api.hpp"
#include "console/failure.hpp"
#include "console/surroundings.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ates::console {

/// One run of atesctl. Parsing fills it; then `action` is called once.
struct context {
  surroundings& around;
  std::string url;
  bool json = false;
  std::function<exit_code(context&)> action;

  [[nodiscard]] api connect() const { return {around, url}; }
};

/// --json and --url, which may stand before and behind the command's name.
void add_common_options(CLI::App& app, context& ctx);

/// A command that does `action`. `examples` are lines, each with its line end.
CLI::App& add_command(CLI::App& parent, context& ctx, const std::string& name, const std::string& purpose,
                      const std::string& examples, std::function<exit_code(context&)> action);

/// How much of a list is wanted.
struct list_size {
  std::size_t limit = 50;
  bool all = false;
};
void add_list_options(CLI::App& command, list_size& size);
nlohmann::json get_list(api& node, const std::string& path, const query& parameters, const list_size& size);

/// The one JSON document of --json.
void give(context& ctx, const nlohmann::json& document);
/// Below a table: that there is more.
void tell_if_more(context& ctx, const nlohmann::json& list);

/// A failure for people, on `err`: what is wrong and what to do next; and for programs.
void explain(surroundings& around, const failure& refusal);
nlohmann::json to_json(const failure& refusal);

/// Reads `path` again, ever more slowly up to once a second, until `status` is none of `unfinished`. `look`
/// sees each answer.
nlohmann::json wait_until_over(context& ctx, api& node, const std::string& path,
                               const std::vector<std::string>& unfinished,
                               const std::function<void(const nlohmann::json&)>& look);

void add_login(CLI::App& app, context& ctx);
void add_import(CLI::App& app, context& ctx);
void add_employees(CLI::App& app, context& ctx);
/// The commands of `employees` about one account that is there.
void add_employee_changes(CLI::App& employees, context& ctx);
const std::vector<std::string>& role_names();
void add_tasks(CLI::App& app, context& ctx);
void add_shuffles(CLI::App& app, context& ctx);
void add_payouts(CLI::App& app, context& ctx);
void add_money(CLI::App& app, context& ctx);
void add_verify(CLI::App& app, context& ctx);
void add_cluster(CLI::App& app, context& ctx);
void add_actors(CLI::App& app, context& ctx);

/// What `atesctl verify` becomes when it does not ask a node.
struct verification {
  std::filesystem::path program;
  std::vector<std::string> arguments; ///< without the program's name
  std::map<std::string, std::string> environment;
};

/// `atesd --verify` beside our own binary, on the database of `var`, else of ATES_DATABASE_URL, else of
/// ./var. Throws failure when there is no atesd or no database to be found.
verification plan_verification(const surroundings& around, const std::optional<std::filesystem::path>& var,
                               bool json);

} // namespace ates::console
