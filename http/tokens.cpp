#include "http/tokens.hpp"

#include "http/crypto.hpp"
#include "http/json_in.hpp"
#include "http/limits.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace ates::http {

namespace {

constexpr std::string_view type = "at+jwt";
constexpr std::string_view algorithm = "ES256";
constexpr std::string_view issuer = "ates";
constexpr std::string_view audience = "ates";
/// Beside the session: two tokens of one session and second differ.
constexpr std::size_t jti_random_bytes = 9;

[[noreturn]] void refuse() {
  throw problem(code::unauthenticated, "The access token is not good.");
}

std::int64_t seconds_of(tokens::time_point at) {
  return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}

json decode_object(std::string_view part) {
  const auto text = parse_base64url(part);
  if (!text)
    refuse();
  auto value = parse_json(*text);
  if (!value.is_object())
    refuse();
  return value;
}

bool is_text(const json& object, std::string_view field, std::string_view wanted) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() && found->get_ref<const std::string&>() == wanted;
}

/// RFC 7519: one audience, or a list of texts with ours in it.
bool is_for_us(const json& claims) {
  const auto found = claims.find("aud");
  if (found == claims.end() || !found->is_array())
    return is_text(claims, "aud", audience);
  return std::all_of(found->begin(), found->end(), [](const json& one) { return one.is_string(); }) &&
         std::find(found->begin(), found->end(), audience) != found->end();
}

/// RFC 7519 §2 NumericDate: seconds, which may have a fraction.
double date_of(const json& claims, std::string_view field) {
  const auto found = claims.find(field);
  if (found == claims.end() || !found->is_number())
    refuse();
  return found->get<double>();
}

/// A whole second; what no date can be is as far away as one can be.
std::int64_t whole(double seconds) {
  constexpr double furthest = 1e15; // doubles are exact up to there
  return static_cast<std::int64_t>(std::clamp(seconds, -furthest, furthest));
}

/// Claims of which only the type counts here: who it is, and may do, the directory says.
void check_types(const json& claims) {
  (void)date_of(claims, "iat");
  for (const auto* field : {"jti", "name", "role"}) {
    const auto found = claims.find(field);
    if (found != claims.end() && !found->is_string())
      refuse();
  }
}

std::optional<domain::uuid> session_of(const json& claims) {
  const auto id = claims.find("jti");
  if (id == claims.end())
    return std::nullopt;
  const std::string_view text = id->get_ref<const std::string&>();
  const auto point = text.find('.');
  return point == std::string_view::npos ? std::nullopt : domain::parse_uuid(text.substr(0, point));
}

} // namespace

std::optional<std::string_view> bearer_of(const request& in) {
  const auto* header = in.header("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (header == nullptr || header->size() <= scheme.size() ||
      !std::equal(scheme.begin(), scheme.end(), header->begin(),
                  [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b); }))
    return std::nullopt;
  return std::string_view(*header).substr(scheme.size());
}

/// The session that a token of ours belongs to stands in its id, before the point.
std::string tokens::make(const actors::employee& who, const domain::uuid& family, time_point now) const {
  const auto issued = seconds_of(now);
  const json header{{"alg", algorithm}, {"typ", type}, {"kid", key_.kid()}};
  const json claims{{"iss", issuer},
                    {"aud", audience},
                    {"sub", to_string(who.id)},
                    {"name", who.name},
                    {"role", domain::to_string(who.role)},
                    {"iat", issued},
                    {"nbf", issued},
                    {"exp", issued + access_token_lifetime.count()},
                    {"jti", domain::to_string(family) + "." + base64url(random_bytes(jti_random_bytes))}};
  const auto signed_part = base64url(header.dump()) + "." + base64url(claims.dump());
  return signed_part + "." + base64url(key_.sign(signed_part));
}

/// Everything about a token that does not depend on the time.
tokens::verified tokens::verify(std::string_view token) const {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last)
    refuse();
  const auto signature = parse_base64url(token.substr(last + 1));
  const auto header = decode_object(token.substr(0, first));
  if (!is_text(header, "alg", algorithm) || !is_text(header, "typ", type) ||
      !is_text(header, "kid", key_.kid()) || header.contains("crit"))
    refuse();
  if (!signature || !key_.verify(token.substr(0, last), *signature))
    refuse();
  const auto claims = decode_object(token.substr(first + 1, last - first - 1));
  if (!is_text(claims, "iss", issuer) || !is_for_us(claims))
    refuse();
  const auto subject = claims.find("sub");
  if (subject == claims.end() || !subject->is_string())
    refuse();
  const auto who = domain::parse_uuid(subject->get_ref<const std::string&>());
  if (!who)
    refuse();
  check_types(claims);
  // Neither a moment too early nor a moment too late.
  return {{domain::account_id{*who}, session_of(claims)},
          whole(std::ceil(date_of(claims, "nbf"))),
          whole(std::floor(date_of(claims, "exp")))};
}

tokens::verified tokens::recall_or_verify(std::string_view token) {
  const auto name = sha256(token);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = recent_.find(name); found != recent_.end())
      return found->second;
  }
  const auto fresh = verify(token);
  const std::lock_guard lock(mutex_);
  if (recent_.size() >= verified_tokens_max)
    recent_.clear(); // each comes back at the price of one signature
  return recent_.emplace(name, fresh).first->second;
}

tokens::bearer tokens::read(std::string_view token, time_point now) {
  if (token.size() > token_bytes_max)
    refuse();
  verified found;
  try {
    found = recall_or_verify(token);
  } catch (const problem&) {
    refuse(); // whatever is wrong inside, also JSON that the guard refuses
  }
  const auto at = seconds_of(now);
  if (at >= found.expires)
    throw problem(code::token_expired);
  if (at + clock_skew_max.count() < found.not_before)
    refuse();
  return found.who;
}

tokens::time_point tokens::expiry(std::string_view token) {
  return time_point{std::chrono::seconds{recall_or_verify(token).expires}};
}

} // namespace ates::http
