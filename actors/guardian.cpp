#include "actors/guardian.hpp"

#include "actors/house_rules.hpp"
#include "actors/journal.hpp"
#include "actors/loader.hpp"
#include "actors/membership.hpp"
#include "actors/shard.hpp"
#include "config/limits.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

void guardian_state::open(guardian_actor::pointer self, std::shared_ptr<node> home, storage_access access,
                          storage::node_row row, region_actor region) {
  self_ = self;
  home_ = std::move(home);
  access_ = std::move(access);
  region_ = std::move(region);
  for (std::size_t i = 0; i < limits::readers; ++i)
    loaders_.push_back(self_->spawn<caf::detached>(loader, access_.open_loader));
  membership_ = self_->spawn<caf::detached + caf::monitored>(membership, home_, guardian_actor{self_},
                                                             std::move(row), access_.open_leases);
}

void guardian_state::on_joined(storage::incarnation number) {
  if (stopping_)
    return;
  for (std::size_t i = 0; i < limits::writers; ++i)
    journals_.push_back(self_->spawn<caf::detached + caf::monitored>(
        journal, home_, i,
        [open = access_.open_journal, number](std::size_t writer) { return open(number, writer); }));
  self_->send(membership_, atom::begin_v);
}

void guardian_state::on_granted(const granted& g) {
  if (stopping_ || journals_.empty())
    return;
  const auto share = home_->settings.actors.max_active / std::max<std::size_t>(g.leases.size(), 1);
  for (const auto& lease : g.leases) {
    if (shards_.contains(lease.shard))
      continue;
    shard_config config{.node = home_,
                        .number = lease.shard,
                        .epoch = lease.epoch,
                        .journal = journals_[lease.shard % journals_.size()],
                        .loader = loaders_[lease.shard % loaders_.size()],
                        .region = region_,
                        .max_active = static_cast<std::uint32_t>(std::max<std::size_t>(share, 1))};
    auto actor = self_->spawn<caf::monitored>(shard, std::move(config));
    shards_[lease.shard] = actor;
    self_->send(region_, atom::attach_v, lease.shard, actor);
  }
}

void guardian_state::drop_everything() {
  for (const auto& [number, actor] : shards_) {
    self_->demonitor(actor.address());
    self_->send(region_, atom::detach_v, number);
    self_->send_exit(actor, caf::exit_reason::kill);
  }
  for (const auto& j : journals_) {
    self_->demonitor(j.address());
    self_->send_exit(j, caf::exit_reason::kill);
  }
  shards_.clear();
  journals_.clear();
  home_->counters.shards_serving = 0;
  home_->counters.active_entities = 0;
}

void guardian_state::on_dead() {
  drop_everything();
}

void guardian_state::on_down(const caf::down_msg& d) {
  if (stopping_)
    return;
  const auto shard = std::find_if(shards_.begin(), shards_.end(),
                                  [&](const auto& s) { return s.second.id() == d.source.id(); });
  if (shard != shards_.end()) {
    // Lost its lease, or crashed: the next grant starts it again if the lease is ours.
    self_->send(region_, atom::detach_v, shard->first);
    self_->send(journals_[shard->first % journals_.size()], atom::detach_v, shard->first);
    shards_.erase(shard);
    return;
  }
  // Without its journals or its membership a node cannot know what is durable: better no node than a wrong
  // one. Whoever started the process starts it again.
  spdlog::critical("actor={} down reason=\"{}\": ending the process", d.source.id(), text_of(d.reason));
  spdlog::shutdown();
  std::abort();
}

caf::result<bool> guardian_state::stop() {
  stopping_ = true;
  auto asker = self_->make_response_promise<bool>();
  if (shards_.empty()) {
    stop_journals(asker);
    return asker;
  }
  auto left = std::make_shared<std::size_t>(shards_.size());
  const auto one_less = [this, asker, left] {
    if (--*left == 0)
      stop_journals(asker);
  };
  for (const auto& [number, actor] : shards_)
    self_->request(actor, limits::stop_patience, atom::stop_v)
        .then([one_less](bool) { one_less(); }, [one_less](caf::error&) { one_less(); });
  return asker;
}

void guardian_state::stop_journals(caf::typed_response_promise<bool> asker) {
  if (journals_.empty())
    return stop_rest(asker);
  auto left = std::make_shared<std::size_t>(journals_.size());
  const auto one_less = [this, asker, left] {
    if (--*left == 0)
      stop_rest(asker);
  };
  for (const auto& j : journals_)
    self_->request(j, limits::stop_patience, atom::stop_v)
        .then([one_less](bool) { one_less(); }, [one_less](caf::error&) { one_less(); });
}

void guardian_state::stop_rest(caf::typed_response_promise<bool> asker) {
  for (const auto& l : loaders_)
    self_->send(l, atom::stop_v);
  self_->send(region_, atom::stop_v);
  auto done = [this, asker]() mutable {
    asker.deliver(true);
    self_->quit();
  };
  self_->request(membership_, limits::stop_patience, atom::stop_v)
      .then([done](bool) mutable { done(); }, [done](caf::error&) mutable { done(); });
}

guardian_actor::behavior_type guardian(guardian_actor::stateful_pointer<guardian_state> self,
                                       std::shared_ptr<node> home, storage_access access,
                                       storage::node_row row, region_actor region) {
  set_house_rules(self, guardian_state::name);
  self->set_down_handler([self](caf::down_msg& d) { self->state.on_down(d); });
  self->state.open(self, std::move(home), std::move(access), std::move(row), std::move(region));
  return {
      [self](const joined& j) { self->state.on_joined(j.number); },
      [self](const granted& g) { self->state.on_granted(g); },
      [self](atom::dead) { self->state.on_dead(); },
      [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace ates::actors
