#include "domain/calendar.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <iterator>
#include <string>
#include <utility>

using namespace ates::domain;
using std::chrono::days, std::chrono::hours, std::chrono::microseconds, std::chrono::minutes,
    std::chrono::year;

namespace {

struct row {
  const char* zone;
  minutes ends_at;
  const char* day;
  const char* end; ///< of that business day
};

constexpr minutes at(int hour, int minute = 0) {
  return hours{hour} + minutes{minute};
}

// Expected values come from another implementation (Python's zoneinfo).
constexpr row table[] = {
    {"UTC", at(0), "2026-11-20", "2026-11-21T00:00:00.000000Z"},
    {"UTC", at(11, 59), "2026-11-20", "2026-11-21T11:59:00.000000Z"},
    {"UTC", at(12), "2026-11-20", "2026-11-20T12:00:00.000000Z"},
    {"UTC", at(23, 59), "2026-11-20", "2026-11-20T23:59:00.000000Z"},
    {"UTC", at(0), "2024-02-28", "2024-02-29T00:00:00.000000Z"},
    {"UTC", at(20), "2024-02-29", "2024-02-29T20:00:00.000000Z"},
    // Berlin, 29 March 2026: 02:00 becomes 03:00.
    {"Europe/Berlin", at(0), "2026-03-28", "2026-03-28T23:00:00.000000Z"},
    {"Europe/Berlin", at(0), "2026-03-29", "2026-03-29T22:00:00.000000Z"},
    {"Europe/Berlin", at(2, 30), "2026-03-27", "2026-03-28T01:30:00.000000Z"},
    {"Europe/Berlin", at(2), "2026-03-28", "2026-03-29T01:00:00.000000Z"},
    {"Europe/Berlin", at(2, 30), "2026-03-28", "2026-03-29T01:00:00.000000Z"},
    {"Europe/Berlin", at(3), "2026-03-28", "2026-03-29T01:00:00.000000Z"},
    {"Europe/Berlin", at(20), "2026-03-28", "2026-03-28T19:00:00.000000Z"},
    {"Europe/Berlin", at(20), "2026-03-29", "2026-03-29T18:00:00.000000Z"},
    // Berlin, 25 October 2026: 03:00 becomes 02:00.
    {"Europe/Berlin", at(0), "2026-10-24", "2026-10-24T22:00:00.000000Z"},
    {"Europe/Berlin", at(0), "2026-10-25", "2026-10-25T23:00:00.000000Z"},
    {"Europe/Berlin", at(2), "2026-10-24", "2026-10-25T00:00:00.000000Z"},
    {"Europe/Berlin", at(2, 30), "2026-10-24", "2026-10-25T00:30:00.000000Z"},
    {"Europe/Berlin", at(3), "2026-10-24", "2026-10-25T02:00:00.000000Z"},
    {"Europe/Berlin", at(20), "2026-10-24", "2026-10-24T18:00:00.000000Z"},
    {"Europe/Berlin", at(20), "2026-10-25", "2026-10-25T19:00:00.000000Z"},
    {"Europe/Berlin", at(12), "2026-07-01", "2026-07-01T10:00:00.000000Z"},
    {"Europe/Berlin", at(11, 59), "2026-07-01", "2026-07-02T09:59:00.000000Z"},
    {"Asia/Kathmandu", at(0), "2026-05-10", "2026-05-10T18:15:00.000000Z"},
    {"Asia/Kathmandu", at(20), "2026-05-10", "2026-05-10T14:15:00.000000Z"},
    {"Asia/Kathmandu", at(12), "2026-12-31", "2026-12-31T06:15:00.000000Z"},
    {"America/New_York", at(0), "2026-03-07", "2026-03-08T05:00:00.000000Z"},
    {"America/New_York", at(20), "2026-11-01", "2026-11-02T01:00:00.000000Z"},
    {"Pacific/Kiritimati", at(0), "2026-01-01", "2026-01-01T10:00:00.000000Z"},
    {"Pacific/Pago_Pago", at(23), "2026-01-01", "2026-01-02T10:00:00.000000Z"},
    // Midnight itself is skipped in Santiago, half an hour on Lord Howe, a whole date in Apia.
    {"America/Santiago", at(0), "2026-09-05", "2026-09-06T04:00:00.000000Z"},
    {"Australia/Lord_Howe", at(2, 15), "2026-10-03", "2026-10-03T15:30:00.000000Z"},
    {"Pacific/Apia", at(0), "2011-12-28", "2011-12-29T10:00:00.000000Z"},
    {"Pacific/Apia", at(0), "2011-12-29", "2011-12-30T10:00:00.000000Z"},
    {"Pacific/Apia", at(0), "2011-12-30", "2011-12-30T10:00:00.000000Z"},
};

struct moment {
  const char* zone;
  minutes ends_at;
  const char* at;
  const char* day;    ///< that it belongs to
  const char* begins; ///< that day
  const char* ends;
};

// As above; a second before and at each border.
constexpr moment moments[] = {
    // Berlin over the night of 29 March 2026 (02:00 becomes 03:00): a day of 23 hours.
    {"Europe/Berlin", at(0), "2026-03-28T22:59:59Z", "2026-03-28", "2026-03-27T23:00:00Z",
     "2026-03-28T23:00:00Z"},
    {"Europe/Berlin", at(0), "2026-03-28T23:00:00Z", "2026-03-29", "2026-03-28T23:00:00Z",
     "2026-03-29T22:00:00Z"},
    {"Europe/Berlin", at(0), "2026-03-29T21:59:59Z", "2026-03-29", "2026-03-28T23:00:00Z",
     "2026-03-29T22:00:00Z"},
    {"Europe/Berlin", at(0), "2026-03-29T22:00:00Z", "2026-03-30", "2026-03-29T22:00:00Z",
     "2026-03-30T22:00:00Z"},
    // 02:30 is skipped that night: the first instant after the gap is 03:00.
    {"Europe/Berlin", at(2, 30), "2026-03-29T00:59:59Z", "2026-03-28", "2026-03-28T01:30:00Z",
     "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-03-29T01:00:00Z", "2026-03-29", "2026-03-29T01:00:00Z",
     "2026-03-30T00:30:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-03-30T00:29:59Z", "2026-03-29", "2026-03-29T01:00:00Z",
     "2026-03-30T00:30:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-03-30T00:30:00Z", "2026-03-30", "2026-03-30T00:30:00Z",
     "2026-03-31T00:30:00Z"},
    // Berlin over 25 October 2026 (03:00 becomes 02:00): a day of 25 hours.
    {"Europe/Berlin", at(0), "2026-10-24T22:00:00Z", "2026-10-25", "2026-10-24T22:00:00Z",
     "2026-10-25T23:00:00Z"},
    {"Europe/Berlin", at(0), "2026-10-25T22:59:59Z", "2026-10-25", "2026-10-24T22:00:00Z",
     "2026-10-25T23:00:00Z"},
    {"Europe/Berlin", at(0), "2026-10-25T23:00:00Z", "2026-10-26", "2026-10-25T23:00:00Z",
     "2026-10-26T23:00:00Z"},
    // 02:30 comes twice that night: the first one counts.
    {"Europe/Berlin", at(2, 30), "2026-10-25T00:29:59Z", "2026-10-24", "2026-10-24T00:30:00Z",
     "2026-10-25T00:30:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-10-25T00:30:00Z", "2026-10-25", "2026-10-25T00:30:00Z",
     "2026-10-26T01:30:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-10-25T01:30:00Z", "2026-10-25", "2026-10-25T00:30:00Z",
     "2026-10-26T01:30:00Z"},
    {"Europe/Berlin", at(2, 30), "2026-10-26T01:30:00Z", "2026-10-26", "2026-10-26T01:30:00Z",
     "2026-10-27T01:30:00Z"},
    // In the evening: the day ends on its own date, and noon is the border between the two rules.
    {"Europe/Berlin", at(20), "2026-03-29T17:59:59Z", "2026-03-29", "2026-03-28T19:00:00Z",
     "2026-03-29T18:00:00Z"},
    {"Europe/Berlin", at(20), "2026-03-29T18:00:00Z", "2026-03-30", "2026-03-29T18:00:00Z",
     "2026-03-30T18:00:00Z"},
    {"Europe/Berlin", at(12), "2026-07-01T09:59:59Z", "2026-07-01", "2026-06-30T10:00:00Z",
     "2026-07-01T10:00:00Z"},
    {"Europe/Berlin", at(12), "2026-07-01T10:00:00Z", "2026-07-02", "2026-07-01T10:00:00Z",
     "2026-07-02T10:00:00Z"},
    {"Europe/Berlin", at(11, 59), "2026-07-01T09:58:59Z", "2026-06-30", "2026-06-30T09:59:00Z",
     "2026-07-01T09:59:00Z"},
    {"Europe/Berlin", at(11, 59), "2026-07-01T09:59:00Z", "2026-07-01", "2026-07-01T09:59:00Z",
     "2026-07-02T09:59:00Z"},
    // Kathmandu is at +05:45.
    {"Asia/Kathmandu", at(0), "2026-11-21T18:14:59Z", "2026-11-21", "2026-11-20T18:15:00Z",
     "2026-11-21T18:15:00Z"},
    {"Asia/Kathmandu", at(0), "2026-11-21T18:15:00Z", "2026-11-22", "2026-11-21T18:15:00Z",
     "2026-11-22T18:15:00Z"},
    {"Asia/Kathmandu", at(20), "2026-11-21T14:14:59Z", "2026-11-21", "2026-11-20T14:15:00Z",
     "2026-11-21T14:15:00Z"},
    {"Asia/Kathmandu", at(20), "2026-11-21T14:15:00Z", "2026-11-22", "2026-11-21T14:15:00Z",
     "2026-11-22T14:15:00Z"},
    // New York: 8 March and 1 November 2026.
    {"America/New_York", at(0), "2026-03-08T04:59:59Z", "2026-03-07", "2026-03-07T05:00:00Z",
     "2026-03-08T05:00:00Z"},
    {"America/New_York", at(0), "2026-03-09T03:59:59Z", "2026-03-08", "2026-03-08T05:00:00Z",
     "2026-03-09T04:00:00Z"},
    {"America/New_York", at(0), "2026-03-09T04:00:00Z", "2026-03-09", "2026-03-09T04:00:00Z",
     "2026-03-10T04:00:00Z"},
    {"America/New_York", at(1, 30), "2026-11-01T05:29:59Z", "2026-10-31", "2026-10-31T05:30:00Z",
     "2026-11-01T05:30:00Z"},
    {"America/New_York", at(1, 30), "2026-11-01T05:30:00Z", "2026-11-01", "2026-11-01T05:30:00Z",
     "2026-11-02T06:30:00Z"},
    {"America/New_York", at(1, 30), "2026-11-01T06:30:00Z", "2026-11-01", "2026-11-01T05:30:00Z",
     "2026-11-02T06:30:00Z"},
    // Lord Howe changes by half an hour: 4 October (02:15 is skipped) and 5 April (01:45 comes twice).
    {"Australia/Lord_Howe", at(2, 15), "2026-10-03T15:29:59Z", "2026-10-03", "2026-10-02T15:45:00Z",
     "2026-10-03T15:30:00Z"},
    {"Australia/Lord_Howe", at(2, 15), "2026-10-03T15:30:00Z", "2026-10-04", "2026-10-03T15:30:00Z",
     "2026-10-04T15:15:00Z"},
    {"Australia/Lord_Howe", at(1, 45), "2026-04-04T14:44:59Z", "2026-04-04", "2026-04-03T14:45:00Z",
     "2026-04-04T14:45:00Z"},
    {"Australia/Lord_Howe", at(1, 45), "2026-04-04T14:45:00Z", "2026-04-05", "2026-04-04T14:45:00Z",
     "2026-04-05T15:15:00Z"},
    {"Australia/Lord_Howe", at(1, 45), "2026-04-04T15:15:00Z", "2026-04-05", "2026-04-04T14:45:00Z",
     "2026-04-05T15:15:00Z"},
    // Apia never had 30 December 2011.
    {"Pacific/Apia", at(0), "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T10:00:00Z",
     "2011-12-30T10:00:00Z"},
    {"Pacific/Apia", at(0), "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z",
     "2011-12-31T10:00:00Z"},
};

instant instant_of(const std::string& text) {
  const auto part = [&](std::size_t from) { return std::stoi(text.substr(from, 2)); };
  return ates::test::day_of(text.substr(0, 10)) + hours{part(11)} + minutes{part(14)} +
         std::chrono::seconds{part(17)};
}

} // namespace

BOOST_AUTO_TEST_SUITE(calendars)

BOOST_AUTO_TEST_CASE(a_business_day_ends_where_the_contract_says) {
  for (const auto& r : table) {
    const calendar c(r.zone, r.ends_at);
    const auto d = ates::test::day_of(r.day);
    BOOST_TEST(to_rfc3339(c.end_of(d)) == r.end, r.zone << ' ' << r.ends_at.count() << " min " << r.day);
    BOOST_TEST((c.begin_of(d + days{1}) == c.end_of(d)));
  }
}

BOOST_AUTO_TEST_CASE(an_instant_belongs_to_the_day_that_the_contract_says) {
  static_assert(std::size(moments) >= 20);
  for (const auto& m : moments)
    BOOST_TEST_CONTEXT(m.zone << ' ' << m.ends_at.count() << " min " << m.at) {
      const calendar c(m.zone, m.ends_at);
      const auto d = c.day_of(instant_of(m.at));
      BOOST_TEST(to_string(d) == m.day);
      BOOST_TEST(to_rfc3339(c.begin_of(d)) == to_rfc3339(instant_of(m.begins)));
      BOOST_TEST(to_rfc3339(c.end_of(d)) == to_rfc3339(instant_of(m.ends)));
    }
}

BOOST_AUTO_TEST_CASE(an_instant_belongs_to_the_day_that_has_begun_and_not_ended_to_the_microsecond) {
  for (const auto& r : table) {
    const calendar c(r.zone, r.ends_at);
    for (const auto d : {ates::test::day_of(r.day), ates::test::day_of(r.day) + days{1}}) {
      if (c.begin_of(d) == c.end_of(d)) // a date that Apia never had
        continue;
      BOOST_TEST(to_string(c.day_of(c.begin_of(d))) == to_string(d));
      BOOST_TEST(to_string(c.day_of(c.end_of(d) - microseconds{1})) == to_string(d));
      BOOST_TEST((c.day_of(c.end_of(d)) > d));
    }
  }
}

BOOST_AUTO_TEST_CASE(days_follow_one_another_without_gap_or_overlap_all_year_round) {
  for (const auto& [zone, ends_at] :
       {std::pair{"Europe/Berlin", at(2, 30)}, std::pair{"Europe/Berlin", at(20)},
        std::pair{"America/New_York", at(1, 30)}, std::pair{"America/Santiago", at(0)},
        std::pair{"Australia/Lord_Howe", at(1, 45)}, std::pair{"Pacific/Kiritimati", at(23, 59)},
        std::pair{"Pacific/Pago_Pago", at(11, 59)}}) {
    const calendar c(zone, ends_at);
    for (auto d = day{year{2026} / 1 / 1}; d < day{year{2028} / 1 / 1}; d += days{1}) {
      const auto length = c.end_of(d) - c.begin_of(d);
      BOOST_REQUIRE_MESSAGE(length >= hours{23} && length <= hours{25}, zone << ' ' << to_string(d));
      BOOST_REQUIRE_MESSAGE((c.day_of(c.begin_of(d)) == d), zone << ' ' << to_string(d));
      BOOST_REQUIRE_MESSAGE((c.day_of(c.end_of(d) - microseconds{1}) == d), zone << ' ' << to_string(d));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_day_skipped_by_a_clock_change_contains_no_instant) {
  const calendar c("Pacific/Apia", at(0));
  const auto skipped = ates::test::day_of("2011-12-30");
  const auto change = c.end_of(skipped);
  BOOST_TEST((c.begin_of(skipped) == change));
  BOOST_TEST(to_string(c.day_of(change - microseconds{1})) == "2011-12-29");
  BOOST_TEST(to_string(c.day_of(change)) == "2011-12-31");
}

BOOST_AUTO_TEST_CASE(an_unknown_zone_or_an_impossible_time_of_day_is_refused) {
  for (const std::string zone :
       {"", "Mars/Olympus", "europe/berlin", "Europe/", "../../etc/passwd", "+02:00"})
    BOOST_CHECK_THROW(calendar(zone, at(0)), std::invalid_argument);
  for (const auto ends_at : {minutes{-1}, at(24), at(100)})
    BOOST_CHECK_THROW(calendar("UTC", ends_at), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
