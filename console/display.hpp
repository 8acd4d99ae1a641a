#pragma once
/// What people see: tables, cards, amounts, progress. Colours and bars only on a terminal.

#include "console/surroundings.hpp"

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ates::console {

enum class tone { plain, good, bad, faint };

struct cell {
  std::string text;
  tone colour = tone::plain;
};

/// "$15.00", "-$0.05".
std::string dollars(std::int64_t amount_cents);

/// 2026-11-21T02:00:00.123456Z as "2026-11-21 02:00:00"; anything else as it is.
std::string short_time(std::string_view rfc3339);

/// Control characters and broken UTF-8 made harmless, so that no text of a stranger moves the cursor or
/// colours the screen.
std::string printable(std::string_view text);

/// A member of an answer as a cell's text: strings as they are, null and absent ones as "-".
std::string shown(const nlohmann::json& object, const char* member);
/// The same for a member that is an amount in cents, in red when negative.
cell shown_amount(const nlohmann::json& object, const char* member);
/// The same for a member that is a point of time.
std::string shown_time(const nlohmann::json& object, const char* member);

struct column {
  std::string heading;
  bool right_aligned = false;
};

/// Columns as wide as their widest cell; a heading line; two blanks between.
void print_table(surroundings& around, const std::vector<column>& columns,
                 const std::vector<std::vector<cell>>& rows);

/// One thing: a line per property.
void print_card(surroundings& around, const std::vector<std::pair<std::string, cell>>& properties);

/// A bar on `err` that is redrawn at most ten times a second and gone when it is destroyed. Nothing if `err`
/// is no terminal.
class progress_bar {
public:
  progress_bar(surroundings& around, std::string label);
  ~progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// `total` 0: not known.
  void show(std::uint64_t done, std::uint64_t total, const std::string& remark);

private:
  surroundings& around_;
  std::string label_;
  std::optional<std::chrono::steady_clock::time_point> drawn_;
};

} // namespace ates::console
