#include "storage/array_text.hpp"

#include <charconv>

namespace ates::storage {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

} // namespace

void array_text::separate() {
  if (text_.size() > 1)
    text_ += ',';
}

void array_text::add_integer(std::int64_t value) {
  separate();
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void array_text::add_null() {
  separate();
  text_ += "NULL";
}

void array_text::add(const domain::uuid& id) {
  separate();
  std::array<char, 32> digits; // PostgreSQL reads a UUID without hyphens too
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    digits[2 * i] = hex_digits[id.bytes[i] >> 4];
    digits[2 * i + 1] = hex_digits[id.bytes[i] & 15];
  }
  text_.append(digits.data(), digits.size());
}

void array_text::add(domain::instant at) {
  separate();
  if (last_instant_ != at) {
    last_instant_ = at;
    last_instant_text_ = domain::to_rfc3339(at);
  }
  text_ += last_instant_text_;
}

void array_text::add(domain::day on) {
  separate();
  text_ += domain::to_string(on);
}

void array_text::add(std::string_view text) {
  separate();
  text_ += '"';
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0')
      has_nul_ = true;
    if (c != '"' && c != '\\')
      continue;
    text_.append(text, copied, i - copied);
    text_ += '\\';
    copied = i;
  }
  text_.append(text, copied);
  text_ += '"';
}

void array_text::clear() {
  text_.resize(1);
  closed_ = false;
  has_nul_ = false;
}

const char* array_text::text() {
  if (!closed_)
    text_ += '}';
  closed_ = true;
  return text_.c_str();
}

} // namespace ates::storage
