#pragma once
/// Errors as clients see them: application/problem+json (RFC 9457) with the codes of contract.md §3, in one
/// table.

#include "actors/facade.hpp"
#include "http/message.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ates::http {

enum class code : std::uint8_t {
  bad_request,
  validation_failed,
  unauthenticated,
  token_expired,
  token_reused,
  account_inactive,
  bad_credentials,
  forbidden,
  not_found,
  method_not_allowed,
  no_assignable_account,
  last_assignee,
  last_admin,
  login_taken,
  not_assignee,
  already_done,
  idempotency_mismatch,
  idempotency_in_progress,
  length_required,
  request_timeout,
  too_large,
  uri_too_long,
  unsupported_media_type,
  headers_too_large,
  too_many_requests,
  unavailable,
  overloaded,
  quarantined,
  outcome_unknown,
  internal
};

struct code_info {
  http::code code;
  std::string_view name; ///< as clients read it
  int status;
  std::string_view title;
};

std::span<const code_info> codes() noexcept;
const code_info& info(code c) noexcept;

/// A fault of one field: where (JSON pointer into the body) and what the rule is.
struct field_fault {
  std::string pointer;
  std::string detail;
};

/// A refusal on its way to the client. `detail` is a sentence for people and never repeats what the client
/// sent.
struct problem : std::exception {
  explicit problem(http::code what, std::string sentence = {}, std::vector<field_fault> faults = {})
      : why(what), detail(std::move(sentence)), errors(std::move(faults)) {}
  [[nodiscard]] const char* what() const noexcept override { return detail.c_str(); }

  http::code why;
  std::string detail;
  std::vector<field_fault> errors;
  std::chrono::seconds retry_after = std::chrono::seconds{0}; ///< 0: the default, where the status needs one
  std::string allow;                                          ///< of 405
};

nlohmann::json to_json(const problem& p, const std::string& request_id);

/// With the headers its status must carry: Retry-After (429, 503), WWW-Authenticate (401), Allow (405).
reply to_reply(const problem& p, const std::string& request_id);

/// The one table from what the actors say to what clients read. `ok` and `known` have no code.
std::optional<code> code_of(actors::outcome what) noexcept;

/// Throws the problem of any outcome that is not good.
inline void expect_done(actors::outcome what) {
  if (const auto refused = code_of(what))
    throw problem(*refused);
}
/// The value of a good answer; throws the problem of any other.
template <class T> const T& value_of(const actors::answer<T>& a) {
  expect_done(a.what);
  return a.value;
}

} // namespace ates::http
