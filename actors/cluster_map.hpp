#pragma once
/// The cluster as this node saw it last: who lives, who owns which shard. Immutable; each look makes a new
/// one.

#include "storage/lease.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace ates::actors {

struct cluster_map {
  storage::incarnation self = 0;
  std::vector<storage::node_view> nodes;    ///< living ones, ours among them, by incarnation
  std::vector<storage::shard_lease> shards; ///< ascending, all of them

  /// Whether every shard has a living owner.
  [[nodiscard]] bool all_owned() const {
    return std::all_of(shards.begin(), shards.end(),
                       [this](const auto& s) { return s.owner && find(*s.owner) != nullptr; });
  }
  /// How many shards this node owns.
  [[nodiscard]] std::uint32_t owned_here() const {
    return static_cast<std::uint32_t>(
        std::count_if(shards.begin(), shards.end(), [this](const auto& s) { return s.owner == self; }));
  }
  [[nodiscard]] const storage::node_view* find(storage::incarnation number) const {
    const auto found =
        std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.row.number == number; });
    return found == nodes.end() ? nullptr : &*found;
  }
};

using cluster_map_ptr = std::shared_ptr<const cluster_map>;

} // namespace ates::actors
