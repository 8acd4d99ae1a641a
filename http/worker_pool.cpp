#include "http/worker_pool.hpp"

#include <system_error>
#include <utility>

namespace ates::http {

worker_pool::worker_pool(std::size_t threads_max, std::size_t waiting_max)
    : threads_max_(threads_max), waiting_max_(waiting_max) {}

bool worker_pool::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (over_)
      return false;
    if (idle_ <= waiting_.size() && threads_.size() < threads_max_ && add_thread())
      ++idle_;
    if (threads_.empty() || waiting_.size() >= waiting_max_ + idle_)
      return false;
    waiting_.push_back(std::move(task));
  }
  waiting_changed_.notify_one();
  return true;
}

bool worker_pool::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
    return true;
  } catch (const std::system_error&) {
    return false; // no more to be had: as if threads_max were reached
  }
}

void worker_pool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
    if (waiting_.empty())
      return;
    auto task = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiting_.size() == waiting_max_ / 2)
      half_empty_.notify_all();
    --idle_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    ++idle_;
  }
}

void worker_pool::wait_for_room(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  half_empty_.wait_for(lock, limit, [this] { return over_ || waiting_.size() <= waiting_max_ / 2; });
}

void worker_pool::shutdown() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    threads.swap(threads_);
  }
  waiting_changed_.notify_all();
  half_empty_.notify_all();
  for (auto& thread : threads)
    thread.join();
}

} // namespace ates::http
