#include "actors/membership.hpp"

#include "actors/house_rules.hpp"
#include "actors/spread.hpp"
#include "config/limits.hpp"
#include "storage/errors.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

namespace {

using steady = std::chrono::steady_clock;

} // namespace

void membership_state::open(membership_actor::pointer self, std::shared_ptr<node> home,
                            membership_surroundings around, storage::node_row row,
                            std::unique_ptr<storage::lease_store> store) {
  self_ = self;
  home_ = std::move(home);
  around_ = std::move(around);
  row_ = std::move(row);
  store_ = std::move(store);
  self_->send(self_, atom::beat_v);
}

/// Storage may be away at any moment: then answers that cannot be proved wait, and everything resumes with
/// the next good beat.
template <class F> void membership_state::with_storage(const char* what, F&& f) {
  try {
    f();
  } catch (const storage::storage_error& e) {
    const bool away = e.what_kind() == storage::storage_error::kind::away;
    if (away)
      home_->storage.heartbeat(false);
    spdlog::warn("node={} {}_failed=\"{}\"", row_.name, what, e.what());
  } catch (const std::exception& e) {
    spdlog::error("node={} {}_failed=\"{}\"", row_.name, what, e.what());
  }
}

// ── a life ──

void membership_state::join() {
  const auto sent = lease_right::boot_clock();
  row_.boot_nonce = random_uuid();
  incarnation_ = store_->join(row_, home_->settings.cluster.lease_ttl);
  enter(storage::node_state::joining);
  spdlog::info("node={} incarnation={} joined", row_.name, incarnation_);
  home_->right.renewed(sent);
  const auto at = steady::now();
  const auto first = store_->heartbeat(incarnation_, home_->settings.cluster.lease_ttl, state_, 0);
  home_->clock.set(first.database_clock, at);
  self_->send(around_.guardian, joined{incarnation_});
}

void membership_state::enter(storage::node_state state) {
  state_ = state;
  home_->state = state;
}

void membership_state::serve() {
  if (incarnation_ == 0 || state_ != storage::node_state::joining)
    return;
  enter(storage::node_state::serving);
  beat_once();
}

void membership_state::die() {
  spdlog::error("node={} incarnation={} declared_dead", row_.name, incarnation_);
  home_->right.lost();
  home_->storage.heartbeat(false);
  incarnation_ = 0;
  enter(storage::node_state::joining);
  moving_.clear();
  ready_.clear();
  suspects_.clear();
  has_token_ = false;
  self_->send(around_.guardian, atom::dead_v);
}

void membership_state::beat() {
  self_->delayed_send(self_, limits::heartbeat_interval, atom::beat_v);
  beat_once();
}

void membership_state::beat_once() {
  with_storage("heartbeat", [this] {
    if (incarnation_ == 0)
      join();
    const auto sent = lease_right::boot_clock();
    const auto before = steady::now();
    const auto active = std::max<std::int64_t>(home_->counters.active_entities.load(), 0);
    const auto answer = store_->heartbeat(incarnation_, home_->settings.cluster.lease_ttl, state_,
                                          static_cast<std::uint32_t>(active));
    if (!answer.alive)
      return die();
    home_->right.renewed(sent);
    home_->clock.set(answer.database_clock, before + (steady::now() - before) / 2);
    home_->storage.heartbeat(true);
    if (answer.drain_asked && state_ == storage::node_state::serving) {
      spdlog::info("node={} draining=\"asked by an operator\"", row_.name);
      enter(storage::node_state::draining);
    }
    look();
  });
}

// ── what it sees and does ──

/// However many ask for a look while one goes on, one more is enough.
void membership_state::look_soon() {
  if (!std::exchange(look_pending_, true))
    self_->send(self_, atom::next_v);
}

void membership_state::look_now() {
  look_pending_ = false;
  if (incarnation_ != 0 && home_->storage.good())
    with_storage("look", [this] { look(); });
}

void membership_state::look() {
  hand_over_ready();
  auto buried = store_->bury(incarnation_);
  for (const auto dead : buried)
    spdlog::warn("node={} buried={}", row_.name, dead);
  auto view = store_->view();
  const auto plan = plan_spread(view, incarnation_);
  if (!plan.take.empty() && state_ == storage::node_state::serving) {
    const auto taken = store_->take(incarnation_, plan.take);
    spdlog::info("node={} incarnation={} shards_taken={}", row_.name, incarnation_, taken.size());
    home_->counters.take_overs += taken.size();
    for (const auto& lease : taken)
      view.shards.at(lease.shard) = lease;
    if (!taken.empty())
      announce();
  }
  warn_of_namesakes(view);
  tell(view);
  give(plan);
  watch_drain(view);
}

/// Two living nodes of one name do no harm to the books, but nobody could say which one to drain.
void membership_state::warn_of_namesakes(const storage::cluster_view& view) {
  for (const auto& n : view.nodes) {
    if (n.dead || n.row.name != row_.name || n.row.number == incarnation_ || n.row.number == namesake_)
      continue;
    namesake_ = n.row.number;
    spdlog::warn("node={} incarnation={} namesake={} trouble=\"two nodes have this cluster.node\"", row_.name,
                 incarnation_, namesake_);
  }
}

void membership_state::tell(const storage::cluster_view& view) {
  auto map = std::make_shared<cluster_map>();
  map->self = incarnation_;
  std::copy_if(view.nodes.begin(), view.nodes.end(), std::back_inserter(map->nodes),
               [](const auto& n) { return !n.dead; });
  map->shards = view.shards;
  granted g;
  std::copy_if(view.shards.begin(), view.shards.end(), std::back_inserter(g.leases),
               [this](const auto& l) { return l.owner == incarnation_; });
  const cluster_map_ptr seen = std::move(map);
  home_->publish(seen);
  self_->send(around_.region, seen);
  self_->send(around_.roster, seen);
  self_->send(peers, seen);
  self_->send(around_.guardian, std::move(g));
  const auto people = home_->current_roster();
  if (!people->known || people->version < view.directory_version)
    self_->send(around_.roster, roster_look{view.directory_version});
}

void membership_state::give(const spread_plan& plan) {
  if (plan.give.empty())
    return;
  // Only who holds the token drains, one node at a time. Asked for again each time: it is lost with the
  // connection.
  if (state_ == storage::node_state::draining) {
    has_token_ = store_->take_drain_token(incarnation_);
    if (!has_token_)
      return;
  }
  for (const auto& [shard, to] : plan.give) {
    if (moving_.size() >= limits::moves_at_once)
      return;
    if (moving_.insert(shard).second)
      self_->send(around_.guardian, move_out{shard, to});
  }
}

void membership_state::hand_over(const move_out& m) {
  ready_[m.shard] = m;
  if (incarnation_ != 0)
    with_storage("hand_over", [this] { hand_over_ready(); });
}

void membership_state::hand_over_ready() {
  if (ready_.empty())
    return;
  while (!ready_.empty()) {
    const auto m = ready_.begin()->second;
    const auto given = store_->hand_over(incarnation_, std::span{&m.shard, 1}, m.to);
    ready_.erase(m.shard);
    moving_.erase(m.shard);
    home_->counters.moves += given.size();
    for (const auto& lease : given)
      self_->send(around_.region, placement{lease.shard, lease.owner, lease.epoch});
    self_->send(around_.guardian, handed_over{{m.shard}});
  }
  announce();
  look_soon(); // the next ones
}

void membership_state::announce() {
  self_->send(peers, notice{leases_changed{}});
}

// ── burying at once ──

void membership_state::link_lost(storage::incarnation peer) {
  suspects_.insert_or_assign(peer, steady::now());
  if (!std::exchange(burying_, true))
    self_->send(self_, atom::gone_v);
}

void membership_state::bury_suspects() {
  burying_ = false;
  bool buried = false;
  if (incarnation_ != 0 && home_->storage.good()) {
    with_storage("burial", [&] {
      for (auto it = suspects_.begin(); it != suspects_.end();) {
        const bool dead = store_->bury_if_gone(incarnation_, it->first, limits::silent_before_burial);
        buried = buried || dead;
        it = dead || steady::now() - it->second > limits::burial_tries ? suspects_.erase(it) : std::next(it);
      }
    });
  }
  if (buried)
    look_soon();
  if (!suspects_.empty() && !std::exchange(burying_, true))
    self_->delayed_send(self_, limits::burial_interval, atom::gone_v);
}

// ── the end ──

caf::result<bool> membership_state::drain() {
  if (incarnation_ == 0 || !home_->storage.good())
    return false;
  drain_asker_ = self_->make_response_promise<bool>();
  auto asker = drain_asker_;
  if (state_ != storage::node_state::draining)
    spdlog::info("node={} draining", row_.name);
  enter(storage::node_state::draining);
  beat_once();
  return asker;
}

/// Draining is over when nothing is left here, or nobody takes it.
void membership_state::watch_drain(const storage::cluster_view& view) {
  if (state_ != storage::node_state::draining)
    return;
  const auto left = std::count_if(view.shards.begin(), view.shards.end(),
                                  [this](const auto& l) { return l.owner == incarnation_; });
  const bool taken_by_others = std::any_of(view.nodes.begin(), view.nodes.end(), [this](const auto& n) {
    return n.row.number != incarnation_ && takes_shards(n);
  });
  if (left != 0 && taken_by_others)
    return;
  if (std::exchange(has_token_, false))
    store_->give_back_drain_token();
  if (drain_asker_.pending())
    drain_asker_.deliver(left == 0);
}

bool membership_state::stop() {
  if (drain_asker_.pending())
    drain_asker_.deliver(false);
  try {
    if (incarnation_ != 0)
      store_->leave(incarnation_);
  } catch (const std::exception& e) {
    spdlog::warn("node={} not_left=\"{}\" the next start waits for the lease to run out", row_.name,
                 e.what());
  }
  announce();
  self_->quit();
  return true;
}

membership_actor::behavior_type
membership(membership_actor::stateful_pointer<membership_state> self, std::shared_ptr<node> home,
           membership_surroundings around, storage::node_row row,
           std::function<std::unique_ptr<storage::lease_store>()> open_store) {
  set_house_rules(self, membership_state::name);
  auto& state = self->state;
  state.open(self, std::move(home), std::move(around), std::move(row), open_store());
  return {
      [&state](atom::begin) { state.serve(); },
      [&state](atom::beat) { state.beat(); },
      [&state](const peers_actor& p) { state.peers = p; },
      [&state](leases_changed) { state.look_soon(); },
      [&state](atom::next) { state.look_now(); },
      [&state](atom::gone, storage::incarnation peer) { state.link_lost(peer); },
      [&state](atom::up, storage::incarnation peer) { state.link_works(peer); },
      [&state](atom::gone) { state.bury_suspects(); },
      [&state](const move_out& m) { state.hand_over(m); },
      [&state](atom::drain) { return state.drain(); },
      [&state](atom::stop) { return state.stop(); },
  };
}

} // namespace ates::actors
