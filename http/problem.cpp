#include "http/problem.hpp"

#include "http/crypto.hpp"
#include "http/limits.hpp"

#include <algorithm>
#include <array>

namespace ates::http {

namespace {

constexpr std::array table{
    code_info{code::bad_request, "bad_request", 400, "The request cannot be read"},
    code_info{code::validation_failed, "validation_failed", 422, "A value is missing or breaks a rule"},
    code_info{code::unauthenticated, "unauthenticated", 401, "Not signed in"},
    code_info{code::token_expired, "token_expired", 401, "The access token has expired"},
    code_info{code::token_reused, "token_reused", 401, "The refresh token was used before"},
    code_info{code::account_inactive, "account_inactive", 401, "The account is deactivated"},
    code_info{code::bad_credentials, "bad_credentials", 401, "Login and secret do not match"},
    code_info{code::forbidden, "forbidden", 403, "Not allowed"},
    code_info{code::not_found, "not_found", 404, "Not found"},
    code_info{code::method_not_allowed, "method_not_allowed", 405, "This method is not served here"},
    code_info{code::no_assignable_account, "no_assignable_account", 409, "Nobody can be given a task"},
    code_info{code::last_assignee, "last_assignee", 409, "The last account that can be given tasks"},
    code_info{code::last_admin, "last_admin", 409, "The last active admin"},
    code_info{code::login_taken, "login_taken", 409, "The login is taken"},
    code_info{code::not_assignee, "not_assignee", 409, "The task is assigned to someone else"},
    code_info{code::already_done, "already_done", 409, "The task was completed by someone else"},
    code_info{code::idempotency_mismatch, "idempotency_mismatch", 422,
              "The Idempotency-Key was used for another request"},
    code_info{code::idempotency_in_progress, "idempotency_in_progress", 409,
              "A request with this Idempotency-Key is still running"},
    code_info{code::length_required, "length_required", 411, "A body needs a Content-Length"},
    code_info{code::request_timeout, "request_timeout", 408, "The request was not whole in time"},
    code_info{code::too_large, "too_large", 413, "The body is too large"},
    code_info{code::uri_too_long, "uri_too_long", 414, "The target is too long"},
    code_info{code::unsupported_media_type, "unsupported_media_type", 415,
              "The body must be application/json"},
    code_info{code::headers_too_large, "headers_too_large", 431, "The header is too large"},
    code_info{code::too_many_requests, "too_many_requests", 429, "Too many failures"},
    code_info{code::unavailable, "unavailable", 503, "Not available now; nothing was executed"},
    code_info{code::overloaded, "overloaded", 503, "Overloaded; nothing was executed"},
    code_info{code::quarantined, "quarantined", 503, "Set aside after a failure; nothing was executed"},
    code_info{code::outcome_unknown, "outcome_unknown", 503,
              "May have been executed; repeat with the same Idempotency-Key, or read"},
    code_info{code::internal, "internal", 500, "An error of the server"},
};

constexpr bool table_is_in_order() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].code) != i)
      return false;
  return table.size() == static_cast<std::size_t>(code::internal) + 1;
}
static_assert(table_is_in_order(), "info() indexes the table by code");

bool is_request_id(std::string_view text) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= request_id_length_max &&
         std::all_of(text.begin(), text.end(), legal);
}

std::string challenge_of(code c) {
  if (c == code::token_expired || c == code::account_inactive)
    return R"(Bearer realm="ates", error="invalid_token")";
  return R"(Bearer realm="ates")";
}

} // namespace

std::span<const code_info> codes() noexcept {
  return table;
}

const code_info& info(code c) noexcept {
  return table[static_cast<std::size_t>(c)];
}

std::string request_id_of(const request& in) {
  const auto* given = in.header("x-request-id");
  return given != nullptr && is_request_id(*given) ? *given : domain::to_string(random_uuid());
}

nlohmann::json to_json(const problem& p, const std::string& request_id) {
  const auto& kind = info(p.why);
  nlohmann::json out{{"type", "urn:ates:problem:" + std::string(kind.name)},
                     {"title", kind.title},
                     {"status", kind.status},
                     {"detail", p.detail.empty() ? std::string(kind.title) + "." : p.detail},
                     {"code", kind.name},
                     {"request_id", request_id}};
  if (!p.errors.empty()) {
    auto& errors = out["errors"] = nlohmann::json::array();
    for (const auto& fault : p.errors)
      errors.push_back({{"pointer", fault.pointer}, {"detail", fault.detail}});
  }
  return out;
}

reply to_reply(const problem& p, const std::string& request_id) {
  const auto status = info(p.why).status;
  reply out{status, to_json(p, request_id).dump(), "application/problem+json", {}};
  if (status == 503 || status == 429)
    out.headers.emplace_back("Retry-After",
                             std::to_string(std::max(p.retry_after, retry_after_default).count()));
  if (status == 401)
    out.headers.emplace_back("WWW-Authenticate", challenge_of(p.why));
  if (!p.allow.empty())
    out.headers.emplace_back("Allow", p.allow);
  return out;
}

std::optional<code> code_of(actors::outcome what) noexcept {
  switch (what) {
  case actors::outcome::ok:
  case actors::outcome::known:
    return std::nullopt;
  case actors::outcome::not_found:
    return code::not_found;
  case actors::outcome::no_assignable_account:
    return code::no_assignable_account;
  case actors::outcome::login_taken:
    return code::login_taken;
  case actors::outcome::last_admin:
    return code::last_admin;
  case actors::outcome::last_assignee:
    return code::last_assignee;
  case actors::outcome::wrong_secret:
    return code::validation_failed;
  case actors::outcome::not_assignee:
    return code::not_assignee;
  case actors::outcome::already_done:
    return code::already_done;
  case actors::outcome::idempotency_mismatch:
    return code::idempotency_mismatch;
  case actors::outcome::unauthenticated:
    return code::unauthenticated;
  case actors::outcome::token_reused:
    return code::token_reused;
  case actors::outcome::account_inactive:
    return code::account_inactive;
  case actors::outcome::unavailable:
  case actors::outcome::moved:
    return code::unavailable;
  case actors::outcome::overloaded:
    return code::overloaded;
  case actors::outcome::quarantined:
    return code::quarantined;
  case actors::outcome::outcome_unknown:
    return code::outcome_unknown;
  case actors::outcome::internal:
    return code::internal;
  }
  return code::internal;
}

} // namespace ates::http
