#include "actors/shuffles.hpp"

#include "actors/answers.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "storage/event_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

void shuffles_state::open(supervisor_actor::pointer self, entity_home home, region_actor region,
                          const storage::loaded_supervisors& loaded) {
  self_ = self;
  home_ = std::move(home);
  region_ = std::move(region);
  for (const auto& row : loaded.shuffles) {
    last_run_ = std::max(last_run_, row.run);
    if (row.status == storage::shuffle_status::queued || row.status == storage::shuffle_status::running)
      queue_[row.run] = row;
  }
  kept_.load(loaded.shuffles_kept);
  if (!queue_.empty() && queue_.begin()->second.status == storage::shuffle_status::running && loaded.roster) {
    running_ = true;
    roster_ = std::make_shared<const std::vector<account_id>>(loaded.roster->accounts);
    announce();
  } else {
    start_next();
  }
}

storage::record shuffles_state::new_record() {
  return begin_record(home_, {entity_kind::shuffles, {}}, 0, home_.node->clock.now());
}

void shuffles_state::write_then(storage::record record, std::function<void(const reply&)> then) {
  self_
      ->request(home_.journal, limits::internal_request,
                journal_entry{std::make_shared<const storage::record>(std::move(record)), home_.generation,
                              refusal(outcome::ok)})
      .then([then = std::move(then)](const reply& r) { then(r); },
            [self = self_](caf::error& e) {
              self->quit(std::move(e));
            }); // the shard starts us from what is durable
}

std::string shuffles_state::described() const {
  nlohmann::json value{{"last_run", last_run_}, {"queued", queue_.size()}, {"running", nullptr}};
  if (running_) {
    const auto& row = queue_.begin()->second;
    const auto through =
        std::count_if(progress_.begin(), progress_.end(), [](const auto& p) { return p.second.done; });
    value["queued"] = queue_.size() - 1;
    value["running"] = {
        {"run", row.run}, {"shuffle_id", domain::to_string(row.id)}, {"shards_through", through}};
  }
  return value.dump();
}

caf::result<reply> shuffles_state::handle(envelope& e) {
  if (std::holds_alternative<inspect_actor_command>(e.what))
    return answer_behind_all(self_, home_, inside(home_, described()));
  if (std::holds_alternative<request_shuffle_command>(e.what))
    return request(e);
  return refusal(outcome::internal);
}

caf::result<reply> shuffles_state::request(envelope& e) {
  if (const auto found = kept_.look_up(e.key)) {
    if (found->mismatch)
      return answer_behind_all(self_, home_, refusal(outcome::idempotency_mismatch));
    auto r = success(outcome::ok, shuffle_of(found->answer));
    r.replayed = true;
    return answer_behind_all(self_, home_, std::move(r));
  }
  if (queue_.size() + requested_ >= limits::queued_shuffles)
    return refusal(outcome::overloaded);
  if (home_.node->current_roster()->assignable->empty())
    return answer_behind_all(self_, home_, refusal(outcome::no_assignable_account));

  storage::shuffle_row row{.run = ++last_run_,
                           .id = domain::shuffle_id{random_uuid()},
                           .status = storage::shuffle_status::queued,
                           .requested_by = e.by,
                           .requested_at = e.now,
                           .started_at = {},
                           .finished_at = {},
                           .open_tasks = {},
                           .reassigned = {},
                           .seed = thread_dice().roll()};
  auto record = new_record();
  record.shuffles.push_back(row);
  record.events.push_back(storage::shuffle_requested_event_row(row, e.now));
  if (e.key) {
    record.kept = make_kept(*e.key, to_answer(row));
    kept_.keep(*record.kept);
  }
  ++requested_;
  auto asker = self_->make_response_promise<reply>();
  write_then(std::move(record), [this, asker, row](const reply& r) mutable {
    --requested_;
    if (r.what != outcome::ok)
      return void(asker.deliver(reply{r}));
    queue_[row.run] = row;
    asker.deliver(success(outcome::ok, row));
    start_next();
  });
  return asker;
}

void shuffles_state::start_next() {
  if (running_ || writing_ || queue_.empty())
    return;
  auto row = queue_.begin()->second;
  const auto now = std::max(home_.node->clock.now(), row.requested_at);
  const auto people = home_.node->current_roster()->assignable;
  auto record = new_record();
  row.started_at = now;
  if (people->empty()) {
    row.status = storage::shuffle_status::failed;
    row.finished_at = now;
    row.open_tasks = row.reassigned = 0;
    record.events.push_back(storage::shuffle_finished_event_row(row, now));
  } else {
    row.status = storage::shuffle_status::running;
    record.roster = storage::roster_row{row.run, *people};
  }
  record.shuffles.push_back(row);
  ++writing_;
  write_then(std::move(record), [this, row, people](const reply& r) {
    --writing_;
    if (r.what != outcome::ok)
      return; // the shard is reset
    if (row.status == storage::shuffle_status::failed) {
      queue_.erase(row.run);
      return start_next();
    }
    queue_[row.run] = row;
    running_ = true;
    roster_ = people;
    progress_.clear();
    announce();
  });
}

void shuffles_state::announce() {
  const auto& row = queue_.begin()->second;
  const shuffle_order part{
      .run = row.run, .id = row.id, .started_at = *row.started_at, .seed = row.seed, .roster = roster_};
  for (shard_number s = 0; s < home_.node->shards; ++s) {
    const auto known = progress_.find(s);
    if (known == progress_.end() || !known->second.done)
      self_->send(region_, bulk_order{s, part});
  }
}

void shuffles_state::on_tick() {
  if (running_) {
    announce();
    store_progress();
  } else {
    start_next();
  }
}

void shuffles_state::on_report(const bulk_report& r) {
  const auto& part = std::get<shuffle_report>(r.what);
  if (!running_ || part.run != queue_.begin()->first)
    return;
  auto& p = progress_[r.shard];
  if (p.done)
    return;
  p = {part.open_tasks, part.reassigned, part.done};
  const auto done =
      std::count_if(progress_.begin(), progress_.end(), [](const auto& s) { return s.second.done; });
  if (done == home_.node->shards)
    finish();
}

void shuffles_state::store_progress() {
  auto row = queue_.begin()->second;
  std::int64_t open = 0;
  std::int64_t reassigned = 0;
  for (const auto& [shard, p] : progress_) {
    open += p.open_tasks;
    reassigned += p.reassigned;
  }
  if (progress_.size() == home_.node->shards)
    row.open_tasks = open;
  row.reassigned = reassigned;
  if (writing_ || row == queue_.begin()->second)
    return;
  auto record = new_record();
  record.shuffles.push_back(row);
  ++writing_;
  write_then(std::move(record), [this, row](const reply& r) {
    --writing_;
    if (r.what == outcome::ok)
      queue_[row.run] = row;
  });
}

void shuffles_state::finish() {
  auto row = queue_.begin()->second;
  row.status = storage::shuffle_status::done;
  row.finished_at = std::max(home_.node->clock.now(), *row.started_at);
  row.open_tasks = row.reassigned = 0;
  for (const auto& [shard, p] : progress_) {
    *row.open_tasks += p.open_tasks;
    *row.reassigned += p.reassigned;
  }
  auto record = new_record();
  record.shuffles.push_back(row);
  record.events.push_back(storage::shuffle_finished_event_row(row, *row.finished_at));
  running_ = false;
  ++writing_; // nothing else starts before the end is durable
  write_then(std::move(record), [this, run = row.run](const reply& r) {
    --writing_;
    if (r.what != outcome::ok)
      return;
    queue_.erase(run);
    progress_.clear();
    start_next();
  });
}

supervisor_actor::behavior_type shuffles(supervisor_actor::stateful_pointer<shuffles_state> self,
                                         entity_home home, region_actor region,
                                         storage::loaded_supervisors loaded) {
  set_house_rules(self, shuffles_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), std::move(region), loaded);
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->quit();
        return std::uint64_t{0};
      },
      [self, load](const bulk_report& r) {
        measured(self, *load, 0, "report", [&] { self->state.on_report(r); });
      },
      [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace ates::actors
