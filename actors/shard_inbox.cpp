// Events between shards: exactly once, in order (design.md §7). The target accepts only what comes next on a
// line; for anything else it reads the source's log from there. The cursor moves in the journal, in the
// transaction of the effects.

#include "actors/shard.hpp"
#include "storage/event_json.hpp"

#include <unordered_map>

namespace ates::actors {

namespace limits = config::limits;

namespace {

/// Acknowledgements only pace bulk work and end the looking: they may wait and travel together.
constexpr std::chrono::milliseconds ack_delay{20};

/// What an event does to the money of an account, and of which. No account: nobody can read it.
std::pair<std::optional<domain::posting>, std::optional<account_id>>
meaning_of(const storage::delivery& event) {
  try {
    const auto posting = storage::posting_of(event);
    return {posting, posting ? std::optional{posting->account} : storage::account_of(event)};
  } catch (const std::exception& e) {
    spdlog::error("source={} target_seq={} type={} unreadable_event=\"{}\"", event.source, event.target_seq,
                  event.type, e.what());
    return {};
  }
}

} // namespace

void shard_state::open_lines(const storage::shard_counters& counters) {
  for (const auto& [source, position] : counters.cursor) {
    lines_[source].accepted = position;
    lines_[source].durable = position;
  }
  for (const auto& [source, above] : counters.above)
    lines_[source].above = above;
}

void shard_state::on_push(inbox_push& p) {
  if (phase_ != phase::serving)
    return; // the source will look
  auto& l = lines_[p.source];
  for (const auto& event : p.events) {
    l.head = std::max(l.head, event.target_seq);
    if (event.target_seq <= l.accepted)
      continue;
    if (event.target_seq != l.accepted + 1) {
      ++config_.node->counters.inbox_gaps;
      read_log(p.source);
      return;
    }
    accept(event);
  }
}

void shard_state::accept(const storage::delivery& event) {
  auto& l = lines_[event.source];
  l.accepted = event.target_seq;
  if (l.above.erase(event.target_seq) != 0)
    return; // it had its effect before this life of the shard
  const auto [posting, account] = meaning_of(event);
  if (!account)
    return park(event, std::nullopt, "it cannot be read");
  hand_on({entity_kind::account, account->value}, {event, posting, {}, {}});
}

void shard_state::hand_on(const entity_ref& entity, inbox_order order) {
  auto& s = slot_of(entity);
  const auto day = open_day();
  const storage::cause cause{order.event.source, order.event.target_seq};
  order.open_day = day;
  in_flight_[cause] = {entity, day, false};
  ++in_flight_by_day_[day];
  if (auto why = reason_to_park(entity, cause)) {
    park(order.event, account_id{entity.id}, std::move(*why));
  } else if (s.phase == slot_phase::active) {
    touch(s);
    deliver(s, std::move(order));
  } else {
    s.events.push_back(std::move(order));
  }
}

void shard_state::deliver(slot& s, inbox_order order) {
  order.now = now();
  order.handed_on_ns = steady_now_ns();
  s.load->handed_on(order.handed_on_ns);
  self_->send(caf::actor_cast<account_actor>(s.actor), std::move(order));
}

void shard_state::read_log(shard_number source) {
  auto& l = lines_[source];
  if (l.reading)
    return;
  l.reading = true;
  ask<deliveries>(
      config_.loader, read_inbox{config_.number, source, l.accepted},
      [this, source](deliveries& events) {
        auto& line = lines_[source];
        line.reading = false;
        for (const auto& event : events) {
          if (event.target_seq == line.accepted + 1)
            accept(event);
        }
        if (events.size() >= limits::inbox_page)
          read_log(source);
      },
      [this, source](caf::error&) { lines_[source].reading = false; }); // the next look tries again
}

void shard_state::read_log_again(const entity_ref& entity) {
  std::unordered_map<shard_number, std::int64_t> first;
  for (const auto& [cause, flight] : in_flight_) {
    if (flight.lost && flight.entity == entity)
      first.try_emplace(cause.source, cause.target_seq);
  }
  for (const auto& [source, seq] : first) {
    ask<deliveries>(
        config_.loader, read_inbox{config_.number, source, seq - 1},
        [this, entity](deliveries& events) {
          for (const auto& event : events) {
            const auto flight = in_flight_.find({event.source, event.target_seq});
            if (flight == in_flight_.end() || !flight->second.lost || flight->second.entity != entity)
              continue;
            flight->second.lost = false;
            if (auto why = reason_to_park(entity, flight->first)) {
              park(event, account_id{entity.id}, std::move(*why));
              continue;
            }
            auto& s = slot_of(entity);
            inbox_order order{event, storage::posting_of(event), flight->second.on, {}};
            if (s.phase == slot_phase::active)
              deliver(s, std::move(order));
            else
              s.events.push_back(std::move(order));
          }
          const bool more = std::any_of(in_flight_.begin(), in_flight_.end(), [&](const auto& f) {
            return f.second.lost && f.second.entity == entity;
          });
          if (more && !events.empty())
            read_log_again(entity);
        },
        [this, entity](caf::error&) { later(load_back_off, [this, entity] { read_log_again(entity); }); });
  }
}

void shard_state::look_at_heads() {
  ask<inbox_heads>(
      config_.loader, read_inbox_heads{config_.number},
      [this](inbox_heads& heads) {
        for (const auto& [source, head] : heads) {
          lines_[source].head = std::max(lines_[source].head, head);
          if (head > lines_[source].accepted)
            read_log(source);
        }
      },
      [](caf::error&) {}); // the sources look once a second
}

void shard_state::push(std::vector<storage::delivery>& out) {
  std::map<shard_number, inbox_push> by_target;
  for (auto& event : out) {
    heads_[event.target] = event.target_seq;
    auto& p = by_target[event.target];
    p.events.push_back(std::move(event));
  }
  for (auto& [target, p] : by_target) {
    p.source = config_.number;
    p.target = target;
    self_->send(config_.region, std::move(p));
  }
}

void shard_state::settled(const std::vector<storage::cause>& causes) {
  for (const auto& c : causes) {
    const auto flight = in_flight_.find(c);
    if (flight == in_flight_.end())
      continue;
    const auto by_day = in_flight_by_day_.find(flight->second.on);
    if (--by_day->second == 0)
      in_flight_by_day_.erase(by_day);
    in_flight_.erase(flight);
    event_crashes_.erase(c);
  }
  if (payout_ && payout_->waiting_to_drain && nothing_in_flight_before(payout_->on + std::chrono::days{1}))
    advance_for_payout();
  if (!causes.empty() && !ack_pending_) {
    ack_pending_ = true;
    self_->delayed_send(self_, ack_delay, atom::ack_v);
  }
}

void shard_state::send_acks() {
  ack_pending_ = false;
  for (auto& [source, l] : lines_) {
    if (std::exchange(l.acknowledge, false))
      self_->send(config_.region, inbox_ack{source, config_.number, l.durable});
  }
}

void shard_state::on_ack(const inbox_ack& a) {
  auto& position = acknowledged_[a.target];
  position = std::max(position, a.position);
  if (shuffle_ && shuffle_->waiting_for_acks && all_acknowledged(shuffle_->heads)) {
    shuffle_->waiting_for_acks = false;
    if (shuffle_->last_chunk)
      finish_shuffle();
    else
      next_tasks();
  }
}

void shard_state::on_look(const inbox_look& look) {
  if (phase_ != phase::serving)
    return;
  auto& l = lines_[look.source];
  l.head = std::max(l.head, look.head);
  if (look.head > l.accepted)
    read_log(look.source);
  self_->send(config_.region, inbox_ack{look.source, config_.number, l.durable});
}

bool shard_state::nothing_in_flight_before(domain::day d) const {
  return in_flight_by_day_.empty() || in_flight_by_day_.begin()->first >= d;
}

bool shard_state::all_acknowledged(const std::map<shard_number, std::int64_t>& heads) const {
  return std::all_of(heads.begin(), heads.end(), [this](const auto& h) {
    const auto a = acknowledged_.find(h.first);
    return a != acknowledged_.end() && a->second >= h.second;
  });
}

} // namespace ates::actors
