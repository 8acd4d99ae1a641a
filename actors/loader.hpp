#pragma once
/// The loader actor: reads committed state, blocking, on a connection of its own.

#include "actors/protocol.hpp"

#include <functional>
#include <memory>

namespace ates::actors {

struct loader_state {
  loader_state() {}
  std::unique_ptr<storage::loader> store;
  static inline const char* name = "loader";
};

/// Every question is answered, or fails with caf::sec::runtime_error when storage is away: the asker tries again.
loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   std::function<std::unique_ptr<storage::loader>()> open_store);

} // namespace ates::actors
