#include "domain/role.hpp"

namespace ates::domain {

std::string_view to_string(role r) noexcept {
  switch (r) {
  case role::admin:
    return "admin";
  case role::manager:
    return "manager";
  case role::accountant:
    return "accountant";
  case role::worker:
    return "worker";
  }
  return "?";
}

std::optional<role> parse_role(std::string_view text) noexcept {
  for (const auto r : all_roles)
    if (text == to_string(r))
      return r;
  return std::nullopt;
}

} // namespace ates::domain
