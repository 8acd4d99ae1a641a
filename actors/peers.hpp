#pragma once
/// Keeps a link to every other living node of the map, and opens the door to those that connect: the only
/// actor that is published.

#include "actors/peer_link.hpp"

#include <map>
#include <memory>
#include <string>

namespace ates::actors {

class peers_state {
public:
  peers_state() {}

  void open(peers_actor::pointer self, link_surroundings around);
  void on_map(cluster_map_ptr map);
  caf::result<greeting, peer_port> on_greeting(const greeting& theirs, const peer_port& port);
  void tell_all(const notice& n);
  void tell(storage::incarnation peer, const notice& n);
  void stop();

  static inline const char* name = "peers";

private:
  [[nodiscard]] greeting ours(storage::incarnation expects) const;

  peers_actor::pointer self_ = nullptr;
  link_surroundings around_;
  cluster_map_ptr map_;
  std::map<storage::incarnation, link_actor> links_;
  std::map<std::string, std::string> refused_; ///< why, by name
};

peers_actor::behavior_type peers(peers_actor::stateful_pointer<peers_state> self, link_surroundings around);

} // namespace ates::actors
