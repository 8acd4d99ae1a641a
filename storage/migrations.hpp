#pragma once
/// The migrations as they were when the binary was built (storage/migrations/*.sql, embedded by CMake).

#include <string_view>
#include <vector>

namespace ates::storage {

struct migration {
  int number = 0; ///< from 1, rising; some may never have been given
  std::string_view name;
  std::string_view checksum; ///< SHA-256 of `sql`, hex
  std::string_view sql;
};

/// All of them, by number.
const std::vector<migration>& migrations();

/// What the role ates_app may do: run after the migrations, changes nothing when it is so already.
std::string_view grants();

} // namespace ates::storage
