#include "storage/postgres_loader.hpp"

#include "storage/array_text.hpp"
#include "storage/postgres_day_figures.hpp"
#include "storage/rows.hpp"
#include "storage/sound_rows.hpp"

#include <tuple>
#include <unordered_map>

namespace ates::storage {

using domain::to_string;

namespace {

// Prepared: activation is on the way of commands.
const std::string select_tasks = "select " + task_columns() +
                                 " from unnest($1::smallint[], $2::uuid[]) w (shard, id)"
                                 " join task_state s on s.shard = w.shard and s.id = w.id"
                                 " join task t on t.shard = w.shard and t.id = w.id";
// Beside each account its last entry, which must have left it so.
const std::string select_accounts =
    "select " + account_columns() +
    ", last.entry, last.balance_after from unnest($1::smallint[], $2::uuid[]) w (shard, id)"
    " join account a using (shard, id)"
    " left join lateral (select t.entry, t.balance_after from transfer t"
    "   where t.shard = a.shard and t.account = a.id order by t.entry desc limit 1) last on true";
constexpr const char* select_quarantined =
    "select q.kind, q.entity, q.reason from unnest($1::smallint[], $2::smallint[], $3::uuid[]) w (shard, "
    "kind, id)"
    " join quarantine q on q.shard = w.shard and q.kind = w.kind and q.entity = w.id";
const std::string select_kept =
    "select k.entity_kind, k.entity_id, k.scope, k.request_hash, k.answer, " + micros("k.at") +
    " from unnest($1::smallint[], $2::smallint[], $3::uuid[]) w (shard, kind, id)"
    " join kept_answer k on k.shard = w.shard and k.entity_kind = w.kind and k.entity_id = w.id"
    " order by k.at";
const std::string select_sessions =
    "select s.account, s.family, s.state, " + micros("s.expires_at") +
    " from unnest($1::smallint[], $2::uuid[]) w (shard, id)"
    " join session s on s.shard = w.shard and s.account = w.id order by s.expires_at";
constexpr const char* load_tasks = "load_tasks";
constexpr const char* load_accounts = "load_accounts";
constexpr const char* load_kept = "load_kept";
constexpr const char* load_sessions = "load_sessions";
constexpr const char* load_quarantined = "load_quarantined";

const std::string select_shard_states = "select shard, " + days("open_day") + ", run_begun, " +
                                        micros("run_started_at") + ", run_done, run_open, " +
                                        days("paid_through") +
                                        ", version from shard_state where shard = any ($1::smallint[])";
// Probes of an index per shard, or per pair of shards: as fast with millions of events as with none.
const std::string select_last_events =
    "select w.shard, max(l.seq), " + micros("max(l.at)") +
    " from unnest($1::smallint[]) w (shard) cross join lateral (select seq, at from event e"
    "   where e.shard = w.shard order by e.seq desc limit " +
    std::to_string(recent_events) + ") l group by w.shard";
constexpr const char* select_last_target_seqs =
    "select w.shard, t.shard, l.target_seq from unnest($1::smallint[]) w (shard) cross join shard t"
    " cross join lateral (select e.target_seq from event e where e.shard = w.shard and e.target = t.shard"
    "   order by e.target_seq desc limit 1) l";
constexpr const char* select_cursors =
    "select shard, source, position from inbox_cursor where shard = any ($1::smallint[])";
constexpr const char* select_quarantine =
    "select shard, kind, entity, reason from quarantine where shard = any ($1::smallint[]) order by since";
constexpr const char* select_causes_above = // offset 0: else the planner may start from all events
    "select w.shard, s.shard, e.cause_seq from unnest($1::smallint[]) w (shard) cross join shard s"
    " left join inbox_cursor c on c.shard = w.shard and c.source = s.shard"
    " cross join lateral (select cause_seq from event where shard = w.shard and cause_source = s.shard"
    "   and cause_seq > coalesce(c.position, 0) order by cause_seq offset 0) e";

const std::string select_employees = "select " + employee_columns() + " from employee order by number";
const std::string select_shuffles =
    "select " + shuffle_columns() +
    " from shuffle where status in (1, 2)"
    " or run = (select max(run) from shuffle where status in (3, 4)) order by run";
const std::string select_payouts = "select " + payout_columns() +
                                   " from payout where status = 1"
                                   " or day = (select max(day) from payout where status = 2) order by day";
constexpr const char* select_roster = "select run, account from shuffle_roster where run = (select min(run) "
                                      "from shuffle where status = 2) order by ordinal";
constexpr const char* select_roster_of = "select account from shuffle_roster where run = $1 order by ordinal";
const std::string select_supervisors_kept =
    "select entity_kind, scope, request_hash, answer, " + micros("at") +
    " from kept_answer where shard = 0 and entity_kind in (3, 4, 5) order by at";

const std::string select_inbox = "select target_seq, type, subject, " + micros("at") +
                                 ", data from event where shard = $1 and target = $2 and target_seq > $3"
                                 " order by target_seq limit $4";
constexpr const char* select_inbox_heads =
    "select s.shard, l.target_seq from shard s"
    " cross join lateral (select e.target_seq from event e where e.shard = s.shard and e.target = $1"
    "   order by e.target_seq desc limit 1) l";

const std::string select_open_tasks =
    "select " + task_columns() +
    " from task_state s join task t on t.shard = s.shard and t.id = s.id"
    " where s.shard = $1 and s.status = 1 and s.id > $4 and s.created_at < $2::timestamptz"
    " and s.last_run < $3 order by s.id limit $5";
constexpr const char* select_open_count = "select count(*) from task_state where shard = $1 and status = 1 "
                                          "and created_at < $2::timestamptz and last_run < $3";
constexpr const char* select_reassigned_count =
    "select count(*) from task_state where shard = $1 and last_run = $2 and last_run > 0";
const std::string select_accounts_behind =
    "select " + account_columns() +
    " from account where shard = $1 and id > $3 and open_day < $2::date"
    " and (balance > 0 or fees > 0 or rewards > 0 or paid_out > 0)"
    " order by id limit $4";
constexpr const char* select_open_tasks_of =
    "select id, assignee from task_state where assignee = any ($1::uuid[]) and status = 1 limit $2";
constexpr const char* select_shuffling = "select exists (select from shuffle where status = 2)";
constexpr const char* select_any_open_task = "select exists (select from task_state where status = 1)";
const std::string select_changed_employees =
    "select " + employee_columns() + " from employee where changed > $1 order by changed";
const std::string select_letters =
    "select account, " + days("day") + ", amount, address, name, attempts, " + micros("queued_at") +
    ", greatest(ceil(extract(epoch from next_at - clock_timestamp()) * 1000), 0)::bigint"
    " from mail where shard = $1 and status = 1 order by next_at limit $2";
const std::string select_parked_for = "select " + parked_columns() +
                                      " from parked where shard = $1 and account = $2 and status = 1"
                                      " order by parked_at, source, target_seq limit $3";
const std::string select_parked = "select " + parked_columns() + " from parked where shard = $1 and id = $2";
// What a journal holds at this moment is not old, or will be swept the next time.
constexpr const char* delete_old_answers =
    "delete from kept_answer where ctid = any (array(select ctid from kept_answer"
    " where shard = $1 and at < $2::timestamptz order by at limit $3 for update skip locked))";
constexpr const char* delete_old_sessions =
    "delete from session where ctid = any (array(select ctid from session"
    " where shard = $1 and expires_at < clock_timestamp() order by expires_at limit $2 for update skip "
    "locked))";

/// Of all queries for the figures of a day: millions of tasks may have been completed on it.
constexpr std::chrono::minutes day_limit{2};

constexpr const char* nil_id = "00000000-0000-0000-0000-000000000000";

std::string array_of(std::span<const shard_number> shards) {
  array_text text;
  for (const auto shard : shards)
    text.add(shard);
  return text.text();
}

struct entity_hash {
  std::size_t operator()(const entity_ref& e) const noexcept { return std::hash<uuid>{}(e.id); }
};

kept_answer kept_of(const pqxx::row& row, int first) {
  return {uuid_of(row[first]), row[first + 1].c_str(), row[first + 2].c_str(), instant_of(row[first + 3])};
}

/// The entities asked for, and where each stands in the answer.
class request {
public:
  explicit request(std::span<const entity_place> wanted) {
    for (const auto& [shard, entity] : wanted) {
      if (!at_.try_emplace(entity, answer.size()).second)
        continue;
      answer.push_back({.entity = entity, .snapshot = {}, .kept = {}, .sessions = {}, .refused = {}});
      shards.add(shard);
      kinds.add(entity.kind);
      ids.add(entity.id);
      const bool is_task = entity.kind == entity_kind::task;
      (is_task ? task_shards : account_shards).add(shard);
      (is_task ? tasks : accounts).add(entity.id);
      has_accounts = has_accounts || !is_task;
      has_tasks = has_tasks || is_task;
    }
  }
  loaded_entity& of(entity_kind kind, const uuid& id) { return answer[at_.at({kind, id})]; }

  std::vector<loaded_entity> answer;
  array_text shards, kinds, ids, task_shards, tasks, account_shards, accounts;
  bool has_tasks = false, has_accounts = false;

private:
  std::unordered_map<entity_ref, std::size_t, entity_hash> at_;
};

} // namespace

postgres_loader::postgres_loader(std::string url, const time_limits& limits, bool allow_unsafe_server)
    : url_(std::move(url)) {
  options_.application_name = "atesd loader";
  options_.index_plans_only = true;
  options_.allow_unsafe_server = allow_unsafe_server;
  options_.limits = limits;
}

void postgres_loader::connect() {
  if (connection_ && connection_->usable())
    return;
  connection_.reset();
  connection_.emplace(url_, options_);
  try {
    connection_->run("prepare loader", [](pqxx::connection& pq) {
      for (const auto& [name, sql] :
           {std::pair{load_tasks, select_tasks}, std::pair{load_accounts, select_accounts},
            std::pair{load_kept, select_kept}, std::pair{load_sessions, select_sessions},
            std::pair{load_quarantined, std::string{select_quarantined}}}) {
        pq.prepare(name, sql);
        pq.prepare_now(name);
      }
    });
  } catch (...) {
    connection_.reset();
    throw;
  }
}

template <class F> auto postgres_loader::read(const char* operation, F&& f) {
  return read(operation, options_.limits.call, std::forward<F>(f));
}

template <class F> auto postgres_loader::read(const char* operation, std::chrono::milliseconds limit, F&& f) {
  connect();
  return connection_->run(operation, limit, [&](pqxx::connection& pq) {
    pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> tx{pq};
    return f(tx);
  });
}

std::vector<loaded_entity> postgres_loader::load(std::span<const entity_place> places) {
  request wanted{places};
  connect();
  // No snapshot over the queries: whoever is asked for is written by nobody.
  connection_->run("load entities", [&](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    if (wanted.has_tasks) {
      for (const auto& row : tx.exec_prepared(load_tasks, wanted.task_shards.text(), wanted.tasks.text())) {
        auto& entity = wanted.of(entity_kind::task, uuid_of(row[0]));
        use(entity, [&] { entity.snapshot = sound_task(row); });
      }
    }
    for (const auto& row :
         tx.exec_prepared(load_quarantined, wanted.shards.text(), wanted.kinds.text(), wanted.ids.text()))
      wanted.of(enum_of<entity_kind>(row[0]), uuid_of(row[1])).refused = row[2].c_str();
    for (const auto& row :
         tx.exec_prepared(load_kept, wanted.shards.text(), wanted.kinds.text(), wanted.ids.text()))
      wanted.of(enum_of<entity_kind>(row[0]), uuid_of(row[1])).kept.push_back(kept_of(row, 2));
    if (!wanted.has_accounts)
      return;
    for (const auto& row :
         tx.exec_prepared(load_accounts, wanted.account_shards.text(), wanted.accounts.text())) {
      auto& entity = wanted.of(entity_kind::account, uuid_of(row[0]));
      use(entity, [&] { entity.snapshot = sound_account(row); });
    }
    for (const auto& row :
         tx.exec_prepared(load_sessions, wanted.account_shards.text(), wanted.accounts.text())) {
      const auto account = id_of<account_id>(row[0]);
      wanted.of(entity_kind::account, account.value)
          .sessions.push_back({account, uuid_of(row[1]), row[2].c_str(), instant_of(row[3])});
    }
  });
  return std::move(wanted.answer);
}

std::vector<loaded_shard> postgres_loader::load_shards(std::span<const shard_number> shards) {
  std::unordered_map<shard_number, loaded_shard> found;
  const auto wanted = array_of(shards);
  read("load shards", [&](pqxx::transaction_base& tx) {
    const auto shard_in = [](const pqxx::row& row, int column) { return row[column].as<shard_number>(); };
    const auto number_in = [](const pqxx::row& row, int column) { return row[column].as<std::int64_t>(); };
    for (const auto& row : tx.exec_params(select_shard_states, wanted))
      found[shard_in(row, 0)].state = {.open_day = day_of(row[1]),
                                       .run_begun = number_in(row, 2),
                                       .run_started_at = instant_of(row[3]),
                                       .run_done = number_in(row, 4),
                                       .run_open = number_in(row, 5),
                                       .paid_through = day_of(row[6]),
                                       .version = number_in(row, 7)};
    for (const auto& row : tx.exec_params(select_last_events, wanted)) {
      found[shard_in(row, 0)].counters.last_seq = number_in(row, 1);
      found[shard_in(row, 0)].last_at = instant_of(row[2]);
    }
    for (const auto& row : tx.exec_params(select_last_target_seqs, wanted))
      found[shard_in(row, 0)].counters.last_target_seq[shard_in(row, 1)] = number_in(row, 2);
    for (const auto& row : tx.exec_params(select_cursors, wanted))
      found[shard_in(row, 0)].counters.cursor[shard_in(row, 1)] = number_in(row, 2);
    for (const auto& row : tx.exec_params(select_causes_above, wanted))
      found[shard_in(row, 0)].counters.above[shard_in(row, 1)].insert(number_in(row, 2));
    for (const auto& row : tx.exec_params(select_quarantine, wanted))
      found[shard_in(row, 0)].quarantined.push_back(
          {{enum_of<entity_kind>(row[1]), uuid_of(row[2])}, row[3].c_str()});
  });
  std::vector<loaded_shard> in_order;
  for (const auto shard : shards)
    in_order.push_back(found[shard]);
  return in_order;
}

loaded_supervisors postgres_loader::load_supervisors() {
  loaded_supervisors all;
  read("load supervisors", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec(select_employees))
      all.employees.push_back(employee_of(row));
    for (const auto& row : tx.exec(select_shuffles))
      all.shuffles.push_back(shuffle_of(row));
    for (const auto& row : tx.exec(select_payouts))
      all.payouts.push_back(payout_of(row));
    for (const auto& row : tx.exec(select_roster)) {
      if (!all.roster)
        all.roster = roster_row{row[0].as<std::int64_t>(), {}};
      all.roster->accounts.push_back(id_of<account_id>(row[1]));
    }
    for (const auto& row : tx.exec(select_supervisors_kept)) {
      const auto kind = enum_of<entity_kind>(row[0]);
      auto& kept = kind == entity_kind::directory  ? all.directory_kept
                   : kind == entity_kind::shuffles ? all.shuffles_kept
                                                   : all.payouts_kept;
      kept.push_back(kept_of(row, 1));
    }
  });
  return all;
}

std::vector<delivery> postgres_loader::inbox(shard_number target, shard_number source, std::int64_t after,
                                             std::size_t limit) {
  std::vector<delivery> events;
  read("read inbox", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_inbox, source, target, after, limit))
      events.push_back({source, target, row[0].as<std::int64_t>(), row[1].c_str(), uuid_of(row[2]),
                        instant_of(row[3]), row[4].c_str()});
  });
  return events;
}

std::map<shard_number, std::int64_t> postgres_loader::inbox_heads(shard_number target) {
  std::map<shard_number, std::int64_t> heads;
  read("read inbox heads", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_inbox_heads, target))
      heads[row[0].as<shard_number>()] = row[1].as<std::int64_t>();
  });
  return heads;
}

std::vector<domain::task> postgres_loader::open_tasks(shard_number shard, instant before, std::int64_t run,
                                                      const std::optional<domain::task_id>& after,
                                                      std::size_t limit) {
  std::vector<domain::task> tasks;
  read("read open tasks", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_open_tasks, shard, domain::to_rfc3339(before), run,
                                          after ? to_string(*after) : nil_id, limit))
      tasks.push_back(task_of(row));
  });
  return tasks;
}

std::int64_t postgres_loader::count_open_tasks(shard_number shard, instant before, std::int64_t run) {
  return read("count open tasks", [&](pqxx::transaction_base& tx) {
    return tx.exec_params1(select_open_count, shard, domain::to_rfc3339(before), run)[0].as<std::int64_t>();
  });
}

std::int64_t postgres_loader::count_reassigned(shard_number shard, std::int64_t run) {
  return read("count reassigned tasks", [&](pqxx::transaction_base& tx) {
    return tx.exec_params1(select_reassigned_count, shard, run)[0].as<std::int64_t>();
  });
}

std::vector<domain::account> postgres_loader::accounts_behind(shard_number shard, day shard_day,
                                                              const std::optional<account_id>& after,
                                                              std::size_t limit) {
  std::vector<domain::account> accounts;
  read("read accounts behind", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_accounts_behind, shard, to_string(shard_day),
                                          after ? to_string(*after) : nil_id, limit))
      accounts.push_back(account_of(row));
  });
  return accounts;
}

day_figures postgres_loader::figures_of(day on) {
  return read("read the figures of a day", day_limit,
              [&](pqxx::transaction_base& tx) { return read_day_figures(tx, on); });
}

std::vector<account_id> postgres_loader::roster_of(std::int64_t run) {
  std::vector<account_id> accounts;
  read("read a roster", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_roster_of, run))
      accounts.push_back(id_of<account_id>(row[0]));
  });
  return accounts;
}

held_tasks postgres_loader::open_tasks_of(std::span<const account_id> accounts, std::size_t limit) {
  array_text ids;
  for (const auto& id : accounts)
    ids.add(id);
  held_tasks held;
  read("read open tasks of accounts", [&](pqxx::transaction_base& tx) {
    // First this: a run that begins later knows that they have left.
    held.shuffling = tx.exec1(select_shuffling)[0].as<bool>();
    for (const auto& row : tx.exec_params(select_open_tasks_of, ids.text(), limit))
      held.tasks.push_back({id_of<domain::task_id>(row[0]), id_of<account_id>(row[1])});
  });
  return held;
}

bool postgres_loader::any_open_task() {
  bool any = false;
  read("look for an open task",
       [&](pqxx::transaction_base& tx) { any = tx.exec1(select_any_open_task)[0].as<bool>(); });
  return any;
}

std::vector<employee_row> postgres_loader::employees_changed_after(std::int64_t version) {
  std::vector<employee_row> changed;
  read("read changed employees", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_changed_employees, version))
      changed.push_back(employee_of(row));
  });
  return changed;
}

due_letters postgres_loader::letters_due(shard_number shard, std::size_t limit) {
  due_letters due;
  read("read due letters", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_letters, shard, limit)) {
      if (const std::chrono::milliseconds wait{row[7].as<std::int64_t>()}; wait.count() > 0) {
        due.next = wait;
        break;
      }
      due.letters.push_back({.account = id_of<account_id>(row[0]),
                             .on = day_of(row[1]),
                             .amount = cents_of(row[2]),
                             .address = row[3].c_str(),
                             .name = row[4].c_str(),
                             .attempts = row[5].as<std::int64_t>(),
                             .queued_at = instant_of(row[6])});
    }
  });
  return due;
}

std::vector<parked_row> postgres_loader::parked_for(shard_number shard, const account_id& account,
                                                    std::size_t limit) {
  std::vector<parked_row> events;
  read("read parked events", [&](pqxx::transaction_base& tx) {
    for (const auto& row : tx.exec_params(select_parked_for, shard, to_string(account), limit))
      events.push_back(parked_of(row));
  });
  return events;
}

std::optional<parked_row> postgres_loader::find_parked(shard_number shard, const uuid& id) {
  return read("find a parked event", [&](pqxx::transaction_base& tx) -> std::optional<parked_row> {
    const auto rows = tx.exec_params(select_parked, shard, to_string(id));
    return rows.empty() ? std::nullopt : std::optional{parked_of(rows[0])};
  });
}

std::size_t postgres_loader::forget_old(shard_number shard, instant before, std::size_t limit) {
  connect();
  return connection_->run("forget old answers", [&](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    const auto answers = tx.exec_params(delete_old_answers, shard, domain::to_rfc3339(before), limit);
    const auto sessions = tx.exec_params(delete_old_sessions, shard, limit);
    return static_cast<std::size_t>(answers.affected_rows()) +
           static_cast<std::size_t>(sessions.affected_rows());
  });
}

} // namespace ates::storage
