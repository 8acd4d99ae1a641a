#include "console/import.hpp"
#include "console/commands/commands.hpp"
#include "console/display.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>

namespace ates::console {
namespace {

using nlohmann::json;

void print_report(surroundings& around, const import_report& report) {
  if (!report.refused.empty()) {
    std::vector<std::vector<cell>> rows;
    for (const auto& row : report.refused)
      rows.push_back({{std::to_string(row.line)}, {printable(row.reason), tone::bad}});
    print_table(around, {{"line", true}, {"refused because"}}, rows);
  }
  around.out << report.rows << " rows: " << report.created << " created, " << report.known
             << " known already, " << report.refused.size() << " refused\n";
}

json to_json(const import_report& report, const std::string& path) {
  json refused = json::array();
  for (const auto& row : report.refused)
    refused.push_back({{"line", row.line}, {"code", row.code}, {"reason", row.reason}});
  return {{"file", path},          {"rows", report.rows}, {"created", report.created},
          {"known", report.known}, {"refused", refused},  {"ignored_columns", report.ignored_columns}};
}

/// Fills `report`; gives the reason when the import ended before the file did.
std::optional<failure> import_file(context& ctx, api& node, const std::string& path, import_report& report) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw failure(exit_code::failed, "cannot read " + path + ": " + std::strerror(errno));
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  progress_bar bar(ctx.around, "importing");
  try {
    import_tasks(ctx.around, node, file, report, [&](std::uint64_t bytes) {
      bar.show(bytes, unknown ? 0 : size, std::to_string(report.rows) + " rows");
    });
  } catch (const failure& reason) {
    return reason;
  }
  return std::nullopt;
}

exit_code import(context& ctx, const std::string& path) {
  auto node = ctx.connect();
  import_report report;
  const auto ended_by = import_file(ctx, node, path, report);
  std::sort(report.refused.begin(), report.refused.end(),
            [](const refused_row& a, const refused_row& b) { return a.line < b.line; });
  for (const auto& name : report.ignored_columns)
    notice(ctx.around,
           "Column \"" + printable(name) + "\" is ignored: title, jira_id and description are read.");
  if (ctx.json) {
    auto document = to_json(report, path);
    if (ended_by)
      document["error"] = to_json(*ended_by);
    give(ctx, document);
  } else {
    print_report(ctx.around, report);
  }
  if (ended_by) {
    explain(ctx.around, *ended_by);
    return ended_by->exit;
  }
  return report.refused.empty() ? exit_code::ok : exit_code::failed;
}

} // namespace

void add_import(CLI::App& app, context& ctx) {
  const auto path = std::make_shared<std::string>();
  auto& command = add_command(
      app, ctx, "import",
      "Create a task for every row of a CSV file (columns title, jira_id, description; the first line "
      "names them). Rows imported before are not created again, so a file can be imported as often "
      "as you like. Exit code 0 if all rows are in",
      "  atesctl import backlog.csv\n"
      "  atesctl import backlog.csv --json | jq '.refused'\n",
      [path](context& c) { return import(c, *path); });
  command.add_option("FILE", *path, "The CSV file, in UTF-8")
      ->required()
      ->check(CLI::ExistingFile)
      ->type_name("");
}

} // namespace ates::console
