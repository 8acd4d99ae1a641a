#include "storage/event_log.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

constexpr int bits_per_byte = 7;
constexpr unsigned char more_follows = 0x80;
constexpr int bits_max = 63;

} // namespace

// Seven bits a byte, the lowest first: positions travel with every event of a stream.
std::string to_bytes(const log_position& p) {
  std::string out;
  for (const auto seq : p) {
    auto left = static_cast<std::uint64_t>(seq);
    for (; left >= more_follows; left >>= bits_per_byte)
      out += static_cast<char>(static_cast<unsigned char>(left) | more_follows);
    out += static_cast<char>(left);
  }
  return out;
}

std::optional<log_position> parse_log_position(std::string_view bytes, std::size_t shards) {
  log_position out;
  std::uint64_t value = 0;
  int bits = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (bits >= bits_max)
      return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & ~more_follows) << bits;
    bits += bits_per_byte;
    if ((byte & more_follows) != 0)
      continue;
    out.push_back(static_cast<std::int64_t>(value));
    value = 0;
    bits = 0;
  }
  if (bits != 0 || out.size() != shards)
    return std::nullopt;
  return out;
}

bool event_filter::matches(std::string_view type) const {
  if (types.empty() && prefixes.empty())
    return true;
  return std::find(types.begin(), types.end(), type) != types.end() ||
         std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return type.starts_with(prefix); });
}

} // namespace ates::storage
