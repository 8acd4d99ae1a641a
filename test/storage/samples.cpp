#include "test/storage/samples.hpp"

#include "storage/event_json.hpp"

namespace ates::test {

using namespace storage;

namespace {

constexpr uuid sample_space{{0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

record begun(epoch epoch, shard_number shard, entity_kind kind, const uuid& id, std::uint64_t replaces) {
  record r;
  r.shard = shard;
  r.epoch = epoch;
  r.entity = {kind, id};
  r.replaces = replaces;
  r.at = noon();
  return r;
}

record task_record(epoch epoch, shard_number shard, domain::task& task,
                   const std::vector<domain::task_event>& events) {
  auto r = begun(epoch, shard, entity_kind::task, task.id.value, task.version);
  domain::apply(task, events, r.at);
  for (const auto& event : events)
    r.events.push_back(task_event_row(event, task, r.at, shards_total));
  r.snapshot = task;
  return r;
}

day_delta delta_of(const domain::entry_posted& entry) {
  day_delta d;
  d.on = entry.on;
  if (entry.kind == domain::entry_kind::assignment_fee)
    d.fees = entry.amount;
  if (entry.kind == domain::entry_kind::completion_reward) {
    d.rewards = entry.amount;
    d.completed = 1;
  }
  if (entry.kind == domain::entry_kind::payout) {
    d.paid_out = entry.amount;
    d.paid = 1;
  }
  return d;
}

record account_record(epoch epoch, domain::account& account,
                      const std::vector<domain::account_event>& events) {
  auto r = begun(epoch, domain::shard_of(account.id.value, shards_total), entity_kind::account,
                 account.id.value, account.version);
  for (const auto& event : events) {
    if (const auto* closed = std::get_if<domain::account_day_closed>(&event))
      r.events.push_back(account_day_closed_event_row(*closed, r.at));
    const auto* entry = std::get_if<domain::entry_posted>(&event);
    if (entry == nullptr)
      continue;
    r.transfers.push_back(*entry);
    r.days.push_back(delta_of(*entry));
    r.events.push_back(entry_event_row(*entry, r.at));
    if (entry->kind == domain::entry_kind::payout)
      r.mails.push_back({account.id, entry->on, entry->amount});
  }
  domain::apply(account, events);
  r.snapshot = account;
  return r;
}

} // namespace

domain::uuid id_in(shard_number shard, int n) {
  for (int i = 0, found = 0;; ++i) {
    const auto id = domain::uuid_v5(sample_space, std::to_string(i));
    if (domain::shard_of(id, shards_total) == shard && found++ == n)
      return id;
  }
}

// Tasks and accounts of one shard and number have different ids.
domain::task_id task_in(shard_number shard, int n) {
  return {id_in(shard, 2 * n)};
}
domain::account_id account_in(shard_number shard, int n) {
  return {id_in(shard, 2 * n + 1)};
}

domain::task new_task(const domain::task_id& id) {
  domain::task task;
  task.id = id;
  return task;
}

domain::account new_account(const domain::account_id& id) {
  domain::account account;
  account.id = id;
  return account;
}

domain::day sample_day() {
  return domain::day{std::chrono::days{20'000}};
}
domain::instant noon(std::int64_t plus_seconds) {
  return sample_day() + std::chrono::hours{12} + std::chrono::seconds{plus_seconds} +
         std::chrono::microseconds{123};
}

record create_record(epoch epoch, shard_number shard, domain::task& task, const domain::account_id& assignee,
                     const std::string& title) {
  const domain::create_task command{
      title, "HOME-1", "With \"care\"\n\\ and 水", "", assignee, {{1500}, {3000}}, assignee};
  return task_record(epoch, shard, task, domain::decide(task, command).events);
}

record complete_record(epoch epoch, shard_number shard, domain::task& task) {
  return task_record(epoch, shard, task, domain::decide(task, domain::complete_task{task.assignee}).events);
}

record edit_record(epoch epoch, shard_number shard, domain::task& task, const std::string& title) {
  const domain::edit_task command{task.created_by, title, "", std::nullopt};
  auto r = task_record(epoch, shard, task, domain::decide(task, command).events);
  r.new_words = true;
  return r;
}

record shuffle_record(epoch epoch, shard_number shard, domain::task& task, const domain::account_id& assignee,
                      std::uint64_t run) {
  const domain::shuffle_task command{run, {id_in(0, 900)}, assignee};
  return task_record(epoch, shard, task, domain::decide(task, command).events);
}

record posting_record(epoch epoch, domain::account& account, const delivery& event, domain::day open_day) {
  auto r = account_record(epoch, account, domain::decide(account, posting_of(event).value(), open_day));
  r.cause = cause{event.source, event.target_seq};
  return r;
}

record reward_record(epoch epoch, domain::account& account, shard_number source, std::int64_t target_seq,
                     std::int64_t amount) {
  const domain::posting posting{account.id,   domain::entry_kind::completion_reward,
                                {amount},     {id_in(source, 0)},
                                std::nullopt, std::nullopt};
  auto r = account_record(epoch, account, domain::decide(account, posting, sample_day()));
  r.cause = cause{source, target_seq};
  return r;
}

record close_record(epoch epoch, domain::account& account, domain::day open_day) {
  return account_record(epoch, account, domain::decide_close(account, open_day));
}

employee_row sample_employee(const domain::account_id& id, std::int64_t number, const std::string& login) {
  return {.id = id,
          .number = number,
          .login = login,
          .email = login + "@example.org",
          .name = "Ms " + login,
          .role = domain::role::worker,
          .active = true,
          .password_hash = "scrypt$x",
          .beak_hash = "",
          .created_at = noon(),
          .version = 1,
          .changed = number};
}

} // namespace ates::test
