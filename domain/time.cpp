#include "domain/time.hpp"

#include <array>
#include <cstdio>

namespace ates::domain {

namespace {

/// Two or four digits at `text[from]`, or -1.
int digits(std::string_view text, std::size_t from, std::size_t count) noexcept {
  int value = 0;
  for (const char c : text.substr(from, count)) {
    if (c < '0' || c > '9')
      return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// Enough for any date that std::chrono can hold, more than the four-digit years of RFC 3339.
using text_buffer = std::array<char, 64>;

} // namespace

std::string to_rfc3339(instant at) {
  const auto date = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day ymd{date};
  const std::chrono::hh_mm_ss time{at - date};
  text_buffer buffer{};
  const int length = std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(ymd.year()),
      static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {buffer.data(), static_cast<std::size_t>(length)};
}

std::string to_string(day d) {
  const std::chrono::year_month_day ymd{d};
  text_buffer buffer{};
  const int length =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u", static_cast<int>(ymd.year()),
                    static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
  return {buffer.data(), static_cast<std::size_t>(length)};
}

std::optional<day> parse_day(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return std::nullopt;
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day_of_month = digits(text, 8, 2);
  if (year < 1970 || month < 0 || day_of_month < 0)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day_of_month))};
  if (!date.ok())
    return std::nullopt;
  return day{date};
}

} // namespace ates::domain
