#pragma once
/// Small things that need OpenSSL: encodings of bytes, keyed digests, randomness. Failures of OpenSSL throw
/// std::runtime_error.

#include "domain/ids.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ates::http {

/// RFC 4648 §5 without padding.
std::string base64url(std::string_view bytes);
/// Strict: no padding, no other characters, no unused bits set: every value has exactly one text.
std::optional<std::string> parse_base64url(std::string_view text);
/// RFC 4648 §4 with padding, as strict.
std::optional<std::string> parse_base64(std::string_view text);

std::string hex(std::string_view bytes);
/// 32 bytes.
std::string sha256(std::string_view bytes);
/// 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

std::string random_bytes(std::size_t count);
domain::uuid random_uuid();

/// Takes the same time wherever the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace ates::http
