#include "domain/draw.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace ates::domain;
using namespace ates::test;

BOOST_AUTO_TEST_SUITE(drawing)

// Computed from the contract's formula by another program (Python's hashlib), with the k that counted.
BOOST_AUTO_TEST_CASE(the_draw_is_the_contracts_formula) {
  struct row {
    std::uint64_t seed;
    const char* task;
    std::uint64_t roster_size;
    std::uint64_t index;
  };
  constexpr auto a = "00112233-4455-6677-8899-aabbccddeeff";
  constexpr auto b = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  constexpr auto c = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  constexpr auto nil = "00000000-0000-0000-0000-000000000000";
  constexpr std::uint64_t most_refused = (std::uint64_t{1} << 63) + 1; // nearly every second H does not count
  for (const row& r : {row{1, a, 1, 0},
                       row{UINT64_MAX, a, 1, 0},
                       row{1, a, 2, 0},
                       row{UINT64_MAX, a, 2, 1},
                       row{0, a, 3, 0},
                       row{1, a, 3, 2},
                       row{0, b, 3, 2},
                       row{0x0123456789abcdef, b, 3, 0},
                       row{UINT64_MAX, b, 3, 1},
                       row{0, a, 64, 24},
                       row{0, b, 64, 47},
                       row{0x0123456789abcdef, a, 64, 9},
                       row{UINT64_MAX, a, 64, 51},
                       row{0, a, 10'007, 382},
                       row{1, b, 10'007, 1062},
                       row{0x0123456789abcdef, a, 10'007, 7103},
                       row{UINT64_MAX, b, 10'007, 5565},
                       row{0, b, most_refused, 5'340'377'673'595'967'471},                  // k = 0
                       row{0, a, most_refused, 8'665'265'057'957'992'287},                  // k = 1
                       row{1, nil, most_refused, 8'375'591'455'440'337'961},                // k = 2
                       row{0x0123456789abcdef, b, most_refused, 8'267'433'307'739'789'334}, // k = 2
                       row{0, c, most_refused, 2'535'304'879'299'200'015},                  // k = 4
                       row{UINT64_MAX, c, most_refused, 5'985'653'959'652'328'229}})        // k = 5
    BOOST_TEST(draw(r.seed, {id_of(r.task)}, r.roster_size) == r.index,
               "seed " << r.seed << " task " << r.task << " of " << r.roster_size);
}

BOOST_AUTO_TEST_CASE(every_account_of_a_roster_is_drawn_equally_often) {
  for (const std::uint64_t roster_size : {3ULL, 45ULL, 64ULL, 1000ULL})
    for (const std::uint64_t seed : {1ULL, 2ULL, 0xfeedULL}) {
      std::vector<std::uint64_t> cells(roster_size);
      const auto tasks = roster_size * 100;
      for (std::uint64_t n = 0; n < tasks; ++n) {
        task_id task;
        std::memcpy(task.value.bytes.data(), &n, sizeof n);
        ++cells.at(draw(seed, task, roster_size));
      }
      const auto freedom = static_cast<double>(roster_size - 1);
      BOOST_TEST(chi_square(cells) < freedom + 6 * std::sqrt(2 * freedom) + 6,
                 "seed " << seed << ", " << roster_size << " accounts");
    }
}

BOOST_AUTO_TEST_CASE(two_runs_draw_independently) {
  std::vector<std::uint64_t> cells(8 * 8);
  for (std::uint8_t high = 0; high < 64; ++high)
    for (unsigned low = 0; low < 256; ++low) {
      auto task = task_of(static_cast<std::uint8_t>(low));
      task.value.bytes[7] = high;
      ++cells.at(draw(10, task, 8) * 8 + draw(11, task, 8));
    }
  BOOST_TEST(chi_square(cells) < 63 + 6 * 11.3);
}

BOOST_AUTO_TEST_SUITE_END()
