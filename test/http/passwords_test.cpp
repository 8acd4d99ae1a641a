#include "http/passwords.hpp"
#include "http/problem.hpp"
#include "http/throttle.hpp"

#include <boost/test/unit_test.hpp>

#include <time.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace ates::http;
using namespace std::chrono_literals;

namespace {

passwords::time_point later() {
  return std::chrono::steady_clock::now() + 30s;
}

/// Work done by this thread: unlike the time on the wall it does not depend on what else the machine does.
std::chrono::nanoseconds thread_cpu() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

} // namespace

BOOST_AUTO_TEST_SUITE(secrets)

BOOST_AUTO_TEST_CASE(a_secret_matches_its_own_hash_only) {
  passwords p(14);
  const auto stored = p.hash("correct horse", later());
  BOOST_TEST(stored.starts_with("scrypt$14$8$1$"));
  BOOST_TEST(stored != p.hash("correct horse", later())); // salted
  BOOST_TEST(p.verify("correct horse", stored, later()));
  BOOST_TEST(!p.verify("correct horsf", stored, later()));
  BOOST_TEST(!p.verify("", stored, later()));
}

BOOST_AUTO_TEST_CASE(a_hash_made_with_other_parameters_still_matches) {
  const auto stored = passwords(10).hash("secret", later());
  BOOST_TEST(passwords(11).verify("secret", stored, later()));
}

BOOST_AUTO_TEST_CASE(a_known_answer_of_rfc_7914_matches) {
  // scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1): the first 32 of its 64 bytes
  const std::string stored = "scrypt$14$8$1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046_2o-7qQT44-qbVD9lRdofI";
  BOOST_TEST(passwords(14).verify("pleaseletmein", stored, later()));
}

BOOST_AUTO_TEST_CASE(nothing_stored_or_rubbish_matches_nothing_and_costs_the_same_work) {
  passwords p(14);
  const auto stored = p.hash("secret", later());
  const auto timed = [&](const std::string& against) {
    const auto begin = thread_cpu();
    BOOST_TEST(!p.verify("other", against, later()));
    return thread_cpu() - begin;
  };
  const auto real = timed(stored);
  for (const std::string rubbish :
       {"", "x", "scrypt$14$8$1$$", "scrypt$60$8$1$AAAA$AAAA", "scrypt$14$8$1$AAAA"}) {
    const auto cost = timed(rubbish);
    BOOST_TEST_CONTEXT(rubbish) {
      BOOST_TEST((cost * 3 > real && cost < real * 3));
    }
  }
}

BOOST_AUTO_TEST_CASE(who_would_wait_beyond_the_deadline_is_refused_at_once) {
  passwords p(14);
  (void)p.hash("learn how long one takes", later());
  try {
    (void)p.hash("x", std::chrono::steady_clock::now());
    BOOST_FAIL("not refused");
  } catch (const problem& refused) {
    BOOST_TEST((refused.why == code::overloaded));
  }
}

BOOST_AUTO_TEST_CASE(only_two_are_computed_at_once) {
  passwords p(10);
  std::atomic<int> now{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      (void)p.verify("x", "", later(), [&] {
        const int mine = ++now;
        for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
        }
        std::this_thread::yield();
        --now;
      });
    });
  for (auto& t : threads)
    t.join();
  BOOST_TEST(most <= 2);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(failures)

BOOST_AUTO_TEST_CASE(a_key_is_shut_until_the_oldest_failure_has_left_the_window) {
  throttle t(3, 900s, 10);
  const throttle::time_point begin{};
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(t.enter("a", begin + i * 100s).count() == 0);
  BOOST_TEST(t.shut_for("a", begin + 200s).count() == 700);
  BOOST_TEST(t.enter("a", begin + 899s).count() == 1);
  BOOST_TEST(t.shut_for("b", begin + 200s).count() == 0);
  BOOST_TEST(t.shut_for("a", begin + 900s).count() == 0);
  BOOST_TEST(t.enter("a", begin + 900s).count() == 0);
  BOOST_TEST(t.shut_for("a", begin + 900s).count() == 100); // the second one is the oldest now
}

BOOST_AUTO_TEST_CASE(what_did_not_fail_after_all_is_forgotten) {
  throttle t(2, 900s, 10);
  const throttle::time_point begin{};
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(t.enter("a", begin + i * 1s).count() == 0);
    t.forgive("a", begin + i * 1s);
  }
  BOOST_TEST(t.shut_for("a", begin + 10s).count() == 0);
}

BOOST_AUTO_TEST_CASE(who_was_shut_by_others_stays_so_until_then) {
  throttle t(3, 900s, 2);
  const throttle::time_point begin{};
  t.enter("a", begin);
  t.shut("a", begin + 100s);
  BOOST_TEST(t.shut_for("a", begin + 40s).count() == 60);
  BOOST_TEST(t.shut_for("a", begin + 100s).count() == 0);
  BOOST_TEST(t.enter("a", begin + 100s).count() == 0);
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_and_the_one_that_failed_last_is_kept) {
  throttle t(1, 900s, 2);
  const throttle::time_point begin{};
  t.enter("a", begin);
  t.enter("b", begin + 1s);
  t.enter("c", begin + 2s);
  BOOST_TEST(t.shut_for("a", begin + 3s).count() == 0);
  BOOST_TEST(t.shut_for("b", begin + 3s).count() > 0);
  BOOST_TEST(t.shut_for("c", begin + 3s).count() > 0);
}

BOOST_AUTO_TEST_SUITE_END()
