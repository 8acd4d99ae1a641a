#pragma once
/// The one table of what is served and who may (contract.md §2 and §3). Routing, 405 and the rights test are
/// made from it.

#include "domain/role.hpp"
#include "http/call.hpp"
#include "http/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ates::http {

/// Who may call a route.
struct right {
  bool token = true;      ///< false: anybody, signed in or not
  domain::role_set roles; ///< these
  bool own = false;       ///< and whoever the path's first argument names: `me` or the own id
};

enum class body_kind : std::uint8_t {
  none,     ///< the method has none
  empty,    ///< no fields: nothing, or {}
  optional, ///< every field may be missing: nothing is as good as {}
  fields,   ///< must be there
};

struct policy {
  std::string_view method;
  std::string_view path; ///< {x}: any one segment; {x...} at the end: one or more; literal segments win
  right who;
  body_kind body = body_kind::none;
  std::size_t body_bytes_max = http::body_bytes_max;
  std::string_view query; ///< names of its parameters, separated by blanks; with '+': may come more than once
  reply (*run)(call&) = nullptr;
  /// Whether the object that the path names exists: asked only when the request is otherwise refused with 400
  /// or 422, which come after 404. nullptr: the path names none.
  bool (*exists)(const call&) = nullptr;
};

std::span<const policy> policies() noexcept;

} // namespace ates::http
