#pragma once
/// Prices of a task (contract.md B4) and where chance comes from.

#include "domain/money.hpp"

#include <cstdint>

namespace ates::domain {

/// Source of uniformly distributed 64-bit numbers. Chance is an argument of every rule that needs it.
class dice {
public:
  virtual ~dice() = default;
  virtual std::uint64_t roll() = 0;
};

/// Uniform over 0 .. n-1 without modulo bias. n must be > 0.
std::uint64_t uniform_below(dice& d, std::uint64_t n);

/// Settings `exchange.fee_min` … `exchange.reward_max`: whole dollars, both ends included.
struct price_range {
  std::int64_t fee_min_dollars = 10;
  std::int64_t fee_max_dollars = 20;
  std::int64_t reward_min_dollars = 20;
  std::int64_t reward_max_dollars = 40;
  friend bool operator==(const price_range&, const price_range&) = default;
};

struct price {
  cents fee;    ///< charged at each assignment
  cents reward; ///< paid once, on completion
  friend bool operator==(const price&, const price&) = default;
};

/// Draws both prices, each uniform over its whole dollars, ends included.
price draw_price(const price_range& range, dice& d);

} // namespace ates::domain
