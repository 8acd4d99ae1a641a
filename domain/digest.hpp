#pragma once
/// Digests of short inputs: ids (SHA-1, RFC 4122) and draws (SHA-256). Not for passwords.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ates::domain {

/// Thread-safe. Throws std::runtime_error when OpenSSL cannot give the digest or has no memory.
std::array<std::uint8_t, 20> sha1(std::string_view bytes);
std::array<std::uint8_t, 32> sha256(std::string_view bytes);

/// Writes `value` big-endian into the first 8 bytes of `out`.
inline void store_big_endian(std::uint64_t value, std::span<std::uint8_t, 8> out) noexcept {
  for (auto byte = out.rbegin(); byte != out.rend(); ++byte, value >>= 8)
    *byte = static_cast<std::uint8_t>(value);
}

/// Reads 8 bytes as a big-endian number.
inline std::uint64_t load_big_endian(std::span<const std::uint8_t, 8> bytes) noexcept {
  std::uint64_t value = 0;
  for (const auto byte : bytes)
    value = value << 8 | byte;
  return value;
}

} // namespace ates::domain
