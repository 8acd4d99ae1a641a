#include "domain/draw.hpp"

#include "domain/digest.hpp"

#include <array>
#include <span>
#include <stdexcept>
#include <string_view>

namespace ates::domain {

std::uint64_t draw(std::uint64_t seed, const task_id& task, std::uint64_t roster_size) {
  const std::uint64_t surplus = (0 - roster_size) % roster_size; // 2^64 mod n
  std::array<std::uint8_t, 25> input{};                          // seed, task id, k
  store_big_endian(seed, std::span(input).first<8>());
  std::memcpy(input.data() + 8, task.value.bytes.data(), task.value.bytes.size());
  for (unsigned k = 0; k <= UINT8_MAX; ++k) {
    input.back() = static_cast<std::uint8_t>(k);
    const auto digest = sha256({reinterpret_cast<const char*>(input.data()), input.size()});
    const auto hash = load_big_endian(std::span(digest).first<8>());
    if (hash <= UINT64_MAX - surplus)
      return hash % roster_size;
  }
  throw std::logic_error("draw: SHA-256 missed 256 times a range of more than half of its values");
}

} // namespace ates::domain
