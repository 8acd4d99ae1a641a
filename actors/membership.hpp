#pragma once
/// The membership actor (design.md §6). Detached: its calls block.
///
///   joining ──joined──► waiting for the journals ──begin──► serving ──drain──► draining ──► stopped
///      ▲                                                       │ the database says: dead
///      └───────────────────────────────────────────────────────┘ as a new incarnation
///
/// With each beat (every 200 ms) it looks at the whole cluster, buries the dead, takes its share of what is
/// free, and has what is too much moved to others.

#include "actors/node.hpp"
#include "actors/protocol.hpp"
#include "actors/spread.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace ates::actors {

/// Whom membership tells what it sees.
struct membership_surroundings {
  guardian_actor guardian;
  region_actor region;
  roster_actor roster;
};

class membership_state {
public:
  membership_state() {}

  void open(membership_actor::pointer self, std::shared_ptr<node> home, membership_surroundings around,
            storage::node_row row, std::unique_ptr<storage::lease_store> store);
  void serve();
  void beat();
  void look_soon();
  void look_now();
  void link_lost(storage::incarnation peer);
  void link_works(storage::incarnation peer) { suspects_.erase(peer); }
  void bury_suspects();
  void hand_over(const move_out& m);
  caf::result<bool> drain();
  bool stop();

  peers_actor peers;

  static inline const char* name = "membership";

private:
  template <class F> void with_storage(const char* what, F&& f);
  void join();
  void enter(storage::node_state state);
  void beat_once();
  void die();
  void look();
  void give(const spread_plan& plan);
  void warn_of_namesakes(const storage::cluster_view& view);
  void tell(const storage::cluster_view& view);
  void hand_over_ready();
  void announce();
  void watch_drain(const storage::cluster_view& view);

  membership_actor::pointer self_ = nullptr;
  std::shared_ptr<node> home_;
  membership_surroundings around_;
  storage::node_row row_;
  std::unique_ptr<storage::lease_store> store_;
  storage::incarnation incarnation_ = 0; ///< 0: not joined
  storage::node_state state_ = storage::node_state::joining;
  storage::incarnation namesake_ = 0; ///< the last one that was warned of
  bool has_token_ = false;            ///< for draining
  bool look_pending_ = false;
  std::set<shard_number> moving_;          ///< the guardian makes them ready
  std::map<shard_number, move_out> ready_; ///< to be handed over
  std::map<storage::incarnation, std::chrono::steady_clock::time_point> suspects_; ///< links broke then
  bool burying_ = false;
  caf::typed_response_promise<bool> drain_asker_;
};

membership_actor::behavior_type membership(membership_actor::stateful_pointer<membership_state> self,
                                           std::shared_ptr<node> home, membership_surroundings around,
                                           storage::node_row row,
                                           std::function<std::unique_ptr<storage::lease_store>()> open_store);

} // namespace ates::actors
