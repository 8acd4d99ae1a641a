#pragma once
/// The bridge from threads outside the actor system: asks the region and tells the thread, always within the
/// deadline.

#include "actors/protocol.hpp"

namespace ates::actors {

struct asker_state {
  asker_state() {}
  static inline const char* name = "asker";
};

asker_actor::behavior_type asker(asker_actor::stateful_pointer<asker_state> self, region_actor region);

} // namespace ates::actors
