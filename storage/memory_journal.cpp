#include "storage/memory_journal.hpp"

#include "domain/text.hpp"
#include "storage/errors.hpp"
#include "storage/insist.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

using tables = memory_state::tables;

/// Why PostgreSQL would refuse a batch; thrown while a copy of nothing has been changed yet.
struct refusal {
  std::string why;
};

template <class Stored> std::uint64_t version_in(const Stored& stored, const typename Stored::key_type& key) {
  const auto found = stored.find(key);
  return found == stored.end() ? 0 : static_cast<std::uint64_t>(found->second.version);
}

/// All that could be refused, before anything is changed: so a batch is written whole or not at all.
class checks {
public:
  checks(const tables& stored, const batch& made) : stored_(stored), made_(made) {}

  void all(std::span<const record* const> records) const {
    snapshots();
    causes();
    for (const auto* r : records)
      rows_of(*r);
  }

private:
  void snapshots() const {
    for (const auto& c : made_.tasks)
      expect(version_in(stored_.tasks, {c.shard, c.now->id.value}) == c.replaces, "a task snapshot");
    for (const auto& c : made_.accounts)
      expect(version_in(stored_.accounts, {c.shard, c.now->id.value}) == c.replaces, "an account snapshot");
    for (const auto& c : made_.shards)
      expect(version_in(stored_.shards, c.shard) == c.replaces, "a shard snapshot");
  }

  void causes() const {
    for (const auto& [line, seqs] : made_.causes)
      for (std::size_t i = 0; i < seqs.size(); ++i)
        expect((i == 0 || seqs[i - 1] != seqs[i]) &&
                   !stored_.causes.contains({line.first, {line.second, seqs[i]}}),
               "event_cause: a cause");
  }

  void rows_of(const record& r) const {
    for (const auto& t : r.transfers)
      expect(!stored_.transfers.contains({r.shard, t.account.value, t.number}), "transfer_pkey: an entry");
    for (const auto& e : r.employees)
      for (const auto& [id, other] : stored_.employees)
        expect(id == e.id.value || (other.number != e.number && other.changed != e.changed &&
                                    domain::fold_case(other.login) != domain::fold_case(e.login)),
               "employee_login_key_key: an employee");
    for (const auto& m : r.mails)
      expect(has_employee(r, m.account), "a letter for an account that is no employee: it");
  }

  bool has_employee(const record& r, const account_id& account) const {
    return stored_.employees.contains(account.value) ||
           std::any_of(r.employees.begin(), r.employees.end(),
                       [&](const auto& e) { return e.id == account; });
  }

  static void expect(bool holds, const char* what) {
    if (!holds)
      throw refusal{std::string{what} + " conflicts with what is stored"};
  }

  const tables& stored_;
  const batch& made_;
};

void store_rows_of(const record& r, tables& into) {
  for (const auto& t : r.transfers)
    into.transfers[{r.shard, t.account.value, t.number}] = {t, r.at};
  if (r.kept)
    into.kept[{r.shard, r.entity}][r.kept->scope] = *r.kept;
  for (const auto& e : r.employees)
    into.employees[e.id.value] = e;
  for (const auto& s : r.shuffles)
    into.shuffles[s.run] = s;
  if (r.roster)
    into.rosters[r.roster->run] = *r.roster;
  for (const auto& p : r.payouts)
    into.payouts[p.on] = p;
  for (const auto& s : r.sessions) {
    const std::tuple key{r.shard, s.account.value, s.family};
    if (s.state.empty())
      into.sessions.erase(key);
    else
      into.sessions[key] = s;
  }
  for (const auto& m : r.mails)
    into.mails[{r.shard, m.account.value, m.on}] = m;
}

void store(std::span<const record* const> records, const batch& made, tables& into) {
  for (const auto& event : made.events)
    into.events[event.shard].push_back(
        {event.seq, event.of->epoch, *event.what, event.target_seq, event.because});
  for (const auto& [line, seqs] : made.causes)
    for (const auto seq : seqs)
      into.causes.insert({line.first, {line.second, seq}});
  for (const auto& c : made.tasks)
    into.tasks[{c.shard, c.now->id.value}] = *c.now;
  for (const auto& c : made.accounts)
    into.accounts[{c.shard, c.now->id.value}] = *c.now;
  for (const auto& c : made.shards)
    into.shards[c.shard] = *c.now;
  for (const auto& move : made.cursors)
    into.cursors[{move.shard, move.source}] = move.position;
  for (const auto& [key, delta] : made.days) {
    auto& sum = into.days[key];
    sum.on = delta.on;
    sum.fees += delta.fees;
    sum.rewards += delta.rewards;
    sum.paid_out += delta.paid_out;
    sum.completed += delta.completed;
    sum.paid += delta.paid;
  }
  for (const auto* r : records)
    store_rows_of(*r, into);
}

std::vector<shard_number> lost_leases(const tables& stored, const batch& made, incarnation owner) {
  std::vector<shard_number> lost;
  for (const auto& [shard, epoch] : made.fence) {
    const auto lease = stored.leases.find(shard);
    if (lease == stored.leases.end() || lease->second.owner != owner || lease->second.epoch != epoch)
      lost.push_back(shard);
  }
  return lost;
}

} // namespace

memory_state::memory_state(shard_number shards) {
  for (shard_number shard = 0; shard < shards; ++shard)
    tables_.leases[shard].shard = shard;
}

void memory_state::arrange(next_commit what) {
  const std::lock_guard lock{mutex_};
  next_ = what;
}

void memory_state::refuse(std::optional<entity_ref> entity) {
  const std::lock_guard lock{mutex_};
  refused_ = entity;
}

void memory_state::hold() {
  const std::lock_guard lock{mutex_};
  holding_ = true;
}

void memory_state::release() {
  const std::lock_guard lock{mutex_};
  holding_ = false;
  changed_.notify_all();
}

int memory_state::held() {
  const std::lock_guard lock{mutex_};
  return held_;
}

void memory_state::go_away(bool away) {
  const std::lock_guard lock{mutex_};
  away_ = away;
}

memory_state::tables memory_state::look() {
  const std::lock_guard lock{mutex_};
  return tables_;
}

void memory_state::wait_while_held(std::unique_lock<std::mutex>& lock) {
  ++held_;
  changed_.wait(lock, [this] { return !holding_; });
  --held_;
}

void memory_state::throw_if_away(const char* operation) const {
  if (away_)
    throw storage_error(storage_error::kind::away, operation, {}, "storage is away");
}

void memory_state::set_clock(std::optional<instant> clock) {
  const std::lock_guard lock{mutex_};
  clock_ = clock;
}

instant memory_state::now() const {
  return clock_.value_or(std::chrono::time_point_cast<instant::duration>(std::chrono::system_clock::now()));
}

memory_journal::memory_journal(memory_state& state, incarnation owner, std::int16_t writer)
    : state_(state), owner_(owner), writer_(writer) {}

void memory_journal::attach(shard_number shard, shard_counters counters) {
  positions_.attach(shard, std::move(counters));
}

void memory_journal::detach(shard_number shard) {
  positions_.detach(shard);
}

std::int64_t memory_journal::cursor(shard_number shard, shard_number source) const {
  return positions_.cursor(shard, source);
}

commit_outcome memory_journal::commit(std::span<const record* const> records,
                                      std::span<const std::pair<shard_number, epoch>> fence_only,
                                      std::vector<delivery>& out) {
  using kind = commit_outcome::kind;
  insist(!doubt_, "a commit after an unknown one that was not settled");
  auto made = positions_.prepare(records, fence_only);
  if (!made.stale.empty())
    return {kind::fenced, made.stale, "records of two epochs of one shard"};
  if (made.conflict)
    return {kind::refused, {}, *made.conflict};
  auto outcome = write(records, made);
  if (outcome.what == kind::committed) {
    positions_.advance(made);
    append_deliveries(made, out);
  }
  return outcome;
}

commit_outcome memory_journal::write(std::span<const record* const> records, batch& made) {
  using kind = commit_outcome::kind;
  using next = memory_state::next_commit;
  std::unique_lock lock{state_.mutex_};
  state_.wait_while_held(lock);
  const auto arranged = std::exchange(state_.next_, next::normal);
  if (state_.away_ || arranged == next::retry)
    return {kind::retry, {}, "storage is away"};
  if (arranged == next::unknown_not_written) {
    doubt_ = doubt{std::move(made), false};
    return {kind::unknown, {}, "the connection broke"};
  }
  auto lost = lost_leases(state_.tables_, made, owner_);
  if (arranged == next::fenced)
    for (const auto& [shard, epoch] : made.fence)
      lost.push_back(shard);
  if (!lost.empty())
    return {kind::fenced, lost, "lease lost"};
  try {
    for (const auto* r : records)
      if (r->entity == state_.refused_)
        throw refusal{"arranged by the test"};
    checks{state_.tables_, made}.all(records);
  } catch (const refusal& refused) {
    return {kind::refused, {}, refused.why};
  }
  store(records, made, state_.tables_);
  ++state_.tables_.batch_numbers[{owner_, writer_}];
  if (arranged != next::unknown_written)
    return {};
  doubt_ = doubt{std::move(made), true};
  return {kind::unknown, {}, "the reply was lost"};
}

std::optional<journal::settlement> memory_journal::settle(std::span<const shard_number> shards) {
  insist(doubt_.has_value(), "nothing is unknown");
  const std::lock_guard lock{state_.mutex_};
  if (state_.away_)
    return std::nullopt;
  std::set<shard_number> all{shards.begin(), shards.end()};
  for (const auto& [shard, epoch] : doubt_->made.fence)
    all.insert(shard);
  settlement settled;
  for (const auto shard : all) {
    auto& lease = state_.tables_.leases[shard];
    if (lease.owner == owner_)
      settled.new_epochs[shard] = ++lease.epoch;
  }
  settled.committed = doubt_->written;
  if (settled.committed)
    positions_.advance(doubt_->made);
  doubt_.reset();
  return settled;
}

std::vector<loaded_entity> memory_loader::load(std::span<const entity_place> wanted) {
  const std::lock_guard lock{state_.mutex_};
  state_.throw_if_away("load entities");
  const auto& stored = state_.tables_;
  std::vector<loaded_entity> loaded;
  std::set<entity_ref> seen;
  for (const auto& [shard, entity] : wanted) {
    if (!seen.insert(entity).second)
      continue;
    auto& one =
        loaded.emplace_back(loaded_entity{.entity = entity, .snapshot = {}, .kept = {}, .sessions = {}});
    if (const auto task = stored.tasks.find({shard, entity.id});
        entity.kind == entity_kind::task && task != stored.tasks.end())
      one.snapshot = task->second;
    if (const auto account = stored.accounts.find({shard, entity.id});
        entity.kind == entity_kind::account && account != stored.accounts.end())
      one.snapshot = account->second;
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
    for (const auto& [line, position] : stored.cursors)
      if (line.first == shard)
        one.counters.cursor[line.second] = position;
    const auto events = stored.events.find(shard);
    if (events == stored.events.end())
      continue;
    for (const auto& event : events->second) {
      one.counters.last_seq = event.seq;
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
