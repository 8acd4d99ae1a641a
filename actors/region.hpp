#pragma once
/// The region: "send this to shard X", wherever X lives.

#include "actors/protocol.hpp"

#include <vector>

namespace ates::actors {

struct region_state {
  region_state() {}
  std::vector<shard_actor> shards; ///< by number; null: not here
  static inline const char* name = "region";
};

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self, shard_number shards);

} // namespace ates::actors
