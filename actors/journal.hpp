#pragma once
/// The journal actor: group commit behind an output gate (design.md §5).
///
///            record / barrier
///                  │
///                  ▼               flush             committed
///   open ──────────────────► batch ───────► commit ───────────► replies, one notice per shard
///    ▲                                        │ retry (back-off)       fenced ► that shard's records fail,
///    the rest again └────────────────────────────────────────┤                        refused ► halves,
///    until the record stands alone
///                                             │ unknown
///                                             ▼
///                                          settling: take our shards over from ourselves, then look the
///                                          batch up

#include "actors/node.hpp"
#include "actors/protocol.hpp"
#include "storage/journal.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace ates::actors {

class journal_state {
public:
  journal_state() {} // declared: C++20 would make an aggregate of it (design.md §10)

  void open(journal_actor::pointer self, std::shared_ptr<node> home, std::size_t writer,
            std::unique_ptr<storage::journal> store);

  caf::result<reply> append(journal_entry& entry);
  caf::result<reply> wait(barrier& b);
  bool attach(shard_attachment& shard, const shard_actor& actor);
  void detach(shard_number shard);
  void flush();
  void settle();
  bool stop();
  /// The incarnation is dead. What is still open goes to the database all the same: its fence refuses it,
  /// which is counted, and everybody who asked hears what became of it.
  void end_dead();

  static constexpr const char* name = "journal";

private:
  struct waiting {
    std::shared_ptr<const storage::record> record; ///< null: a barrier
    shard_number shard = 0;
    std::uint64_t generation = 0;
    bool fence = false; ///< of a barrier
    actors::reply reply;
    caf::typed_response_promise<actors::reply> asker;
  };
  using batch = std::vector<waiting>;

  struct attachment {
    storage::epoch epoch = 0;
    std::uint64_t generation = 0;
    shard_actor actor;
  };

  /// Whether the batches go on (true) or wait for a retry or a settlement (false).
  bool commit(batch entries);
  bool commit_once(batch& entries);
  bool narrow_down(batch entries, const storage::commit_outcome& why);
  void drop_stale(batch& entries);
  void fail_shard(batch& entries, shard_number shard, outcome what);
  void release(batch& entries, std::vector<storage::delivery>& out);
  void reset(shard_number shard, reset_notice notice);
  batch next_batch();
  void schedule_flush();
  void retry_later(batch entries);
  [[nodiscard]] const attachment* attached(shard_number shard, std::uint64_t generation) const;

  journal_actor::pointer self_ = nullptr;
  std::shared_ptr<node> home_;
  std::size_t writer_ = 0;
  std::unique_ptr<storage::journal> store_;
  std::unordered_map<shard_number, attachment> shards_;
  std::deque<waiting> open_;
  batch doubtful_; ///< the batch whose outcome is unknown
  std::chrono::milliseconds back_off_{0};
  bool flush_pending_ = false;
  bool settling_ = false;
};

journal_actor::behavior_type
journal(journal_actor::stateful_pointer<journal_state> self, std::shared_ptr<node> home, std::size_t writer,
        std::function<std::unique_ptr<storage::journal>(std::size_t)> open_store);

} // namespace ates::actors
