#include "http/worker_pool.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <latch>

using namespace ates::http;

BOOST_AUTO_TEST_SUITE(workers)

BOOST_AUTO_TEST_CASE(beyond_threads_and_line_a_task_is_shed_by_the_caller) {
  std::atomic<int> waits{0}, shed{0}, done{0};
  std::promise<void> go;
  const auto gone = go.get_future().share();
  std::latch running(2);
  worker_pool pool(
      2, 3, [&] { ++waits; }, [&](const std::function<void()>&) { ++shed; });
  for (int i = 0; i < 2; ++i)
    pool.enqueue([&] {
      running.count_down();
      gone.wait();
      ++done;
    });
  running.wait();
  for (int i = 0; i < 5; ++i)
    pool.enqueue([&] { ++done; });
  BOOST_TEST(shed == 2);
  BOOST_TEST(waits == 3);
  go.set_value();
  pool.shutdown();
  BOOST_TEST(done == 5); // what waited was run
}

BOOST_AUTO_TEST_CASE(threads_are_used_again) {
  std::atomic<int> done{0}, shed{0};
  worker_pool pool(
      4, 1000, [] {}, [&](const std::function<void()>&) { ++shed; });
  for (int i = 0; i < 500; ++i)
    pool.enqueue([&] { ++done; });
  pool.shutdown();
  BOOST_TEST(done == 500);
  BOOST_TEST(shed == 0);
}

BOOST_AUTO_TEST_SUITE_END()
