#include "test/storage/sample_books.hpp"

#include "storage/event_json.hpp"

#include <algorithm>
#include <stdexcept>

namespace ates::test {

using namespace storage;

namespace {

constexpr uuid books_space{{0xb0, 0x0c, 5}};

day_delta delta_of(const domain::entry_posted& entry) {
  day_delta d;
  d.on = entry.on;
  switch (entry.kind) {
  case domain::entry_kind::assignment_fee:
    d.fees = entry.amount;
    break;
  case domain::entry_kind::completion_reward:
    d.rewards = entry.amount;
    d.completed = 1;
    break;
  case domain::entry_kind::payout:
    d.paid_out = entry.amount;
    d.paid = 1;
    break;
  }
  return d;
}

} // namespace

sample_books::sample_books() : desk_(world, all_shards()) {
  desk_.out.clear();
}

void sample_books::commit(record r) {
  r.epoch = desk_.epochs.at(r.shard);
  r.at = now;
  if (const auto outcome = desk_.commit({r}); outcome.what != commit_outcome::kind::committed)
    throw std::runtime_error("sample books: " + outcome.detail);
}

record sample_books::supervisors_record(entity_kind kind) {
  record r;
  r.entity.kind = kind;
  return r;
}

domain::account_id sample_books::hire(const std::string& login) {
  const domain::account_id id{domain::uuid_v5(books_space, login)};
  auto employee = sample_employee(id, static_cast<std::int64_t>(hired_.size()) + 1, login);
  employee.created_at = now;
  auto r = supervisors_record(entity_kind::directory);
  r.events.push_back(
      directory_changed_event_row(employee, std::nullopt, true, std::nullopt, now, shards_total));
  r.employees.push_back(employee);
  hired_.push_back(id);
  accounts_[id.value].id = id;
  commit(std::move(r));
  deliver();
  return id;
}

void sample_books::write_task(domain::task& t, const std::vector<domain::task_event>& events) {
  record r;
  r.shard = domain::shard_of(t.id.value, shards_total);
  r.entity = {entity_kind::task, t.id.value};
  r.replaces = t.version;
  domain::apply(t, events, now);
  for (const auto& event : events) {
    r.events.push_back(task_event_row(event, t, now, shards_total));
    r.new_words = r.new_words || std::holds_alternative<domain::task_edited>(event);
  }
  r.snapshot = t;
  commit(std::move(r));
}

domain::task_id sample_books::create(const std::string& title, const domain::account_id& assignee,
                                     const std::string& jira_id, std::int64_t reward) {
  domain::task t;
  t.id = {domain::uuid_v5(books_space, "task " + std::to_string(tasks_.size()))};
  write_task(
      t,
      domain::decide(
          t, domain::create_task{title, jira_id, "How: as usual", "", assignee, {{1500}, {reward}}, assignee})
          .events);
  tasks_[t.id.value] = t;
  deliver();
  return t.id;
}

void sample_books::edit(const domain::task_id& id, const std::string& title) {
  auto& t = tasks_.at(id.value);
  write_task(t, domain::decide(t, domain::edit_task{t.assignee, title, "", std::nullopt}).events);
}

void sample_books::complete(const domain::task_id& id) {
  auto& t = tasks_.at(id.value);
  write_task(t, domain::decide(t, domain::complete_task{t.assignee}).events);
}

void sample_books::shuffle() {
  shuffle_row run;
  run.run = ++runs_;
  run.id = {domain::uuid_v5(books_space, "run " + std::to_string(runs_))};
  run.requested_by = hired_.front();
  run.requested_at = now;
  run.seed = 18'000'000'000'000'000'000ULL;
  auto asked = supervisors_record(entity_kind::shuffles);
  asked.shuffles.push_back(run);
  asked.events.push_back(shuffle_requested_event_row(run, now));
  commit(std::move(asked));

  run.started_at = now;
  run.open_tasks = run.reassigned = 0;
  for (auto& [id, t] : tasks_) {
    if (t.status != domain::task_status::open)
      continue;
    const auto old = std::find(hired_.begin(), hired_.end(), t.assignee);
    const auto next = old + 1 == hired_.end() ? hired_.front() : *(old + 1);
    write_task(
        t, domain::decide(t, domain::shuffle_task{static_cast<std::uint64_t>(runs_), run.id, next}).events);
    ++*run.open_tasks;
    ++*run.reassigned;
  }
  deliver();
  run.status = shuffle_status::done;
  run.finished_at = now;
  auto ended = supervisors_record(entity_kind::shuffles);
  ended.shuffles.push_back(run);
  ended.roster = roster_row{runs_, hired_};
  ended.events.push_back(shuffle_finished_event_row(run, now));
  commit(std::move(ended));
}

void sample_books::close_day() {
  payout_row run;
  run.on = today;
  run.requested_by = hired_.front();
  run.started_at = now;
  today += std::chrono::days{1};
  for (auto& [id, a] : accounts_) {
    const auto events = domain::decide_close(a, today);
    for (const auto& event : events)
      if (const auto* entry = std::get_if<domain::entry_posted>(&event)) {
        ++run.accounts_paid;
        run.total_paid += entry->amount;
      }
    write_account(a, events, nullptr);
  }
  run.status = payout_status::done;
  run.finished_at = now;
  const auto figures = world.loader().figures_of(run.on);
  auto r = supervisors_record(entity_kind::payouts);
  r.payouts.push_back(run);
  r.events.push_back(day_closed_event_row(figures, run.requested_by, now));
  commit(std::move(r));
}

void sample_books::deliver() {
  const auto deliveries = std::move(desk_.out);
  desk_.out.clear();
  for (const auto& event : deliveries) {
    auto& a = accounts_.at(account_of(event).value().value);
    if (const auto posting = posting_of(event)) {
      write_account(a, domain::decide(a, *posting, today), &event);
    } else {
      a.open_day = today;
      write_account(a, {}, &event);
    }
  }
}

void sample_books::write_account(domain::account& a, const std::vector<domain::account_event>& events,
                                 const delivery* because) {
  record r;
  r.shard = domain::shard_of(a.id.value, shards_total);
  r.entity = {entity_kind::account, a.id.value};
  r.replaces = a.version;
  for (const auto& event : events) {
    if (const auto* closed = std::get_if<domain::account_day_closed>(&event))
      r.events.push_back(account_day_closed_event_row(*closed, now));
    const auto* entry = std::get_if<domain::entry_posted>(&event);
    if (entry == nullptr)
      continue;
    r.transfers.push_back(*entry);
    r.days.push_back(delta_of(*entry));
    r.events.push_back(entry_event_row(*entry, now));
    if (entry->kind == domain::entry_kind::payout) {
      r.events.push_back(payment_event_row(*entry, now));
      r.mails.push_back({a.id, entry->on, entry->amount});
    }
  }
  if (because != nullptr) {
    r.cause = cause{because->source, because->target_seq};
    if (events.empty())
      r.events.push_back(account_event_row(*because, now).value());
  }
  domain::apply(a, events);
  if (events.empty())
    ++a.version;
  r.snapshot = a;
  commit(std::move(r));
}

} // namespace ates::test
