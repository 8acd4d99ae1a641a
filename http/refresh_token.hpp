#pragma once
/// Refresh tokens: `<account id>.<secret>`, the secret being base64url(family, 16 bytes ‖ 32 random bytes).
/// Only the SHA-256 of the random part is kept, by the account's shard: the family is known only once it has
/// opened it.

#include "domain/ids.hpp"
#include "http/crypto.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ates::http {

inline constexpr std::size_t refresh_secret_bytes = 32;

struct refresh_token {
  domain::account_id account;
  domain::uuid family;
  std::string secret; ///< 32 random bytes

  [[nodiscard]] std::string secret_hash() const { return hex(sha256(secret)); }
};

std::string to_string(const refresh_token& token);
/// nullopt: was never one of ours.
std::optional<refresh_token> parse_refresh_token(std::string_view text);

} // namespace ates::http
