#include "domain/ids.hpp"

#include "domain/digest.hpp"

#include <span>

namespace ates::domain {

namespace {

constexpr std::size_t text_length = 36;

/// Where byte i of an id stands in its text.
constexpr std::array<std::uint8_t, 16> text_positions{0,  2,  4,  6,  9,  11, 14, 16,
                                                      19, 21, 24, 26, 28, 30, 32, 34};

constexpr std::uint8_t no_digit = 0xff;

constexpr auto hex_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (unsigned i = 0; i < 10; ++i)
    values['0' + i] = static_cast<std::uint8_t>(i);
  for (unsigned i = 0; i < 6; ++i)
    values['a' + i] = values['A' + i] = static_cast<std::uint8_t>(10 + i);
  return values;
}();

constexpr auto hex_pairs = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte)
    pairs[byte] = {digits[byte >> 4], digits[byte & 15]};
  return pairs;
}();

std::uint8_t hex_value(char c) noexcept {
  return hex_values[static_cast<std::uint8_t>(c)];
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): each bit of the input changes half of the output.
constexpr std::uint64_t splitmix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

void set_version(uuid& id, unsigned version) noexcept {
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | version << 4);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
}

} // namespace

std::string to_string(const uuid& id) {
  std::string text(text_length, '-');
  for (std::size_t i = 0; i < id.bytes.size(); ++i)
    std::memcpy(text.data() + text_positions[i], hex_pairs[id.bytes[i]].data(), 2);
  return text;
}

std::optional<uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != text_length || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
    return std::nullopt;
  uuid id;
  unsigned seen = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const unsigned high = hex_value(text[text_positions[i]]);
    const unsigned low = hex_value(text[text_positions[i] + 1U]);
    seen |= high | low;
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (seen > 0x0f) // some character was no digit
    return std::nullopt;
  return id;
}

uuid uuid_v5(const uuid& name_space, std::string_view name) {
  std::string input(reinterpret_cast<const char*>(name_space.bytes.data()), name_space.bytes.size());
  input += name;
  const auto digest = sha1(input);
  uuid id;
  std::memcpy(id.bytes.data(), digest.data(), id.bytes.size());
  set_version(id, 5);
  return id;
}

uuid uuid_v4(const std::array<std::uint8_t, 16>& random_bytes) noexcept {
  uuid id{random_bytes};
  set_version(id, 4);
  return id;
}

shard_number shard_of(const uuid& id, shard_number shards) noexcept {
  const std::span<const std::uint8_t, 16> bytes(id.bytes);
  const auto hash = splitmix(load_big_endian(bytes.first<8>()) ^ splitmix(load_big_endian(bytes.last<8>())));
  return static_cast<shard_number>(hash % shards);
}

} // namespace ates::domain
