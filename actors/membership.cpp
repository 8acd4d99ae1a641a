#include "actors/membership.hpp"

#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "storage/errors.hpp"

namespace ates::actors {

namespace {

/// Free shards are looked for with every so many beats.
constexpr std::uint64_t beats_per_look = 5;

} // namespace

void membership_state::open(membership_actor::pointer self, std::shared_ptr<node> home,
                            guardian_actor guardian, storage::node_row row,
                            std::unique_ptr<storage::lease_store> store) {
  self_ = self;
  home_ = std::move(home);
  guardian_ = std::move(guardian);
  row_ = std::move(row);
  store_ = std::move(store);
  self_->send(self_, atom::beat_v);
}

void membership_state::serve() {
  serving_ = true;
  beats_ = 0;
}

void membership_state::join() {
  const auto sent = lease_right::boot_clock();
  incarnation_ = store_->join(row_, home_->settings.cluster.lease_ttl);
  spdlog::info("node={} incarnation={} joined", row_.name, incarnation_);
  home_->right.renewed(sent);
  serving_ = false;
  const auto at = std::chrono::steady_clock::now();
  const auto first = store_->heartbeat(incarnation_, home_->settings.cluster.lease_ttl);
  home_->clock.set(first.database_clock, at);
  self_->send(guardian_, joined{incarnation_});
}

void membership_state::take() {
  auto taken = store_->take_free(incarnation_);
  granted g;
  for (auto& lease : store_->leases()) {
    if (lease.owner == incarnation_)
      g.leases.push_back(lease);
  }
  if (!taken.empty())
    spdlog::info("node={} incarnation={} shards_taken={}", row_.name, incarnation_, taken.size());
  self_->send(guardian_, std::move(g));
}

void membership_state::beat() {
  self_->delayed_send(self_, config::limits::heartbeat_interval, atom::beat_v);
  try {
    if (incarnation_ == 0)
      join();
    const auto sent = lease_right::boot_clock();
    const auto before = std::chrono::steady_clock::now();
    const auto answer = store_->heartbeat(incarnation_, home_->settings.cluster.lease_ttl);
    if (!answer.alive) {
      spdlog::error("node={} incarnation={} declared_dead", row_.name, incarnation_);
      home_->right.lost();
      home_->storage.heartbeat(false);
      incarnation_ = 0;
      serving_ = false;
      self_->send(guardian_, atom::dead_v);
      return;
    }
    home_->right.renewed(sent);
    home_->clock.set(answer.database_clock, before + (std::chrono::steady_clock::now() - before) / 2);
    home_->storage.heartbeat(true);
    if (serving_ && beats_++ % beats_per_look == 0)
      take();
  } catch (const std::exception& e) {
    // Storage is away: answers that cannot be proved wait, everything resumes with the next good beat.
    home_->storage.heartbeat(false);
    spdlog::warn("node={} heartbeat_failed=\"{}\"", row_.name, e.what());
  }
}

bool membership_state::stop() {
  try {
    if (incarnation_ != 0)
      store_->leave(incarnation_);
  } catch (const std::exception& e) {
    spdlog::warn("node={} not_left=\"{}\" the next start waits for the lease to run out", row_.name,
                 e.what());
  }
  self_->quit();
  return true;
}

membership_actor::behavior_type
membership(membership_actor::stateful_pointer<membership_state> self, std::shared_ptr<node> home,
           guardian_actor guardian, storage::node_row row,
           std::function<std::unique_ptr<storage::lease_store>()> open_store) {
  set_house_rules(self, membership_state::name);
  self->state.open(self, std::move(home), std::move(guardian), std::move(row), open_store());
  return {
      [self](atom::begin) { self->state.serve(); },
      [self](atom::beat) { self->state.beat(); },
      [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace ates::actors
