// Failed tries of secrets, counted for all nodes.

#include "storage/postgres_sign_in_failures.hpp"
#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;

namespace {

sign_in_failures::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

using keys = std::vector<sign_in_failures::counted>;

/// Two nodes on one database.
struct two_nodes : postgres_world {
  postgres_sign_in_failures one{url(database_role::app), true};
  postgres_sign_in_failures other{url(database_role::app), true};
  int attempts = 0;

  bool enter(sign_in_failures& node, const keys& counted, std::chrono::seconds window = 900s) {
    for (const auto shut : node.enter(id_in(0, ++attempts), counted, window, soon()))
      if (shut.count() > 0)
        return false;
    return true;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(sign_in_failures_seam)

BOOST_FIXTURE_TEST_CASE(what_failed_on_one_node_counts_on_the_other, two_nodes) {
  const keys ann{{"ann", 3}, {"here", 100}};
  BOOST_TEST(enter(one, ann));
  BOOST_TEST(enter(other, ann));
  BOOST_TEST(enter(one, ann));
  for (auto* node : {&one, &other}) {
    const auto shut = node->enter(id_in(0, 99), ann, 900s, soon());
    BOOST_REQUIRE(shut.size() == 2u);
    BOOST_TEST((shut[0] > 880s && shut[0] <= 900s));
    BOOST_TEST((shut[1] == 0s));
  }
  BOOST_TEST(enter(other, {{"bob", 3}, {"here", 100}}));
}

BOOST_FIXTURE_TEST_CASE(a_refused_attempt_counts_nowhere, two_nodes) {
  const keys ann{{"ann", 1}, {"here", 3}};
  BOOST_TEST(enter(one, ann));
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(!enter(one, ann));
  BOOST_TEST(enter(one, {{"bob", 1}, {"here", 3}}));
  BOOST_TEST(enter(one, {{"carl", 1}, {"here", 3}}));
  BOOST_TEST(!enter(one, {{"dora", 1}, {"here", 3}})); // the address
}

BOOST_FIXTURE_TEST_CASE(what_did_not_fail_counts_no_more, two_nodes) {
  for (int i = 1; i <= 10; ++i) {
    BOOST_TEST(enter(one, {{"ann", 2}, {"here", 2}}));
    other.forgive(id_in(0, i), soon());
  }
  other.forgive(id_in(0, 77), soon()); // never heard of
}

BOOST_FIXTURE_TEST_CASE(attempts_at_the_same_time_cannot_outrun_the_count, two_nodes) {
  std::atomic<int> let_in{0};
  std::vector<std::jthread> crowd;
  for (int i = 0; i < 8; ++i)
    crowd.emplace_back([&, i] {
      for (int n = 0; n < 5; ++n) {
        const keys ann{{"ann", 10}, {"from " + std::to_string(i), 100}};
        const auto shut = (i % 2 == 0 ? one : other).enter(id_in(1, 100 * i + n), ann, 900s, soon());
        let_in += shut.at(0).count() == 0 ? 1 : 0;
      }
    });
  crowd.clear();
  BOOST_TEST(let_in == 10);
}

BOOST_FIXTURE_TEST_CASE(what_is_older_than_the_window_is_forgotten, two_nodes) {
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(enter(one, {{"ann", 3}}));
  sql("update sign_in_failure set at = at - interval '899 seconds'");
  BOOST_TEST(!enter(one, {{"ann", 3}}));
  sql("update sign_in_failure set at = at - interval '2 seconds'");
  BOOST_TEST(enter(other, {{"ann", 3}}));
  BOOST_TEST(sql("select count(*) from sign_in_failure")[0][0].as<int>() == 1); // the old rows went with it
}

BOOST_FIXTURE_TEST_CASE(without_storage_nobody_is_counted, two_nodes) {
  postgres_sign_in_failures cut_off{"postgresql:///ates?host=/nowhere", true};
  BOOST_CHECK_THROW(
      cut_off.enter(id_in(0, 1), keys{{"ann", 3}}, 900s, std::chrono::steady_clock::now() + 300ms),
      storage_error);
}

BOOST_AUTO_TEST_SUITE_END()
