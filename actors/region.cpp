#include "actors/region.hpp"

#include "actors/entity.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"

namespace ates::actors {

namespace limits = config::limits;

namespace {

/// How often it is looked whether something has waited beyond its deadline.
constexpr std::chrono::milliseconds expiry_interval{100};
/// What waits is refused so long before its deadline: afterwards nobody could say that nothing was executed.
constexpr std::chrono::milliseconds refused_before{2 * expiry_interval};
/// Links that a command may go over; then it waits for the map.
constexpr std::uint8_t max_hops = 2;

} // namespace

void region_state::open(region_actor::pointer self, shard_number shards) {
  self_ = self;
  places_.resize(shards);
}

region_state::place* region_state::place_of(const entity_ref& entity) {
  const auto shard = home_of(entity, static_cast<shard_number>(places_.size()));
  return shard < places_.size() ? &places_[shard] : nullptr;
}

region_state::way region_state::find_way(const place& p, const envelope& e) const {
  if (p.local)
    return {p.local, {}, {}};
  if (!p.owner || *p.owner == number_)
    return {};
  if (e.from_peer) {
    if (p.epoch <= e.lease)
      return {}; // the asker knows more than we do: our map will follow
    auto r = refusal(outcome::moved);
    r.value = placement{static_cast<shard_number>(&p - places_.data()), p.owner, p.epoch};
    return {{}, {}, std::move(r)};
  }
  const auto link = links_.find(*p.owner);
  if (link == links_.end() || e.hops >= max_hops)
    return {};
  return {{}, link->second, {}};
}

void region_state::set_out(envelope& e, const place& p) const {
  e.lease = p.epoch;
  ++e.hops;
}

caf::result<reply> region_state::handle(envelope& e) {
  auto* const at = place_of(e.to);
  if (at == nullptr)
    return refusal(outcome::not_found); // a shard that there is not
  auto& p = *at;
  auto way = find_way(p, e);
  if (way.shard)
    return self_->delegate(way.shard, std::move(e));
  if (way.link) {
    set_out(e, p);
    return self_->delegate(way.link, std::move(e));
  }
  if (way.answer)
    return std::move(*way.answer);
  if (waiting_ >= limits::held_per_region)
    return refusal(outcome::overloaded);
  ++waiting_;
  auto asker = self_->make_response_promise<reply>();
  p.waiting.push_back({std::move(e), asker});
  if (!std::exchange(ticking_, true))
    self_->delayed_send(self_, expiry_interval, atom::tick_v);
  return asker;
}

void region_state::retry(place& p) {
  for (auto& w : std::exchange(p.waiting, {})) {
    auto way = find_way(p, w.command);
    if (way.none()) {
      p.waiting.push_back(std::move(w));
      continue;
    }
    --waiting_;
    if (way.shard) {
      w.asker.delegate(way.shard, std::move(w.command));
    } else if (way.link) {
      set_out(w.command, p);
      w.asker.delegate(way.link, std::move(w.command));
    } else {
      w.asker.deliver(std::move(*way.answer));
    }
  }
}

void region_state::on_tick() {
  const auto now = steady_now_ns() + std::chrono::nanoseconds{refused_before}.count();
  for (auto& p : places_) {
    for (auto& w : std::exchange(p.waiting, {})) {
      if (w.command.deadline_ns > now) {
        p.waiting.push_back(std::move(w));
        continue;
      }
      --waiting_;
      w.asker.deliver(refusal(outcome::unavailable));
    }
  }
  ticking_ = waiting_ > 0;
  if (ticking_)
    self_->delayed_send(self_, expiry_interval, atom::tick_v);
}

void region_state::on_map(const cluster_map& map) {
  number_ = map.self;
  for (const auto& lease : map.shards) {
    auto& p = places_.at(lease.shard);
    if (lease.epoch < p.epoch)
      continue; // a placement told us more
    p.owner = lease.owner;
    p.epoch = lease.epoch;
    for (auto& w : p.waiting)
      w.command.hops = 0; // where it went before was by an older map
    retry(p);
  }
}

void region_state::on_placement(const placement& told) {
  if (told.shard >= places_.size() || told.epoch <= places_[told.shard].epoch)
    return;
  places_[told.shard].owner = told.owner;
  places_[told.shard].epoch = told.epoch;
  retry(places_[told.shard]);
}

void region_state::attach(shard_number shard, const shard_actor& actor) {
  places_.at(shard).local = actor;
  retry(places_[shard]);
}

void region_state::detach(shard_number shard) {
  places_.at(shard).local = nullptr;
}

void region_state::link_up(storage::incarnation peer, const link_actor& link) {
  links_[peer] = link;
  for (auto& p : places_) {
    if (p.owner == peer)
      retry(p);
  }
}

void region_state::link_down(storage::incarnation peer) {
  links_.erase(peer);
}

template <class Message> void region_state::pass_on(shard_number to, Message& message) {
  if (to >= places_.size())
    return;
  const auto& p = places_[to];
  if (p.local) {
    self_->send(p.local, std::move(message));
  } else if (p.owner) {
    if (const auto link = links_.find(*p.owner); link != links_.end())
      self_->send(link->second, notice{std::move(message)});
  }
}

namespace {

/// The shard that a notice is for.
struct receiver {
  shard_number operator()(const inbox_push& p) const { return p.target; }
  shard_number operator()(const inbox_ack& a) const { return a.source; }
  shard_number operator()(const inbox_look& l) const { return l.target; }
  shard_number operator()(const bulk_order& o) const { return o.shard; }
  shard_number operator()(const bulk_report&) const { return 0; }
};

} // namespace

void region_state::on_peer_notice(peer_notice& n) {
  std::visit(
      [this](auto& message) {
        if constexpr (std::is_invocable_v<receiver, decltype(message)>) {
          const auto to = receiver{}(message);
          if (to < places_.size() && places_[to].local)
            self_->send(places_[to].local, std::move(message));
        }
      },
      n.what);
}

void region_state::stop() {
  for (auto& p : places_) {
    for (auto& w : std::exchange(p.waiting, {}))
      w.asker.deliver(refusal(outcome::unavailable));
  }
  self_->quit();
}

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self, shard_number shards) {
  set_house_rules(self, region_state::name);
  auto& state = self->state;
  state.open(self, shards);
  return {
      [&state](envelope& e) { return state.handle(e); },
      [&state](inbox_push& p) { state.pass_on(receiver{}(p), p); },
      [&state](inbox_ack& a) { state.pass_on(receiver{}(a), a); },
      [&state](inbox_look& l) { state.pass_on(receiver{}(l), l); },
      [&state](bulk_order& o) { state.pass_on(receiver{}(o), o); },
      [&state](bulk_report& r) { state.pass_on(receiver{}(r), r); },
      [&state](peer_notice& n) { state.on_peer_notice(n); },
      [&state](atom::attach, shard_number number, const shard_actor& shard) { state.attach(number, shard); },
      [&state](atom::detach, shard_number number) { state.detach(number); },
      [&state](atom::hold, shard_number number) {
        state.detach(number);
        return true;
      },
      [&state](const cluster_map_ptr& map) { state.on_map(*map); },
      [&state](const placement& p) { state.on_placement(p); },
      [&state](atom::up, storage::incarnation peer, const link_actor& link) { state.link_up(peer, link); },
      [&state](atom::down, storage::incarnation peer) { state.link_down(peer); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::stop) { state.stop(); },
  };
}

} // namespace ates::actors
