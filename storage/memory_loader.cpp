#include "storage/memory_journal.hpp"

#include <algorithm>

namespace ates::storage {

std::vector<loaded_entity> memory_loader::load(std::span<const entity_place> wanted) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("load entities");
  const auto& stored = state_.tables_;
  std::vector<loaded_entity> loaded;
  std::set<entity_ref> seen;
  for (const auto& [shard, entity] : wanted) {
    if (!seen.insert(entity).second)
      continue;
    auto& one = loaded.emplace_back(
        loaded_entity{.entity = entity, .snapshot = {}, .kept = {}, .sessions = {}, .refused = {}});
    if (const auto task = stored.tasks.find({shard, entity.id});
        entity.kind == entity_kind::task && task != stored.tasks.end())
      one.snapshot = task->second;
    if (const auto account = stored.accounts.find({shard, entity.id});
        entity.kind == entity_kind::account && account != stored.accounts.end())
      one.snapshot = account->second;
    if (const auto why = stored.quarantined.find({shard, entity}); why != stored.quarantined.end())
      one.refused = why->second;
    if (const auto kept = stored.kept.find({shard, entity}); kept != stored.kept.end())
      for (const auto& [scope, answer] : kept->second)
        one.kept.push_back(answer);
    for (const auto& [key, session] : stored.sessions)
      if (entity.kind == entity_kind::account && std::get<0>(key) == shard &&
          session.account.value == entity.id)
        one.sessions.push_back(session);
  }
  return loaded;
}

std::vector<loaded_shard> memory_loader::load_shards(std::span<const shard_number> shards) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("load shards");
  const auto& stored = state_.tables_;
  std::vector<loaded_shard> loaded;
  for (const auto shard : shards) {
    auto& one = loaded.emplace_back();
    if (const auto state = stored.shards.find(shard); state != stored.shards.end())
      one.state = state->second;
    for (const auto& [entity, reason] : stored.quarantined)
      if (entity.first == shard)
        one.quarantined.push_back({entity.second, reason});
    for (const auto& [line, position] : stored.cursors)
      if (line.first == shard)
        one.counters.cursor[line.second] = position;
    const auto events = stored.events.find(shard);
    if (events == stored.events.end())
      continue;
    for (const auto& event : events->second) {
      one.counters.last_seq = event.seq;
      one.last_at = std::max(one.last_at, event.row.at);
      if (event.target_seq)
        one.counters.last_target_seq[*event.row.target] = *event.target_seq;
      if (event.because && event.because->target_seq > one.counters.cursor[event.because->source])
        one.counters.above[event.because->source].insert(event.because->target_seq);
    }
    std::erase_if(one.counters.cursor, [](const auto& line) { return line.second == 0; });
  }
  return loaded;
}

loaded_supervisors memory_loader::load_supervisors() {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("load supervisors");
  const auto& stored = state_.tables_;
  loaded_supervisors all;
  for (const auto& [id, employee] : stored.employees)
    all.employees.push_back(employee);
  std::sort(all.employees.begin(), all.employees.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  std::int64_t last_ended = 0;
  for (const auto& [run, shuffle] : stored.shuffles)
    if (shuffle.finished_at)
      last_ended = run;
  for (const auto& [run, shuffle] : stored.shuffles) {
    if (!shuffle.finished_at || run == last_ended)
      all.shuffles.push_back(shuffle);
    if (const auto roster = stored.rosters.find(run);
        shuffle.status == shuffle_status::running && !all.roster && roster != stored.rosters.end())
      all.roster = roster->second;
  }
  std::optional<day> last_done;
  for (const auto& [on, payout] : stored.payouts)
    if (payout.status == payout_status::done)
      last_done = on;
  for (const auto& [on, payout] : stored.payouts)
    if (payout.status == payout_status::running || on == last_done)
      all.payouts.push_back(payout);
  const auto keep = [&](entity_kind kind, std::vector<kept_answer>& into) {
    if (const auto kept = stored.kept.find({0, {kind, {}}}); kept != stored.kept.end())
      for (const auto& [scope, answer] : kept->second)
        into.push_back(answer);
  };
  keep(entity_kind::directory, all.directory_kept);
  keep(entity_kind::shuffles, all.shuffles_kept);
  keep(entity_kind::payouts, all.payouts_kept);
  return all;
}

std::vector<delivery> memory_loader::inbox(shard_number target, shard_number source, std::int64_t after,
                                           std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read inbox");
  std::vector<delivery> found;
  for (const auto& event : state_.tables_.events[source])
    if (event.target_seq && event.row.target == target && *event.target_seq > after && found.size() < limit)
      found.push_back({source, target, *event.target_seq, event.row.type, event.row.subject, event.row.at,
                       event.row.data});
  return found;
}

std::map<shard_number, std::int64_t> memory_loader::inbox_heads(shard_number target) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read inbox heads");
  std::map<shard_number, std::int64_t> heads;
  for (const auto& [source, events] : state_.tables_.events)
    for (const auto& event : events)
      if (event.target_seq && event.row.target == target)
        heads[source] = *event.target_seq;
  return heads;
}

namespace {

bool is_waiting(const domain::task& task, instant before, std::int64_t run) {
  return task.status == domain::task_status::open && task.created_at < before &&
         static_cast<std::int64_t>(task.last_run) < run;
}

} // namespace

std::vector<domain::task> memory_loader::open_tasks(shard_number shard, instant before, std::int64_t run,
                                                    const std::optional<domain::task_id>& after,
                                                    std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read open tasks");
  std::vector<domain::task> found;
  for (const auto& [key, task] : state_.tables_.tasks)
    if (key.first == shard && is_waiting(task, before, run) && (!after || task.id > *after) &&
        found.size() < limit)
      found.push_back(task);
  return found;
}

std::int64_t memory_loader::count_open_tasks(shard_number shard, instant before, std::int64_t run) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("count open tasks");
  return std::count_if(state_.tables_.tasks.begin(), state_.tables_.tasks.end(), [&](const auto& entry) {
    return entry.first.first == shard && is_waiting(entry.second, before, run);
  });
}

std::int64_t memory_loader::count_reassigned(shard_number shard, std::int64_t run) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("count reassigned tasks");
  return std::count_if(state_.tables_.tasks.begin(), state_.tables_.tasks.end(), [&](const auto& entry) {
    return entry.first.first == shard && static_cast<std::int64_t>(entry.second.last_run) == run;
  });
}

std::vector<domain::account> memory_loader::accounts_behind(shard_number shard, day shard_day,
                                                            const std::optional<account_id>& after,
                                                            std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read accounts behind");
  std::vector<domain::account> found;
  for (const auto& [key, a] : state_.tables_.accounts) {
    const bool something_to_close =
        a.balance > cents{} || a.fees > cents{} || a.rewards > cents{} || a.paid_out > cents{};
    if (key.first == shard && a.open_day < shard_day && something_to_close && (!after || a.id > *after) &&
        found.size() < limit)
      found.push_back(a);
  }
  return found;
}

namespace {

/// B11: the highest reward; ties: earliest completed_at, then lowest id.
bool goes_before(const domain::task& a, const day_figures::top_task& b) {
  return std::tuple{-a.prices.reward.count, *a.completed_at, a.id} <
         std::tuple{-b.reward.count, b.completed_at, b.id};
}

void add_completed(day_figures& figures, const domain::task& task) {
  const auto fees = task.prices.fee * task.assignments;
  figures.tasks_in_profit += fees > task.prices.reward ? 1 : 0;
  figures.tasks_in_deficit += fees < task.prices.reward ? 1 : 0;
  if (!figures.top || goes_before(task, *figures.top))
    figures.top = {task.id, task.title, task.jira_id, task.prices.reward, *task.completed_at, task.assignee};
}

} // namespace

day_figures memory_loader::figures_of(day on) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read the figures of a day");
  const auto& stored = state_.tables_;
  day_figures figures;
  figures.on = on;
  for (const auto& [key, delta] : stored.days) {
    if (key.second != on)
      continue;
    figures.earnings += delta.fees - delta.rewards;
    figures.total_paid += delta.paid_out;
    figures.tasks_completed += delta.completed;
    figures.accounts_in_profit += delta.paid;
  }
  std::map<uuid, cents> last_balance;
  for (const auto& [key, transfer] : stored.transfers) { // ascending by entry
    const auto& entry = transfer.entry;
    if (entry.on <= on)
      last_balance[entry.account.value] = entry.balance_after;
    if (entry.on != on || entry.kind != domain::entry_kind::completion_reward)
      continue;
    const auto shard = domain::shard_of(entry.task->value, static_cast<shard_number>(stored.leases.size()));
    if (const auto task = stored.tasks.find({shard, entry.task->value});
        task != stored.tasks.end() && task->second.completed_at)
      add_completed(figures, task->second);
  }
  figures.accounts_in_debt = std::count_if(last_balance.begin(), last_balance.end(),
                                           [](const auto& entry) { return entry.second < cents{}; });
  return figures;
}

std::vector<account_id> memory_loader::roster_of(std::int64_t run) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read a roster");
  const auto found = state_.tables_.rosters.find(run);
  return found == state_.tables_.rosters.end() ? std::vector<account_id>{} : found->second.accounts;
}

held_tasks memory_loader::open_tasks_of(std::span<const account_id> accounts, std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read open tasks of accounts");
  held_tasks held;
  held.shuffling = std::any_of(state_.tables_.shuffles.begin(), state_.tables_.shuffles.end(),
                               [](const auto& s) { return s.second.status == shuffle_status::running; });
  for (const auto& [_, t] : state_.tables_.tasks)
    if (t.status == domain::task_status::open && held.tasks.size() < limit &&
        std::find(accounts.begin(), accounts.end(), t.assignee) != accounts.end())
      held.tasks.push_back({t.id, t.assignee});
  return held;
}

bool memory_loader::any_open_task() {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("look for an open task");
  return std::any_of(state_.tables_.tasks.begin(), state_.tables_.tasks.end(),
                     [](const auto& t) { return t.second.status == domain::task_status::open; });
}

std::vector<employee_row> memory_loader::employees_changed_after(std::int64_t version) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read changed employees");
  std::vector<employee_row> changed;
  for (const auto& [id, employee] : state_.tables_.employees)
    if (employee.changed > version)
      changed.push_back(employee);
  std::sort(changed.begin(), changed.end(),
            [](const auto& a, const auto& b) { return a.changed < b.changed; });
  return changed;
}

due_letters memory_loader::letters_due(shard_number shard, std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read due letters");
  std::vector<const memory_state::stored_letter*> queued;
  for (const auto& [key, letter] : state_.tables_.mails)
    if (std::get<0>(key) == shard && letter.status == letter_status::queued)
      queued.push_back(&letter);
  std::stable_sort(queued.begin(), queued.end(),
                   [](const auto* a, const auto* b) { return a->next_at < b->next_at; });
  due_letters due;
  for (const auto* letter : queued) {
    if (due.letters.size() == limit)
      break;
    if (letter->next_at > state_.now()) {
      due.next = std::chrono::ceil<std::chrono::milliseconds>(letter->next_at - state_.now());
      break;
    }
    due.letters.push_back(letter->letter);
  }
  return due;
}

std::vector<parked_row> memory_loader::parked_for(shard_number shard, const account_id& account,
                                                  std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("read parked events");
  std::vector<parked_row> events;
  for (const auto& row : state_.tables_.parked)
    if (row.shard == shard && row.account == account && row.status == parked_status::parked &&
        events.size() < limit)
      events.push_back(row);
  return events;
}

std::optional<parked_row> memory_loader::find_parked(shard_number shard, const uuid& id) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("find a parked event");
  for (const auto& row : state_.tables_.parked)
    if (row.shard == shard && row.id == id)
      return row;
  return std::nullopt;
}

std::size_t memory_loader::forget_old(shard_number shard, instant before, std::size_t limit) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("forget old answers");
  std::size_t answers = 0;
  for (auto& [owner, kept] : state_.tables_.kept)
    if (owner.first == shard)
      std::erase_if(kept, [&](const auto& entry) {
        return entry.second.at < before && answers < limit && ++answers > 0;
      });
  std::size_t sessions = 0;
  std::erase_if(state_.tables_.sessions, [&](const auto& entry) {
    return std::get<0>(entry.first) == shard && entry.second.expires_at < state_.now() && sessions < limit &&
           ++sessions > 0;
  });
  return answers + sessions;
}

} // namespace ates::storage
