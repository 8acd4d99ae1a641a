#pragma once
/// Keeps the node's copy of the directory. Whatever it publishes is durable: rows come from the directory of
/// this node once they are committed, or from storage when another node, or a look at the leases, says that
/// there is a newer version.

#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <chrono>
#include <map>
#include <set>
#include <vector>

namespace ates::actors {

class roster_keeper_state {
public:
  roster_keeper_state() {}

  void open(roster_actor::pointer self, std::shared_ptr<node> home, loader_actor loader);
  caf::result<bool> on_news(const roster_news& news);
  void look(std::int64_t version);
  void on_peer_look(storage::incarnation from, std::int64_t version);
  void on_ack(const roster_ack& ack);
  void on_map(cluster_map_ptr map);
  void on_tick();
  void stop();

  peers_actor peers;

  static inline const char* name = "roster_keeper";

private:
  struct waiting {
    std::int64_t version = 0;
    std::chrono::steady_clock::time_point until;
    caf::typed_response_promise<bool> asker;
  };

  void read();
  void take_over(const std::vector<storage::employee_row>& rows);
  void publish();
  void answer_peers();
  void answer_waiting();
  [[nodiscard]] bool known_everywhere(std::int64_t version) const;

  roster_actor::pointer self_ = nullptr;
  std::shared_ptr<node> home_;
  loader_actor loader_;
  cluster_map_ptr map_;
  std::map<std::int64_t, std::shared_ptr<const storage::employee_row>> employees_; ///< by number
  bool known_ = false;
  bool reading_ = false;
  std::int64_t version_ = 0;                ///< of `employees_`
  std::int64_t wanted_ = 0;                 ///< somebody spoke of this version
  std::set<storage::incarnation> asked_by_; ///< peers that want to hear our version
  std::map<storage::incarnation, std::int64_t> acks_;
  std::vector<waiting> waiting_;
  bool ticking_ = false;
};

roster_actor::behavior_type roster_keeper(roster_actor::stateful_pointer<roster_keeper_state> self,
                                          std::shared_ptr<node> home, loader_actor loader);

} // namespace ates::actors
