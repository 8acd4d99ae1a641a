#pragma once
/// Which node should own which shard (design.md §6 "Spread"): every serving node ⌊S/n⌋ or ⌈S/n⌉ of them, few
/// moves when a node comes or goes. Pure: nodes that see the same leases come to the same plan; where they
/// see different ones the database decides.

#include "storage/lease.hpp"

#include <utility>
#include <vector>

namespace ates::actors {

/// What one node should do about it.
struct spread_plan {
  std::vector<storage::shard_number> take;                                  ///< free ones, ascending
  std::vector<std::pair<storage::shard_number, storage::incarnation>> give; ///< own ones, and to whom
};

/// Whether a node counts when shards are spread.
bool takes_shards(const storage::node_view& node);

/// A node counts when it lives, serves and is not asked to drain. A shard stays where it is unless its owner
/// has too many, does not count any more, or an operator wants it elsewhere; shards that were moved by hand
/// are the last to be moved again. What nobody can take stays where it is.
spread_plan plan_spread(const storage::cluster_view& cluster, storage::incarnation self);

} // namespace ates::actors
