#include "storage/batch.hpp"

#include "storage/insist.hpp"

#include <algorithm>
#include <unordered_map>

namespace ates::storage {

namespace {

/// Keeps at most one snapshot per entity: the version that the first record replaces, the state of the last.
template <class State> class coalescer {
public:
  explicit coalescer(std::vector<batch::change<State>>& changes) : changes_(changes) {}

  /// False: `r` does not replace the version that the record before it left.
  bool add(const record& r, const uuid& id, const State& now) {
    const auto [found, first] = at_.try_emplace(id, changes_.size());
    if (first) {
      changes_.push_back({r.shard, r.replaces, &now, r.new_words});
      return true;
    }
    auto& change = changes_[found->second];
    const bool follows = static_cast<std::uint64_t>(change.now->version) == r.replaces;
    change.now = &now;
    change.new_words = change.new_words || r.new_words;
    return follows;
  }

private:
  std::vector<batch::change<State>>& changes_;
  std::unordered_map<uuid, std::size_t> at_;
};

/// A shard's own snapshot has no id: its number stands in.
uuid id_of(shard_number shard) {
  uuid id;
  id.bytes[14] = static_cast<std::uint8_t>(shard >> 8);
  id.bytes[15] = static_cast<std::uint8_t>(shard);
  return id;
}

void coalesce(std::span<const record* const> records, batch& into) {
  coalescer tasks{into.tasks};
  coalescer accounts{into.accounts};
  coalescer shards{into.shards};
  for (const auto* r : records) {
    bool follows = true;
    if (const auto* task = std::get_if<domain::task>(&r->snapshot))
      follows = tasks.add(*r, task->id.value, *task);
    else if (const auto* account = std::get_if<domain::account>(&r->snapshot))
      follows = accounts.add(*r, account->id.value, *account);
    else if (const auto* shard = std::get_if<shard_row>(&r->snapshot))
      follows = shards.add(*r, id_of(r->shard), *shard);
    if (!follows)
      into.conflict = "snapshot conflict inside the batch: entity " + to_string(r->entity.id) +
                      " has another version than " + std::to_string(r->replaces);
  }
}

void add_up_days(std::span<const record* const> records, batch& into) {
  for (const auto* r : records) {
    for (const auto& delta : r->days) {
      auto& sum = into.days[{r->shard, delta.on}];
      sum.on = delta.on;
      sum.fees += delta.fees;
      sum.rewards += delta.rewards;
      sum.paid_out += delta.paid_out;
      sum.completed += delta.completed;
      sum.paid += delta.paid;
    }
  }
}

void collect_kept(std::span<const record* const> records, batch& into) {
  for (const auto* r : records)
    if (r->kept)
      into.kept[{r->shard, r->entity, r->kept->scope}] = &*r->kept;
}

void collect_fence(std::span<const record* const> records,
                   std::span<const std::pair<shard_number, epoch>> fence_only, batch& into) {
  std::set<std::pair<shard_number, epoch>> leases{fence_only.begin(), fence_only.end()};
  for (const auto* r : records)
    leases.emplace(r->shard, r->epoch);
  into.fence.assign(leases.begin(), leases.end());
  for (std::size_t i = 1; i < into.fence.size(); ++i)
    if (into.fence[i].first == into.fence[i - 1].first)
      into.stale.push_back(into.fence[i].first);
}

/// How far a cursor gets when `durable` and `above` (both ascending) have had their effect.
std::int64_t unbroken_run(std::int64_t cursor, const std::vector<std::int64_t>& durable,
                          const std::set<std::int64_t>& above) {
  auto next = durable.begin();
  while (true) {
    while (next != durable.end() && *next <= cursor)
      ++next;
    const bool now = next != durable.end() && *next == cursor + 1;
    if (!now && !above.contains(cursor + 1))
      return cursor;
    ++cursor;
  }
}

std::int64_t value_or_zero(const std::map<shard_number, std::int64_t>& values, shard_number key) {
  const auto found = values.find(key);
  return found == values.end() ? 0 : found->second;
}

} // namespace

class positions::numbering {
public:
  numbering(const std::map<shard_number, shard_counters>& shards, batch& into)
      : shards_(shards), into_(into) {}

  void add(const record& r) {
    auto& last = last_of(r.shard);
    insist(!r.cause || !r.events.empty(), "a record with a cause has no event to carry it");
    for (const auto& event : r.events) {
      batch::numbered_event numbered{&r,           &event,       r.shard,     ++last.seq,
                                     event.target, std::nullopt, std::nullopt};
      if (event.target)
        numbered.target_seq = ++last_for(r.shard, last, *event.target);
      if (&event == &r.events.back())
        numbered.because = r.cause;
      into_.events.push_back(numbered);
    }
    if (r.cause)
      into_.causes[{r.shard, r.cause->source}].push_back(r.cause->target_seq);
  }

  void move_cursors() {
    for (auto& [line, causes] : into_.causes) {
      std::sort(causes.begin(), causes.end());
      const auto& counters = shards_.at(line.first);
      const auto from = value_or_zero(counters.cursor, line.second);
      const auto above = counters.above.find(line.second);
      const auto to = unbroken_run(from, causes, above == counters.above.end() ? none_ : above->second);
      if (to > from)
        into_.cursors.push_back({line.first, line.second, to});
    }
  }

private:
  struct last_numbers {
    std::int64_t seq = 0;
    std::unordered_map<shard_number, std::int64_t> target_seq;
  };

  last_numbers& last_of(shard_number shard) {
    const auto [found, first] = last_.try_emplace(shard);
    if (first) {
      const auto counters = shards_.find(shard);
      insist(counters != shards_.end(), "a record of a shard that is not attached to this journal");
      found->second.seq = counters->second.last_seq;
    }
    return found->second;
  }

  std::int64_t& last_for(shard_number shard, last_numbers& last, shard_number target) {
    const auto [found, first] = last.target_seq.try_emplace(target);
    if (first)
      found->second = value_or_zero(shards_.at(shard).last_target_seq, target);
    return found->second;
  }

  const std::map<shard_number, shard_counters>& shards_;
  batch& into_;
  std::unordered_map<shard_number, last_numbers> last_;
  const std::set<std::int64_t> none_;
};

void positions::attach(shard_number shard, shard_counters counters) {
  shards_[shard] = std::move(counters);
}

void positions::detach(shard_number shard) {
  shards_.erase(shard);
}

std::int64_t positions::cursor(shard_number shard, shard_number source) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : value_or_zero(found->second.cursor, source);
}

batch positions::prepare(std::span<const record* const> records,
                         std::span<const std::pair<shard_number, epoch>> fence_only) {
  batch made;
  collect_fence(records, fence_only, made);
  coalesce(records, made);
  add_up_days(records, made);
  collect_kept(records, made);
  numbering numbers{shards_, made};
  for (const auto* r : records)
    numbers.add(*r);
  numbers.move_cursors();
  return made;
}

void positions::advance(const batch& written) {
  for (const auto& event : written.events) {
    const auto found = shards_.find(event.shard);
    if (found == shards_.end())
      continue; // detached while the outcome was unknown
    found->second.last_seq = event.seq;
    if (event.target_seq)
      found->second.last_target_seq[*event.target] = *event.target_seq;
  }
  for (const auto& [line, causes] : written.causes)
    if (const auto found = shards_.find(line.first); found != shards_.end())
      found->second.above[line.second].insert(causes.begin(), causes.end());
  for (const auto& move : written.cursors) {
    const auto found = shards_.find(move.shard);
    if (found == shards_.end())
      continue;
    found->second.cursor[move.source] = move.position;
    auto& above = found->second.above[move.source];
    above.erase(above.begin(), above.upper_bound(move.position));
  }
}

void append_deliveries(const batch& written, std::vector<delivery>& out) {
  for (const auto& event : written.events)
    if (event.target_seq)
      out.push_back({event.shard, *event.target, *event.target_seq, event.what->type, event.what->subject,
                     event.what->at, event.what->data});
}

} // namespace ates::storage
