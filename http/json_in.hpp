#pragma once
/// JSON from outside (design.md §9). Two steps: a guard before anything is built (400), then typed fields
/// with all faults collected (422).

#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::http {

using nlohmann::json;

/// Throws problem bad_request: malformed JSON, invalid UTF-8, byte order mark, duplicate keys, nesting over
/// 32, a whole number outside int64, an unpaired surrogate.
json parse_json(std::string_view text);

/// The faults of one body, thrown together.
class field_faults {
public:
  void add(std::string pointer, std::string detail) {
    faults_.push_back({std::move(pointer), std::move(detail)});
  }
  [[nodiscard]] bool empty() const noexcept { return faults_.empty(); }
  /// Throws problem validation_failed if there is any.
  void check() const;

private:
  std::vector<field_fault> faults_;
};

/// One JSON object, read field by field.
class object_reader {
public:
  /// Throws problem bad_request when `value` is no object or has a field that is not among `known`. `pointer`
  /// is where it stands in the body. Keeps references to `value` and `faults`.
  object_reader(const json& value, std::string pointer, std::initializer_list<std::string_view> known,
                field_faults& faults);

  /// A text, or nullopt where it is absent or null. Throws bad_request for another type.
  std::optional<std::string> text(std::string_view field);
  /// A text that must be there: its absence is a fault, null is the wrong type.
  std::string required_text(std::string_view field);
  /// An array that must be there; nullptr: absent, a fault. Throws bad_request for another type.
  const json* required_array(std::string_view field);
  /// As text().
  std::optional<bool> boolean(std::string_view field);
  void fault(std::string_view field, std::string detail);

private:
  const json& value_;
  const std::string pointer_;
  field_faults& faults_;
};

} // namespace ates::http
