#include "actors/shard.hpp"

#include "actors/directory.hpp"
#include "actors/house_rules.hpp"
#include "actors/payouts.hpp"
#include "actors/shuffles.hpp"

namespace ates::actors {

namespace limits = config::limits;

namespace {

constexpr std::chrono::seconds tick_interval{1};

} // namespace

// ── life ──

shard_state::~shard_state() {
  if (counted_)
    serve(false);
  phase_ = phase::lost;
  if (config_.node)
    show_depths();
  if (config_.node)
    config_.node->counters.active_entities -= static_cast<std::int64_t>(recently_used_.size());
  letters_.wanted->store(false);
  for (const auto& [entity, s] : slots_)
    caf::anon_send_exit(s.actor, caf::exit_reason::kill);
  caf::anon_send_exit(directory_, caf::exit_reason::kill);
  caf::anon_send_exit(shuffles_, caf::exit_reason::kill);
  caf::anon_send_exit(payouts_, caf::exit_reason::kill);
}

void shard_state::open(shard_actor::pointer self, shard_config config) {
  self_ = self;
  config_ = std::move(config);
  epoch_ = config_.epoch;
  generation_ = ++config_.node->shard_lives;
  self_->delayed_send(self_, tick_interval, atom::tick_v);
  load();
}

void shard_state::load() {
  phase_ = phase::loading;
  ask<storage::loaded_shard>(
      config_.loader, actors::load_shard{config_.number},
      [this](storage::loaded_shard& loaded) { begin_serving(std::move(loaded)); },
      [this](caf::error&) { load_later(); });
}

/// Storage is away: again, a little later.
void shard_state::load_later() {
  phase_ = phase::waiting;
  self_->delayed_send(self_, load_back_off, atom::load_v);
}

void shard_state::begin_serving(storage::loaded_shard loaded) {
  row_ = loaded.state;
  last_seq_ = loaded.counters.last_seq;
  config_.node->clock.not_before(loaded.last_at); // it may have been set back since
  for (const auto& [target, head] : loaded.counters.last_target_seq)
    heads_[target] = head;
  open_lines(loaded.counters);
  auto attachment = shard_attachment{config_.number, epoch_, generation_, std::move(loaded.counters)};
  self_->request(config_.journal, limits::internal_request, std::move(attachment), shard_actor{self_})
      .then(
          [this, life = generation_, quarantined = std::move(loaded.quarantined)](bool) {
            if (life != generation_)
              return;
            phase_ = phase::serving;
            serve(true);
            if (row_.version == 0) {
              row_.open_day = config_.node->today();
              row_.paid_through = row_.open_day - std::chrono::days{1};
            }
            day_end_ = config_.node->calendar.end_of(row_.open_day);
            if (row_.version == 0)
              write_row([] {});
            remember_quarantined(quarantined);
            if (config_.number == 0)
              start_supervisors();
            look_at_heads();
            for (auto& h : std::exchange(held_while_loading_, {}))
              h.asker.delegate(shard_actor{self_}, std::move(h.command));
            spdlog::debug("shard={} epoch={} serving", config_.number, epoch_);
          },
          [this, life = generation_](caf::error&) {
            if (life == generation_)
              load_later();
          });
}

void shard_state::start_supervisors() {
  ask<storage::loaded_supervisors>(
      config_.loader, load_supervisors{},
      [this](storage::loaded_supervisors& loaded) { spawn_supervisors(std::move(loaded)); },
      [this](caf::error&) { self_->delayed_send(self_, load_back_off, atom::load_v); });
}

void shard_state::spawn_supervisors(storage::loaded_supervisors loaded) {
  if (directory_ || phase_ != phase::serving)
    return;
  const domain::day first_day = row_.paid_through + std::chrono::days{1};
  for (const auto kind : {entity_kind::directory, entity_kind::shuffles, entity_kind::payouts})
    supervisor_loads_[kind] = std::make_shared<entity_load>();
  const auto home_for = [this](entity_kind kind) { return home(supervisor_loads_.at(kind)); };
  directory_ = self_->spawn<caf::monitored>(directory, home_for(entity_kind::directory), config_.roster,
                                            config_.region, config_.loader, loaded);
  shuffles_ = self_->spawn<caf::monitored>(shuffles, home_for(entity_kind::shuffles), config_.region, loaded);
  payouts_ = self_->spawn<caf::monitored>(payouts, home_for(entity_kind::payouts), config_.region,
                                          config_.loader, first_day, std::move(loaded));
  for (auto& h : std::exchange(held_while_loading_, {}))
    h.asker.delegate(shard_actor{self_}, std::move(h.command));
}

void shard_state::forget_entities(std::vector<held>& kept) {
  for (auto& [entity, s] : slots_) {
    if (s.actor) {
      self_->demonitor(s.actor.address());
      self_->send_exit(s.actor, caf::exit_reason::kill);
    }
    for (auto& h : s.commands)
      kept.push_back(std::move(h));
  }
  for (const auto& supervisor :
       {caf::actor_cast<caf::actor>(directory_), caf::actor_cast<caf::actor>(shuffles_),
        caf::actor_cast<caf::actor>(payouts_)}) {
    if (supervisor) {
      self_->demonitor(supervisor.address());
      self_->send_exit(supervisor, caf::exit_reason::kill);
    }
  }
  config_.node->counters.active_entities -= static_cast<std::int64_t>(recently_used_.size());
  directory_ = nullptr;
  shuffles_ = nullptr;
  payouts_ = nullptr;
  supervisor_loads_.clear();
  slots_.clear();
  running_.clear();
  recently_used_.clear();
  wanted_.clear();
  held_count_ = 0;
  lines_.clear();
  in_flight_.clear();
  in_flight_by_day_.clear();
  heads_.clear();
  acknowledged_.clear();
  shuffle_.reset();
  fetching_roster_ = false;
  payout_.reset();
  forget_letters();
  event_crashes_.clear();
  settling_.clear();
  postponed_.clear();
}

void shard_state::on_reset(reset_notice& n) {
  if (n.generation != generation_ || phase_ == phase::lost)
    return;
  ++config_.node->counters.shard_resets;
  serve(false);
  if (n.culprit) {
    spdlog::error("shard={} kind={} entity={} quarantined=\"its record was refused by the database\"",
                  config_.number, static_cast<int>(n.culprit->kind), domain::to_string(n.culprit->id));
    if (n.culprit->kind == entity_kind::task || n.culprit->kind == entity_kind::account) {
      quarantined_.insert(*n.culprit);
      crashes_[*n.culprit].error = "its record was refused by the database";
    }
  }
  forget_entities(held_while_loading_);
  generation_ = ++config_.node->shard_lives;
  if (n.lost) {
    spdlog::warn("shard={} lost=\"the lease is not ours any more\"", config_.number);
    phase_ = phase::lost;
    refuse_all(outcome::unavailable);
    self_->send(config_.region, atom::detach_v, config_.number);
    self_->quit();
    return;
  }
  if (n.new_epoch)
    epoch_ = *n.new_epoch;
  load();
}

void shard_state::refuse_all(outcome what) {
  for (auto& h : std::exchange(held_while_loading_, {}))
    h.asker.deliver(refusal(what));
}

void shard_state::serve(bool serving) {
  if (std::exchange(counted_, serving) != serving)
    config_.node->counters.shards_serving += serving ? 1 : -1;
}

/// Stops intake, then the entities with what is in their mailboxes, then waits for the disk, then the
/// supervisors: nobody who was let in is refused. What was held back is given to the region.
caf::result<bool> shard_state::stop() {
  const bool served = phase_ == phase::serving;
  serve(false);
  phase_ = phase::stopping;
  letters_.wanted->store(false);
  stop_asker_ = self_->make_response_promise<bool>();
  auto asker = stop_asker_;
  give_back_held();
  while (!recently_used_.empty()) {
    const auto entity = recently_used_.front();
    stop_entity(entity, slots_.at(entity));
  }
  if (!served)
    stopped(true);
  else if (running_.empty())
    entities_stopped();
  return asker;
}

void shard_state::give_back_held() {
  for (auto& h : std::exchange(held_while_loading_, {}))
    h.asker.delegate(config_.region, std::move(h.command));
  for (auto& [_, s] : slots_) {
    for (auto& h : std::exchange(s.commands, {}))
      h.asker.delegate(config_.region, std::move(h.command));
  }
  held_count_ = 0;
}

void shard_state::entities_stopped() {
  ask<reply>(
      config_.journal, barrier{config_.number, generation_, false, refusal(outcome::ok)},
      [this](reply& r) {
        if (r.what == outcome::ok)
          stop_supervisors();
        else
          stopped(false);
      },
      [this](caf::error&) { stopped(false); });
}

void shard_state::stop_supervisors() {
  auto left = std::make_shared<int>(0);
  for (const auto& supervisor :
       {caf::actor_cast<entity_actor>(directory_), caf::actor_cast<entity_actor>(shuffles_),
        caf::actor_cast<entity_actor>(payouts_)}) {
    if (!supervisor)
      continue;
    ++*left;
    const auto one_less = [this, left] {
      if (--*left == 0)
        stopped(true);
    };
    self_->request(supervisor, limits::stop_patience, atom::stop_v)
        .then([one_less](std::uint64_t) { one_less(); }, [one_less](caf::error&) { one_less(); });
  }
  if (*left == 0)
    stopped(true);
}

void shard_state::stopped(bool well) {
  std::vector<held> kept;
  forget_entities(kept);
  for (auto& h : kept)
    h.asker.delegate(config_.region, std::move(h.command));
  stop_asker_.deliver(well);
  self_->quit();
}

/// A record of the shard itself: its row as it is now, under a new version.
storage::record shard_state::begin_row_record() {
  auto record =
      begin_record(home(), {entity_kind::shard, {}}, static_cast<std::uint64_t>(row_.version), now());
  ++row_.version;
  record.snapshot = row_;
  return record;
}

void shard_state::write_row(std::function<void()> then) {
  write_row(begin_row_record(), [then = std::move(then)](outcome what) {
    if (what == outcome::ok)
      then();
  });
}

void shard_state::write_row(storage::record record, std::function<void(outcome)> then) {
  ask<reply>(
      config_.journal,
      journal_entry{std::make_shared<const storage::record>(std::move(record)), generation_,
                    refusal(outcome::ok)},
      [then](reply& r) { then(r.what); },
      [this, then](caf::error& e) {
        spdlog::error("shard={} row_not_written=\"{}\"", config_.number, text_of(e));
        then(outcome::outcome_unknown);
      });
}

domain::instant shard_state::now() {
  last_now_ = std::max({last_now_, config_.node->clock.now(), row_.run_started_at});
  return last_now_;
}

domain::day shard_state::open_day() {
  if (now() >= day_end_) {
    row_.open_day = config_.node->calendar.day_of(last_now_);
    day_end_ = config_.node->calendar.end_of(row_.open_day);
    write_row([] {});
  }
  return row_.open_day;
}

void shard_state::stamp(envelope& e, slot& s) {
  e.handed_on_ns = steady_now_ns();
  s.load->handed_on(e.handed_on_ns);
  e.durable_version = s.durable;
  e.open_day = open_day();
  e.now = now();
}

entity_home shard_state::home(std::shared_ptr<entity_load> load) const {
  return {config_.node, config_.number, epoch_, generation_, config_.journal, std::move(load)};
}

void shard_state::on_tick() {
  self_->delayed_send(self_, tick_interval, atom::tick_v);
  show_depths();
  if (phase_ != phase::serving)
    return;
  for (const auto& [target, head] : heads_) {
    if (acknowledged_[target] < head)
      self_->send(config_.region, inbox_look{config_.number, target, head});
  }
  if (const auto now = std::chrono::steady_clock::now(); now >= forget_next_) {
    forget_next_ = now + limits::forget_interval;
    self_->send(config_.loader, forget_old{config_.number});
  }
  if (directory_)
    self_->send(directory_, atom::tick_v);
  look_for_letters();
  if (shuffles_)
    self_->send(shuffles_, atom::tick_v);
  if (payouts_)
    self_->send(payouts_, atom::tick_v);
}

shard_actor::behavior_type shard(shard_actor::stateful_pointer<shard_state> self, shard_config config) {
  set_house_rules(self, shard_state::name);
  self->set_down_handler([self](caf::down_msg& d) { self->state.on_down(d); });
  self->state.open(self, std::move(config));
  return {
      [self](envelope& e) { return self->state.handle(e); },
      [self](inbox_push& p) { self->state.on_push(p); },
      [self](const inbox_ack& a) { self->state.on_ack(a); },
      [self](const inbox_look& l) { self->state.on_look(l); },
      [self](bulk_order& o) { self->state.on_order(o); },
      [self](bulk_report& r) { self->state.on_report(r); },
      [self](batch_notice& n) { self->state.on_notice(n); },
      [self](reset_notice& n) { self->state.on_reset(n); },
      [self](atom::tick) { self->state.on_tick(); },
      [self](atom::load) { self->state.load_waiting(); },
      [self](atom::next, std::uint64_t id) { self->state.run_later(id); },
      [self](atom::ack) { self->state.send_acks(); },
      [self](atom::status) { return self->state.status(); },
      [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace ates::actors
