#pragma once
/// Threads for connections: as many as are busy, never more than a bound, with a bounded line before them.

#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ates::http {

/// The server's task queue: one task is one connection. Threads are made as they are needed and live until
/// shutdown.
class worker_pool : public httplib::TaskQueue {
public:
  /// `on_wait` is called when a task has to wait (somebody idle should make room); `on_full` runs, in the
  /// calling thread, a task that found the line full: it must not block.
  worker_pool(std::size_t threads_max, std::size_t waiting_max, std::function<void()> on_wait,
              std::function<void(const std::function<void()>&)> on_full);
  ~worker_pool() override { shutdown(); }
  void enqueue(std::function<void()> task) override;
  /// Runs what waits, then joins all threads. Whoever serves connections must have told them to end.
  void shutdown() override;

  /// Whether connections wait for a thread: those that are served should not be kept longer than their
  /// request.
  [[nodiscard]] bool is_pressed() const noexcept { return pressed_; }

private:
  bool add_thread();
  void work();

  const std::size_t threads_max_;
  const std::size_t waiting_max_;
  const std::function<void()> on_wait_;
  const std::function<void(const std::function<void()>&)> on_full_;
  std::mutex mutex_;
  std::condition_variable waiting_changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0; ///< threads without a task, the ones just made included
  bool over_ = false;
  std::atomic<bool> pressed_{false}; ///< waiting_ has more than idle_ threads will take
};

} // namespace ates::http
