#include "domain/pricing.hpp"

namespace ates::domain {

namespace {

constexpr std::int64_t cents_per_dollar = 100;

cents draw_dollars(std::int64_t lowest, std::int64_t highest, dice& d) {
  const auto choices = static_cast<std::uint64_t>(highest - lowest) + 1;
  return cents{lowest + static_cast<std::int64_t>(uniform_below(d, choices))} * cents_per_dollar;
}

} // namespace

std::uint64_t uniform_below(dice& d, std::uint64_t n) {
  const std::uint64_t surplus = (0 - n) % n; // 2^64 mod n: that many rolls would favour the low numbers
  for (;;)
    if (const auto rolled = d.roll(); rolled <= UINT64_MAX - surplus)
      return rolled % n;
}

price draw_price(const price_range& range, dice& d) {
  const auto fee = draw_dollars(range.fee_min_dollars, range.fee_max_dollars, d);
  const auto reward = draw_dollars(range.reward_min_dollars, range.reward_max_dollars, d);
  return {fee, reward};
}

} // namespace ates::domain
