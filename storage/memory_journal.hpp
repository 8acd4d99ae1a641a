#pragma once
/// The memory twin of the storage seam: journal and loader over one shared state (leases and operations:
/// memory_lease.hpp), for deterministic tests of what stands above. It refuses what PostgreSQL refuses; the
/// conformance suite (test/storage) runs both.

#include "storage/batch.hpp"
#include "storage/journal.hpp"
#include "storage/lease.hpp"
#include "storage/operations.hpp"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ates::storage {

/// The tables. Everything in it is "durable". Thread-safe through its functions; `tables` is for tests, which
/// look when nothing runs.
class memory_state {
public:
  explicit memory_state(shard_number shards = 64);

  struct stored_event {
    std::int64_t seq = 0;
    storage::epoch epoch = 0;
    event_row row;
    std::optional<std::int64_t> target_seq;
    std::optional<cause> because;
  };
  struct stored_transfer {
    domain::entry_posted entry;
    instant at{};
  };
  struct stored_node { ///< lives for ever, unless told otherwise
    node_row row;
    bool dead = false;
    node_state state = node_state::joining;
    bool drain_asked = false;
    std::uint32_t active_actors = 0;
    instant started_at{};
    instant last_beat = instant::max();
    instant lease_until = instant::max();
  };

  struct stored_letter {
    queued_letter letter;
    letter_status status = letter_status::queued;
    instant next_at{};
    std::string message_id;
  };

  struct tables {
    std::map<shard_number, shard_lease> leases;
    std::map<incarnation, stored_node> nodes;
    std::map<std::pair<incarnation, std::int16_t>, std::int64_t> batch_numbers;
    std::map<shard_number, std::vector<stored_event>> events; ///< by seq
    std::set<std::pair<shard_number, cause>> causes;          ///< of `events`
    std::map<std::tuple<shard_number, uuid, std::uint64_t>, stored_transfer> transfers;
    std::map<std::pair<shard_number, uuid>, domain::task> tasks;
    std::map<std::pair<shard_number, uuid>, domain::account> accounts;
    std::map<shard_number, shard_row> shards;
    std::map<std::pair<shard_number, shard_number>, std::int64_t> cursors; ///< (shard, source)
    std::map<std::pair<shard_number, day>, day_delta> days;
    std::map<std::pair<shard_number, entity_ref>, std::map<uuid, kept_answer>> kept;
    std::map<uuid, employee_row> employees;
    std::map<std::int64_t, shuffle_row> shuffles;
    std::map<std::int64_t, roster_row> rosters;
    std::map<day, payout_row> payouts;
    std::map<std::tuple<shard_number, uuid, uuid>, session_row> sessions;
    std::map<std::tuple<shard_number, uuid, day>, stored_letter> mails;
    std::vector<audit_row> audit;                                           ///< in the order of recording
    std::map<std::pair<shard_number, entity_ref>, std::string> quarantined; ///< why
    std::vector<parked_row> parked;                                         ///< in the order of parking
  };

  // -- switches for tests; each acts on coming commits
  enum class next_commit : std::uint8_t {
    normal,
    unknown_written,     ///< the reply to the next commit is lost after it was written
    unknown_not_written, ///< ... before it was written
    fenced,              ///< the next commit finds all its leases lost
    retry                ///< the next commit fails for a passing reason
  };
  void arrange(next_commit what);
  /// Every batch with a record of this entity is refused, until told otherwise by nullopt.
  void refuse(std::optional<entity_ref> entity);
  /// Commits block from now on, until release().
  void hold();
  void release();
  /// Commits that are blocked by hold() right now.
  int held();
  /// Storage is away: commits answer `retry`, settle answers nullopt, everything else throws.
  void go_away(bool away);
  /// The database's clock; nullopt (at first): the system's.
  void set_clock(std::optional<instant> clock);

  /// A copy, for checks.
  tables look();
  /// Changes the tables by hand.
  template <class F> void change(F&& f) {
    const std::lock_guard lock{mutex_};
    f(tables_);
  }

private:
  friend class memory_journal;
  friend class memory_loader;
  friend class memory_lease;
  friend class memory_operations;

  void wait_while_held(std::unique_lock<std::mutex>& lock);
  void throw_if_away(const char* operation) const;
  [[nodiscard]] instant now() const;
  [[nodiscard]] bool lives(incarnation node) const;
  [[nodiscard]] cluster_view view() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  tables tables_;
  next_commit next_ = next_commit::normal;
  std::optional<entity_ref> refused_;
  std::optional<instant> clock_;
  std::set<incarnation> locks_; ///< advisory locks of incarnations
  std::optional<incarnation> drain_token_;
  bool holding_ = false;
  bool away_ = false;
  int held_ = 0;
};

class memory_journal final : public journal {
public:
  memory_journal(memory_state& state, incarnation owner, std::int16_t writer);

  commit_outcome commit(std::span<const record* const> records,
                        std::span<const std::pair<shard_number, epoch>> fence_only,
                        std::vector<delivery>& out) override;
  std::optional<settlement> settle(std::span<const shard_number> shards) override;
  void attach(shard_number shard, shard_counters counters) override;
  void detach(shard_number shard) override;
  [[nodiscard]] std::int64_t cursor(shard_number shard, shard_number source) const override;

private:
  struct doubt {
    batch made;
    bool written = false;
  };
  commit_outcome write(std::span<const record* const> records, batch& made);

  memory_state& state_;
  incarnation owner_;
  std::int16_t writer_;
  positions positions_;
  std::optional<doubt> doubt_;
};

class memory_loader final : public loader {
public:
  explicit memory_loader(memory_state& state) : state_(state) {}

  std::vector<loaded_entity> load(std::span<const entity_place> wanted) override;
  std::vector<loaded_shard> load_shards(std::span<const shard_number> shards) override;
  loaded_supervisors load_supervisors() override;
  std::vector<delivery> inbox(shard_number target, shard_number source, std::int64_t after,
                              std::size_t limit) override;
  std::map<shard_number, std::int64_t> inbox_heads(shard_number target) override;
  std::vector<domain::task> open_tasks(shard_number shard, instant before, std::int64_t run,
                                       const std::optional<domain::task_id>& after,
                                       std::size_t limit) override;
  std::int64_t count_open_tasks(shard_number shard, instant before, std::int64_t run) override;
  std::int64_t count_reassigned(shard_number shard, std::int64_t run) override;
  std::vector<domain::account> accounts_behind(shard_number shard, day shard_day,
                                               const std::optional<account_id>& after,
                                               std::size_t limit) override;
  day_figures figures_of(day on) override;
  std::vector<account_id> roster_of(std::int64_t run) override;
  held_tasks open_tasks_of(std::span<const account_id> accounts, std::size_t limit) override;
  bool any_open_task() override;
  std::vector<employee_row> employees_changed_after(std::int64_t version) override;
  due_letters letters_due(shard_number shard, std::size_t limit) override;
  std::vector<parked_row> parked_for(shard_number shard, const account_id& account,
                                     std::size_t limit) override;
  std::optional<parked_row> find_parked(shard_number shard, const uuid& id) override;
  std::size_t forget_old(shard_number shard, instant before, std::size_t limit) override;

private:
  memory_state& state_;
};

} // namespace ates::storage
