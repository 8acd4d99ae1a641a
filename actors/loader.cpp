#include "actors/loader.hpp"

#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "storage/errors.hpp"

#include <map>

namespace ates::actors {

namespace {

/// Runs one read; an exception must not end the actor.
template <class T, class Read> caf::result<T> read_or_fail(Read read) {
  try {
    return read();
  } catch (const std::exception& e) {
    spdlog::warn("actor=loader error=\"{}\"", e.what());
    return caf::make_error(caf::sec::runtime_error, std::string{e.what()});
  }
}

} // namespace

void loader_state::open(loader_actor::pointer self, std::unique_ptr<storage::loader> opened) {
  self_ = self;
  store_ = std::move(opened);
}

caf::result<loaded_entities> loader_state::load(load_entities& wanted) {
  auto asker = self_->make_response_promise<loaded_entities>();
  waiting_.push_back({std::move(wanted), asker});
  if (!std::exchange(flush_pending_, true))
    self_->send(self_, atom::flush_v);
  return asker;
}

void loader_state::flush() {
  flush_pending_ = false;
  std::vector<waiting> batch;
  std::vector<storage::entity_place> places;
  while (!waiting_.empty() && places.size() < config::limits::load_batch) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    for (const auto& entity : batch.back().wanted.entities)
      places.push_back({batch.back().wanted.shard, entity});
  }
  if (!waiting_.empty()) {
    flush_pending_ = true;
    self_->send(self_, atom::flush_v);
  }
  try {
    std::map<entity_ref, storage::loaded_entity> loaded;
    for (auto& one : store_->load(places))
      loaded.emplace(one.entity, std::move(one));
    for (auto& w : batch) {
      loaded_entities answer;
      for (const auto& entity : w.wanted.entities) {
        // Not moved: two lives of a shard may ask for the same one.
        if (const auto one = loaded.find(entity); one != loaded.end())
          answer.push_back(one->second);
      }
      w.asker.deliver(std::move(answer));
    }
  } catch (const std::exception& e) {
    spdlog::warn("actor=loader error=\"{}\"", e.what());
    for (auto& w : batch)
      w.asker.deliver(caf::make_error(caf::sec::runtime_error, std::string{e.what()}));
  }
}

bool loader_state::forget(const forget_old& q) {
  try {
    const auto now =
        std::chrono::time_point_cast<domain::instant::duration>(std::chrono::system_clock::now());
    return store_->forget_old(q.shard, now - config::limits::kept_answers_life,
                              config::limits::forget_at_once) >= config::limits::forget_at_once;
  } catch (const std::exception& e) {
    spdlog::warn("actor=loader shard={} old_answers_kept=\"{}\"", q.shard, e.what());
    return false;
  }
}

loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   std::function<std::unique_ptr<storage::loader>()> open_store) {
  set_house_rules(self, loader_state::name);
  self->state.open(self, open_store());
  auto* store = &self->state.store();
  return {
      [self](load_entities& wanted) { return self->state.load(wanted); },
      [self](atom::flush) { self->state.flush(); },
      [store](const load_shard& q) {
        return read_or_fail<storage::loaded_shard>([&] {
          return store->load_shards(std::span{&q.shard, 1}).at(0);
        });
      },
      [store](const load_supervisors&) {
        return read_or_fail<storage::loaded_supervisors>([&] { return store->load_supervisors(); });
      },
      [store](const read_inbox& q) {
        return read_or_fail<deliveries>(
            [&] { return store->inbox(q.target, q.source, q.after, config::limits::inbox_page); });
      },
      [store](const read_inbox_heads& q) {
        return read_or_fail<inbox_heads>([&] { return store->inbox_heads(q.target); });
      },
      [store](const read_open_tasks& q) {
        return read_or_fail<tasks>(
            [&] { return store->open_tasks(q.shard, q.before, q.run, q.after, config::limits::bulk_chunk); });
      },
      [store](const count_open_tasks& q) {
        return read_or_fail<std::int64_t>([&] { return store->count_open_tasks(q.shard, q.before, q.run); });
      },
      [store](const count_reassigned& q) {
        return read_or_fail<std::int64_t>([&] { return store->count_reassigned(q.shard, q.run); });
      },
      [store](const read_accounts_behind& q) {
        return read_or_fail<accounts>(
            [&] { return store->accounts_behind(q.shard, q.open_day, q.after, config::limits::bulk_chunk); });
      },
      [store](const read_day_figures& q) {
        return read_or_fail<storage::day_figures>([&] { return store->figures_of(q.on); });
      },
      [store](const read_due_letters& q) {
        return read_or_fail<storage::due_letters>(
            [&] { return store->letters_due(q.shard, config::limits::letters_page); });
      },
      [store](const load_roster& q) {
        return read_or_fail<account_ids>([&] { return store->roster_of(q.run); });
      },
      [store](const read_held_tasks& q) {
        return read_or_fail<storage::held_tasks>(
            [&] { return store->open_tasks_of(q.accounts, config::limits::releases_at_once); });
      },
      [store](const look_for_open_task&) {
        return read_or_fail<bool>([&] { return store->any_open_task(); });
      },
      [store](const read_parked& q) {
        return read_or_fail<parked_events>(
            [&] { return store->parked_for(q.shard, q.account, config::limits::parked_page); });
      },
      [store](const find_parked& q) {
        return read_or_fail<parked_events>([&] {
          const auto found = store->find_parked(q.shard, q.id);
          return found ? parked_events{*found} : parked_events{};
        });
      },
      [store](const read_employees& q) {
        return read_or_fail<employees>([&] { return store->employees_changed_after(q.changed_after); });
      },
      [self](const forget_old& q) {
        if (self->state.forget(q))
          self->delayed_send(self, config::limits::forget_pause, q);
      },
      [self](atom::stop) { self->quit(); },
  };
}

} // namespace ates::actors
