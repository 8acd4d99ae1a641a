#include "config/parse.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace ates::config {

namespace {

bool is_ip_address(const std::string& text) {
  std::array<std::uint8_t, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

bool is_name(std::string_view text) {
  constexpr std::string_view legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  constexpr std::size_t longest = 63;
  return !text.empty() && text.size() <= longest && text.find_first_not_of(legal) == std::string_view::npos;
}

std::string_view without_outer_spaces(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// The host of `host:port`, without brackets.
std::string host_of(std::string_view endpoint) {
  auto host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  return std::string(host);
}

} // namespace

bool assign_bool(std::string_view text, bool& target) {
  if (text != "true" && text != "false")
    return false;
  target = text == "true";
  return true;
}

bool assign_word(std::string_view text, std::initializer_list<std::string_view> words, std::string& target) {
  if (std::find(words.begin(), words.end(), text) == words.end())
    return false;
  target = text;
  return true;
}

bool assign_duration(std::string_view text, std::chrono::milliseconds min, std::chrono::milliseconds max,
                     std::chrono::milliseconds& target) {
  std::int64_t unit = 0; // in milliseconds
  if (text.ends_with("ms")) {
    unit = 1;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    unit = 1000;
    text.remove_suffix(1);
  } else {
    return false;
  }
  std::int64_t count = 0;
  if (!assign_integer(text, 0, max.count() / unit, count) || count * unit < min.count())
    return false;
  target = std::chrono::milliseconds{count * unit};
  return true;
}

bool assign_time_of_day(std::string_view text, std::chrono::minutes& target) {
  int hours = 0;
  int minutes = 0;
  if (text.size() != 5 || text[2] != ':' || !assign_integer(text.substr(0, 2), 0, 23, hours) ||
      !assign_integer(text.substr(3), 0, 59, minutes))
    return false;
  target = std::chrono::hours{hours} + std::chrono::minutes{minutes};
  return true;
}

bool assign_roles(std::string_view text, domain::role_set& target) {
  domain::role_set roles;
  for (;;) {
    const auto comma = text.find(',');
    const auto role = domain::parse_role(without_outer_spaces(text.substr(0, comma)));
    if (!role)
      return false;
    roles.add(*role);
    if (comma == std::string_view::npos)
      break;
    text.remove_prefix(comma + 1);
  }
  target = roles;
  return true;
}

bool assign_ip_address(std::string_view text, std::string& target) {
  std::string address(text);
  if (!is_ip_address(address) || address.find('\0') != std::string::npos)
    return false;
  target = std::move(address);
  return true;
}

bool assign_endpoint(std::string_view text, std::string& target) {
  if (!text.empty()) {
    const auto colon = text.rfind(':');
    int port = 0;
    if (colon == std::string_view::npos || !assign_integer(text.substr(colon + 1), 0, 65'535, port))
      return false;
    const auto host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed ? !is_ip_address(host_of(text)) : !is_name(host))
      return false;
  }
  target = text;
  return true;
}

bool assign_name(std::string_view text, std::string& target) {
  if (!is_name(text))
    return false;
  target = text;
  return true;
}

bool assign_path(std::string_view text, std::filesystem::path& target) {
  if (text.find('\0') != std::string_view::npos)
    return false;
  target = text;
  return true;
}

bool is_loopback(std::string_view endpoint) {
  const auto host = host_of(endpoint);
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_ip_address(host));
}

} // namespace ates::config
