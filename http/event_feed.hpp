#pragma once
/// Brings the log to all readers of this node (design.md §7, §9): one thread looks at the tail of the log for
/// all of them; a reader that is behind its edge is fed pages of its own until it has reached the edge.
///
///   add ──► behind ── pages up to the edge ──► at the edge: live ── what the tail finds ──►
///             │ ^                                  (stays so: a reader that does not keep up is hung up on)
///             v │ room again, or the next look
///           parked: its outbox is full, storage is away, or it comes from a node whose look was later

#include "http/cloud_event.hpp"
#include "http/event_outbox.hpp"
#include "http/limits.hpp"
#include "storage/event_log.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace ates::http {

/// Thread-safe. Reads nothing while there are no readers.
class event_feed {
public:
  /// `on_news` is called, from threads of the feed, after it has put something into outboxes. `log` must
  /// outlive it.
  event_feed(storage::event_log& log, const stream_limits& limits, std::function<void()> on_news);
  ~event_feed();
  event_feed(const event_feed&) = delete;
  event_feed& operator=(const event_feed&) = delete;

  /// Puts everything of the choice behind `from` into `to`, each event once, until that is closed.
  void add(event_choice choice, storage::log_position from, std::shared_ptr<event_outbox> to);
  /// There is room in an outbox that awaits it.
  void refill(event_outbox& of);
  /// Ends the threads: within the time limit of one query. Safe to call twice.
  void stop();

private:
  enum class phase : std::uint8_t { parked, behind, live };
  struct reader {
    event_choice choice;
    storage::log_position at; ///< everything up to here is in the outbox; of a live one: the edge
    std::shared_ptr<event_outbox> out;
    phase now = phase::parked;
  };
  using reader_ptr = std::shared_ptr<reader>;

  void follow();
  bool look(std::unique_lock<std::mutex>& lock);
  void publish(const storage::log_page& page);
  [[nodiscard]] bool is_pressed() const;
  void catch_up();
  void feed_one(std::unique_lock<std::mutex>& lock, const reader_ptr& one);
  void to_queue(const reader_ptr& one);
  std::optional<storage::log_page> read(const storage::log_request& what);
  std::optional<storage::log_page> head();

  storage::event_log& log_;
  const stream_limits limits_;
  const std::function<void()> on_news_;
  std::mutex mutex_;
  std::condition_variable changed_; ///< readers came, or it is over
  std::condition_variable queued_;  ///< somebody is behind, or it is over
  // guarded by mutex_:
  std::vector<reader_ptr> readers_;
  std::deque<reader_ptr> behind_;
  std::optional<storage::log_position> edge_; ///< every live reader has everything up to here
  bool over_ = false;
  std::vector<std::thread> threads_; // last: they use the others
};

} // namespace ates::http
