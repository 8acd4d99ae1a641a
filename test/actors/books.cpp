#include "test/actors/books.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace ates::test {

namespace {

using tables = storage::memory_state::tables;
using domain::cents;
using domain::uuid;

class check {
public:
  explicit check(const tables& t) : t_(t) {}

  void logs() {
    for (const auto& [shard, events] : t_.events) {
      std::int64_t seq = 0;
      storage::epoch epoch = 0;
      std::map<domain::shard_number, std::int64_t> lines;
      for (const auto& e : events) {
        expect(e.seq == ++seq, "the log of a shard has a gap", shard);
        expect(e.epoch >= epoch, "an epoch falls along the log", shard);
        epoch = e.epoch;
        if (e.target_seq)
          expect(*e.target_seq == ++lines[*e.row.target], "a line between shards has a gap", shard);
      }
    }
  }

  void transit() {
    for (const auto& [source, events] : t_.events)
      for (const auto& e : events)
        if (e.target_seq)
          expect(t_.causes.contains({*e.row.target, {source, *e.target_seq}}), "an event had no effect",
                 source);
  }

  void effects() {
    std::map<storage::cause, std::map<domain::shard_number, int>> seen;
    for (const auto& [shard, events] : t_.events)
      for (const auto& e : events)
        if (e.because)
          expect(++seen[*e.because][shard] == 1, "an event had its effect twice", shard);
  }

  void accounts() {
    std::map<uuid, cents> sums;
    std::map<uuid, std::uint64_t> numbers;
    for (const auto& [key, transfer] : t_.transfers) { // ascending by number
      const auto& entry = transfer.entry;
      sums[entry.account.value] += entry.signed_amount();
      expect(entry.number == ++numbers[entry.account.value], "entries of an account have a gap",
             std::get<0>(key));
      expect(entry.balance_after == sums[entry.account.value], "an entry's balance is wrong",
             std::get<0>(key));
    }
    for (const auto& [key, account] : t_.accounts)
      expect(account.balance == sums[account.id.value], "a balance is not the sum of its entries", key.first);
  }

  void tasks(bool nothing_in_transit) {
    std::map<uuid, std::int64_t> assigned, completed, fees, rewards;
    for (const auto& [shard, events] : t_.events)
      for (const auto& e : events) {
        assigned[e.row.subject] += e.row.type == "task.assigned.v1" ? 1 : 0;
        completed[e.row.subject] += e.row.type == "task.completed.v1" ? 1 : 0;
      }
    for (const auto& [key, transfer] : t_.transfers) {
      if (!transfer.entry.task)
        continue;
      const bool fee = transfer.entry.kind == domain::entry_kind::assignment_fee;
      ++(fee ? fees : rewards)[transfer.entry.task->value];
    }
    for (const auto& [key, task] : t_.tasks) {
      const auto& id = task.id.value;
      const bool done = task.status == domain::task_status::done;
      expect(assigned[id] == task.assignments, "a task counts other assignments than the log", key.first);
      expect(completed[id] == (done ? 1 : 0), "a task was completed more than once, or not", key.first);
      expect(fees[id] <= assigned[id] && rewards[id] <= completed[id], "paid too often", key.first);
      if (nothing_in_transit)
        expect(fees[id] == assigned[id] && rewards[id] == completed[id], "paid too seldom", key.first);
    }
  }

  void days() {
    std::map<std::pair<domain::shard_number, domain::day>, cents> earned;
    for (const auto& [key, transfer] : t_.transfers)
      if (transfer.entry.kind != domain::entry_kind::payout)
        earned[{std::get<0>(key), transfer.entry.on}] += -transfer.entry.signed_amount();
    for (const auto& [key, delta] : t_.days)
      expect((delta.fees - delta.rewards) == earned[key], "a day's figures are not its entries", key.first);
  }

  std::vector<std::string> found;

private:
  void expect(bool holds, const char* sentence, domain::shard_number shard) {
    if (!holds)
      found.push_back(std::string{sentence} + ", shard " + std::to_string(shard));
  }
  const tables& t_;
};

} // namespace

std::vector<std::string> differences(const tables& t, bool nothing_in_transit) {
  check c{t};
  c.logs();
  c.effects();
  c.accounts();
  c.tasks(nothing_in_transit);
  c.days();
  if (nothing_in_transit)
    c.transit();
  return c.found;
}

std::int64_t count_events(const tables& t, const std::string& type) {
  std::int64_t count = 0;
  for (const auto& [shard, events] : t.events)
    count += std::count_if(events.begin(), events.end(), [&](const auto& e) { return e.row.type == type; });
  return count;
}

std::int64_t count_entries(const tables& t, domain::entry_kind kind) {
  return std::count_if(t.transfers.begin(), t.transfers.end(),
                       [&](const auto& x) { return x.second.entry.kind == kind; });
}

} // namespace ates::test
