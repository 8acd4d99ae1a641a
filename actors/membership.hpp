#pragma once
/// The membership actor (design.md §6). Detached: its calls block.
///
///   joining ──joined──► waiting for the journals ──begin──► serving (a beat every 200 ms, free shards taken)
///      ▲                                                       │ the database says: dead
///      └───────────────────────────────────────────────────────┘ as a new incarnation

#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <functional>
#include <memory>

namespace ates::actors {

class membership_state {
public:
  membership_state() {}

  void open(membership_actor::pointer self, std::shared_ptr<node> home, guardian_actor guardian,
            storage::node_row row, std::unique_ptr<storage::lease_store> store);
  void serve();
  void beat();
  bool stop();

  static inline const char* name = "membership";

private:
  void join();
  void take();

  membership_actor::pointer self_ = nullptr;
  std::shared_ptr<node> home_;
  guardian_actor guardian_;
  storage::node_row row_;
  std::unique_ptr<storage::lease_store> store_;
  storage::incarnation incarnation_ = 0; ///< 0: not joined
  bool serving_ = false;
  std::uint64_t beats_ = 0;
};

membership_actor::behavior_type membership(membership_actor::stateful_pointer<membership_state> self,
                                           std::shared_ptr<node> home, guardian_actor guardian,
                                           storage::node_row row,
                                           std::function<std::unique_ptr<storage::lease_store>()> open_store);

} // namespace ates::actors
