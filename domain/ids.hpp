#pragma once
/// Identities: UUIDs (contract.md B14), one strong type per kind of thing, and the shard an id lives in.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ates::domain {

/// 128 bits of identity, in network order.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const uuid&, const uuid&) = default;
  [[nodiscard]] bool is_nil() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }
};

/// Lower-case 8-4-4-4-12.
std::string to_string(const uuid& id);

/// Accepts exactly the 36 characters of 8-4-4-4-12, either case. Anything else: nullopt.
std::optional<uuid> parse_uuid(std::string_view text) noexcept;

/// RFC 4122 version 5: the same name space and name give the same id, on every node and after every restart.
uuid uuid_v5(const uuid& name_space, std::string_view name);

/// RFC 4122 version 4 made of 16 random bytes that the caller drew.
uuid uuid_v4(const std::array<std::uint8_t, 16>& random_bytes) noexcept;

/// An id that cannot be mistaken for the id of another kind of thing.
template <class Tag> struct strong_id {
  uuid value;

  friend auto operator<=>(const strong_id&, const strong_id&) = default;
};

template <class Tag> std::string to_string(const strong_id<Tag>& id) {
  return to_string(id.value);
}

using account_id = strong_id<struct account_tag>;
using task_id = strong_id<struct task_tag>;
using shuffle_id = strong_id<struct shuffle_tag>;
using transfer_id = strong_id<struct transfer_tag>;

/// A fixed slice of all ids (design.md §2). 0 .. shards-1.
using shard_number = std::uint16_t;

/// The shard an id lives in. Depends on nothing but its arguments: changing this function loses every id.
shard_number shard_of(const uuid& id, shard_number shards) noexcept;

} // namespace ates::domain

template <> struct std::hash<ates::domain::uuid> {
  std::size_t operator()(const ates::domain::uuid& id) const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, id.bytes.data(), 8);
    std::memcpy(&low, id.bytes.data() + 8, 8);
    return high ^ (low * 0x9e3779b97f4a7c15ULL);
  }
};

template <class Tag> struct std::hash<ates::domain::strong_id<Tag>> {
  std::size_t operator()(const ates::domain::strong_id<Tag>& id) const noexcept {
    return std::hash<ates::domain::uuid>{}(id.value);
  }
};
