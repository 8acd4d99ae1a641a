#include "actors/peers.hpp"

#include "actors/greetings.hpp"
#include "actors/house_rules.hpp"

namespace ates::actors {

namespace {

/// Names of refused nodes whose reason was logged. Beyond that all are forgotten, and logged again.
constexpr std::size_t strangers_remembered = 64;

} // namespace

void peers_state::open(peers_actor::pointer self, link_surroundings around) {
  self_ = self;
  around_ = std::move(around);
}

greeting peers_state::ours(storage::incarnation expects) const {
  greeting g;
  g.cluster = around_.node->settings.cluster.name;
  g.node = around_.node->settings.cluster.node;
  g.expects = expects;
  if (!map_)
    return g;
  g.number = map_->self;
  if (const auto* row = map_->find(map_->self))
    g.boot_nonce = domain::to_string(row->row.boot_nonce);
  return g;
}

void peers_state::on_map(cluster_map_ptr map) {
  const bool reborn = map_ && map_->self != map->self;
  map_ = std::move(map);
  for (auto it = links_.begin(); it != links_.end();) {
    if (!reborn && map_->find(it->first) != nullptr) {
      ++it;
      continue;
    }
    self_->send(it->second, atom::stop_v);
    it = links_.erase(it);
  }
  if (map_->find(map_->self) == nullptr)
    return; // we are not in it: nobody would believe us
  for (const auto& n : map_->nodes) {
    if (n.row.number != map_->self && !n.row.caf.empty() && !links_.contains(n.row.number))
      links_[n.row.number] = self_->spawn(peer_link, around_, ours(n.row.number), n.row);
  }
}

caf::result<greeting, peer_port> peers_state::on_greeting(const greeting& theirs, const peer_port& port) {
  const auto* known = map_ ? map_->find(theirs.number) : nullptr;
  const auto wrong = why_not(ours(theirs.number), theirs, known != nullptr ? &known->row : nullptr);
  const auto link = links_.find(theirs.number);
  if (!wrong && link != links_.end())
    return self_->delegate(link->second, theirs, port);
  const auto why = wrong.value_or("it is not in our map yet");
  if (refused_.size() > strangers_remembered)
    refused_.clear();
  if (std::exchange(refused_[theirs.node], why) != why) // they come again every second or two
    spdlog::log(theirs.cluster == ours(0).cluster ? spdlog::level::info : spdlog::level::warn,
                "peer={} incarnation={} refused=\"{}\"", theirs.node, theirs.number, why);
  self_->send(around_.membership, leases_changed{}); // somebody new?
  return caf::make_error(caf::sec::runtime_error, "refused by " + ours(0).node + ": " + why);
}

void peers_state::tell_all(const notice& n) {
  for (const auto& [_, link] : links_)
    self_->send(link, n);
}

void peers_state::tell(storage::incarnation peer, const notice& n) {
  if (const auto link = links_.find(peer); link != links_.end())
    self_->send(link->second, n);
}

void peers_state::stop() {
  for (const auto& [_, link] : links_)
    self_->send(link, atom::stop_v);
  links_.clear();
  self_->quit();
}

peers_actor::behavior_type peers(peers_actor::stateful_pointer<peers_state> self, link_surroundings around) {
  set_house_rules(self, peers_state::name);
  auto& state = self->state;
  state.open(self, std::move(around));
  return {
      [&state](const greeting& g, const peer_port& port) { return state.on_greeting(g, port); },
      [&state](const cluster_map_ptr& map) { state.on_map(map); },
      [&state](const notice& n) { state.tell_all(n); },
      [&state](storage::incarnation peer, const notice& n) { state.tell(peer, n); },
      [&state](atom::stop) { state.stop(); },
  };
}

} // namespace ates::actors
