#include "actors/payouts.hpp"

#include "actors/answers.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "storage/event_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

void payouts_state::open(supervisor_actor::pointer self, entity_home home, region_actor region,
                         loader_actor loader, domain::day first_day,
                         const storage::loaded_supervisors& loaded) {
  self_ = self;
  home_ = std::move(home);
  region_ = std::move(region);
  loader_ = std::move(loader);
  next_ = first_day;
  for (const auto& row : loaded.payouts) {
    if (row.status == storage::payout_status::running)
      run_ = row;
    else
      ended_[row.on] = row;
    next_ = std::max(next_, row.on + std::chrono::days{1});
  }
  kept_.load(loaded.payouts_kept);
  if (run_)
    announce();
}

storage::record payouts_state::new_record() {
  return begin_record(home_, {entity_kind::payouts, {}}, 0, home_.node->clock.now());
}

void payouts_state::write_then(storage::record record, std::function<void(const reply&)> then) {
  writing_ = true;
  self_
      ->request(home_.journal, limits::internal_request,
                journal_entry{std::make_shared<const storage::record>(std::move(record)), home_.generation,
                              refusal(outcome::ok)})
      .then(
          [this, then = std::move(then)](const reply& r) {
            writing_ = false;
            then(r);
          },
          [self = self_](caf::error& e) {
            self->quit(std::move(e));
          }); // the shard starts us from what is durable
}

std::string payouts_state::described() const {
  nlohmann::json value{{"next_day", domain::to_string(next_)}, {"running", nullptr}};
  if (run_)
    value["running"] = {{"day", domain::to_string(run_->on)},
                        {"shards_advanced", advanced_.size()},
                        {"shards_through", paid_.size()}};
  return value.dump();
}

caf::result<reply> payouts_state::handle(envelope& e) {
  if (std::holds_alternative<inspect_actor_command>(e.what))
    return answer_behind_all(self_, home_, inside(home_, described()));
  if (std::holds_alternative<close_day_command>(e.what))
    return close(e);
  return refusal(outcome::internal);
}

caf::result<reply> payouts_state::close(envelope& e) {
  if (const auto found = kept_.look_up(e.key)) {
    auto r = answer_again(*found);
    const auto* kept = std::get_if<storage::payout_row>(&r.value);
    if (r.what != outcome::ok || !run_ || run_->on != kept->on || advanced_.size() == home_.node->shards)
      return answer_behind_all(self_, home_, std::move(r));
    // Asked again before every shard had opened the next day.
    auto asker = self_->make_response_promise<reply>();
    waiting_.push_back({.on = kept->on, .command = std::move(e), .asker = asker});
    return asker;
  }
  const auto today = home_.node->calendar.day_of(e.now);
  if (const auto ended = ended_.find(today); ended != ended_.end())
    return answer_known(e, ended->second);
  if (run_ && run_->on == today && advanced_.size() == home_.node->shards)
    return answer_known(e, *run_);
  auto asker = self_->make_response_promise<reply>();
  waiting_.push_back({.on = today, .command = std::move(e), .asker = asker});
  close_next();
  return asker;
}

/// What was told under this key before, or that it was another request.
reply payouts_state::answer_again(const kept_answers::found& found) const {
  if (found.mismatch)
    return refusal(outcome::idempotency_mismatch);
  auto r = success(was_known(found.answer) ? outcome::known : outcome::ok, payout_of(found.answer));
  r.replayed = true;
  return r;
}

/// Kept as well: the same key on the next day must not close that one.
caf::result<reply> payouts_state::answer_known(const envelope& e, const storage::payout_row& run) {
  auto r = success(outcome::known, run);
  if (!e.key)
    return answer_behind_all(self_, home_, std::move(r));
  return answer_and_keep(self_, home_, kept_, e, 0, to_answer(run, true), std::move(r));
}

void payouts_state::close_next() {
  if (run_ || writing_)
    return;
  const auto by_hand =
      std::any_of(waiting_.begin(), waiting_.end(), [this](const waiting& w) { return w.on >= next_; });
  if (next_ < home_.node->today() || by_hand)
    start(next_);
}

void payouts_state::start(domain::day on) {
  storage::payout_row row;
  row.on = on;
  row.started_at = home_.node->clock.now();
  auto record = new_record();
  const auto first =
      std::find_if(waiting_.begin(), waiting_.end(), [on](const waiting& w) { return w.on == on; });
  if (first != waiting_.end()) {
    first->began = true;
    row.requested_by = first->command.by;
    if (first->command.key) {
      record.kept = make_kept(*first->command.key, to_answer(row));
      kept_.keep(*record.kept);
    }
  }
  record.payouts.push_back(row);
  write_then(std::move(record), [this, row](const reply& r) {
    if (r.what != outcome::ok)
      return; // the shard is reset
    run_ = row;
    next_ = row.on + std::chrono::days{1};
    advanced_.clear();
    paid_.clear();
    announce();
  });
}

void payouts_state::announce() {
  for (shard_number s = 0; s < home_.node->shards; ++s) {
    if (!paid_.contains(s))
      self_->send(region_, bulk_order{s, payout_order{run_->on}});
  }
}

void payouts_state::on_tick() {
  if (run_ && paid_.size() < home_.node->shards)
    announce();
  else if (run_ && !writing_)
    paid();
  else
    close_next();
}

void payouts_state::on_report(const bulk_report& r) {
  const auto& part = std::get<payout_report>(r.what);
  if (!run_ || part.on != run_->on)
    return;
  if (advanced_.insert(r.shard).second && advanced_.size() == home_.node->shards)
    advanced();
  if (part.done && paid_.insert(r.shard).second && paid_.size() == home_.node->shards)
    paid();
}

void payouts_state::advanced() {
  // From here on every entry carries the next day: the close may be told.
  std::erase_if(waiting_, [&](waiting& w) {
    if (w.on > run_->on)
      return false;
    tell(w);
    return true;
  });
}

/// Who did not begin the run was too late, also when it comes again.
void payouts_state::tell(waiting& w) {
  auto r = success(w.began ? outcome::ok : outcome::known, *run_);
  if (w.began || !w.command.key) {
    w.asker.deliver(std::move(r));
    return;
  }
  if (const auto found = kept_.look_up(w.command.key)) { // it came again while it, or its run, was under way
    w.asker.delegate(home_.journal, barrier{home_.shard, home_.generation, !home_.node->right.fresh(),
                                            answer_again(*found)});
    return;
  }
  auto record = new_record();
  record.kept = make_kept(*w.command.key, to_answer(*run_, true));
  kept_.keep(*record.kept);
  w.asker.delegate(home_.journal, journal_entry{std::make_shared<const storage::record>(std::move(record)),
                                                home_.generation, std::move(r)});
}

void payouts_state::paid() {
  if (writing_ || reading_)
    return; // the tick comes back
  reading_ = true;
  self_->request(loader_, limits::internal_request, read_day_figures{run_->on})
      .then(
          [this](const storage::day_figures& figures) {
            reading_ = false;
            finish(figures);
          },
          [this](caf::error&) { reading_ = false; }); // storage is away: the tick tries again
}

void payouts_state::finish(const storage::day_figures& figures) {
  if (!run_ || writing_ || figures.on != run_->on)
    return;
  auto row = *run_;
  row.status = storage::payout_status::done;
  row.finished_at = std::max(home_.node->clock.now(), row.started_at);
  row.accounts_paid = figures.accounts_in_profit;
  row.total_paid = figures.total_paid;
  auto record = new_record();
  record.payouts.push_back(row);
  record.events.push_back(storage::day_closed_event_row(figures, row.requested_by, *row.finished_at));
  write_then(std::move(record), [this, row](const reply& r) {
    if (r.what != outcome::ok)
      return;
    run_.reset();
    ended_.clear(); // older days are asked of the reports, never of us
    ended_[row.on] = row;
    close_next();
  });
}

/// Whoever waits is asked again where the supervisor lives next: the run, if it began, is durable.
void payouts_state::stop() {
  for (auto& w : std::exchange(waiting_, {}))
    w.asker.delegate(region_, std::move(w.command));
  self_->quit();
}

supervisor_actor::behavior_type payouts(supervisor_actor::stateful_pointer<payouts_state> self,
                                        entity_home home, region_actor region, loader_actor loader,
                                        domain::day first_day, storage::loaded_supervisors loaded) {
  set_house_rules(self, payouts_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), std::move(region), std::move(loader), first_day, loaded);
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->state.stop();
        return std::uint64_t{0};
      },
      [self, load](const bulk_report& r) {
        measured(self, *load, 0, "report", [&] { self->state.on_report(r); });
      },
      [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace ates::actors
