#pragma once
/// What both journals make of the records of one commit before they write them: numbers for the events, at
/// most one snapshot per entity and one answer per key, cursors that move over unbroken runs, figures added
/// up. No I/O.

#include "storage/journal.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace ates::storage {

/// One batch, ready to be written. Its pointers go into the records it was made of; positions::advance
/// follows none.
struct batch {
  struct numbered_event {
    const record* of = nullptr;
    const event_row* what = nullptr;
    shard_number shard = 0;
    std::int64_t seq = 0;
    std::optional<shard_number> target;
    std::optional<std::int64_t> target_seq; ///< given when the event has a target
    std::optional<cause> because;           ///< on the last event of a record that has a cause
  };
  /// A snapshot: the version that the first record of the batch replaces, and the state after the last one.
  template <class State> struct change {
    shard_number shard = 0;
    std::uint64_t replaces = 0;
    const State* now = nullptr;
    bool new_words = false; ///< of a task: one of the records edited it
  };
  struct cursor_move {
    shard_number shard = 0;
    shard_number source = 0;
    std::int64_t position = 0;
  };

  std::vector<std::pair<shard_number, epoch>> fence; ///< ascending, each once
  std::vector<numbered_event> events;
  std::vector<change<domain::task>> tasks;
  std::vector<change<domain::account>> accounts;
  std::vector<change<shard_row>> shards;
  std::vector<cursor_move> cursors;
  std::map<std::pair<shard_number, day>, day_delta> days;
  /// By whose it is and its scope: under one key the last one stays.
  std::map<std::tuple<shard_number, entity_ref, uuid>, const kept_answer*> kept;
  /// Set: a record replaces another version than the record before it left. The batch must be refused.
  std::optional<std::string> conflict;
  /// Set: two epochs of one shard stand in the batch; the older one cannot be ours any more.
  std::vector<shard_number> stale;

  std::map<std::pair<shard_number, shard_number>, std::vector<std::int64_t>>
      causes; ///< per (shard, source), ascending
};

/// Where the logs and inboxes of the attached shards stand: advances only when a batch is known to be
/// durable.
class positions {
public:
  void attach(shard_number shard, shard_counters counters);
  void detach(shard_number shard);
  [[nodiscard]] std::int64_t cursor(shard_number shard, shard_number source) const;

  /// Numbers `records` after what is durable. Nothing is remembered but by advance().
  batch prepare(std::span<const record* const> records,
                std::span<const std::pair<shard_number, epoch>> fence_only);
  /// `written`, the batch of the last prepare(), is durable.
  void advance(const batch& written);

private:
  /// Numbers events and moves cursors of one batch; its own copy of the counters it touches.
  class numbering;

  std::map<shard_number, shard_counters> shards_;
};

/// The deliveries of a durable batch, in order per (source, target).
void append_deliveries(const batch& written, std::vector<delivery>& out);

} // namespace ates::storage
