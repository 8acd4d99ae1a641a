#include "domain/unicode.hpp"

#include "domain/text.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace ates::domain {

namespace {

constexpr std::uint64_t high_bits = 0x8080808080808080ULL;

std::uint64_t load_word(const char* bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

bool is_continuation(char byte) noexcept {
  return (static_cast<std::uint8_t>(byte) & 0xc0) == 0x80;
}

/// A run of code points that fold alike.
struct folding {
  char32_t first;
  char32_t last;
  int offset; ///< what to add
  int step;   ///< 2: only every second one from `first`, since capitals and small letters alternate
};

constexpr std::array foldings{
    folding{0x00b5, 0x00b5, 775, 1}, // micro sign: Greek mu
    folding{0x00c0, 0x00d6, 32, 1},   folding{0x00d8, 0x00de, 32, 1},
    folding{0x0100, 0x012e, 1, 2},    folding{0x0132, 0x0136, 1, 2},
    folding{0x0139, 0x0147, 1, 2},    folding{0x014a, 0x0176, 1, 2},
    folding{0x0178, 0x0178, -121, 1}, folding{0x0179, 0x017d, 1, 2},
    folding{0x017f, 0x017f, -268, 1}, // long s
    folding{0x0370, 0x0372, 1, 2},    folding{0x0376, 0x0376, 1, 1},
    folding{0x037f, 0x037f, 116, 1},  folding{0x0386, 0x0386, 38, 1},
    folding{0x0388, 0x038a, 37, 1},   folding{0x038c, 0x038c, 64, 1},
    folding{0x038e, 0x038f, 63, 1},   folding{0x0391, 0x03a1, 32, 1},
    folding{0x03a3, 0x03ab, 32, 1},   folding{0x03c2, 0x03c2, 1, 1}, // final sigma
    folding{0x03cf, 0x03cf, 8, 1},    folding{0x03d0, 0x03d0, -30, 1},
    folding{0x03d1, 0x03d1, -25, 1},  folding{0x03d5, 0x03d5, -15, 1},
    folding{0x03d6, 0x03d6, -22, 1},  folding{0x03d8, 0x03ee, 1, 2},
    folding{0x03f0, 0x03f0, -54, 1},  folding{0x03f1, 0x03f1, -48, 1},
    folding{0x03f4, 0x03f4, -60, 1},  folding{0x03f5, 0x03f5, -64, 1},
    folding{0x03f7, 0x03f7, 1, 1},    folding{0x03f9, 0x03f9, -7, 1},
    folding{0x03fa, 0x03fa, 1, 1},    folding{0x03fd, 0x03ff, -130, 1},
    folding{0x0400, 0x040f, 80, 1},   folding{0x0410, 0x042f, 32, 1},
    folding{0x0460, 0x0480, 1, 2},    folding{0x048a, 0x04be, 1, 2},
    folding{0x04c0, 0x04c0, 15, 1},   folding{0x04c1, 0x04cd, 1, 2},
    folding{0x04d0, 0x052e, 1, 2},
};

/// What the first byte of a sequence says, after RFC 3629's table of well-formed sequences.
struct lead {
  std::size_t length = 0; ///< of the whole sequence; 0: no sequence begins so
  std::uint8_t second_min = 0x80;
  std::uint8_t second_max = 0xbf;
  std::uint8_t payload = 0; ///< the lead's own bits
};

constexpr lead look_at(std::uint8_t byte) noexcept {
  if (byte < 0x80)
    return {1, 0x80, 0xbf, byte};
  if (byte >= 0xc2 && byte <= 0xdf)
    return {2, 0x80, 0xbf, static_cast<std::uint8_t>(byte & 0x1f)};
  if (byte >= 0xe0 && byte <= 0xef) // not overlong, no surrogates
    return {3, static_cast<std::uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<std::uint8_t>(byte == 0xed ? 0x9f : 0xbf), static_cast<std::uint8_t>(byte & 0x0f)};
  if (byte >= 0xf0 && byte <= 0xf4) // not overlong, up to U+10FFFF
    return {4, static_cast<std::uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<std::uint8_t>(byte == 0xf4 ? 0x8f : 0xbf), static_cast<std::uint8_t>(byte & 0x07)};
  return {};
}

constexpr auto leads = [] {
  std::array<lead, 256> table{};
  for (unsigned byte = 0; byte < table.size(); ++byte)
    table[byte] = look_at(static_cast<std::uint8_t>(byte));
  return table;
}();

/// Length of the well-formed sequence at the front of `text`, which must not be empty; 0: ill-formed.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto& l = leads[static_cast<std::uint8_t>(text.front())];
  if (l.length <= 1)
    return l.length;
  if (text.size() < l.length)
    return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  if (second < l.second_min || second > l.second_max)
    return 0;
  for (std::size_t i = 2; i < l.length; ++i)
    if (!is_continuation(text[i]))
      return 0;
  return l.length;
}

void append(std::string& out, char32_t c) {
  // Folding stays within two bytes: its whole table is below U+0800.
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  out += static_cast<char>(0xc0 | c >> 6);
  out += static_cast<char>(0x80 | (c & 0x3f));
}

template <class Predicate> bool any_code_point(std::string_view text, Predicate holds) noexcept {
  while (!text.empty()) {
    const auto c = decode_front(text);
    if (holds(c.value))
      return true;
    text.remove_prefix(c.length);
  }
  return false;
}

/// The last code point of `text`, which must not be empty.
code_point decode_back(std::string_view text) noexcept {
  std::size_t n = 1;
  while (n < 4 && n < text.size() && is_continuation(text[text.size() - n]))
    ++n;
  const auto c = decode_front(text.substr(text.size() - n));
  return c.length == n ? c : code_point{0xfffd, 1};
}

} // namespace

code_point decode_front(std::string_view text) noexcept {
  const auto length = sequence_length(text);
  if (length == 0)
    return {0xfffd, 1};
  char32_t value = leads[static_cast<std::uint8_t>(text.front())].payload;
  for (std::size_t i = 1; i < length; ++i)
    value = value << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3fU);
  return {value, length};
}

char32_t fold_case(char32_t c) noexcept {
  if (c < 0x80)
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
  for (const auto& f : foldings)
    if (c >= f.first && c <= f.last)
      return (c - f.first) % static_cast<char32_t>(f.step) == 0 ? c + static_cast<char32_t>(f.offset) : c;
  return c;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    while (text.size() >= 8 && (load_word(text.data()) & high_bits) == 0) // most text is ASCII
      text.remove_prefix(8);
    if (text.empty())
      break;
    const auto length = sequence_length(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::size_t code_points(std::string_view text) noexcept {
  std::size_t n = 0;
  for (const char c : text)
    n += is_continuation(c) ? 0U : 1U;
  return n;
}

std::string_view trim_front(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto c = decode_front(text);
    if (!is_white_space(c.value))
      break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view trim(std::string_view text) noexcept {
  text = trim_front(text);
  while (!text.empty()) {
    const auto c = decode_back(text);
    if (!is_white_space(c.value))
      break;
    text.remove_suffix(c.length);
  }
  return text;
}

bool has_control(std::string_view text) noexcept {
  return any_code_point(text, is_control);
}

bool has_control_but_lf_tab(std::string_view text) noexcept {
  return any_code_point(text, [](char32_t c) { return is_control(c) && c != '\n' && c != '\t'; });
}

std::string fold_case(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  while (!text.empty()) {
    const auto c = decode_front(text);
    if (const auto f = fold_case(c.value); f != c.value)
      append(folded, f);
    else
      folded += text.substr(0, c.length);
    text.remove_prefix(c.length);
  }
  return folded;
}

} // namespace ates::domain
