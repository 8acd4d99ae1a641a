#pragma once
/// Who is alive and who owns which shard: PostgreSQL decides (design.md §6).

#include "storage/record.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ates::storage {

/// What a node says of itself with each heartbeat.
enum class node_state : std::uint8_t { joining = 1, serving = 2, draining = 3 };

struct node_row {
  incarnation number = 0;
  std::string name;
  std::string http; ///< address of the gateway
  std::string caf;  ///< address for other nodes, empty: none
  std::string version;
  std::int32_t pid = 0;
  uuid boot_nonce; ///< random per incarnation: proves a peer to be the process of this row
};

/// A node as the database sees it.
struct node_view {
  node_row row;
  node_state state = node_state::joining;
  bool drain_asked = false; ///< an operator wants it to serve nothing
  bool dead = false;
  bool expired = false; ///< its lease has run out, and nobody has declared it dead yet
  std::chrono::milliseconds beat_age{0};
  instant started_at{};
  std::uint32_t active_actors = 0;
};

struct shard_lease {
  shard_number shard = 0;
  std::optional<incarnation> owner;
  storage::epoch epoch = 0;
  std::optional<incarnation> move_to; ///< an operator's wish; every change of owner clears it
  bool moved_by_hand = false;         ///< the last change of owner was such a wish
};

struct cluster_view {
  instant database_clock{};
  /// By incarnation: all that are not dead, and of each name without one its last life, for 24 h.
  std::vector<node_view> nodes;
  std::vector<shard_lease> shards;    ///< ascending
  std::int64_t directory_version = 0; ///< the highest employee_row::changed; 0: there are no employees
};

struct beat {
  bool alive = false;       ///< false: others declared this incarnation dead
  instant database_clock{}; ///< clock_timestamp() of the beat
  bool drain_asked = false;
};

/// Leases of one node. Owned by the membership actor; owns a connection that also holds the incarnation's
/// advisory lock. Not thread-safe. Every call throws storage_error: `away` when storage is away, `refused`
/// with 55P03 or 57014 when rows stayed locked for longer than the time limits; then nothing has changed, and
/// the call may be made again.
class lease_store {
public:
  virtual ~lease_store() = default;

  /// Registers a new incarnation.
  virtual incarnation join(const node_row& self, std::chrono::milliseconds ttl) = 0;
  virtual beat heartbeat(incarnation self, std::chrono::milliseconds ttl, node_state state,
                         std::uint32_t active_actors) = 0;
  /// Everything about the cluster, as of one moment.
  virtual cluster_view view() = 0;

  /// Declares dead: other lives of this node's name whose advisory lock is free or whose lease has run out;
  /// and, once the heartbeats of this store have succeeded for a whole ttl, every node whose lease has run
  /// out. Ends the backends of the dead. Returns those declared dead now; nobody if `self` is dead.
  virtual std::vector<incarnation> bury(incarnation self) = 0;
  /// A peer lost its link to `other`: declares it dead if its advisory lock is free and its last beat is
  /// older than `silent` by the database's clock; not within a ttl after storage was away, when `other` may
  /// just be slower to return. Ends its backends. True: it is dead, now or before.
  virtual bool bury_if_gone(incarnation self, incarnation other, std::chrono::milliseconds silent) = 0;

  /// Takes those of `wanted` that are free or whose owner is dead: locks the rows FOR UPDATE in ascending
  /// order, raises the epochs, commits. Returns what was taken, ascending; nothing if `self` is dead.
  virtual std::vector<shard_lease> take(incarnation self, std::span<const shard_number> wanted) = 0;
  /// Gives away those of `shards` that are ours: to `to` if it lives (not dead, lease not run out), else to
  /// nobody (free); epoch + 1. Nothing of them may be in flight. Returns the new leases, ascending.
  virtual std::vector<shard_lease> hand_over(incarnation self, std::span<const shard_number> shards,
                                             std::optional<incarnation> to) = 0;

  /// Only who holds the token drains: one node at a time. True: it is ours (also if it was before). It is
  /// lost with the connection, so an owner that drains for long asks again.
  virtual bool take_drain_token(incarnation self) = 0;
  virtual void give_back_drain_token() = 0;

  /// Gives all shards back and ends the incarnation: the next start need not wait.
  virtual void leave(incarnation self) = 0;
};

} // namespace ates::storage
