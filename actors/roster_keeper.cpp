#include "actors/roster_keeper.hpp"

#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "domain/text.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds tick_interval{50};

} // namespace

void roster_keeper_state::open(roster_actor::pointer self, std::shared_ptr<node> home, loader_actor loader) {
  self_ = self;
  home_ = std::move(home);
  loader_ = std::move(loader);
}

caf::result<bool> roster_keeper_state::on_news(const roster_news& news) {
  auto asker = self_->make_response_promise<bool>();
  const auto version = news.rows.back().changed;
  if (known_ && news.rows.front().changed == version_ + 1) {
    take_over(news.rows);
    publish();
  } else {
    look(version); // something is missing in between
  }
  if (peers)
    self_->send(peers, notice{roster_look{version}});
  waiting_.push_back({version, steady::now() + limits::roster_patience, asker});
  answer_waiting();
  if (!waiting_.empty() && !std::exchange(ticking_, true))
    self_->delayed_send(self_, tick_interval, atom::tick_v);
  return asker;
}

void roster_keeper_state::look(std::int64_t version) {
  wanted_ = std::max(wanted_, version);
  if (!reading_ && (!known_ || wanted_ > version_))
    read();
}

void roster_keeper_state::read() {
  reading_ = true;
  self_->request(loader_, limits::internal_request, read_employees{version_})
      .then(
          [this](const employees& rows) {
            reading_ = false;
            known_ = true;
            take_over(rows);
            publish();
            answer_peers();
            answer_waiting();
          },
          [this](const caf::error&) { reading_ = false; }); // the next look tries again
}

void roster_keeper_state::take_over(const std::vector<storage::employee_row>& rows) {
  for (const auto& row : rows) {
    if (row.changed <= version_)
      continue;
    employees_[row.number] = std::make_shared<const storage::employee_row>(row);
    version_ = row.changed;
  }
}

void roster_keeper_state::publish() {
  auto r = std::make_shared<roster>();
  r->known = true;
  r->version = version_;
  auto assignable = std::make_shared<std::vector<account_id>>();
  for (const auto& [number, e] : employees_) {
    r->by_id[e->id] = e;
    r->by_login[domain::fold_case(e->login)] = e;
    if (e->active && !e->leaving && home_->settings.exchange.assignable_roles.contains(e->role))
      assignable->push_back(e->id);
  }
  std::sort(assignable->begin(), assignable->end());
  r->assignable = std::move(assignable);
  home_->publish(std::move(r));
}

void roster_keeper_state::on_peer_look(storage::incarnation from, std::int64_t version) {
  asked_by_.insert(from);
  look(version);
  if (version_ >= version)
    answer_peers();
}

void roster_keeper_state::answer_peers() {
  for (const auto peer : std::exchange(asked_by_, {}))
    self_->send(peers, peer, notice{roster_ack{map_ ? map_->self : 0, version_}});
}

void roster_keeper_state::on_ack(const roster_ack& ack) {
  auto& known = acks_[ack.from];
  known = std::max(known, ack.version);
  answer_waiting();
}

void roster_keeper_state::on_map(cluster_map_ptr map) {
  map_ = std::move(map);
  std::erase_if(acks_, [this](const auto& a) { return map_->find(a.first) == nullptr; });
  answer_waiting();
}

bool roster_keeper_state::known_everywhere(std::int64_t version) const {
  if (version_ < version)
    return false;
  return !map_ || std::all_of(map_->nodes.begin(), map_->nodes.end(), [&](const auto& n) {
    if (n.row.number == map_->self || n.row.caf.empty())
      return true;
    const auto ack = acks_.find(n.row.number);
    return ack != acks_.end() && ack->second >= version;
  });
}

void roster_keeper_state::answer_waiting() {
  const auto now = steady::now();
  std::erase_if(waiting_, [&](waiting& w) {
    if (now < w.until && !known_everywhere(w.version))
      return false;
    w.asker.deliver(true);
    return true;
  });
}

void roster_keeper_state::on_tick() {
  answer_waiting();
  ticking_ = !waiting_.empty();
  if (ticking_)
    self_->delayed_send(self_, tick_interval, atom::tick_v);
}

void roster_keeper_state::stop() {
  for (auto& w : std::exchange(waiting_, {}))
    w.asker.deliver(true);
  self_->quit();
}

roster_actor::behavior_type roster_keeper(roster_actor::stateful_pointer<roster_keeper_state> self,
                                          std::shared_ptr<node> home, loader_actor loader) {
  set_house_rules(self, roster_keeper_state::name);
  auto& state = self->state;
  state.open(self, std::move(home), std::move(loader));
  return {
      [&state](const roster_news& n) { return state.on_news(n); },
      [&state](const roster_look& l) { state.look(l.version); },
      [&state](storage::incarnation from, const roster_look& l) { state.on_peer_look(from, l.version); },
      [&state](const roster_ack& a) { state.on_ack(a); },
      [&state](const cluster_map_ptr& map) { state.on_map(map); },
      [&state](const peers_actor& p) { state.peers = p; },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::stop) { state.stop(); },
  };
}

} // namespace ates::actors
