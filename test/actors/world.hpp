#pragma once
/// One node's actors under CAF's test scheduler, over storage in memory: nothing runs until a test says so,
/// one message at a time and always in the same order. Between any two messages a test may look at the
/// tables, let a commit fail, lose a push or end the node.

#include "actors/protocol.hpp"
#include "actors/shard.hpp"
#include "storage/memory_journal.hpp"
#include "storage/memory_lease.hpp"

#include <caf/scheduler/test_coordinator.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ates::test {

using actors::outcome;
using domain::account_id;
using domain::shard_number;
using domain::task_id;
using storage::entity_kind;
using storage::entity_ref;

inline entity_ref ref(const task_id& id) {
  return {entity_kind::task, id.value};
}
inline entity_ref ref(const account_id& id) {
  return {entity_kind::account, id.value};
}
inline constexpr entity_ref directory_ref{entity_kind::directory, {}};
inline constexpr entity_ref shuffles_ref{entity_kind::shuffles, {}};
inline constexpr entity_ref payouts_ref{entity_kind::payouts, {}};

/// Somebody outside who asked, and what they have heard.
class question {
public:
  [[nodiscard]] bool answered() const { return *heard_ != nullptr; }
  /// Throws if nothing was heard.
  [[nodiscard]] const actors::reply& reply() const;
  [[nodiscard]] outcome what() const { return reply().what; }
  [[nodiscard]] const domain::task& task() const { return std::get<domain::task>(reply().value); }
  void hear(const actors::reply& r) const { *heard_ = std::make_shared<const actors::reply>(r); }

private:
  std::shared_ptr<std::shared_ptr<const actors::reply>> heard_ =
      std::make_shared<std::shared_ptr<const actors::reply>>();
};

/// What storage saw, and what a test does at that moment.
struct storage_watch {
  struct commit {
    std::vector<entity_ref> records;
    std::vector<std::pair<shard_number, storage::epoch>> fence_only;
  };
  std::vector<commit> commits;   ///< tried ones too
  std::vector<entity_ref> loads; ///< entities that were asked of the loader
  std::function<void(std::span<const storage::record* const>)> before_commit;
  std::function<void()> during_figures; ///< while the loader reads the figures of a day
};

/// What happens on the way between shards: how often a message arrives.
struct road {
  std::function<int(const actors::inbox_push&)> copies_of_push;
  std::function<int(const actors::inbox_ack&)> copies_of_ack;
};

struct world_options {
  shard_number shards = 4;
  std::uint32_t max_active = 1000; ///< per shard
  std::uint32_t reward_dollars = 30;
  std::uint32_t mail_attempts = 10;
  /// What becomes of each letter; without it letters stay queued.
  std::function<mail::attempt(const mail::parcel&)> post_office = nullptr;
};

class world {
public:
  explicit world(world_options options = {});
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  // ── the node
  /// Joins as a new incarnation, takes every shard and starts its actors. Returns when all of them serve.
  void start();
  /// The process dies: what its actors had in hand is gone.
  void crash();
  /// Starts the shards whose actors ended and whose lease is ours, as the guardian does with each grant.
  void start_lost_shards();
  /// The last heartbeat is too old to answer on our own word.
  void lose_right() { home->right.lost(); }
  void renew_right();
  /// Business time from now on.
  void set_time(domain::instant now);

  // ── letting things happen
  void run() { scheduler.run(); }
  /// Everything but the journal.
  void run_without_journal();
  /// One message; false: there is none.
  bool step() { return scheduler.try_run_once(); }
  /// `time` passes, and what it causes happens.
  void pass(std::chrono::milliseconds time);
  /// Time passes until `done` holds when all is quiet; false: it does not within a minute.
  bool pass_until(const std::function<bool()>& done);
  /// As pass_until, but looks between any two messages.
  bool step_until(const std::function<bool()>& done);

  // ── asking
  question ask(const entity_ref& to, actors::command what, std::optional<actors::idempotency> key = {},
               account_id by = {});
  /// As ask, with a deadline of the test's choice.
  question ask_until(std::chrono::steady_clock::time_point deadline, const entity_ref& to,
                     actors::command what);
  /// As another node would ask: the envelope as it stands, with a deadline far away unless it has one.
  question ask(actors::envelope e);
  /// Asks and lets everything happen.
  question answer(const entity_ref& to, actors::command what, std::optional<actors::idempotency> key = {},
                  account_id by = {});
  /// Hands the journal what an entity would.
  question append(actors::journal_entry entry);
  actors::shard_status status(shard_number shard);
  /// Two questions for the same entity reach the loader at once: how many entities each answer has.
  std::pair<std::size_t, std::size_t> load_twice(const task_id& id);

  // ── people and work
  /// A worker whose account lives in `shard`, known to the directory.
  account_id hire(const std::string& login, shard_number shard);
  /// An open task in `shard`, its fee charged.
  task_id new_task(shard_number shard, const std::string& title = "sweep the yard");
  /// An id that lives in `shard`: another one with each call.
  domain::uuid id_in(shard_number shard);
  /// The task, by whoever it is assigned to.
  question complete(const task_id& id);

  storage::memory_state::tables tables() { return state.look(); }
  domain::task stored(const task_id& id);
  domain::account stored(const account_id& id);

  caf::actor_system& system() { return system_; }

  storage::memory_state state;
  storage_watch watch;
  test::road road;
  std::shared_ptr<actors::node> home;
  actors::journal_actor journal;
  actors::loader_actor loader;
  actors::region_actor region;
  actors::mailer_actor mailer;
  std::map<shard_number, actors::shard_actor> shards;

private:
  struct quiet_config : caf::actor_system_config {
    quiet_config();
  };
  actors::journal_actor start_journal();
  void start_shard(const storage::shard_lease& lease);
  void drain();

  world_options options_;
  quiet_config config_;
  caf::actor_system system_;

public:
  caf::scheduler::test_coordinator& scheduler;

private:
  storage::memory_lease leases_;
  storage::incarnation incarnation_ = 0;
  actors::asker_actor asker_;
  actors::roster_actor roster_;
  actors::region_actor beyond_; ///< the real region, at the other end of the road
  std::uint32_t last_id_ = 0;
};

/// Makes a worker with this login.
actors::create_employee_command employ(const std::string& login, const account_id& id);

/// A key of a request with this body.
actors::idempotency key_of(std::string_view name, std::string_view body = "the same body");

} // namespace ates::test
