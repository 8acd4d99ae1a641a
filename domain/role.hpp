#pragma once
/// Roles (contract.md B1): one per account.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ates::domain {

enum class role : std::uint8_t { admin = 1, manager = 2, accountant = 3, worker = 4 };

inline constexpr std::array all_roles{role::admin, role::manager, role::accountant, role::worker};

std::string_view to_string(role r) noexcept;

/// Exactly one of the four words in lower case; anything else: nullopt.
std::optional<role> parse_role(std::string_view text) noexcept;

/// A set of roles, e.g. `exchange.assignable_roles` (contract.md B3).
class role_set {
public:
  constexpr role_set() = default;
  constexpr role_set& add(role r) {
    bits_ = static_cast<std::uint8_t>(bits_ | bit(r));
    return *this;
  }
  [[nodiscard]] constexpr bool contains(role r) const { return (bits_ & bit(r)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend bool operator==(const role_set&, const role_set&) = default;

private:
  static constexpr std::uint8_t bit(role r) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(r));
  }
  std::uint8_t bits_ = 0;
};

} // namespace ates::domain
