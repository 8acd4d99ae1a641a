#pragma once
/// The two implementations of the storage seam, as one suite drives them. A world has shards_total shards,
/// all taken by one incarnation.

#include "storage/connection.hpp"
#include "storage/memory_lease.hpp"
#include "storage/postgres_journal.hpp"
#include "storage/postgres_lease.hpp"
#include "storage/postgres_loader.hpp"
#include "storage/postgres_operations.hpp"
#include "test/storage/gate.hpp"
#include "test/storage/samples.hpp"
#include "test/support/postgres_cluster.hpp"

#include <boost/mpl/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

namespace ates::test {

/// The PostgreSQL of this test binary, started when it is first needed; quick rather than durable.
postgres_cluster& shared_cluster();
/// A new database of shared_cluster(): migrated, with its shards. Returns its name.
std::string new_database();

/// Numbers of all shards of a world.
std::vector<storage::shard_number> all_shards();

class memory_world {
public:
  memory_world();
  std::unique_ptr<storage::journal> journal(std::int16_t writer = 0);
  storage::loader& loader() { return loader_; }
  std::unique_ptr<storage::lease_store> new_lease_store();
  storage::operations& operations() { return operations_; }
  storage::incarnation self = 0;

  /// As if the last heartbeat of `node` had come so much earlier, and its lease with it.
  void age_beat(storage::incarnation node, std::chrono::milliseconds by);
  /// Another owner takes the lease.
  void lose(storage::shard_number shard);
  /// Somebody is about to take the lease; a commit that comes now waits for what becomes of it.
  void begin_takeover(storage::shard_number shard);
  void wait_for_blocked_commit();
  void end_takeover(storage::shard_number shard);
  /// The next commit's outcome stays unknown to the caller.
  void lose_next_reply(bool written);
  void go_away();
  void come_back();

private:
  storage::memory_state state_{shards_total};
  storage::memory_loader loader_{state_};
  storage::memory_operations operations_{state_};
  std::unique_ptr<storage::lease_store> lease_; ///< of `self`
};

class postgres_world {
public:
  postgres_world();
  std::unique_ptr<storage::journal> journal(std::int16_t writer = 0);
  storage::loader& loader() { return loader_; }
  std::unique_ptr<storage::lease_store> new_lease_store();
  storage::operations& operations() { return operations_; }
  storage::incarnation self = 0;

  void age_beat(storage::incarnation node, std::chrono::milliseconds by);
  void lose(storage::shard_number shard);
  void begin_takeover(storage::shard_number shard);
  void wait_for_blocked_commit();
  void end_takeover(storage::shard_number shard);
  void lose_next_reply(bool written);
  void go_away() { shared_cluster().stop(); }
  void come_back() { shared_cluster().start(); }

  [[nodiscard]] std::string url(database_role role) const { return shared_cluster().url(role, database_); }
  /// Runs SQL as the owner of the database.
  pqxx::result sql(const std::string& statement);

private:
  std::string database_;
  gate gate_; ///< the journals connect through it
  storage::postgres_loader loader_;
  storage::postgres_operations operations_;
  std::unique_ptr<storage::lease_store> lease_; ///< of `self`
  std::unique_ptr<pqxx::connection> thief_;
  std::unique_ptr<pqxx::work> takeover_;
};

using worlds = boost::mpl::list<memory_world, postgres_world>;

/// One journal with shards attached as they stand, and what a test asks of it.
template <class World> struct desk {
  explicit desk(World& w, std::vector<storage::shard_number> which = {0, 1, 2, 3})
      : world(w), shards(std::move(which)) {
    attach();
  }
  /// As after a start: positions and epochs are read back.
  void attach() {
    const auto loaded = world.loader().load_shards(shards);
    for (std::size_t i = 0; i < shards.size(); ++i)
      journal->attach(shards[i], loaded[i].counters);
    epochs.clear();
    for (const auto& lease : world.new_lease_store()->view().shards)
      epochs[lease.shard] = lease.epoch;
    const std::pair lease{shards.front(), epochs[shards.front()]};
    journal->commit({}, std::span{&lease, 1}, out); // connects: what a test arranges hits its own commit
  }
  storage::commit_outcome commit(const std::vector<storage::record>& records) {
    std::vector<const storage::record*> pointers;
    for (const auto& r : records)
      pointers.push_back(&r);
    return journal->commit(pointers, {}, out);
  }
  [[nodiscard]] bool commits(const std::vector<storage::record>& records) {
    return commit(records).what == storage::commit_outcome::kind::committed;
  }
  [[nodiscard]] storage::shard_counters stored(storage::shard_number shard) {
    return world.loader().load_shards(std::span{&shard, 1}).front().counters;
  }
  /// The stored snapshot, or nullopt.
  template <class State>
  std::optional<State> stored(storage::entity_kind kind, storage::shard_number shard,
                              const domain::uuid& id) {
    const storage::entity_place place{shard, {kind, id}};
    const auto loaded = world.loader().load(std::span{&place, 1});
    const auto* state = std::get_if<State>(&loaded.at(0).snapshot);
    return state == nullptr ? std::nullopt : std::optional{*state};
  }

  World& world;
  std::vector<storage::shard_number> shards;
  std::unique_ptr<storage::journal> journal = world.journal();
  std::map<storage::shard_number, storage::epoch> epochs;
  std::vector<storage::delivery> out;
};

/// Until `holds`; fails the test after 20 s.
void wait_until(const std::function<bool()>& holds, const char* what);

} // namespace ates::test
