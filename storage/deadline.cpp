#include "storage/deadline.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <sys/socket.h>
#include <thread>

namespace ates::storage {

namespace {

using steady = std::chrono::steady_clock;

/// One thread for all guards of the process, started with the first one.
class watchdog {
public:
  static watchdog& instance() {
    static watchdog the;
    return the;
  }

  std::uint64_t add(int socket, steady::time_point at) {
    std::unique_lock lock{mutex_};
    const auto ticket = ++last_ticket_;
    watches_.emplace(ticket, watch{socket, at, false});
    if (at < wakes_at_) {
      wakes_at_ = at;
      lock.unlock();
      changed_.notify_one();
    }
    return ticket;
  }

  void remove(std::uint64_t ticket) {
    const std::lock_guard lock{mutex_};
    watches_.erase(ticket);
  }

  bool expired(std::uint64_t ticket) {
    const std::lock_guard lock{mutex_};
    const auto found = watches_.find(ticket);
    return found != watches_.end() && found->second.expired;
  }

private:
  struct watch {
    int socket;
    steady::time_point at;
    bool expired;
  };

  void run(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
      wakes_at_ = shut_down_overdue();
      // An earlier deadline moves wakes_at_ and ends this wait.
      const auto until = wakes_at_;
      const auto earlier = [&] { return wakes_at_ < until; };
      if (until == steady::time_point::max())
        changed_.wait(lock, stop, earlier);
      else
        changed_.wait_until(lock, stop, until, earlier);
    }
  }

  /// Holding the lock, so that no guard can end, and no socket be closed, in between.
  steady::time_point shut_down_overdue() {
    const auto now = steady::now();
    auto next = steady::time_point::max();
    for (auto& [ticket, watched] : watches_) {
      if (watched.expired)
        continue;
      if (watched.at <= now) {
        ::shutdown(watched.socket, SHUT_RDWR);
        watched.expired = true;
      } else if (watched.at < next) {
        next = watched.at;
      }
    }
    return next;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::uint64_t, watch> watches_; // few: one per connection in use
  std::uint64_t last_ticket_ = 0;
  steady::time_point wakes_at_ = steady::time_point::max();
  std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }}; // last: it uses the others
};

} // namespace

deadline_guard::deadline_guard(int socket, std::chrono::milliseconds limit)
    : ticket_(watchdog::instance().add(socket, steady::now() + limit)) {}

deadline_guard::~deadline_guard() {
  watchdog::instance().remove(ticket_);
}

bool deadline_guard::expired() const {
  return watchdog::instance().expired(ticket_);
}

} // namespace ates::storage
