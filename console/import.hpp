#pragma once
/// `atesctl import`: a backlog in CSV becomes tasks, each row once however often it is imported (contract.md
/// §5).

#include "console/api.hpp"
#include "console/csv.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ates::console {

/// Bounds of one POST /v1/tasks/batch; the node takes 1000 items and 16 MiB.
inline constexpr std::size_t batch_items = 500;
inline constexpr std::size_t batch_bytes = 4 * 1024 * 1024;

/// Names rows by what they say, so that the same row has the same name in every later import.
class row_names {
public:
  /// The row's external_ref: SHA-256, in hex, of
  ///   len(jira_id) ‖ jira_id ‖ len(title) ‖ title ‖ len(description) ‖ description ‖ n
  /// where len is the length in bytes and n the number of this row among equal ones so far, from 1; both as 8
  /// bytes, big-endian. Values are as read from the file, untrimmed. The lengths keep ("ab","c") and
  /// ("a","bc") apart.
  std::string next(const std::string& jira_id, const std::string& title, const std::string& description);

private:
  std::map<std::array<std::uint8_t, 32>, std::uint64_t> seen_;
};

struct refused_row {
  std::uint64_t line = 0;
  std::string code; ///< the problem's code; "csv" when the row did not leave this machine
  std::string reason;
};

struct import_report {
  std::uint64_t rows = 0; ///< read from the file
  std::uint64_t created = 0;
  std::uint64_t known = 0; ///< imported before, or by an earlier try of this import whose answer was lost
  std::vector<refused_row> refused;
  std::vector<std::string> ignored_columns;
};

/// Imports `file`, filling `report` as it goes, so that it tells what is in when the import ends with a
/// failure. `refused` rows come in no particular order. `at_progress` is called after each batch with the
/// bytes read. Rows answered 503 are sent again. Throws failure: the file has no title column; nobody is
/// assignable (the rest would be refused as well); not signed in; no node takes rows for long_patience.
void import_tasks(surroundings& around, api& node, std::istream& file, import_report& report,
                  const std::function<void(std::uint64_t)>& at_progress);

} // namespace ates::console
