// The rules of refresh tokens (contract.md "Tokens") as pure tables.
#include "actors/sessions.hpp"
#include "config/limits.hpp"

#include <boost/test/unit_test.hpp>

namespace ates::actors {

namespace {

using namespace std::chrono_literals;
namespace limits = config::limits;

constexpr sessions::time start{20'000 * 24h};

domain::uuid id_of(std::uint8_t n) {
  domain::uuid id;
  id.bytes[15] = n;
  return id;
}

const domain::account_id ann{id_of(1)};
const domain::uuid family = id_of(7);

sessions opened() {
  sessions s;
  s.open(ann, family, "first", start);
  return s;
}

sessions::verdict refresh(sessions& s, const char* secret, const char* next, sessions::time at) {
  return s.refresh(ann, family, secret, next, at).what;
}

} // namespace

BOOST_AUTO_TEST_SUITE(refresh_tokens)

BOOST_AUTO_TEST_CASE(a_token_is_replaced_by_the_next) {
  auto s = opened();
  BOOST_CHECK(refresh(s, "first", "second", start + 1min) == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "second", "third", start + 2min) == sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(a_token_used_again_within_the_grace_yields_another_one) {
  auto s = opened();
  BOOST_CHECK(refresh(s, "first", "second", start) == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "first", "other", start + limits::refresh_grace) == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "second", "third", start + 1min) == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "other", "fourth", start + 1min) == sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(the_grace_is_counted_from_the_first_use) {
  auto s = opened();
  refresh(s, "first", "second", start);
  refresh(s, "first", "other", start + 9s);
  BOOST_CHECK(refresh(s, "first", "third", start + 11s) == sessions::verdict::reused);
}

BOOST_AUTO_TEST_CASE(all_sessions_end_but_the_one_that_is_kept) {
  auto s = opened();
  s.open(ann, id_of(8), "another", start);
  BOOST_CHECK_EQUAL(s.close_others(ann, family).size(), 1U);
  BOOST_CHECK(s.refresh(ann, id_of(8), "another", "x", start).what == sessions::verdict::unknown);
  BOOST_CHECK(refresh(s, "first", "second", start) == sessions::verdict::ok);
  BOOST_CHECK_EQUAL(s.close_others(ann, std::nullopt).size(), 1U);
  BOOST_CHECK(refresh(s, "second", "third", start) == sessions::verdict::unknown);
}

BOOST_AUTO_TEST_CASE(a_token_used_again_after_the_grace_revokes_its_family) {
  auto s = opened();
  refresh(s, "first", "second", start);
  const auto result = s.refresh(ann, family, "first", "third", start + limits::refresh_grace + 1us);
  BOOST_CHECK(result.what == sessions::verdict::reused);
  BOOST_REQUIRE_EQUAL(result.changes.size(), 1U);
  BOOST_CHECK(result.changes[0].family == family);
  BOOST_CHECK(result.changes[0].state.empty()); // the row ends
  BOOST_CHECK(refresh(s, "second", "third", start + 20s) == sessions::verdict::unknown);
}

BOOST_AUTO_TEST_CASE(other_families_outlive_a_revoked_one) {
  auto s = opened();
  const auto other = id_of(8);
  s.open(ann, other, "elsewhere", start);
  refresh(s, "first", "second", start);
  refresh(s, "first", "third", start + 1min);
  BOOST_CHECK(s.refresh(ann, other, "elsewhere", "next", start + 2min).what == sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(a_token_of_no_family_is_unknown) {
  auto s = opened();
  BOOST_CHECK(s.refresh(ann, id_of(9), "first", "second", start).what == sessions::verdict::unknown);
}

BOOST_AUTO_TEST_CASE(a_token_lives_for_its_time_to_the_microsecond) {
  struct row {
    std::chrono::microseconds age;
    sessions::verdict expected;
  };
  for (const auto& r : {row{limits::refresh_token_life - 1us, sessions::verdict::ok},
                        row{limits::refresh_token_life, sessions::verdict::unknown}}) {
    auto s = opened();
    BOOST_CHECK(refresh(s, "first", "second", start + r.age) == r.expected);
  }
}

BOOST_AUTO_TEST_CASE(a_family_lives_as_long_as_it_is_refreshed) {
  auto s = opened();
  const auto later = start + limits::refresh_token_life - 1h;
  BOOST_CHECK(refresh(s, "first", "second", later) == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "second", "third", later + limits::refresh_token_life - 1h) ==
              sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(signing_out_ends_the_family) {
  auto s = opened();
  BOOST_CHECK(s.close(ann, family, "first").what == sessions::verdict::ok);
  BOOST_CHECK(refresh(s, "first", "second", start) == sessions::verdict::unknown);
}

BOOST_AUTO_TEST_CASE(signing_out_with_a_wrong_secret_ends_nothing) {
  auto s = opened();
  BOOST_CHECK(s.close(ann, family, "wrong").what == sessions::verdict::unknown);
  BOOST_CHECK(refresh(s, "first", "second", start) == sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(beyond_the_limit_the_oldest_family_ends) {
  sessions s;
  for (std::uint8_t n = 0; n < limits::families_per_account; ++n)
    BOOST_CHECK_EQUAL(s.open(ann, id_of(n), "secret", start + std::chrono::seconds{n}).size(), 1U);
  const auto changes = s.open(ann, id_of(200), "secret", start + 1h);
  BOOST_REQUIRE_EQUAL(changes.size(), 2U);
  BOOST_CHECK(changes[0].family == id_of(0));
  BOOST_CHECK(changes[0].state.empty());
  BOOST_CHECK(s.refresh(ann, id_of(0), "secret", "next", start + 1h).what == sessions::verdict::unknown);
  BOOST_CHECK(s.refresh(ann, id_of(1), "secret", "next", start + 1h).what == sessions::verdict::ok);
}

BOOST_AUTO_TEST_CASE(a_family_has_only_so_many_tokens) {
  auto s = opened();
  std::string last = "first";
  storage::session_row row;
  for (int i = 0; i < 100; ++i) {
    const auto next = "token " + std::to_string(i);
    const auto result = s.refresh(ann, family, last, next, start + 1s);
    BOOST_REQUIRE(result.what == sessions::verdict::ok);
    row = result.changes.at(0);
    last = next;
  }
  BOOST_CHECK_LE(static_cast<std::size_t>(std::count(row.state.begin(), row.state.end(), '{')),
                 limits::tokens_per_family);
}

BOOST_AUTO_TEST_CASE(what_was_stored_is_what_is_loaded) {
  auto s = opened();
  const auto row = s.refresh(ann, family, "first", "second", start + 5s).changes.at(0);
  sessions again;
  again.load({row});
  BOOST_CHECK(refresh(again, "first", "other", start + 15s) == sessions::verdict::ok); // the grace goes on
  sessions later;
  later.load({row});
  BOOST_CHECK(refresh(later, "first", "other", start + 16s) == sessions::verdict::reused);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::actors
