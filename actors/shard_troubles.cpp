/// What a shard does when something of it fails again and again: the entity goes into quarantine, the event
/// is parked, everything else goes on (design.md §7). An operator settles both.

#include "actors/house_rules.hpp"
#include "actors/shard.hpp"
#include "storage/event_json.hpp"

namespace ates::actors {

namespace limits = config::limits;

// ── quarantine ──

void shard_state::quarantine(const entity_ref& entity, const std::string& why) {
  spdlog::error("shard={} entity={} quarantined=\"{}\"", config_.number, domain::to_string(entity.id), why);
  auto& s = slots_[entity];
  s.phase = slot_phase::quarantined;
  auto& error = crashes_[entity].error;
  error = error.empty() ? why : why + ": " + error;
  quarantined_.insert(entity);
  store_quarantine(entity);
  for (auto& order : std::exchange(s.events, {}))
    park(order.event, account_id{entity.id}, *reason_to_park(entity, {}));
  for (auto& h : std::exchange(s.commands, {})) {
    --held_count_;
    h.asker.deliver(refusal(outcome::quarantined));
  }
  read_log_again(entity); // what its last life had in hand is parked, too
}

/// Not stored because storage is away, or because the shard was reset: stored when it serves again.
void shard_state::store_quarantine(const entity_ref& entity) {
  auto record = begin_row_record();
  record.quarantined.push_back({entity, crashes_[entity].error});
  write_row(std::move(record), [](outcome) {});
}

/// What the database says, and what this node has found out and could not store yet.
void shard_state::remember_quarantined(const std::vector<storage::quarantine_row>& stored) {
  std::unordered_set<entity_ref, entity_hash> known;
  for (const auto& row : stored) {
    known.insert(row.entity);
    quarantined_.insert(row.entity);
    crashes_[row.entity].error = row.reason;
  }
  for (const auto& entity : quarantined_)
    if (!known.contains(entity))
      store_quarantine(entity);
}

caf::result<reply> shard_state::passivate(const entity_ref& entity) {
  if (phase_ != phase::serving)
    return refusal(outcome::unavailable);
  const auto found = slots_.find(entity);
  if (found == slots_.end())
    return refusal(quarantined_.contains(entity) ? outcome::quarantined : outcome::known);
  if (found->second.phase == slot_phase::quarantined)
    return refusal(outcome::quarantined);
  if (found->second.phase != slot_phase::active)
    return refusal(outcome::known);
  stop_entity(entity, found->second);
  return refusal(outcome::ok);
}

caf::result<reply> shard_state::release(release_actor_command& c) {
  if (phase_ != phase::serving)
    return refusal(outcome::unavailable);
  auto record = begin_row_record();
  record.released.push_back(c.of);
  record.audit = std::move(c.why);
  auto asker = self_->make_response_promise<reply>();
  write_row(std::move(record), [this, entity = c.of, asker](outcome what) mutable {
    if (what == outcome::ok && quarantined_.erase(entity) != 0) {
      spdlog::info("shard={} entity={} released", config_.number, domain::to_string(entity.id));
      crashes_.erase(entity);
      if (const auto s = slots_.find(entity); s != slots_.end() && s->second.phase == slot_phase::quarantined)
        slots_.erase(s);
      if (entity.kind == entity_kind::account)
        apply_parked_of(account_id{entity.id});
    }
    asker.deliver(refusal(what));
  });
  return asker;
}

// ── parked events ──

/// nullopt: it is to be handed on.
std::optional<std::string> shard_state::reason_to_park(const entity_ref& entity,
                                                       const storage::cause& event) const {
  if (quarantined_.contains(entity)) {
    const auto crash = crashes_.find(entity);
    return "its account is in quarantine" +
           (crash == crashes_.end() ? std::string{} : ": " + crash->second.error);
  }
  const auto crash = event_crashes_.find(event);
  if (crash == event_crashes_.end() || crash->second.count < limits::event_tries)
    return std::nullopt;
  return "its account cannot take it: " + crash->second.error;
}

/// The effect that an event has that cannot have its own: its line goes on.
void shard_state::park(const storage::delivery& event, const std::optional<account_id>& account,
                       std::string reason) {
  spdlog::error("shard={} source={} target_seq={} type={} parked=\"{}\"", config_.number, event.source,
                event.target_seq, event.type, reason);
  const storage::cause from{event.source, event.target_seq};
  auto record = begin_row_record();
  record.cause = from;
  record.parked.push_back({.id = storage::parked_id(config_.number, from),
                           .shard = config_.number,
                           .from = from,
                           .account = account,
                           .type = event.type,
                           .subject = event.subject,
                           .at = event.at,
                           .data = event.data,
                           .reason = std::move(reason)});
  record.events.push_back(storage::parked_event_row(record.parked.back(), record.at));
  write_row(std::move(record), [](outcome) {}); // refused or lost: the shard starts over and reads it again
}

/// A page at a time; what cannot be applied stays parked.
void shard_state::apply_parked_of(const account_id& account) {
  ask<parked_events>(
      config_.loader, read_parked{config_.number, account},
      [this, account](parked_events& events) {
        const bool more = events.size() >= limits::parked_page;
        const auto left = std::make_shared<std::size_t>(events.size());
        const auto all_well = std::make_shared<bool>(true);
        for (auto& event : events) {
          if (!settling_.insert(event.id).second) {
            --*left;
            continue;
          }
          apply_parked(std::move(event), std::nullopt, [this, account, left, all_well, more](outcome what) {
            *all_well = *all_well && what == outcome::ok;
            if (--*left == 0 && more && *all_well)
              apply_parked_of(account);
          });
        }
      },
      [this, account](caf::error&) { later(load_back_off, [this, account] { apply_parked_of(account); }); });
}

caf::result<reply> shard_state::settle_parked(const envelope& e, settle_parked_command& c) {
  if (phase_ != phase::serving || e.deadline_ns < steady_now_ns() || !settling_.insert(c.id).second)
    return refusal(outcome::unavailable);
  auto asker = self_->make_response_promise<reply>();
  ask<parked_events>(
      config_.loader, find_parked{config_.number, c.id},
      [this, c, asker](parked_events& found) mutable {
        if (found.empty() || found.front().status != storage::parked_status::parked) {
          settling_.erase(c.id);
          asker.deliver(refusal(found.empty() ? outcome::not_found : outcome::known));
          return;
        }
        if (c.drop)
          return drop_parked(c, asker);
        apply_parked(std::move(found.front()), c.why,
                     [asker](outcome what) mutable { asker.deliver(refusal(what)); });
      },
      [this, id = c.id, asker](caf::error&) mutable {
        settling_.erase(id);
        asker.deliver(refusal(outcome::unavailable));
      });
  return asker;
}

void shard_state::drop_parked(const settle_parked_command& c, caf::typed_response_promise<reply> asker) {
  auto record = begin_row_record();
  record.unparked.push_back({c.id, storage::parked_status::dropped});
  record.audit = c.why;
  write_row(std::move(record), [this, id = c.id, asker](outcome what) mutable {
    settling_.erase(id);
    asker.deliver(refusal(what));
  });
}

/// As a command to its account; of an event that nobody can read, nothing comes.
void shard_state::apply_parked(storage::parked_row event, std::optional<storage::audit_row> why,
                               std::function<void(outcome)> then) {
  const auto id = event.id;
  if (!event.account) {
    settling_.erase(id);
    return then(outcome::quarantined);
  }
  envelope order;
  order.to = {entity_kind::account, event.account->value};
  order.what = apply_parked_command{std::move(event), std::move(why)};
  order.deadline_ns = steady_now_ns() + std::chrono::nanoseconds{limits::internal_request}.count();
  ask<reply>(
      shard_actor{self_}, std::move(order),
      [this, id, then](reply& r) {
        settling_.erase(id);
        then(r.what);
      },
      [this, id, then](caf::error&) {
        settling_.erase(id);
        then(outcome::outcome_unknown);
      });
}

} // namespace ates::actors
