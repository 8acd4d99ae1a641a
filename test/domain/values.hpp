#pragma once
/// Short ways to write values in the domain's tests.

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/pricing.hpp"
#include "domain/time.hpp"

#include <cstdint>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace ates::test {

inline domain::uuid id_of(std::string_view text) {
  return domain::parse_uuid(text).value();
}

/// A number as an id: different numbers, different ids.
inline domain::uuid id_of(std::uint8_t n) {
  domain::uuid id;
  id.bytes[15] = n;
  id.bytes[0] = 0xab;
  return id;
}

inline domain::account_id account_of(std::uint8_t n) {
  return {id_of(n)};
}
inline domain::task_id task_of(std::uint8_t n) {
  return {id_of(n)};
}
inline domain::shuffle_id shuffle_of(std::uint8_t n) {
  return {id_of(n)};
}
inline domain::day day_of(std::string_view text) {
  return domain::parse_day(text).value();
}

/// Rolls what it is told, in this order.
class loaded_dice : public domain::dice {
public:
  explicit loaded_dice(std::vector<std::uint64_t> rolls) : rolls_(std::move(rolls)) {}
  std::uint64_t roll() override { return rolls_.at(next_++); }
  [[nodiscard]] std::size_t rolled() const { return next_; }

private:
  std::vector<std::uint64_t> rolls_;
  std::size_t next_ = 0;
};

/// Rolls the same numbers in every run of the tests.
class seeded_dice : public domain::dice {
public:
  explicit seeded_dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t roll() override { return engine_(); }

private:
  std::mt19937_64 engine_;
};

/// Sum of (seen - expected)² / expected over the cells, all of them equally likely. With c cells it has mean
/// c - 1 and variance 2 (c - 1).
inline double chi_square(const std::vector<std::uint64_t>& cells) {
  double total = 0;
  for (const auto seen : cells)
    total += static_cast<double>(seen);
  const double expected = total / static_cast<double>(cells.size());
  double sum = 0;
  for (const auto seen : cells)
    sum += (static_cast<double>(seen) - expected) * (static_cast<double>(seen) - expected) / expected;
  return sum;
}

} // namespace ates::test
