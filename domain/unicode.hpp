#pragma once
/// The little of Unicode that the rules for text need.

#include <cstddef>
#include <string_view>

namespace ates::domain {

struct code_point {
  char32_t value;
  std::size_t length; ///< in bytes, 1..4
};

/// The first code point of `text`, which must not be empty. An ill-formed byte counts as U+FFFD of length 1.
code_point decode_front(std::string_view text) noexcept;

/// The property White_Space.
constexpr bool is_white_space(char32_t c) noexcept {
  return c == 0x20 || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

/// The general category Cc.
constexpr bool is_control(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

/// `text` without leading white space.
std::string_view trim_front(std::string_view text) noexcept;

/// Simple case folding (CaseFolding.txt, status C and S) of ASCII, Latin-1, Latin Extended-A, Greek and
/// Cyrillic; every other code point is returned as it is.
char32_t fold_case(char32_t c) noexcept;

} // namespace ates::domain
