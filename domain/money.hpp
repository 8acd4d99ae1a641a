#pragma once
/// Money: whole cents in 64 bits, never a floating point number (contract.md B14, design.md §8).

#include <compare>
#include <cstdint>
#include <stdexcept>

namespace ates::domain {

/// An amount in cents. Arithmetic is checked: a sum beyond 64 bits throws std::overflow_error instead of
/// wrapping.
struct cents {
  std::int64_t count = 0;

  friend auto operator<=>(const cents&, const cents&) = default;
};

inline cents operator+(cents a, cents b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.count, b.count, &sum))
    throw std::overflow_error("money: a sum does not fit 64 bits");
  return {sum};
}

inline cents operator-(cents a) {
  if (a.count == INT64_MIN)
    throw std::overflow_error("money: a negation does not fit 64 bits");
  return {-a.count};
}

inline cents operator-(cents a, cents b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a.count, b.count, &difference))
    throw std::overflow_error("money: a difference does not fit 64 bits");
  return {difference};
}

inline cents& operator+=(cents& a, cents b) {
  return a = a + b;
}
inline cents& operator-=(cents& a, cents b) {
  return a = a - b;
}

inline cents operator*(cents a, std::int64_t n) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a.count, n, &product))
    throw std::overflow_error("money: a product does not fit 64 bits");
  return {product};
}

} // namespace ates::domain
