#pragma once
/// Who is alive and who owns which shard: PostgreSQL decides (design.md §6).

#include "storage/record.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ates::storage {

struct node_row {
  incarnation number = 0;
  std::string name;
  std::string http; ///< address of the gateway
  std::string caf;  ///< address for other nodes, empty: none
  std::string version;
  std::int32_t pid = 0;
};

struct shard_lease {
  shard_number shard = 0;
  std::optional<incarnation> owner;
  storage::epoch epoch = 0;
};

struct beat {
  bool alive = false;       ///< false: others declared this incarnation dead
  instant database_clock{}; ///< clock_timestamp() of the beat
};

/// Leases of one node. Owned by the membership actor; owns a connection that also holds the incarnation's
/// advisory lock. Not thread-safe. Every call throws storage_error when storage is away.
class lease_store {
public:
  virtual ~lease_store() = default;
  /// Registers a new incarnation; declares earlier incarnations of the same node name dead at once when their
  /// advisory lock is free, else when their lease has run out.
  virtual incarnation join(const node_row& self, std::chrono::milliseconds ttl) = 0;
  virtual beat heartbeat(incarnation self, std::chrono::milliseconds ttl) = 0;
  /// Takes every shard that is free or whose owner is dead: locks the rows FOR UPDATE in ascending order,
  /// raises the epoch, commits. Returns what was taken.
  virtual std::vector<shard_lease> take_free(incarnation self) = 0;
  virtual std::vector<shard_lease> leases() = 0;
  /// Gives all shards back and ends the incarnation: the next start need not wait.
  virtual void leave(incarnation self) = 0;
};

} // namespace ates::storage
