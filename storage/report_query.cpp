#include "storage/report_query.hpp"

#include <charconv>
#include <chrono>
#include <stdexcept>

namespace ates::storage {

namespace {

constexpr const char* malformed = "not a position of this list";
constexpr std::int64_t year_10000 = 253'402'300'800'000'000; // microseconds: beyond it RFC 3339 ends

std::int64_t parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(malformed);
  return value;
}

} // namespace

std::string like_pattern(std::string_view text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\')
      pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

std::string to_text(const timed_position& p) {
  return std::to_string(p.at.time_since_epoch().count()) + "." + domain::to_string(p.id);
}

timed_position parse_timed_position(const std::string& text) {
  const auto dot = text.find('.');
  const auto id =
      dot == std::string::npos ? std::nullopt : domain::parse_uuid(std::string_view{text}.substr(dot + 1));
  if (!id)
    throw std::invalid_argument(malformed);
  const auto microseconds = parse_number(std::string_view{text}.substr(0, dot));
  if (microseconds < 0 || microseconds >= year_10000)
    throw std::invalid_argument(malformed);
  return {instant{std::chrono::microseconds{microseconds}}, *id};
}

std::int64_t parse_number_position(const std::string& text) {
  return parse_number(text);
}

uuid parse_id_position(const std::string& text) {
  const auto id = domain::parse_uuid(text);
  if (!id)
    throw std::invalid_argument(malformed);
  return *id;
}

day parse_day_position(const std::string& text) {
  const auto on = domain::parse_day(text);
  if (!on)
    throw std::invalid_argument(malformed);
  return *on;
}

} // namespace ates::storage
