#include "domain/pricing.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <vector>

using namespace ates::domain;
using namespace ates::test;

BOOST_AUTO_TEST_SUITE(pricing)

BOOST_AUTO_TEST_CASE(a_roll_that_would_favour_low_numbers_is_thrown_again) {
  // 2^64 mod 3 = 1: only the highest roll is surplus.
  loaded_dice dice({UINT64_MAX, UINT64_MAX - 1});
  BOOST_TEST(uniform_below(dice, 3) == (UINT64_MAX - 1) % 3);
  BOOST_TEST(dice.rolled() == 2U);

  // 2^64 mod (2^63 + 1) = 2^63 - 1: rolls above 2^63 are surplus.
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  loaded_dice many({UINT64_MAX, half + 1, half});
  BOOST_TEST(uniform_below(many, half + 1) == half);
  BOOST_TEST(many.rolled() == 3U);
}

BOOST_AUTO_TEST_CASE(every_roll_counts_for_a_power_of_two) {
  for (const std::uint64_t n : {1ULL, 2ULL, 64ULL, 1ULL << 63}) {
    loaded_dice dice({UINT64_MAX});
    BOOST_TEST(uniform_below(dice, n) == n - 1);
  }
}

BOOST_AUTO_TEST_CASE(prices_take_all_whole_dollars_ends_included_and_nothing_else) {
  seeded_dice dice(3);
  std::vector<std::uint64_t> fees(11);
  std::vector<std::uint64_t> rewards(21);
  for (int i = 0; i < 100'000; ++i) {
    const auto p = draw_price({}, dice);
    BOOST_REQUIRE(p.fee.count % 100 == 0);
    BOOST_REQUIRE(p.reward.count % 100 == 0);
    ++fees.at(static_cast<std::size_t>(p.fee.count / 100 - 10));
    ++rewards.at(static_cast<std::size_t>(p.reward.count / 100 - 20));
  }
  BOOST_TEST(chi_square(fees) < 10 + 6 * 4.5);
  BOOST_TEST(chi_square(rewards) < 20 + 6 * 6.4);
}

BOOST_AUTO_TEST_CASE(fee_and_reward_are_drawn_independently) {
  seeded_dice dice(4);
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto p = draw_price({}, dice);
    seen.emplace(p.fee.count, p.reward.count);
  }
  BOOST_TEST(seen.size() == 11U * 21U);
}

BOOST_AUTO_TEST_CASE(a_range_of_one_value_gives_that_value) {
  seeded_dice dice(5);
  const price_range range{.fee_min_dollars = 0,
                          .fee_max_dollars = 0,
                          .reward_min_dollars = 1'000'000,
                          .reward_max_dollars = 1'000'000};
  BOOST_TEST((draw_price(range, dice) == price{cents{0}, cents{100'000'000}}));
}

BOOST_AUTO_TEST_SUITE_END()
