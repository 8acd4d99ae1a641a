#pragma once
/// The seam between the journal actor and what makes a batch durable. Two implementations run one conformance
/// suite: PostgreSQL (postgres_journal.hpp) and memory (memory_journal.hpp, for tests of actors).

#include "storage/record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ates::storage {

/// An event that was committed for another shard, as its inbox receives it.
struct delivery {
  shard_number source = 0;
  shard_number target = 0;
  std::int64_t target_seq = 0;
  std::string type;
  uuid subject;
  instant at{};
  std::string data;
};

/// Where a shard's log and inboxes stand.
struct shard_counters {
  std::int64_t last_seq = 0;
  std::map<shard_number, std::int64_t> last_target_seq; ///< per target; absent: 0
  std::map<shard_number, std::int64_t> cursor;          ///< per source; absent: 0
  std::map<shard_number, std::set<std::int64_t>> above; ///< causes durable above the cursor, per source
};

/// What became of a batch.
struct commit_outcome {
  enum class kind : std::uint8_t {
    committed, ///< durable
    fenced,    ///< nothing written: the leases of `shards` are not ours any more
    refused,   ///< nothing written: the server refused a record of it (its content, a snapshot conflict)
    retry,     ///< nothing written, and not because of its content (deadlock, statement time-out, disk full)
    unknown    ///< written or not: only the batch number tells, after a take-over from ourselves
  };
  kind what = kind::committed;
  std::vector<shard_number> shards; ///< of `fenced`
  std::string detail;               ///< for the log: operation, SQLSTATE, message
};

/// Batches of one journal actor. Not thread-safe: one owner. Calls block, but never longer than the time
/// limits the implementation was made with.
class journal {
public:
  virtual ~journal() = default;

  /// Commits all of `records` in one transaction, under the fence: every (shard, epoch) in it must be ours.
  /// Numbers the events; on `committed` the events for other shards are appended to `out`, in order per
  /// (source, target). An empty `records` with non-empty `fence_only` proves that those leases are still
  /// ours.
  virtual commit_outcome commit(std::span<const record* const> records,
                                std::span<const std::pair<shard_number, epoch>> fence_only,
                                std::vector<delivery>& out) = 0;

  /// After `unknown`: takes `shards` over from ourselves (epoch + 1, which shuts out a backend that still
  /// holds the statement), then looks the batch up. nullopt: storage is away, ask again.
  struct settlement {
    bool committed = false;                   ///< was the unknown batch written?
    std::map<shard_number, epoch> new_epochs; ///< of the shards that were still ours
  };
  virtual std::optional<settlement> settle(std::span<const shard_number> shards) = 0;

  /// Tells where the log of a shard stands when it is loaded (again). Commit knows no other shards.
  virtual void attach(shard_number shard, shard_counters counters) = 0;
  virtual void detach(shard_number shard) = 0;
  /// The cursors of a shard as of the last commit: every event up to it has had its effect.
  virtual std::int64_t cursor(shard_number shard, shard_number source) const = 0;
};

/// An entity and the shard it lives in.
struct entity_place {
  shard_number shard = 0;
  entity_ref entity;
};

/// A snapshot as the loader finds it, with the answers kept for the entity.
struct loaded_entity {
  entity_ref entity;
  storage::snapshot snapshot; ///< monostate: there is none
  std::vector<kept_answer> kept;
  std::vector<session_row> sessions; ///< of an account
  std::string
      refused; ///< why it must not be used: it is in quarantine, or its rows are damaged; empty: it may
};

inline constexpr int recent_events = 256;

struct loaded_shard {
  shard_row state;
  shard_counters counters;
  std::vector<quarantine_row> quarantined;
  /// Latest business time of the last `recent_events` of its log: nothing that comes may be earlier. Not just
  /// of the last one: events are stamped one after the other, and committed as their entities get done.
  domain::instant last_at{};
};

/// Everything the supervisors of shard 0 start from.
struct loaded_supervisors {
  std::vector<employee_row> employees; ///< by number
  std::vector<shuffle_row> shuffles;   ///< queued and running ones, and the last one ended, by run
  std::vector<payout_row> payouts;     ///< running ones, and the last one ended, by day
  std::optional<roster_row> roster;    ///< of the running shuffle
  std::vector<kept_answer> directory_kept, shuffles_kept, payouts_kept;
};

/// Open tasks by who has them.
struct held_tasks {
  struct held {
    domain::task_id task;
    account_id assignee;
  };
  std::vector<held> tasks;
  bool shuffling = false; ///< a shuffle runs: it may still give tasks to those who have left since it began
};

/// A letter that waits in the table `mail`, with what the employee was called when it was queued (B9).
struct queued_letter {
  account_id account;
  day on{};
  cents amount;
  std::string address, name;
  std::int64_t attempts = 0; ///< up to now
  instant queued_at{};       ///< real time
};

struct due_letters {
  std::vector<queued_letter> letters;
  std::optional<std::chrono::milliseconds>
      next; ///< until the next one is due; none: no other waits, or more are due
};

/// Reads committed state for activation. Not thread-safe: one owner. Every call throws storage_error
/// (errors.hpp) when storage is away.
class loader {
public:
  virtual ~loader() = default;
  /// One row per entity asked for, in the order asked. Of entities that nobody is writing: each is consistent
  /// in itself. A damaged one spoils no other: an account must agree with its last entry.
  virtual std::vector<loaded_entity> load(std::span<const entity_place> wanted) = 0;
  /// Up to one row per shard asked for, in the order asked; a shard that never wrote has version 0.
  virtual std::vector<loaded_shard> load_shards(std::span<const shard_number> shards) = 0;
  virtual loaded_supervisors load_supervisors() = 0;
  /// The roster of a shuffle run that has started, ascending; empty: there is no such run.
  virtual std::vector<account_id> roster_of(std::int64_t run) = 0;
  /// Events for `target` from `source` after `after`, oldest first, at most `limit`.
  virtual std::vector<delivery> inbox(shard_number target, shard_number source, std::int64_t after,
                                      std::size_t limit) = 0;
  /// Head of every source's line to `target` (last target_seq); sources without events are left out.
  virtual std::map<shard_number, std::int64_t> inbox_heads(shard_number target) = 0;
  /// Snapshots of open tasks of a shard created before `before` that no run >= `run` has reached, ids
  /// ascending from after `after`, at most `limit`.
  virtual std::vector<domain::task> open_tasks(shard_number shard, instant before, std::int64_t run,
                                               const std::optional<domain::task_id>& after,
                                               std::size_t limit) = 0;
  virtual std::int64_t count_open_tasks(shard_number shard, instant before, std::int64_t run) = 0;
  /// Tasks of the shard whose last run is `run`.
  virtual std::int64_t count_reassigned(shard_number shard, std::int64_t run) = 0;
  /// Accounts of a shard whose open day is before `shard_day` (and that have something to close), ids
  /// ascending from after `after`, at most `limit`.
  virtual std::vector<domain::account> accounts_behind(shard_number shard, day shard_day,
                                                       const std::optional<account_id>& after,
                                                       std::size_t limit) = 0;
  /// The figures of a business day, all shards; asked when every account of it is paid. Accounts in profit
  /// are those that were paid out on it; accounts in debt those whose last entry up to that day left them
  /// below 0; a task counts for the day of its reward entry, and is in profit when fee × assignments exceeds
  /// its reward (contract.md B10, B11, §3).
  virtual day_figures figures_of(day on) = 0;
  /// Open tasks of these accounts, at most `limit`.
  virtual held_tasks open_tasks_of(std::span<const account_id> accounts, std::size_t limit) = 0;
  virtual bool any_open_task() = 0;
  /// What the directory changed after its version `version`, each employee as it is now, ascending by
  /// `changed`.
  virtual std::vector<employee_row> employees_changed_after(std::int64_t version) = 0;
  /// Letters of the shard that are due by the database's clock, those that wait longest first, at most
  /// `limit`.
  virtual due_letters letters_due(shard_number shard, std::size_t limit) = 0;
  /// The events that are parked for `account`, in the order they were parked, at most `limit`.
  virtual std::vector<parked_row> parked_for(shard_number shard, const account_id& account,
                                             std::size_t limit) = 0;
  /// An event of this shard's inbox that was parked, settled or not.
  virtual std::optional<parked_row> find_parked(shard_number shard, const uuid& id) = 0;
  /// Removes kept answers of the shard older than `before` and session families of it that are over: at most
  /// `limit` of each. Both are real time. Returns how many; call again when that is `limit` or more.
  virtual std::size_t forget_old(shard_number shard, instant before, std::size_t limit) = 0;
};

} // namespace ates::storage
