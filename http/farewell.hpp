#pragma once
/// Closing a connection whose client is still sending: a close with unread bytes would reset the connection
/// and the client would never see the answer. One thread reads and throws away, for a bounded time.

#include "http/waker.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace ates::http {

class farewell {
public:
  farewell(std::chrono::milliseconds linger, std::size_t connections_max);
  ~farewell();
  farewell(const farewell&) = delete;
  farewell& operator=(const farewell&) = delete;

  /// Takes the socket over: no more is written to it. Closed when the client has closed, or when its time is
  /// up; at once when too many linger already. Never blocks, and never needs memory.
  void close(int socket) noexcept;

private:
  struct lingering {
    int socket;
    std::chrono::steady_clock::time_point until;
  };
  void run();
  bool drain(const lingering& one, short events);

  const std::chrono::milliseconds linger_;
  const std::size_t connections_max_;
  std::mutex mutex_;
  std::vector<lingering> arrived_; // guarded by mutex_, as are the two below
  std::size_t count_ = 0;
  bool over_ = false;
  waker waker_;
  std::thread thread_;
};

} // namespace ates::http
