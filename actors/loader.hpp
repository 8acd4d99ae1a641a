#pragma once
/// The loader actor: reads committed state, blocking, on a connection of its own.

#include "actors/protocol.hpp"

#include <deque>
#include <functional>
#include <memory>

namespace ates::actors {

/// Activations of all shards that queued up while the last query ran travel in one query, as records do in a
/// batch.
class loader_state {
public:
  loader_state() {}

  void open(loader_actor::pointer self, std::unique_ptr<storage::loader> opened);
  caf::result<loaded_entities> load(load_entities& wanted);
  void flush();
  /// One chunk; true: there may be more.
  bool forget(const forget_old& q);
  [[nodiscard]] storage::loader& store() { return *store_; }

  static inline const char* name = "loader";

private:
  struct waiting {
    load_entities wanted;
    caf::typed_response_promise<loaded_entities> asker;
  };

  loader_actor::pointer self_ = nullptr;
  std::unique_ptr<storage::loader> store_;
  std::deque<waiting> waiting_;
  bool flush_pending_ = false;
};

/// Every question is answered, or fails with caf::sec::runtime_error when storage is away: the asker tries
/// again.
loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   std::function<std::unique_ptr<storage::loader>()> open_store);

} // namespace ates::actors
