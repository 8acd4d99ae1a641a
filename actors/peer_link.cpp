#include "actors/peer_link.hpp"

#include "actors/entity.hpp"
#include "actors/greetings.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

namespace {

using steady = std::chrono::steady_clock;

/// How often deadlines and silence are looked at.
constexpr std::chrono::milliseconds tick_interval{100};

/// A refusal that says: nothing was executed.
bool not_executed(outcome what) {
  return what == outcome::unavailable || what == outcome::overloaded || what == outcome::quarantined;
}

} // namespace

void peer_link_state::open(link_actor::pointer self, link_surroundings around, greeting us,
                           storage::node_row peer) {
  self_ = self;
  around_ = std::move(around);
  us_ = std::move(us);
  us_.expects = peer.number;
  peer_ = std::move(peer);
  younger_ = us_.number > peer_.number;
  self_->delayed_send(self_, tick_interval, atom::tick_v);
  if (younger_)
    connect();
}

// ── coming up ──

void peer_link_state::connect() {
  if (phase_ != phase::unconnected || !younger_ || stopping_)
    return;
  const auto where = parse_address(peer_.caf);
  if (!where)
    return connect_later("the node has no usable address: \"" + peer_.caf + "\"");
  phase_ = phase::connecting;
  self_
      ->request(around_.middleman, limits::connect_patience, caf::connect_atom::value, where->first,
                where->second)
      .then([this](const caf::node_id&, const caf::strong_actor_ptr& door,
                   const std::set<std::string>&) { greet(door); },
            [this](const caf::error& e) { connect_later(text_of(e)); });
}

void peer_link_state::greet(const caf::strong_actor_ptr& door) {
  if (phase_ != phase::connecting)
    return;
  if (!door)
    return connect_later("nothing is published there");
  phase_ = phase::verifying;
  // A reconnect may come up on a dead route: it is good only once the right process has answered.
  self_->request(caf::actor_cast<door_actor>(door), limits::connect_patience, us_, peer_port{self_})
      .then(
          [this](const greeting& theirs, const peer_port& port) {
            if (phase_ != phase::verifying)
              return;
            if (const auto wrong = why_not(us_, theirs, &peer_))
              return connect_later(*wrong);
            run(port);
          },
          [this](const caf::error& e) { connect_later(text_of(e)); });
}

void peer_link_state::connect_later(const std::string& why) {
  if (phase_ == phase::running)
    return;
  phase_ = phase::unconnected;
  if (why != last_trouble_)
    spdlog::info("peer={} incarnation={} address={} not_linked=\"{}\"", peer_.name, peer_.number, peer_.caf,
                 why);
  last_trouble_ = why;
  back_off_ = std::clamp(back_off_ * 2, limits::connect_first_back_off, limits::connect_longest_back_off);
  const auto half = static_cast<std::uint64_t>(back_off_.count() / 2);
  const std::chrono::milliseconds chance{
      static_cast<std::int64_t>(domain::uniform_below(thread_dice(), half + 1))};
  self_->delayed_send(self_, back_off_ / 2 + chance, atom::connect_v);
}

/// The door has found out that the peer is who it says.
caf::result<greeting, peer_port> peer_link_state::welcome(const greeting&, const peer_port& port) {
  if (phase_ == phase::running)
    lost("the peer connected anew");
  run(port);
  return {us_, peer_port{self_}};
}

void peer_link_state::run(const peer_port& port) {
  phase_ = phase::running;
  remote_ = port;
  self_->monitor(caf::actor_cast<caf::actor_addr>(port));
  back_off_ = {};
  last_trouble_.clear();
  spdlog::info("peer={} incarnation={} linked", peer_.name, peer_.number);
  self_->send(around_.membership, atom::up_v, peer_.number);
  heard();
}

// ── going down ──

void peer_link_state::on_down(const caf::down_msg& d) {
  if (phase_ != phase::running || d.source != caf::actor_cast<caf::actor_addr>(remote_))
    return;
  lost("the connection broke");
  self_->send(around_.membership, atom::gone_v, peer_.number);
  if (younger_)
    connect_later("the connection broke");
}

void peer_link_state::lost(const char* why) {
  spdlog::log(pending_.empty() ? spdlog::level::info : spdlog::level::warn,
              "peer={} incarnation={} link_lost=\"{}\" pending={}", peer_.name, peer_.number, why,
              pending_.size());
  self_->demonitor(caf::actor_cast<caf::actor_addr>(remote_));
  remote_ = nullptr;
  phase_ = phase::unconnected;
  set_audible(false);
  fail_pending();
  out_ = {};
}

void peer_link_state::fail_pending() {
  deadlines_.clear();
  for (auto& [_, p] : std::exchange(pending_, {}))
    answer_in_doubt(p);
}

/// Nobody knows whether the command was executed. What may be executed twice is asked again where the shard
/// lives then: reads, and what its entity recognises by its key.
void peer_link_state::answer_in_doubt(pending& p) {
  const auto left = p.deadline - steady::now();
  const bool read = only_reads(p.command.what);
  if (left <= steady::duration::zero() || (!read && !p.command.key))
    return void(p.asker.deliver(refusal(read ? outcome::unavailable : outcome::outcome_unknown)));
  if (read)
    return void(p.asker.delegate(around_.region, std::move(p.command)));
  // That this try was not executed says nothing of the one before.
  ++asked_again_;
  auto heard = [this, asker = p.asker](reply r) mutable {
    asker.deliver(not_executed(r.what) ? refusal(outcome::outcome_unknown) : std::move(r));
    --asked_again_;
    quit_when_all_are_answered();
  };
  self_->request(around_.region, left, std::move(p.command))
      .then([heard](reply& r) mutable { heard(std::move(r)); },
            [heard](const caf::error&) mutable { heard(refusal(outcome::outcome_unknown)); });
}

/// An actor that ends leaves what it has asked unanswered.
void peer_link_state::quit_when_all_are_answered() {
  if (stopping_ && asked_again_ == 0)
    self_->quit();
}

void peer_link_state::set_audible(bool audible) {
  if (std::exchange(audible_, audible) == audible)
    return;
  around_.node->counters.links_up += audible ? 1 : -1;
  if (audible)
    self_->send(around_.region, atom::up_v, peer_.number, link_actor{self_});
  else
    self_->send(around_.region, atom::down_v, peer_.number);
}

void peer_link_state::heard() {
  last_heard_ = steady::now();
  set_audible(true);
}

void peer_link_state::on_tick() {
  self_->delayed_send(self_, tick_interval, atom::tick_v);
  const auto now = steady::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    auto late = pending_.extract(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    if (!late.empty())
      answer_in_doubt(late.mapped());
  }
  if (phase_ != phase::running)
    return;
  if (now - last_heard_ > limits::link_silence)
    set_audible(false);
  if (now - last_sent_ > limits::sign_of_life)
    send_soon(); // an empty packet is a sign of life
}

void peer_link_state::stop() {
  if (phase_ == phase::running)
    lost("it is not needed any more");
  fail_pending();
  stopping_ = true;
  quit_when_all_are_answered();
}

// ── what goes out ──

caf::result<reply> peer_link_state::route(envelope& e) {
  if (phase_ != phase::running) // the region will hear of it, and then find another way
    return self_->delegate(around_.region, std::move(e));
  if (pending_.size() >= limits::pending_per_link)
    return refusal(outcome::overloaded);
  const steady::time_point deadline{std::chrono::nanoseconds{e.deadline_ns}};
  const auto id = ++last_id_;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - steady::now());
  out_.requests.push_back({id, left.count(), e});
  auto asker = self_->make_response_promise<reply>();
  pending_.emplace(id, pending{std::move(e), asker, deadline});
  deadlines_.emplace(deadline, id);
  send_soon();
  return asker;
}

void peer_link_state::carry(notice& n) {
  if (phase_ != phase::running || !audible_)
    return;
  out_.notices.push_back(std::move(n));
  send_soon();
}

void peer_link_state::send_soon() {
  const auto items = out_.requests.size() + out_.responses.size() + out_.notices.size();
  if (items >= limits::packet_items)
    return flush();
  if (!std::exchange(flush_pending_, true))
    self_->send(self_, atom::flush_v);
}

void peer_link_state::flush() {
  flush_pending_ = false;
  last_sent_ = steady::now();
  if (phase_ == phase::running)
    self_->send(remote_, packet{wire::encode(out_)});
  out_ = {};
}

// ── what comes in ──

void peer_link_state::on_packet(const packet& p) {
  if (phase_ != phase::running)
    return;
  try {
    auto f = wire::decode(p.bytes);
    heard();
    for (auto& r : f.responses)
      on_response(r);
    for (auto& r : f.requests)
      serve(r);
    for (auto& n : f.notices)
      on_notice(n);
    for (const auto id : f.unreadable_requests) {
      spdlog::error("peer={} incarnation={} unreadable_request={}", peer_.name, peer_.number, id);
      out_.responses.push_back({id, refusal(outcome::unavailable)});
      send_soon();
    }
  } catch (const wire::wire_error& e) {
    // Whoever asked will come to their deadline. A peer of another version said what we do not know.
    spdlog::error("peer={} incarnation={} unreadable_packet=\"{}\" bytes={}", peer_.name, peer_.number,
                  e.what(), p.bytes.size());
  }
}

void peer_link_state::serve(wire::request& r) {
  const std::chrono::microseconds left{std::max<std::int64_t>(r.left_us, 1)};
  auto& e = r.command;
  e.deadline_ns = (steady::now() + left).time_since_epoch().count();
  e.from_peer = true;
  const bool read = only_reads(e.what);
  const auto respond = [this, id = r.id](reply answer) {
    out_.responses.push_back({id, std::move(answer)});
    send_soon();
  };
  self_->request(around_.region, left, std::move(e))
      .then([respond](reply& answer) { respond(std::move(answer)); },
            [respond, read](const caf::error&) {
              respond(refusal(read ? outcome::unavailable : outcome::outcome_unknown));
            });
}

void peer_link_state::on_response(wire::response& r) {
  auto found = pending_.extract(r.id);
  if (found.empty())
    return; // too late: its asker has heard
  auto& p = found.mapped();
  deadlines_.erase({p.deadline, r.id});
  if (r.reply.what != outcome::moved)
    return void(p.asker.deliver(std::move(r.reply)));
  if (const auto* where = std::get_if<placement>(&r.reply.value))
    self_->send(around_.region, *where);
  p.asker.delegate(around_.region, std::move(p.command));
}

void peer_link_state::on_notice(notice& n) {
  if (const auto* look = std::get_if<roster_look>(&n))
    self_->send(around_.roster, peer_.number, *look);
  else if (const auto* ack = std::get_if<roster_ack>(&n))
    self_->send(around_.roster, *ack);
  else if (std::holds_alternative<leases_changed>(n))
    self_->send(around_.membership, leases_changed{});
  else
    self_->send(around_.region, peer_notice{std::move(n)});
}

link_actor::behavior_type peer_link(link_actor::stateful_pointer<peer_link_state> self,
                                    link_surroundings around, greeting us, storage::node_row peer) {
  set_house_rules(self, peer_link_state::name);
  auto& state = self->state;
  self->set_down_handler([&state](caf::down_msg& d) { state.on_down(d); });
  state.open(self, std::move(around), std::move(us), std::move(peer));
  return {
      [&state](const packet& p) { state.on_packet(p); },
      [&state](envelope& e) { return state.route(e); },
      [&state](notice& n) { state.carry(n); },
      [&state](const greeting& g, const peer_port& port) { return state.welcome(g, port); },
      [&state](atom::connect) { state.connect(); },
      [&state](atom::flush) { state.flush(); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::stop) { state.stop(); },
  };
}

} // namespace ates::actors
