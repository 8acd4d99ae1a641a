#include "http/worker_pool.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>

using namespace ates::http;

BOOST_AUTO_TEST_SUITE(workers)

BOOST_AUTO_TEST_CASE(beyond_threads_and_line_a_task_is_not_taken) {
  std::atomic<int> done{0};
  std::promise<void> go;
  const auto gone = go.get_future().share();
  std::latch running(2);
  worker_pool pool(2, 3);
  for (int i = 0; i < 2; ++i)
    BOOST_TEST(pool.enqueue([&] {
      running.count_down();
      gone.wait();
      ++done;
    }));
  running.wait();
  int taken = 0;
  for (int i = 0; i < 5; ++i)
    taken += pool.enqueue([&] { ++done; });
  BOOST_TEST(taken == 3);
  go.set_value();
  pool.shutdown();
  BOOST_TEST(done == 5); // what waited was run
  BOOST_TEST(!pool.enqueue([&] { ++done; }));
  BOOST_TEST(done == 5);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_goes_on_when_half_of_the_line_is_worked_off_or_its_time_is_up) {
  std::atomic<int> done{0};
  std::promise<void> go;
  const auto gone = go.get_future().share();
  worker_pool pool(1, 4);
  int taken = 0;
  while (pool.enqueue([&] {
    gone.wait();
    ++done;
  }))
    ++taken;
  pool.wait_for_room(std::chrono::milliseconds{1});
  BOOST_TEST(done == 0); // its time was up
  go.set_value();
  pool.wait_for_room(std::chrono::minutes{1});
  BOOST_TEST(done >= taken - 3); // two may wait, one may be in hand
  pool.shutdown();
  pool.wait_for_room(std::chrono::minutes{1}); // over: nobody waits
}

BOOST_AUTO_TEST_CASE(threads_are_used_again) {
  std::atomic<int> done{0};
  worker_pool pool(4, 1000);
  int taken = 0;
  for (int i = 0; i < 500; ++i)
    taken += pool.enqueue([&] { ++done; });
  pool.shutdown();
  BOOST_TEST(taken == 500);
  BOOST_TEST(done == 500);
}

BOOST_AUTO_TEST_SUITE_END()
