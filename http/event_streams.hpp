#pragma once
/// Event streams (server-sent events): one thread holds the connections of all of them, so that an idle
/// stream costs a socket and no thread.
///
///   guarded_server ── socket, head ──► arrived ──► sends what the feed puts into its outbox, and pings
///                                                    │ its token or account ended: says so, then closes
///                                                    │ it does not keep up, or its client is gone: closes
///                                                    └ stop(): closes at once

#include "http/event_feed.hpp"
#include "http/event_outbox.hpp"
#include "http/limits.hpp"
#include "http/waker.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ates::http {

class event_streams {
public:
  /// One of the places for streams: free again when its last owner lets go of it.
  using place = std::shared_ptr<void>;
  /// Why a stream must end now (a code of contract.md §3); nullopt: it may go on. Called from one thread.
  using ending = std::function<std::optional<std::string>()>;

  /// Registers its metrics in a registry that must live as long, as must `log`.
  event_streams(storage::event_log& log, std::size_t streams_max, const stream_limits& limits,
                prometheus::Registry& registry);
  ~event_streams();
  event_streams(const event_streams&) = delete;
  event_streams& operator=(const event_streams&) = delete;

  /// nullptr: all places are taken.
  place reserve();
  /// Takes the socket over: sends `head`, and then everything of the choice behind `from`.
  void add(int socket, std::string head, place held, event_choice choice, storage::log_position from,
           ending ended);
  /// Closes all streams at once, and any that come later. Safe to call twice.
  void stop();

private:
  using time_point = std::chrono::steady_clock::time_point;
  struct stream {
    int socket = -1;
    std::shared_ptr<event_outbox> out;
    place held;
    ending ended;
    time_point next_ping, next_check;
    time_point moved;     ///< when something of what waits was last taken
    bool closing = false; ///< when everything is sent
  };
  enum class fate { lives, left, slow, ended };

  void run();
  fate serve(stream& one, short events);
  void tell_end(stream& one, const std::string& why);
  void close(stream& one, const char* why);

  const std::size_t streams_max_;
  const stream_limits limits_;
  std::shared_ptr<std::atomic<std::size_t>> taken_ = std::make_shared<std::atomic<std::size_t>>(0);
  prometheus::Gauge& open_;
  prometheus::Family<prometheus::Counter>& closed_;
  waker waker_;
  std::mutex mutex_;
  std::vector<stream> arrived_; // guarded by mutex_, as is the next
  bool over_ = false;
  std::vector<stream> streams_; // of the thread
  event_feed feed_;             // wakes the thread
  std::thread thread_;
};

} // namespace ates::http
