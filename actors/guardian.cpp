#include "actors/guardian.hpp"

#include "actors/greetings.hpp"
#include "actors/house_rules.hpp"
#include "actors/journal.hpp"
#include "actors/loader.hpp"
#include "actors/mailer.hpp"
#include "actors/membership.hpp"
#include "actors/peers.hpp"
#include "actors/roster_keeper.hpp"
#include "actors/shard.hpp"
#include "config/limits.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

void guardian_state::open(guardian_actor::pointer self, std::shared_ptr<node> home, storage_access access,
                          storage::node_row row, region_actor region, caf::io::middleman_actor middleman) {
  self_ = self;
  home_ = std::move(home);
  access_ = std::move(access);
  region_ = std::move(region);
  middleman_ = std::move(middleman);
  for (std::size_t i = 0; i < limits::readers; ++i)
    loaders_.push_back(self_->spawn<caf::detached>(loader, access_.open_loader));
  for (std::size_t i = 0; i < limits::mailers; ++i)
    mailers_.push_back(self_->spawn<caf::detached>(mailer, home_, [this_home = home_] {
      return mail::open_transport(this_home->settings.mail, this_home->settings.var / "mail");
    }));
  roster_ = self_->spawn<caf::monitored>(roster_keeper, home_, loaders_.front());
  membership_ = self_->spawn<caf::detached + caf::monitored>(
      membership, home_, membership_surroundings{guardian_actor{self_}, region_, roster_}, std::move(row),
      access_.open_leases);
  peers_ = self_->spawn<caf::monitored>(peers,
                                        link_surroundings{home_, region_, roster_, membership_, middleman_});
  self_->send(roster_, peers_);
  self_->send(membership_, peers_);
  if (middleman_)
    listen(home_->settings.cluster.listen);
}

/// Opens the door to other nodes. Without it this one would be a node that nobody reaches: better none.
void guardian_state::listen(const std::string& where) {
  const auto address = parse_address(where);
  self_
      ->request(middleman_, limits::connect_patience, caf::publish_atom::value,
                address ? address->second : std::uint16_t{0}, caf::actor_cast<caf::strong_actor_ptr>(peers_),
                std::set<std::string>{}, address ? address->first : where, true)
      .then([where](std::uint16_t) { spdlog::info("cluster.listen={} open", where); },
            [where](const caf::error& e) {
              spdlog::critical("cluster.listen={} not_open=\"{}\": ending the process", where, text_of(e));
              spdlog::shutdown();
              std::abort();
            });
}

journal_actor guardian_state::journal_of(shard_number number) const {
  return journals_.empty() ? journal_actor{} : journals_[number % journals_.size()];
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
  home_->active_per_shard = static_cast<std::uint32_t>(std::max<std::size_t>(share, 1));
  home_->leases_held = static_cast<std::uint32_t>(g.leases.size());
  std::set<shard_number> ours;
  for (const auto& lease : g.leases) {
    ours.insert(lease.shard);
    if (!shards_.contains(lease.shard) && !moving_.contains(lease.shard))
      start_shard(lease);
  }
  std::vector<shard_number> lost;
  for (const auto& [number, _] : shards_) {
    if (!ours.contains(number) && !moving_.contains(number))
      lost.push_back(number);
  }
  for (const auto number : lost) {
    spdlog::warn("shard={} lost=\"the database says that the lease is not ours\"", number);
    drop_shard(number);
  }
}

void guardian_state::start_shard(const storage::shard_lease& lease) {
  shard_config config{.node = home_,
                      .number = lease.shard,
                      .epoch = lease.epoch,
                      .journal = journal_of(lease.shard),
                      .loader = loaders_[lease.shard % loaders_.size()],
                      .region = region_,
                      .roster = roster_,
                      .mailer = mailers_[lease.shard % mailers_.size()]};
  auto actor = self_->spawn<caf::monitored>(shard, std::move(config));
  shards_[lease.shard] = actor;
  self_->send(region_, atom::attach_v, lease.shard, actor);
}

void guardian_state::drop_shard(shard_number number) {
  const auto found = shards_.find(number);
  self_->demonitor(found->second.address());
  self_->send(region_, atom::detach_v, number);
  self_->send_exit(found->second, caf::exit_reason::kill);
  self_->send(journal_of(number), atom::detach_v, number);
  shards_.erase(found);
}

/// Stop intake, finish what is in flight, release: in that order, so that nobody is refused.
void guardian_state::on_move_out(const move_out& m) {
  const auto found = shards_.find(m.shard);
  if (found == shards_.end() || stopping_ || !moving_.insert(m.shard).second) {
    self_->send(membership_, m);
    return;
  }
  const auto actor = found->second;
  const auto ready = [this, m] {
    if (!moving_.contains(m.shard))
      return; // we were declared dead meanwhile
    if (shards_.contains(m.shard))
      drop_shard(m.shard);
    self_->send(membership_, m);
  };
  self_->request(region_, limits::stop_patience, atom::hold_v, m.shard)
      .then(
          [this, actor, ready](bool) {
            self_->request(actor, limits::stop_patience, atom::stop_v)
                .then([ready](bool) { ready(); }, [ready](const caf::error&) { ready(); });
          },
          [ready](const caf::error&) { ready(); });
}

void guardian_state::on_handed_over(const handed_over& h) {
  for (const auto number : h.shards)
    moving_.erase(number);
}

void guardian_state::drop_everything() {
  for (const auto& [number, actor] : shards_) {
    self_->demonitor(actor.address());
    self_->send(region_, atom::detach_v, number);
    self_->send_exit(actor, caf::exit_reason::kill);
  }
  for (const auto& j : journals_) {
    self_->demonitor(j.address());
    self_->send(j, atom::dead_v);
  }
  shards_.clear();
  moving_.clear();
  journals_.clear();
  home_->leases_held = 0;
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
    // Lost its lease, crashed, or is moving: the next grant starts it again if the lease is ours.
    self_->send(region_, atom::detach_v, shard->first);
    self_->send(journal_of(shard->first), atom::detach_v, shard->first);
    shards_.erase(shard);
    return;
  }
  const auto is_it = [&](const auto& actor) { return actor && actor.id() == d.source.id(); };
  if (!is_it(membership_) && !is_it(roster_) && !is_it(peers_) &&
      std::none_of(journals_.begin(), journals_.end(), is_it))
    return; // a shard that has been seen off already
  // Without its journals or its membership a node cannot know what is durable: better no node than a wrong
  // one. Whoever started the process starts it again.
  spdlog::critical("actor={} down reason=\"{}\": ending the process", d.source.id(), text_of(d.reason));
  spdlog::shutdown();
  std::abort();
}

caf::result<bool> guardian_state::drain() {
  return self_->delegate(membership_, atom::drain_v);
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
  auto done = [this, asker]() mutable {
    self_->send(peers_, atom::stop_v);
    self_->send(roster_, atom::stop_v);
    self_->send(region_, atom::stop_v);
    for (const auto& l : loaders_)
      self_->send(l, atom::stop_v);
    for (const auto& m : mailers_)
      self_->send(m, atom::stop_v);
    asker.deliver(true);
    self_->quit();
  };
  self_->request(membership_, limits::stop_patience, atom::stop_v)
      .then([done](bool) mutable { done(); }, [done](caf::error&) mutable { done(); });
}

guardian_actor::behavior_type guardian(guardian_actor::stateful_pointer<guardian_state> self,
                                       std::shared_ptr<node> home, storage_access access,
                                       storage::node_row row, region_actor region,
                                       caf::io::middleman_actor middleman) {
  set_house_rules(self, guardian_state::name);
  self->set_down_handler([self](caf::down_msg& d) { self->state.on_down(d); });
  self->state.open(self, std::move(home), std::move(access), std::move(row), std::move(region),
                   std::move(middleman));
  return {
      [self](const joined& j) { self->state.on_joined(j.number); },
      [self](const granted& g) { self->state.on_granted(g); },
      [self](const move_out& m) { self->state.on_move_out(m); },
      [self](const handed_over& h) { self->state.on_handed_over(h); },
      [self](atom::dead) { self->state.on_dead(); },
      [self](atom::drain) { return self->state.drain(); },
      [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace ates::actors
