#include "http/refresh_token.hpp"

#include <algorithm>

namespace ates::http {

std::string to_string(const refresh_token& token) {
  const auto& family = token.family.bytes;
  return to_string(token.account) + "." + base64url(std::string(family.begin(), family.end()) + token.secret);
}

std::optional<refresh_token> parse_refresh_token(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos)
    return std::nullopt;
  const auto account = domain::parse_uuid(text.substr(0, dot));
  const auto bytes = parse_base64url(text.substr(dot + 1));
  refresh_token out;
  if (!account || !bytes || bytes->size() != out.family.bytes.size() + refresh_secret_bytes)
    return std::nullopt;
  out.account = domain::account_id{*account};
  std::copy_n(bytes->begin(), out.family.bytes.size(), out.family.bytes.begin());
  out.secret = bytes->substr(out.family.bytes.size());
  return out;
}

} // namespace ates::http
