#include "bench/books.hpp"

#include "domain/account.hpp"
#include "domain/task.hpp"
#include "storage/event_json.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>

namespace ates::bench {

namespace {

using domain::cents;
using domain::shard_number;

constexpr std::int64_t tasks_at_once = 20'000; // some 30 MB of rows
constexpr std::chrono::microseconds task_interval{10};

constexpr const char* event_columns =
    "event (shard, seq, epoch, at, type, subject, data, target, target_seq, cause_source, cause_seq)";
constexpr const char* task_columns =
    "task (shard, id, title, jira_id, description, external_ref, fee, reward, created_by, created_at)";
constexpr const char* state_columns =
    "task_state (shard, id, version, status, assignee, assigned_at, completed_at,"
    " assignments, last_run, created_at)";
constexpr const char* transfer_columns =
    "transfer (shard, account, entry, id, at, day, kind, debit, credit, amount,"
    " balance_after, task, reason, shuffle)";

/// Words of titles: enough that a search finds some tasks and not all.
constexpr std::array verbs{"Repair",  "Clean up",  "Describe", "Replace", "Speed up",  "Simplify",
                           "Migrate", "Test",      "Review",   "Remove",  "Document",  "Measure",
                           "Split",   "Translate", "Package",  "Restore", "Configure", "Count"};
constexpr std::array things{
    "the invoice printer", "session handling",  "the nightly export", "quorum elections",
    "login page",          "the parrot feeder", "payment gateway",    "snapshot loading",
    "watch notifications", "a flaky test",      "the retention rule", "release notes",
    "broken links",        "heap settings",     "the search index",   "address book"};

domain::uuid random_id(std::mt19937_64& random) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const auto word = random();
    for (std::size_t j = 0; j < 8; ++j)
      bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
  }
  return domain::uuid_v4(bytes);
}

template <class List> const char* one_of(const List& words, std::mt19937_64& random) {
  return words[random() % words.size()];
}

std::string numbered(const char* format, std::int64_t number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, static_cast<long long>(number));
  return text.data();
}

cents whole_dollars(std::uint64_t count) {
  return {static_cast<std::int64_t>(count) * 100};
}

domain::instant now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// Indexes that no constraint needs are made again at the end: quicker than a million insertions, and
/// smaller.
class without_indexes {
public:
  explicit without_indexes(copy_session& session) : session_(session) {
    for (const auto& index :
         session.table("select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i"
                       " where i.indrelid in ('event'::regclass, 'task'::regclass, 'task_state'::regclass,"
                       " 'transfer'::regclass) and not i.indisprimary order by 1")) {
      session.run("drop index " + index[0]);
      definitions_.push_back(index[1]);
    }
  }
  void make_again() {
    session_.run("set local maintenance_work_mem = '512MB'");
    for (const auto& definition : definitions_)
      session_.run(definition);
  }

private:
  copy_session& session_;
  std::vector<std::string> definitions_;
};

} // namespace

books::books(copy_session& session, const books_options& options) : session_(session), options_(options) {}

void books::write() {
  session_.run("begin");
  read_positions();
  first_at_ = now() - options_.tasks * task_interval;
  without_indexes bare(session_);
  // Only rows of a table that this transaction has made or emptied can be stored as if they were old: then no
  // benchmark pays for their first reading.
  session_.run("truncate task, task_state, transfer");
  log_is_new_ = session_.table("select from event limit 1").empty();
  if (log_is_new_)
    session_.run("truncate event");
  write_employees();
  write_tasks();
  write_figures();
  if (options_.baseline)
    write_completions();
  bare.make_again();
  session_.run("commit");
  session_.run("vacuum (analyze)");
}

void books::read_positions() {
  if (session_.table("select exists (select from task) or exists (select from transfer)")[0][0] == "t")
    throw std::runtime_error("the database holds tasks or transfers already: prepare a new one");
  for (const auto& row :
       session_.table("select epoch, coalesce((select max(seq) from event e where e.shard = s.shard), 0),"
                      " coalesce(open_day, current_date), open_day is not null"
                      " from shard s left join shard_state using (shard) order by shard"))
    figures_.push_back(
        {std::stoll(row[0]), std::stoll(row[1]), domain::parse_day(row[2]).value(), {}, row[3] == "t"});
  shards_ = static_cast<shard_number>(figures_.size());
  if (shards_ == 0)
    throw std::runtime_error("the database has no shards: it was never set up");
  for (const auto& row : session_.table("select shard, target, max(target_seq), coalesce((select position "
                                        "from inbox_cursor c where c.shard ="
                                        " event.target and c.source = event.shard), 0) from event where "
                                        "target is not null group by 1, 2")) {
    if (row[2] != row[3])
      throw std::runtime_error("the database holds events on their way: let a node finish them first");
    heads_[{static_cast<shard_number>(std::stoi(row[0])), static_cast<shard_number>(std::stoi(row[1]))}] =
        std::stoll(row[2]);
  }
}

/// Employees bench00001, …: without a password; each recorded by the directory (shard 0) and by its own
/// shard.
void books::write_employees() {
  const auto first = std::stoll(session_.table("select coalesce(max(number), 0) + 1 from employee")[0][0]);
  const auto first_change =
      std::stoll(session_.table("select coalesce(max(changed), 0) + 1 from employee")[0][0]);
  copy_rows employees;
  for (std::int64_t i = 0; i < options_.accounts; ++i) {
    const domain::account_id id{random_id(random_)};
    const auto shard = domain::shard_of(id.value, shards_);
    const auto login = numbered("bench%05lld", i + 1);
    storage::employee_row employee;
    employee.id = id;
    employee.number = first + i;
    employee.name = numbered("Bench Worker %lld", i + 1);
    employee.role = domain::role::worker;
    employees.add(id, employee.number, login, login, login + "@example.org", employee.name, employee.role,
                  "t", "", "", first_at_, 1, first_change + i);
    const auto changed =
        storage::directory_changed_event_row(employee, std::nullopt, true, std::nullopt, first_at_, shards_);
    const auto line_seq = ++heads_[{0, shard}];
    events_.add(0, ++figures_[0].last_seq, figures_[0].epoch, first_at_, changed.type, id, changed.data,
                changed.target, line_seq, std::nullopt, std::nullopt);
    storage::delivery delivered;
    delivered.type = changed.type;
    delivered.subject = id.value;
    delivered.data = changed.data;
    const auto created = storage::account_event_row(delivered, first_at_);
    auto& home = figures_[shard];
    events_.add(shard, ++home.last_seq, home.epoch, first_at_, created->type, id, created->data, std::nullopt,
                std::nullopt, 0, line_seq);
    held_account account;
    account.shard = shard;
    account.money.id = id;
    account.money.open_day = home.open_day;
    account.money.version = 1;
    accounts_.push_back(account);
  }
  session_.copy("employee (id, number, login, login_key, email, name, role, active, password_hash, beak_hash,"
                " created_at, version, changed)",
                employees);
  flush();
}

void books::write_tasks() {
  if (accounts_.empty() && options_.tasks > 0)
    throw std::runtime_error("tasks need at least one account");
  for (std::int64_t i = 0; i < options_.tasks; ++i) {
    add_task(i);
    if ((i + 1) % tasks_at_once == 0)
      flush();
  }
  flush();
}

void books::add_task(std::int64_t number) {
  const auto at = first_at_ + number * task_interval;
  auto& assignee = accounts_[options_.hot ? 0 : random_() % accounts_.size()];
  domain::task t;
  t.id = {random_id(random_)};
  const auto created = domain::decide(t, draw_task(number, assignee.money.id)).events;
  domain::apply(t, created, at);

  const auto shard = domain::shard_of(t.id.value, shards_);
  auto& home = figures_[shard];
  const auto target_seq = ++heads_[{shard, assignee.shard}];
  for (const auto& event : created) {
    const auto row = storage::task_event_row(event, t, at, shards_);
    events_.add(shard, ++home.last_seq, home.epoch, at, row.type, row.subject, row.data, row.target,
                row.target ? std::optional{target_seq} : std::nullopt, std::nullopt, std::nullopt);
  }
  tasks_.add(shard, t.id, t.title, t.jira_id, t.description, t.external_ref, t.prices.fee, t.prices.reward,
             t.created_by, at);
  states_.add(shard, t.id, t.version, t.status, t.assignee, at, t.completed_at, t.assignments, t.last_run,
              at);
  charge(assignee, t, at, {shard, target_seq});
  if (options_.baseline)
    completions_.push_back({shard, assignee.shard, t.id, t.assignee, t.prices.reward, t.prices.fee});
}

domain::create_task books::draw_task(std::int64_t number, const domain::account_id& assignee) {
  domain::create_task create;
  create.title =
      std::string(one_of(verbs, random_)) + " " + one_of(things, random_) + " " + std::to_string(number + 1);
  if (number % 3 == 0)
    create.jira_id = "BENCH-" + std::to_string(number / 6 + 1);
  create.by = accounts_[random_() % accounts_.size()].money.id;
  create.prices = {whole_dollars(10 + random_() % 11), whole_dollars(20 + random_() % 21)};
  create.assignee = assignee;
  return create;
}

/// The fee of the assignment that `because` names.
void books::charge(held_account& account, const domain::task& task, domain::instant at,
                   const storage::cause& because) {
  auto& home = figures_[account.shard];
  domain::posting fee;
  fee.account = account.money.id;
  fee.amount = task.prices.fee;
  fee.task = task.id;
  fee.reason = domain::assign_reason::created;
  const auto posted = domain::decide(account.money, fee, home.open_day);
  domain::apply(account.money, posted);
  const auto& entry = std::get<domain::entry_posted>(posted.back());
  const auto audit = storage::entry_event_row(entry, at);
  events_.add(account.shard, ++home.last_seq, home.epoch, at, audit.type, audit.subject, audit.data,
              std::nullopt, std::nullopt, because.source, because.target_seq);
  transfers_.add(account.shard, entry.account, entry.number, entry.id, at, entry.on, entry.kind, entry.debit,
                 entry.credit, entry.amount, entry.balance_after, entry.task, entry.reason, entry.shuffle);
  home.fees += entry.amount;
}

void books::write_figures() {
  copy_rows cursors, accounts, days, states;
  for (const auto& [line, head] : heads_)
    cursors.add(line.second, line.first, head);
  for (const auto& [shard, a] : accounts_)
    accounts.add(shard, a.id, a.version, a.balance, a.entries, a.open_day, a.fees, a.rewards, a.paid_out);
  for (std::size_t shard = 0; shard < figures_.size(); ++shard) {
    const auto& f = figures_[shard];
    if (f.fees != cents{})
      days.add(shard, f.open_day, f.fees, 0, 0, 0, 0);
    if (!f.stored)
      states.add(shard, 1, f.open_day, 0, domain::instant{}, 0, 0, f.open_day - std::chrono::days{1});
  }
  session_.run("truncate inbox_cursor"); // every position there was is among the heads
  session_.copy("inbox_cursor (shard, source, position)", cursors);
  session_.copy("account (shard, id, version, balance, entries, open_day, fees, rewards, paid_out)",
                accounts);
  session_.copy("shard_day (shard, day, fees, rewards, paid_out, completed, paid)", days);
  session_.copy(
      "shard_state (shard, version, open_day, run_begun, run_started_at, run_done, run_open, paid_through)",
      states);
}

/// Gives every completion the numbers it will have in the logs, so that the hand-written statements need not
/// contend for them: that favours the baseline, and once all are carried out the logs are without gaps.
void books::write_completions() {
  session_.run(
      "create table bench_task (n bigint primary key, shard smallint, task uuid, account uuid,"
      " account_shard smallint, reward bigint, fees bigint, epoch bigint, account_epoch bigint, seq bigint,"
      " target_seq bigint, audit_seq bigint)");
  copy_rows rows;
  for (std::size_t n = 0; n < completions_.size(); ++n) {
    const auto& c = completions_[n];
    auto& home = figures_[c.shard];
    auto& there = figures_[c.account_shard];
    const auto seq = ++home.last_seq;
    const auto audit_seq = ++there.last_seq;
    rows.add(n, c.shard, c.task, c.account, c.account_shard, c.reward, c.fees, home.epoch, there.epoch, seq,
             ++heads_[{c.shard, c.account_shard}], audit_seq);
  }
  session_.copy("bench_task", rows);
}

void books::flush() {
  session_.copy(event_columns, events_, log_is_new_);
  session_.copy(task_columns, tasks_, true);
  session_.copy(state_columns, states_, true);
  session_.copy(transfer_columns, transfers_, true);
}

} // namespace ates::bench
