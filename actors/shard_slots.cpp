/// The shard's slots: which entity is in memory, what waits for it, what becomes of one that crashed.

#include "actors/account.hpp"
#include "actors/house_rules.hpp"
#include "actors/shard.hpp"
#include "actors/task.hpp"

namespace ates::actors {

namespace limits = config::limits;

caf::result<reply> shard_state::handle(envelope& e) {
  if (e.to.kind == entity_kind::shard)
    return look_inside(e);
  if (phase_ == phase::stopping || phase_ == phase::lost)
    return refusal(outcome::unavailable);
  if (e.deadline_ns < steady_now_ns())
    return refusal(outcome::unavailable); // nobody listens any more, nothing was executed
  const bool supervisor = e.to.kind != entity_kind::task && e.to.kind != entity_kind::account;
  if (phase_ == phase::waiting || phase_ == phase::loading || (supervisor && !directory_)) {
    if (held_while_loading_.size() >= limits::held_per_shard)
      return refusal(outcome::overloaded);
    auto asker = self_->make_response_promise<reply>();
    held_while_loading_.push_back({std::move(e), asker});
    return asker;
  }
  if (supervisor) {
    e.now = now();
    e.open_day = open_day();
    e.handed_on_ns = steady_now_ns();
    supervisor_loads_.at(e.to.kind)->handed_on(e.handed_on_ns);
    if (e.to.kind == entity_kind::directory)
      return self_->delegate(directory_, std::move(e));
    return self_->delegate(e.to.kind == entity_kind::shuffles ? shuffles_ : payouts_, std::move(e));
  }
  const auto entity = e.to;
  return dispatch(entity, slot_of(entity), e);
}

shard_state::slot& shard_state::slot_of(const entity_ref& entity) {
  auto [found, fresh] = slots_.try_emplace(entity);
  if (fresh) {
    if (quarantined_.contains(entity))
      found->second.phase = slot_phase::quarantined;
    else
      want(entity, found->second);
  }
  return found->second;
}

void shard_state::want(const entity_ref& entity, slot& s) {
  s.phase = slot_phase::loading;
  wanted_.push_back(entity);
  if (!load_pending_) {
    load_pending_ = true;
    self_->send(self_, atom::load_v);
  }
}

caf::result<reply> shard_state::dispatch(const entity_ref&, slot& s, envelope& e) {
  if (s.phase == slot_phase::active) {
    touch(s);
    stamp(e, s);
    return self_->delegate(s.actor, std::move(e));
  }
  if (s.phase == slot_phase::quarantined)
    return refusal(outcome::quarantined);
  if (held_count_ >= limits::held_per_shard)
    return refusal(outcome::overloaded);
  ++held_count_;
  auto asker = self_->make_response_promise<reply>();
  s.commands.push_back({std::move(e), asker});
  return asker;
}

void shard_state::load_waiting() {
  load_pending_ = false;
  if (phase_ == phase::waiting)
    return load();
  if (phase_ != phase::serving)
    return;
  if (config_.number == 0 && !directory_)
    start_supervisors();
  if (wanted_.empty())
    return;
  std::vector<entity_ref> asked;
  const auto count = std::min(wanted_.size(), limits::load_batch);
  asked.assign(wanted_.begin(), wanted_.begin() + static_cast<std::ptrdiff_t>(count));
  wanted_.erase(wanted_.begin(), wanted_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!wanted_.empty()) {
    load_pending_ = true;
    self_->send(self_, atom::load_v);
  }
  ask<loaded_entities>(
      config_.loader, load_entities{config_.number, asked},
      [this](loaded_entities& loaded) {
        for (auto& one : loaded)
          activate(std::move(one));
        passivate_surplus();
      },
      [this, asked](caf::error&) {
        // Storage is away. The commands' askers hear from their own deadlines; events must not be lost.
        wanted_.insert(wanted_.end(), asked.begin(), asked.end());
        if (!load_pending_) {
          load_pending_ = true;
          self_->delayed_send(self_, load_back_off, atom::load_v);
        }
      });
}

void shard_state::activate(storage::loaded_entity loaded) {
  const auto entity = loaded.entity;
  auto& s = slots_[entity];
  if (s.phase != slot_phase::loading || phase_ != phase::serving)
    return;
  if (!loaded.refused.empty())
    return quarantine(entity, loaded.refused);
  s.load =
      std::make_shared<entity_load>(config_.node->notes.get(), storage::entity_place{config_.number, entity});
  if (entity.kind == entity_kind::task) {
    const auto* t = std::get_if<domain::task>(&loaded.snapshot);
    s.durable = t != nullptr ? t->version : 0;
    s.actor = self_->spawn<caf::monitored>(task, home(s.load), task_id{entity.id}, std::move(loaded));
  } else {
    const auto* a = std::get_if<domain::account>(&loaded.snapshot);
    s.durable = a != nullptr ? a->version : 0;
    s.actor = self_->spawn<caf::monitored>(account, home(s.load), account_id{entity.id}, std::move(loaded));
  }
  s.phase = slot_phase::active;
  s.used = recently_used_.insert(recently_used_.end(), entity);
  running_[s.actor.id()] = entity;
  ++config_.node->counters.active_entities;
  hand_on_held(entity, s);
}

void shard_state::hand_on_held(const entity_ref&, slot& s) {
  for (auto& order : std::exchange(s.events, {}))
    deliver(s, std::move(order));
  for (auto& h : std::exchange(s.commands, {})) {
    --held_count_;
    if (h.command.deadline_ns < steady_now_ns()) {
      h.asker.deliver(refusal(outcome::unavailable));
      continue;
    }
    stamp(h.command, s);
    h.asker.delegate(s.actor, std::move(h.command));
  }
}

void shard_state::touch(slot& s) {
  recently_used_.splice(recently_used_.end(), recently_used_, s.used);
}

void shard_state::passivate_surplus() {
  while (recently_used_.size() > config_.node->active_per_shard) {
    const auto entity = recently_used_.front();
    stop_entity(entity, slots_.at(entity));
  }
}

void shard_state::stop_entity(const entity_ref& entity, slot& s) {
  s.phase = slot_phase::stopping;
  recently_used_.erase(s.used);
  --config_.node->counters.active_entities;
  ask<std::uint64_t>(
      s.actor, atom::stop_v, [this, entity](std::uint64_t version) { on_stopped(entity, version); },
      [](caf::error&) {}); // it died instead: on_down
}

void shard_state::on_stopped(const entity_ref& entity, std::uint64_t version) {
  const auto found = slots_.find(entity);
  if (found == slots_.end() || found->second.phase != slot_phase::stopping)
    return;
  auto& s = found->second;
  running_.erase(s.actor.id());
  if (phase_ == phase::stopping && running_.empty())
    entities_stopped();
  s.actor = nullptr;
  s.stopped_at = version;
  s.phase = slot_phase::draining;
  if (s.durable >= s.stopped_at)
    finish_draining(entity, s);
}

void shard_state::finish_draining(const entity_ref& entity, slot& s) {
  if (phase_ == phase::stopping || (s.commands.empty() && s.events.empty()))
    slots_.erase(entity);
  else
    want(entity, s);
}

void shard_state::on_down(const caf::down_msg& d) {
  for (const auto& supervisor :
       {caf::actor_cast<caf::actor>(directory_), caf::actor_cast<caf::actor>(shuffles_),
        caf::actor_cast<caf::actor>(payouts_)}) {
    if (supervisor && supervisor.id() == d.source.id()) {
      if (phase_ == phase::stopping)
        return; // as it was told to
      // A supervisor's state spans several records: the whole shard starts from what is durable. What its
      // entities hand on from now on must not become durable behind the reading.
      spdlog::error("shard={} supervisor_down=\"{}\"", config_.number, text_of(d.reason));
      self_->send(config_.journal, atom::detach_v, config_.number);
      self_
          ->request(config_.journal, limits::internal_request,
                    barrier{config_.number, generation_, false, refusal(outcome::ok)})
          .then(
              [this, life = generation_](reply&) {
                reset_notice again;
                again.generation = life;
                on_reset(again);
              },
              [](caf::error&) {});
      return;
    }
  }
  const auto found = running_.find(d.source.id());
  if (found == running_.end())
    return;
  const auto entity = found->second;
  running_.erase(found);
  if (phase_ != phase::stopping)
    crashed(entity);
  else if (running_.empty())
    entities_stopped();
}

void shard_state::crashed(const entity_ref& entity) {
  auto& s = slots_.at(entity);
  if (s.phase == slot_phase::active) {
    recently_used_.erase(s.used);
    --config_.node->counters.active_entities;
  }
  s.actor = nullptr;
  s.phase = slot_phase::blocked;
  for (auto& [cause, flight] : in_flight_)
    flight.lost = flight.lost || flight.entity == entity;
  auto& record = crashes_[entity];
  const auto failure = s.load->last_failure();
  record.error = failure.why;
  const auto now = std::chrono::steady_clock::now();
  if (failure.event) {
    auto& of_event = event_crashes_[*failure.event];
    ++of_event.count;
    of_event.error = failure.why;
  }
  record.count = now - record.last > limits::restart_window ? 1 : record.count + 1;
  record.last = now;
  const bool too_often = record.count > limits::restart_budget;
  if (!too_often)
    ++config_.node->counters.entity_restarts;
  spdlog::warn("shard={} entity={} crash={}", config_.number, domain::to_string(entity.id), record.count);
  // Loaded again, or its events parked, only when everything it emitted is durable.
  ask<reply>(
      config_.journal, barrier{config_.number, generation_, false, refusal(outcome::ok)},
      [this, entity, too_often](reply&) {
        if (too_often)
          quarantine(entity, "it crashed too often");
        else
          restart(entity);
      },
      [this, entity](caf::error&) { quarantine(entity, "its journal does not answer"); });
}

void shard_state::restart(const entity_ref& entity) {
  const auto found = slots_.find(entity);
  if (found == slots_.end() || found->second.phase != slot_phase::blocked)
    return;
  want(entity, found->second);
  read_log_again(entity);
}

void shard_state::on_notice(batch_notice& n) {
  if (n.generation != generation_)
    return;
  std::vector<entity_ref> drained;
  for (const auto& [entity, version] : n.versions) {
    const auto found = slots_.find(entity);
    if (found == slots_.end())
      continue;
    auto& s = found->second;
    s.durable = std::max(s.durable, version);
    if (s.phase == slot_phase::draining && s.durable >= s.stopped_at)
      drained.push_back(entity);
  }
  for (const auto& entity : drained) {
    const auto found = slots_.find(entity);
    if (found != slots_.end() && found->second.phase == slot_phase::draining)
      finish_draining(entity, found->second);
  }
  last_seq_ += n.events;
  if (n.letters) {
    letters_.expected = true;
    letters_.look_at = {};
  }
  push(n.out);
  for (const auto& [source, position] : n.cursors) {
    auto& line = lines_[source];
    line.durable = position;
    line.acknowledge = true;
  }
  settled(n.causes);
}

} // namespace ates::actors
