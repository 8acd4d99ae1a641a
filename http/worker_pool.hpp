#pragma once
/// Threads for requests: as many as are busy, never more than a bound, with a bounded line before them.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ates::http {

/// Threads are made as they are needed and live until shutdown.
class worker_pool {
public:
  worker_pool(std::size_t threads_max, std::size_t waiting_max);
  ~worker_pool() { shutdown(); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// False: the line is full, the task was not taken.
  [[nodiscard]] bool enqueue(std::function<void()> task);
  /// Returns when no more than half of the line waits, or after `limit`.
  void wait_for_room(std::chrono::milliseconds limit);
  /// Runs what waits, then joins all threads. Takes no more. Safe to call twice.
  void shutdown();

private:
  bool add_thread();
  void work();

  const std::size_t threads_max_;
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable waiting_changed_;
  std::condition_variable half_empty_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0; ///< threads without a task, the ones just made included
  bool over_ = false;
};

} // namespace ates::http
