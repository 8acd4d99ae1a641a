#pragma once
/// The one table of settings: name, legal values, purpose, and how a text becomes the value.

#include "config/settings.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ates::config {

enum class value_kind : std::uint8_t {
  plain,
  list,  ///< in the file an array of texts, too
  secret ///< not repeated in messages
};

/// One setting: what people are told of it, and how a text becomes its value.
struct row {
  std::string name; ///< section.key; of those outside the file: the environment variable
  std::string legal;
  std::string purpose;
  bool (*assign)(settings& s, std::string_view text); ///< false: not legal, nothing assigned
  value_kind kind = value_kind::plain;
};

/// Settings of config/ates.toml, by section, in the order in which people read them.
const std::vector<row>& file_rows();

/// Settings that a file cannot hold.
const std::vector<row>& environment_rows();

} // namespace ates::config
