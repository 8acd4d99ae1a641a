// What a shard tells of itself and its entities: from counters, but for the one entity that is looked at
// (design.md §10). Nothing here waits for an entity that is stuck.

#include "actors/inspection.hpp"
#include "actors/shard.hpp"

#include <algorithm>
#include <tuple>

namespace ates::actors {

namespace {

/// For an entity's own part. Then it is shown without: a stuck one must be seen all the same.
constexpr std::chrono::milliseconds entity_patience{500};

void fill(actor_row& row, const entity_load& load, std::int64_t now_ns) {
  row.mailbox = load.mailbox();
  row.oldest_ms = load.oldest_ns(now_ns) / 1'000'000;
  row.messages = load.messages();
  row.handled_us = load.handled_ns() / 1000;
}

} // namespace

caf::result<reply> shard_state::look_inside(envelope& e) {
  if (std::holds_alternative<inspect_shard_command>(e.what))
    return success(outcome::ok, status());
  if (const auto* wanted = std::get_if<list_actors_command>(&e.what))
    return success(outcome::ok, list(*wanted));
  if (const auto* one = std::get_if<inspect_actor_command>(&e.what))
    return describe(e, one->of);
  if (const auto* draws = std::get_if<settle_draws_command>(&e.what))
    return settle_draws(*draws);
  if (const auto* one = std::get_if<passivate_command>(&e.what))
    return passivate(one->of);
  if (auto* one = std::get_if<release_actor_command>(&e.what))
    return release(*one);
  if (auto* event = std::get_if<settle_parked_command>(&e.what))
    return settle_parked(e, *event);
  return refusal(outcome::internal);
}

/// Not yet: the asker asks again.
caf::result<reply> shard_state::settle_draws(const settle_draws_command& c) {
  auto& home = *config_.node;
  if (phase_ != phase::serving || home.current_roster()->version < c.roster || home.draws != 0)
    return refusal(outcome::unavailable);
  return self_->delegate(config_.journal, barrier{config_.number, generation_, true, refusal(outcome::ok)});
}

shard_status shard_state::status() const {
  shard_status s{.shard = config_.number,
                 .epoch = epoch_,
                 .serving = phase_ == phase::serving,
                 .stopping = phase_ == phase::stopping,
                 .active = static_cast<std::uint32_t>(recently_used_.size()),
                 .supervisors = static_cast<std::uint32_t>(supervisor_loads_.size()),
                 .held = static_cast<std::uint32_t>(held_count_ + held_while_loading_.size()),
                 .inflight = static_cast<std::uint32_t>(in_flight_.size()),
                 .last_seq = last_seq_};
  s.queue_depth = s.held;
  for (const auto& [_, slot] : slots_) {
    s.queue_depth += slot.events.size();
    if (!slot.load || !slot.actor)
      continue;
    s.queue_depth += slot.load->mailbox();
    const auto decided = slot.load->version();
    s.gate_depth += decided > slot.durable ? decided - slot.durable : 0;
  }
  for (const auto& [_, load] : supervisor_loads_)
    s.queue_depth += load->mailbox();
  for (const auto& [_, l] : lines_)
    s.lag += static_cast<std::uint64_t>(std::max(std::max(l.head, l.accepted) - l.durable, std::int64_t{0}));
  return s;
}

/// Adds to the node's gauges what has changed since the last time; of a shard that ends, nothing remains.
void shard_state::show_depths() {
  const auto now = phase_ == phase::lost ? shard_status{} : status();
  const auto add = [](std::atomic<std::int64_t>& gauge, std::uint64_t before, std::uint64_t after) {
    gauge += static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
  };
  auto& gauges = config_.node->counters;
  add(gauges.queue_depth, shown_.queue_depth, now.queue_depth);
  add(gauges.gate_depth, shown_.gate_depth, now.gate_depth);
  add(gauges.inbox_lag, shown_.lag, now.lag);
  shown_ = now;
}

actor_row shard_state::row_of(const entity_ref& entity, const slot& s, std::int64_t now_ns) const {
  actor_row row{.of = entity, .shard = config_.number, .node = config_.node->settings.cluster.node};
  if (s.phase == slot_phase::quarantined)
    row.state = actor_state::quarantined;
  else if (s.phase == slot_phase::loading)
    row.state = actor_state::passive;
  else if (s.phase != slot_phase::active)
    row.state = actor_state::stopping;
  row.durable_version = s.durable;
  row.version = s.durable;
  if (!s.load || !s.actor)
    return row;
  fill(row, *s.load, now_ns);
  row.version = std::max(row.version, s.load->version());
  return row;
}

actor_row shard_state::row_of(const entity_ref& supervisor, std::int64_t now_ns) const {
  actor_row row{.of = supervisor, .shard = config_.number, .node = config_.node->settings.cluster.node};
  fill(row, *supervisor_loads_.at(supervisor.kind), now_ns);
  return row;
}

actor_list shard_state::list(const list_actors_command& wanted) const {
  const auto now_ns = steady_now_ns();
  const auto key = [&](const actor_row& row) { return std::tuple{-rank_of(row, wanted.order), row.of}; };
  std::vector<actor_row> rows;
  const auto add = [&](actor_row row) {
    if (row.state == actor_state::passive || (wanted.kind && row.of.kind != *wanted.kind) ||
        (wanted.state && row.state != *wanted.state))
      return;
    if (!wanted.after || key(row) > std::tuple{-wanted.after->rank, wanted.after->of})
      rows.push_back(std::move(row));
  };
  for (const auto& [entity, s] : slots_)
    add(row_of(entity, s, now_ns));
  for (const auto& entity : quarantined_) {
    if (!slots_.contains(entity))
      add({.of = entity,
           .shard = config_.number,
           .node = config_.node->settings.cluster.node,
           .state = actor_state::quarantined});
  }
  for (const auto& [kind, _] : supervisor_loads_)
    add(row_of({kind, {}}, now_ns));
  const auto count = std::min<std::size_t>(rows.size(), wanted.limit);
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end(),
                    [&](const auto& a, const auto& b) { return key(a) < key(b); });
  rows.resize(count);
  return {std::move(rows)};
}

caf::result<reply> shard_state::describe(const envelope& e, const entity_ref& entity) {
  if (phase_ != phase::serving)
    return refusal(outcome::unavailable);
  actor_detail known;
  known.epoch = epoch_;
  auto asker = self_->make_response_promise<reply>();
  if (entity.kind != entity_kind::task && entity.kind != entity_kind::account) {
    if (!supervisor_loads_.contains(entity.kind))
      return refusal(config_.number == 0 && entity.kind != entity_kind::shard ? outcome::unavailable
                                                                              : outcome::not_found);
    known.row = row_of(entity, steady_now_ns());
    ask_entity(entity.kind == entity_kind::directory  ? caf::actor_cast<entity_actor>(directory_)
               : entity.kind == entity_kind::shuffles ? caf::actor_cast<entity_actor>(shuffles_)
                                                      : caf::actor_cast<entity_actor>(payouts_),
               e, std::move(known), asker);
    return asker;
  }
  known.row = {.of = entity,
               .shard = config_.number,
               .node = config_.node->settings.cluster.node,
               .state = quarantined_.contains(entity) ? actor_state::quarantined : actor_state::passive};
  known.pending = static_cast<std::uint64_t>(std::count_if(
      in_flight_.begin(), in_flight_.end(), [&](const auto& f) { return f.second.entity == entity; }));
  if (const auto crash = crashes_.find(entity); crash != crashes_.end())
    known.last_error = crash->second.error;
  const auto found = slots_.find(entity);
  if (found == slots_.end()) {
    ask_snapshot(std::move(known), asker);
    return asker;
  }
  known.row = row_of(entity, found->second, steady_now_ns());
  known.pending += found->second.commands.size();
  if (found->second.phase == slot_phase::active)
    ask_entity(found->second.actor, e, std::move(known), asker);
  else
    ask_snapshot(std::move(known), asker);
  return asker;
}

void shard_state::ask_entity(const entity_actor& actor, const envelope& e, actor_detail known,
                             caf::typed_response_promise<reply> asker) {
  envelope question;
  question.to = known.row.of;
  question.by = e.by;
  question.what = inspect_actor_command{known.row.of};
  question.deadline_ns = e.deadline_ns;
  question.durable_version = known.row.durable_version;
  const auto all = std::make_shared<actor_detail>(std::move(known));
  self_->request(actor, entity_patience, std::move(question))
      .then(
          [all, asker](reply& r) mutable {
            if (r.what == outcome::not_found)
              return void(asker.deliver(refusal(outcome::not_found)));
            if (auto* own = std::get_if<actor_detail>(&r.value)) {
              all->value = std::move(own->value);
              all->recent = std::move(own->recent);
              all->row.durable_version = std::max(all->row.durable_version, all->row.version);
            }
            asker.deliver(success(outcome::ok, std::move(*all)));
          },
          [all, asker](const caf::error&) mutable { asker.deliver(success(outcome::ok, std::move(*all))); });
}

/// Of an entity that is not in memory, or does not answer: its snapshot, which is durable.
void shard_state::ask_snapshot(actor_detail known, caf::typed_response_promise<reply> asker) {
  const bool employee = known.row.of.kind == entity_kind::account &&
                        config_.node->current_roster()->by_id.contains(account_id{known.row.of.id});
  const auto all = std::make_shared<actor_detail>(std::move(known));
  self_
      ->request(config_.loader, config::limits::internal_request,
                load_entities{config_.number, {all->row.of}})
      .then(
          [all, asker, employee](loaded_entities& loaded) mutable {
            const auto stored = loaded.empty() ? storage::snapshot{} : std::move(loaded.front().snapshot);
            if (stored.index() == 0 && !employee && all->row.state == actor_state::passive)
              return void(asker.deliver(refusal(outcome::not_found)));
            all->value = shown(all->row.of, stored);
            if (const auto* t = std::get_if<domain::task>(&stored))
              all->row.version = all->row.durable_version = t->version;
            if (const auto* a = std::get_if<domain::account>(&stored))
              all->row.version = all->row.durable_version = a->version;
            asker.deliver(success(outcome::ok, std::move(*all)));
          },
          [asker](const caf::error&) mutable { asker.deliver(refusal(outcome::unavailable)); });
}

} // namespace ates::actors
