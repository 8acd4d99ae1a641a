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
    for (const auto& m : r.letters)
      expect(is_queued({r.shard, m.account.value, m.on}), "the mark of a letter that is not queued: it");
    for (const auto& p : r.parked)
      expect(!status_of(p.id), "parked_pkey: a parked event");
    for (const auto& m : r.unparked)
      expect(status_of(m.id) == parked_status::parked, "an event that is not parked is settled: it");
  }

  std::optional<parked_status> status_of(const uuid& parked) const {
    for (const auto& row : stored_.parked)
      if (row.id == parked)
        return row.status;
    return std::nullopt;
  }

  bool has_employee(const record& r, const account_id& account) const {
    return stored_.employees.contains(account.value) ||
           std::any_of(r.employees.begin(), r.employees.end(),
                       [&](const auto& e) { return e.id == account; });
  }

  bool is_queued(const std::tuple<shard_number, uuid, day>& key) const {
    const auto letter = stored_.mails.find(key);
    return letter != stored_.mails.end() && letter->second.status == letter_status::queued;
  }

  static void expect(bool holds, const char* what) {
    if (!holds)
      throw refusal{std::string{what} + " conflicts with what is stored"};
  }

  const tables& stored_;
  const batch& made_;
};

memory_state::stored_letter queued_now(const mail_row& m, const employee_row& to, instant now) {
  return {.letter = {.account = m.account,
                     .on = m.on,
                     .amount = m.amount,
                     .address = to.email,
                     .name = to.name,
                     .attempts = 0,
                     .queued_at = now},
          .status = letter_status::queued,
          .next_at = now,
          .message_id = {}};
}

void store_troubles_of(const record& r, instant now, tables& into) {
  for (const auto& q : r.quarantined)
    into.quarantined.try_emplace({r.shard, q.entity}, q.reason);
  for (const auto& e : r.released)
    into.quarantined.erase({r.shard, e});
  for (auto p : r.parked) {
    p.parked_at = now;
    into.parked.push_back(std::move(p));
  }
  for (const auto& m : r.unparked)
    for (auto& p : into.parked)
      if (p.id == m.id)
        p.status = m.status;
  if (r.audit) {
    into.audit.push_back(*r.audit);
    into.audit.back().at = now;
  }
}

void store_rows_of(const record& r, instant now, tables& into) {
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
    into.mails[{r.shard, m.account.value, m.on}] = queued_now(m, into.employees.at(m.account.value), now);
  for (const auto& m : r.letters) {
    auto& stored = into.mails.at({r.shard, m.account.value, m.on});
    stored.status = m.status;
    stored.letter.attempts = m.attempts;
    stored.next_at = now + m.again_in;
    stored.message_id = m.message_id;
  }
  store_troubles_of(r, now, into);
}

void store(std::span<const record* const> records, const batch& made, instant now, tables& into) {
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
    store_rows_of(*r, now, into);
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
  store(records, made, state_.now(), state_.tables_);
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

} // namespace ates::storage
