#pragma once
/// Reading the log for whoever is outside (contract.md §3 GET /events, design.md §7): each reader keeps a
/// vector cursor {shard → seq}. Nothing internal is given out.

#include "storage/record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::storage {

/// Up to which seq a reader has every event, by shard; 0: none yet.
using log_position = std::vector<std::int64_t>;

/// Bytes of a position: not for people, and bound to nothing.
std::string to_bytes(const log_position& p);
/// nullopt: not a position of a log of so many shards.
std::optional<log_position> parse_log_position(std::string_view bytes, std::size_t shards);

struct logged_event {
  shard_number shard = 0;
  std::int64_t seq = 0;
  instant at{};
  std::string type;
  uuid subject;
  std::string data; ///< JSON object in one line
};

/// Which types a reader wants: any of these. Both empty: all.
struct event_filter {
  std::vector<std::string> types;    ///< full ones, e.g. "task.created.v2"
  std::vector<std::string> prefixes; ///< with the dot they end in, e.g. "task."

  [[nodiscard]] bool matches(std::string_view type) const;
};

struct log_request {
  log_position after;
  std::optional<log_position> until; ///< not beyond; nullopt: up to what is committed now
  event_filter filter;
  std::size_t events_max = 50;
  std::size_t bytes_max = 1024 * 1024; ///< of data: the event that reaches it is the last one
};

/// Events oldest first; those of one shard always by seq, without a hole.
struct log_page {
  std::vector<logged_event> events;
  log_position position; ///< to go on from: also behind what the filter left out
  bool more = false;     ///< there is more, or was not looked for in time
};

/// Thread-safe. Every call throws storage_error when storage is away or does not answer before `by`.
class event_log {
public:
  using deadline = std::chrono::steady_clock::time_point;
  virtual ~event_log() = default;
  [[nodiscard]] virtual std::size_t shards() const noexcept = 0;
  /// Everything that is committed now.
  virtual log_position head(deadline by) = 0;
  /// Only what is committed is seen; a shard whose next seq is not there yet ends before it. Takes no longer
  /// than half the time to `by`, and one query more: then the page is what was found so far.
  virtual log_page read(const log_request& what, deadline by) = 0;
};

} // namespace ates::storage
