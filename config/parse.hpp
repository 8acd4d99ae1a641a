#pragma once
/// From the text of a setting to its value. Each `assign` leaves the target as it was and returns false when
/// the text is not legal.

#include "domain/role.hpp"

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace ates::config {

/// A decimal number from `min` to `max`, both included; nothing before or behind it.
template <std::integral T>
bool assign_integer(std::string_view text, std::int64_t min, std::int64_t max, T& target) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max)
    return false;
  target = static_cast<T>(value);
  return true;
}

/// `true` or `false`.
bool assign_bool(std::string_view text, bool& target);

/// One of these words.
bool assign_word(std::string_view text, std::initializer_list<std::string_view> words, std::string& target);

/// Whole seconds or milliseconds with their unit: `5s`, `5000ms`.
bool assign_duration(std::string_view text, std::chrono::milliseconds min, std::chrono::milliseconds max,
                     std::chrono::milliseconds& target);

/// `HH:MM`, 00:00..23:59.
bool assign_time_of_day(std::string_view text, std::chrono::minutes& target);

/// Roles separated by commas, at least one, in any order.
bool assign_roles(std::string_view text, domain::role_set& target);

/// An IPv4 or IPv6 address, no name.
bool assign_ip_address(std::string_view text, std::string& target);

/// `host:port` or `[IPv6 address]:port`, or empty.
bool assign_endpoint(std::string_view text, std::string& target);

/// 1..63 of `A-Za-z0-9._-`.
bool assign_name(std::string_view text, std::string& target);

/// A path without U+0000; may be empty.
bool assign_path(std::string_view text, std::filesystem::path& target);

/// Whether only this machine reaches the host of an endpoint.
bool is_loopback(std::string_view endpoint);

} // namespace ates::config
