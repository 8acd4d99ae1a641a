#include "domain/time.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ates::domain;
using std::chrono::days, std::chrono::hours, std::chrono::microseconds, std::chrono::minutes,
    std::chrono::year;

BOOST_AUTO_TEST_SUITE(times)

BOOST_AUTO_TEST_CASE(an_instant_is_written_in_utc_with_six_decimals) {
  struct row {
    std::int64_t microseconds;
    const char* text;
  };
  for (const row& r :
       {row{0, "1970-01-01T00:00:00.000000Z"}, row{1, "1970-01-01T00:00:00.000001Z"},
        row{-1, "1969-12-31T23:59:59.999999Z"}, row{1'795'226'400'000'000, "2026-11-21T02:00:00.000000Z"},
        row{1'709'251'199'999'999, "2024-02-29T23:59:59.999999Z"},
        row{253'402'300'799'000'000, "9999-12-31T23:59:59.000000Z"}})
    BOOST_TEST(to_rfc3339(instant{microseconds{r.microseconds}}) == r.text);
}

BOOST_AUTO_TEST_CASE(every_day_survives_text) {
  for (auto d = day{year{1970} / 1 / 1}; d <= day{year{9999} / 12 / 31}; d += days{1}) {
    if (parse_day(to_string(d)) != d)
      BOOST_REQUIRE_MESSAGE(false, to_string(d));
  }
  BOOST_TEST(to_string(day{year{2026} / 11 / 21}) == "2026-11-21");
}

BOOST_AUTO_TEST_CASE(what_is_no_date_is_no_day) {
  for (const std::string text :
       {"",           "2026-11-2",   "2026-11-211", "2026/11/21", "2026-11/21", "20261121",   "2026-1-021",
        "2025-02-29", "1900-02-29",  "2026-02-30",  "2026-04-31", "2026-00-10", "2026-13-10", "2026-11-00",
        "2026-11-32", "1969-12-31",  "0000-01-01",  "-026-11-21", "+026-11-21", "2026-+1-21", "2026-11- 1",
        "2026-11-2x", " 2026-11-21", "2026-11-21 ", "today"})
    BOOST_TEST(!parse_day(text), text);
  BOOST_TEST(parse_day("2024-02-29").has_value());
  BOOST_TEST(parse_day("2000-02-29").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
