#include "storage/memory_lease.hpp"

#include "storage/report_query.hpp"

#include <algorithm>
#include <set>

namespace ates::storage {

namespace {

using namespace std::chrono_literals;
using stored_node = memory_state::stored_node;

node_view view_of(incarnation number, const stored_node& node, instant now) {
  node_view view;
  view.row = node.row;
  view.row.number = number;
  view.state = node.state;
  view.drain_asked = node.drain_asked;
  view.dead = node.dead;
  view.expired = !node.dead && node.lease_until < now;
  view.beat_age = node.last_beat < now
                      ? std::chrono::duration_cast<std::chrono::milliseconds>(now - node.last_beat)
                      : 0ms;
  view.started_at = node.started_at;
  view.active_actors = node.active_actors;
  return view;
}

} // namespace

bool memory_state::lives(incarnation node) const {
  const auto found = tables_.nodes.find(node);
  return found != tables_.nodes.end() && !found->second.dead;
}

cluster_view memory_state::view() const {
  cluster_view seen;
  seen.database_clock = now();
  std::map<std::string, incarnation> last_life;
  for (const auto& [number, node] : tables_.nodes)
    last_life[node.row.name] = number;
  for (const auto& [number, node] : tables_.nodes)
    if (!node.dead || (last_life[node.row.name] == number && node.last_beat > seen.database_clock - 24h))
      seen.nodes.push_back(view_of(number, node, seen.database_clock));
  for (const auto& [shard, lease] : tables_.leases)
    seen.shards.push_back(lease);
  for (const auto& [id, employee] : tables_.employees)
    seen.directory_version = std::max(seen.directory_version, employee.changed);
  return seen;
}

memory_lease::~memory_lease() {
  const std::lock_guard lock{state_.mutex_};
  drop_locks();
}

void memory_lease::reach(const char* operation) {
  if (state_.away_) {
    drop_locks();
    beats_.broken();
  }
  state_.throw_if_away(operation);
  if (self_)
    state_.locks_.insert(*self_);
}

void memory_lease::drop_locks() {
  if (!self_)
    return;
  state_.locks_.erase(*self_);
  if (state_.drain_token_ == self_)
    state_.drain_token_.reset();
}

void memory_lease::change_owner(shard_lease& lease, std::optional<incarnation> to) {
  lease.moved_by_hand = to && lease.move_to == to;
  lease.move_to.reset();
  lease.owner = to;
  ++lease.epoch;
}

incarnation memory_lease::join(const node_row& self, std::chrono::milliseconds ttl) {
  const std::lock_guard lock{state_.mutex_};
  drop_locks();
  self_.reset();
  reach("join");
  beats_.joined(ttl);
  auto& nodes = state_.tables_.nodes;
  const incarnation number = nodes.empty() ? 1 : nodes.rbegin()->first + 1;
  auto& node = nodes[number];
  node.row = self;
  node.row.number = number;
  node.started_at = node.last_beat = state_.now();
  node.lease_until = node.last_beat + ttl;
  state_.locks_.insert(number);
  self_ = number;
  return number;
}

beat memory_lease::heartbeat(incarnation self, std::chrono::milliseconds ttl, node_state state,
                             std::uint32_t active_actors) {
  const std::lock_guard lock{state_.mutex_};
  reach("heartbeat");
  const auto now = state_.now();
  auto& node = state_.tables_.nodes.at(self);
  if (node.dead) {
    beats_.broken();
    return {false, now, false};
  }
  node.last_beat = now;
  node.lease_until = now + ttl;
  node.state = state;
  node.active_actors = active_actors;
  beats_.beaten(now);
  return {true, now, node.drain_asked};
}

cluster_view memory_lease::view() {
  const std::lock_guard lock{state_.mutex_};
  reach("view cluster");
  return state_.view();
}

std::vector<incarnation> memory_lease::bury(incarnation self) {
  const std::lock_guard lock{state_.mutex_};
  reach("bury");
  std::vector<incarnation> buried;
  auto& nodes = state_.tables_.nodes;
  if (!state_.lives(self))
    return buried;
  const auto& judge = nodes.at(self);
  const auto now = state_.now();
  const bool may_judge_all = beats_.for_a_ttl() && judge.last_beat > now - beats_.longest_gap();
  for (auto& [number, node] : nodes) {
    if (number == self || node.dead)
      continue;
    const bool expired = node.lease_until < now;
    const bool own_life = node.row.name == judge.row.name;
    if ((own_life && (expired || !state_.locks_.contains(number))) || (may_judge_all && expired)) {
      node.dead = true;
      buried.push_back(number);
    }
  }
  return buried;
}

bool memory_lease::bury_if_gone(incarnation self, incarnation other, std::chrono::milliseconds silent) {
  const std::lock_guard lock{state_.mutex_};
  reach("bury if gone");
  const auto found = state_.tables_.nodes.find(other);
  if (found == state_.tables_.nodes.end())
    return false;
  auto& node = found->second;
  if (beats_.or_never_broken() && state_.lives(self) && !state_.locks_.contains(other) &&
      node.last_beat < state_.now() - silent)
    node.dead = true;
  return node.dead;
}

std::vector<shard_lease> memory_lease::take(incarnation self, std::span<const shard_number> wanted) {
  const std::lock_guard lock{state_.mutex_};
  reach("take shards");
  std::vector<shard_lease> taken;
  if (!state_.lives(self))
    return taken;
  for (const auto shard : std::set<shard_number>{wanted.begin(), wanted.end()}) {
    const auto found = state_.tables_.leases.find(shard);
    if (found == state_.tables_.leases.end() || (found->second.owner && state_.lives(*found->second.owner)))
      continue;
    change_owner(found->second, self);
    taken.push_back(found->second);
  }
  return taken;
}

std::vector<shard_lease> memory_lease::hand_over(incarnation self, std::span<const shard_number> shards,
                                                 std::optional<incarnation> to) {
  const std::lock_guard lock{state_.mutex_};
  reach("hand shards over");
  if (to && (!state_.lives(*to) || state_.tables_.nodes.at(*to).lease_until <= state_.now()))
    to.reset();
  std::vector<shard_lease> given;
  for (const auto shard : std::set<shard_number>{shards.begin(), shards.end()}) {
    const auto found = state_.tables_.leases.find(shard);
    if (found == state_.tables_.leases.end() || found->second.owner != self)
      continue;
    change_owner(found->second, to);
    given.push_back(found->second);
  }
  return given;
}

bool memory_lease::take_drain_token(incarnation self) {
  const std::lock_guard lock{state_.mutex_};
  reach("take drain token");
  if (!state_.drain_token_ && self_ == self && state_.lives(self))
    state_.drain_token_ = self;
  return self_ && state_.drain_token_ == self_;
}

void memory_lease::give_back_drain_token() {
  const std::lock_guard lock{state_.mutex_};
  reach("give drain token back");
  if (state_.drain_token_ == self_)
    state_.drain_token_.reset();
}

void memory_lease::leave(incarnation self) {
  const std::lock_guard lock{state_.mutex_};
  reach("leave");
  for (auto& [shard, lease] : state_.tables_.leases)
    if (lease.owner == self)
      change_owner(lease, std::nullopt);
  state_.tables_.nodes.at(self).dead = true;
  drop_locks();
  self_.reset();
}

cluster_view memory_operations::view(deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("view cluster");
  return state_.view();
}

bool memory_operations::ask_drain(incarnation node, const audit_row& why, deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("ask for a drain");
  if (!state_.lives(node))
    return false;
  state_.tables_.nodes.at(node).drain_asked = true;
  store(why);
  return true;
}

bool memory_operations::ask_move(shard_number shard, incarnation to, const audit_row& why, deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("ask for a move");
  const auto lease = state_.tables_.leases.find(shard);
  if (lease == state_.tables_.leases.end() || !state_.lives(to))
    return false;
  lease->second.move_to = to;
  store(why);
  return true;
}

void memory_operations::record(const audit_row& what, deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("record an operation");
  store(what);
}

void memory_operations::store(audit_row row) {
  auto& all = state_.tables_.audit;
  row.at = state_.now();
  if (std::none_of(all.begin(), all.end(), [&](const auto& other) { return other.id == row.id; }))
    all.push_back(std::move(row));
}

std::optional<audit_row> memory_operations::find(const uuid& id, deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("find an operation");
  const auto& all = state_.tables_.audit;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& row) { return row.id == id; });
  return found == all.end() ? std::nullopt : std::optional{*found};
}

page<audit_row> memory_operations::audit(const page_request& at, deadline) {
  const auto place = [](const audit_row& row) { return std::pair{row.at, row.id}; };
  const auto after = at.after ? std::optional{parse_timed_position(*at.after)} : std::nullopt;
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("list operations");
  std::vector<audit_row> rows;
  for (const auto& row : state_.tables_.audit)
    if (!after || place(row) < std::pair{after->at, after->id})
      rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return place(a) > place(b); });
  return cut_page(std::move(rows), at.limit, [](const audit_row& last) {
    return to_text(timed_position{last.at, last.id});
  });
}

page<parked_row> memory_operations::parked(const page_request& at, deadline) {
  const auto place = [](const parked_row& row) { return std::pair{row.parked_at, row.id}; };
  const auto after = at.after ? std::optional{parse_timed_position(*at.after)} : std::nullopt;
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("list parked events");
  std::vector<parked_row> rows;
  for (const auto& row : state_.tables_.parked)
    if (row.status == parked_status::parked && (!after || place(row) < std::pair{after->at, after->id}))
      rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return place(a) > place(b); });
  return cut_page(std::move(rows), at.limit, [](const parked_row& last) {
    return to_text(timed_position{last.parked_at, last.id});
  });
}

std::optional<parked_row> memory_operations::find_parked(const uuid& id, deadline) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("find a parked event");
  const auto& all = state_.tables_.parked;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& row) { return row.id == id; });
  return found == all.end() ? std::nullopt : std::optional{*found};
}

} // namespace ates::storage
