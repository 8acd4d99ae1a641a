#pragma once
/// What waits to be sent to one reader of events. Thread-safe: the feed puts in, the owner of the connection
/// takes out.

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace ates::http {

/// Bytes that any number of readers share.
using shared_bytes = std::shared_ptr<const std::string>;

class event_outbox {
public:
  struct sent {
    std::size_t bytes = 0;
    bool broken = false; ///< the connection is
  };

  /// Ignored once closed.
  void put(shared_bytes bytes);
  /// The last bytes, and nothing behind them.
  void finish(shared_bytes bytes);
  void close();
  [[nodiscard]] bool closed() const;
  /// Bytes not sent yet.
  [[nodiscard]] std::size_t waiting() const;
  /// Sends what the socket takes at once. Never blocks.
  sent send_to(int socket);

  /// Set by the feed when it puts nothing in for want of room.
  std::atomic<bool> awaits_room{false};

private:
  mutable std::mutex mutex_;
  std::deque<shared_bytes> queue_;
  std::size_t sent_of_first_ = 0;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

} // namespace ates::http
