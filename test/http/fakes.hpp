#pragma once
/// The actor system and the rows as the gateway sees them, in memory: enough behaviour to tell a right answer
/// from a wrong one.

#include "actors/facade.hpp"
#include "storage/errors.hpp"
#include "storage/operations.hpp"
#include "storage/reports.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ates::http::test {

inline domain::uuid numbered_uuid(std::uint8_t kind, std::uint8_t n) {
  domain::uuid id;
  id.bytes[0] = kind;
  id.bytes[6] = 0x40;
  id.bytes[8] = 0x80;
  id.bytes[15] = n;
  return id;
}

class fake_facade : public actors::facade {
public:
  struct person {
    actors::employee who;
    std::string password_hash, beak_hash;
  };
  std::mutex mutex;
  std::vector<person> people;
  std::map<domain::uuid, domain::task> tasks;   ///< by id
  std::map<domain::uuid, domain::uuid> by_key;  ///< scope -> task
  std::map<domain::uuid, std::string> hashes;   ///< scope -> request hash
  std::map<domain::uuid, std::string> sessions; ///< family -> current secret hash
  std::set<std::string> used_secrets;
  std::atomic<int> created{0};
  std::vector<actors::employee_change> changes;
  std::optional<actors::outcome> broken; ///< every change is answered with it
  std::function<void()> before_create;   ///< runs inside create_task
  health state{true, true, true, 64, 64, ""};
  storage::payout_row closed;
  bool closed_before = false;
  std::vector<actors::shard_status> shards; ///< those that answer
  std::vector<actors::actor_detail> active;
  std::optional<actors::actor_query> asked_actors;
  std::optional<actors::task_edit> asked_edit;

  person& add(domain::role role, const std::string& login) {
    const std::lock_guard lock(mutex);
    const auto n = static_cast<std::uint8_t>(people.size() + 1);
    people.push_back({{domain::account_id{numbered_uuid(1, n)}, "Name of " + login, login,
                       login + "@ates.test", role, true, domain::instant{}},
                      "",
                      ""});
    return people.back();
  }

  std::optional<actors::employee> find_employee(const domain::account_id& id) override {
    const std::lock_guard lock(mutex);
    for (const auto& one : people)
      if (one.who.id == id)
        return one.who;
    return std::nullopt;
  }
  std::optional<actors::credentials> find_login(const std::string& login) override {
    const std::lock_guard lock(mutex);
    for (const auto& one : people)
      if (domain::fold_case(one.who.login) == domain::fold_case(login))
        return actors::credentials{one.who.id, one.who.active, one.password_hash, one.beak_hash};
    return std::nullopt;
  }
  actors::answer<actors::employee> create_employee(const actors::caller&, actors::new_employee what,
                                                   std::optional<actors::idempotency>) override {
    if (broken)
      return {*broken, {}, false};
    if (find_login(what.login))
      return {actors::outcome::login_taken, {}, false};
    auto& made = add(what.role, what.login);
    made.who.name = what.name;
    made.who.email = what.email;
    made.password_hash = what.password_hash;
    made.beak_hash = what.beak_hash;
    return {actors::outcome::ok, made.who, false};
  }

  actors::answer<actors::employee> change_employee(const actors::caller&, const domain::account_id& id,
                                                   actors::employee_change what) override {
    const std::lock_guard lock(mutex);
    changes.push_back(what);
    if (broken)
      return {*broken, {}, false};
    for (auto& one : people) {
      if (one.who.id != id)
        continue;
      one.who.name = what.name.value_or(one.who.name);
      one.who.login = what.login.value_or(one.who.login);
      one.who.email = what.email.value_or(one.who.email);
      one.who.role = what.role.value_or(one.who.role);
      one.who.active = what.active.value_or(one.who.active);
      one.password_hash = what.password_hash.value_or(one.password_hash);
      one.beak_hash = what.beak_hash.value_or(one.beak_hash);
      return {actors::outcome::ok, one.who, false};
    }
    return {actors::outcome::not_found, {}, false};
  }

  actors::answer<domain::uuid> sign_in(const actors::caller&, const std::string& secret_hash) override {
    if (broken)
      return {*broken, {}, false};
    const std::lock_guard lock(mutex);
    const auto family = numbered_uuid(7, static_cast<std::uint8_t>(sessions.size() + 1));
    sessions[family] = secret_hash;
    return {actors::outcome::ok, family, false};
  }
  actors::answer<domain::uuid> refresh(const actors::caller&, const domain::uuid& family,
                                       const std::string& secret_hash, const std::string& fresh) override {
    const std::lock_guard lock(mutex);
    const auto found = sessions.find(family);
    if (used_secrets.contains(secret_hash))
      return {actors::outcome::token_reused, {}, false};
    if (found == sessions.end() || found->second != secret_hash)
      return {actors::outcome::unauthenticated, {}, false};
    used_secrets.insert(secret_hash);
    found->second = fresh;
    return {actors::outcome::ok, family, false};
  }
  actors::answer<domain::uuid> sign_out(const actors::caller&, const domain::uuid& family,
                                        const std::string&) override {
    const std::lock_guard lock(mutex);
    return {sessions.erase(family) == 1 ? actors::outcome::ok : actors::outcome::unauthenticated, family,
            false};
  }

  actors::answer<domain::task> create_task(const actors::caller& who, actors::new_task what) override {
    if (before_create)
      before_create();
    if (broken)
      return {*broken, {}, false};
    const std::lock_guard lock(mutex);
    if (what.key) {
      if (const auto found = by_key.find(what.key->scope); found != by_key.end()) {
        if (!what.external_ref.empty())
          return {actors::outcome::known, tasks.at(found->second), false};
        if (hashes.at(what.key->scope) != what.key->request_hash)
          return {actors::outcome::idempotency_mismatch, {}, false};
        return {actors::outcome::ok, tasks.at(found->second), true};
      }
    }
    domain::task made;
    made.id = domain::task_id{numbered_uuid(2, static_cast<std::uint8_t>(tasks.size() + 1))};
    made.title = what.title;
    made.jira_id = what.jira_id;
    made.description = what.description;
    made.external_ref = what.external_ref;
    made.prices = {{1500}, {3000}};
    made.created_by = made.assignee = who.account;
    made.version = 1;
    tasks[made.id.value] = made;
    if (what.key) {
      by_key[what.key->scope] = made.id.value;
      hashes[what.key->scope] = what.key->request_hash;
    }
    ++created;
    return {actors::outcome::ok, made, false};
  }
  std::vector<actors::answer<domain::task>> create_tasks(const actors::caller& who,
                                                         std::vector<actors::new_task> what) override {
    std::vector<actors::answer<domain::task>> out;
    for (auto& one : what)
      out.push_back(create_task(who, std::move(one)));
    return out;
  }
  actors::answer<domain::task> read_task(const actors::caller&, const domain::task_id& id) override {
    const std::lock_guard lock(mutex);
    const auto found = tasks.find(id.value);
    if (found == tasks.end())
      return {actors::outcome::not_found, {}, false};
    return {actors::outcome::ok, found->second, false};
  }
  actors::answer<domain::task> edit_task(const actors::caller&, const domain::task_id& id,
                                         actors::task_edit what) override {
    if (broken)
      return {*broken, {}, false};
    const std::lock_guard lock(mutex);
    asked_edit = what;
    const auto found = tasks.find(id.value);
    if (found == tasks.end())
      return {actors::outcome::not_found, {}, false};
    auto& t = found->second;
    if (t.status == domain::task_status::done)
      return {actors::outcome::already_done, {}, false};
    t.title = what.title.value_or(t.title);
    t.jira_id = what.jira_id.value_or(t.jira_id);
    t.description = what.description.value_or(t.description);
    ++t.version;
    return {actors::outcome::ok, t, false};
  }
  actors::answer<domain::task> complete_task(const actors::caller& who, const domain::task_id& id,
                                             std::optional<actors::idempotency>) override {
    if (broken)
      return {*broken, {}, false};
    const std::lock_guard lock(mutex);
    const auto found = tasks.find(id.value);
    if (found == tasks.end())
      return {actors::outcome::not_found, {}, false};
    auto& t = found->second;
    const bool done = t.status == domain::task_status::done;
    if (t.assignee != who.account)
      return {done ? actors::outcome::already_done : actors::outcome::not_assignee, {}, false};
    t.status = domain::task_status::done;
    return {done ? actors::outcome::known : actors::outcome::ok, t, false};
  }

  actors::answer<storage::shuffle_row> request_shuffle(const actors::caller& who,
                                                       std::optional<actors::idempotency>) override {
    if (broken)
      return {*broken, {}, false};
    storage::shuffle_row row;
    row.run = 1;
    row.id = domain::shuffle_id{numbered_uuid(3, 1)};
    row.requested_by = who.account;
    row.seed = UINT64_MAX;
    return {actors::outcome::ok, row, false};
  }
  actors::answer<actors::payout_summary> close_day(const actors::caller& who,
                                                   std::optional<actors::idempotency>) override {
    if (broken)
      return {*broken, {}, false};
    closed.on = today();
    closed.requested_by = who.account;
    return {
        std::exchange(closed_before, true) ? actors::outcome::known : actors::outcome::ok, {closed}, false};
  }
  std::vector<actors::shard_status> look_at_shards(const actors::caller&) override { return shards; }
  actors::answer<storage::page<actors::actor_row>> list_actors(const actors::caller&,
                                                               const actors::actor_query& what,
                                                               const storage::page_request& at) override {
    if (broken)
      return {*broken, {}, false};
    const std::lock_guard lock(mutex);
    asked_actors = what;
    const auto begin = at.after ? std::stoul(*at.after) : 0UL;
    const auto end = std::min(active.size(), begin + static_cast<std::size_t>(at.limit));
    storage::page<actors::actor_row> page;
    for (auto i = begin; i < end; ++i)
      page.rows.push_back(active[i].row);
    if (end < active.size())
      page.next = std::to_string(end);
    return {actors::outcome::ok, std::move(page), false};
  }
  actors::answer<actors::actor_detail> inspect_actor(const actors::caller&,
                                                     const storage::entity_ref& of) override {
    if (broken)
      return {*broken, {}, false};
    for (const auto& one : active)
      if (one.row.of == of)
        return {actors::outcome::ok, one, false};
    return {actors::outcome::not_found, {}, false};
  }

  /// What passivate, release and settle answer, and what they were asked.
  actors::outcome of_operation = actors::outcome::ok;
  std::vector<std::string> operated;
  std::vector<storage::audit_row> operated_why;
  actors::outcome passivate_actor(const actors::caller&, const storage::entity_ref& of) override {
    operated.push_back("passivate " + to_string(of.id));
    return of_operation;
  }
  actors::outcome release_actor(const actors::caller&, const storage::entity_ref& of,
                                storage::audit_row why) override {
    operated.push_back("release " + to_string(of.id));
    operated_why.push_back(std::move(why));
    return of_operation;
  }
  actors::outcome settle_parked(const actors::caller&, domain::shard_number shard, const domain::uuid& id,
                                bool drop, storage::audit_row why) override {
    operated.push_back((drop ? "drop " : "replay ") + std::to_string(shard) + " " + to_string(id));
    operated_why.push_back(std::move(why));
    return of_operation;
  }
  domain::instant business_now() override { return domain::instant{today()}; }
  domain::day today() override { return *domain::parse_day("2026-11-21"); }
  health check() override { return state; }
};

/// Lists of numbered rows: the position is the number of the last row.
class fake_reports : public storage::reports {
public:
  explicit fake_reports(fake_facade& f) : facade(f) {}
  fake_facade& facade;
  std::atomic<bool> away{false};
  std::string refusal; ///< SQLSTATE with which every question is answered; empty: it is not
  std::optional<storage::task_filter> asked_tasks;

  template <class Row>
  storage::page<Row> paged(const std::vector<Row>& rows, const storage::page_request& at) const {
    check();
    const auto begin = at.after ? std::stoul(*at.after) : 0UL;
    const auto end = std::min(rows.size(), begin + static_cast<std::size_t>(at.limit));
    storage::page<Row> out;
    out.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                    rows.begin() + static_cast<std::ptrdiff_t>(end));
    if (end < rows.size())
      out.next = std::to_string(end);
    return out;
  }
  void check() const {
    if (away)
      throw storage::storage_error(storage::storage_error::kind::away, "test", "", "no connection");
    if (!refusal.empty())
      throw storage::storage_error(storage::storage_error::kind::refused, "test", refusal, "refused");
  }

  storage::page<storage::employee_row> employees(const storage::employee_filter&,
                                                 const storage::page_request& at, deadline) override {
    std::vector<storage::employee_row> rows;
    for (const auto& one : facade.people) {
      storage::employee_row row;
      row.id = one.who.id;
      row.login = one.who.login;
      row.email = one.who.email;
      row.name = one.who.name;
      row.role = one.who.role;
      rows.push_back(row);
    }
    return paged(rows, at);
  }
  storage::page<domain::task> tasks(const storage::task_filter& filter, const storage::page_request& at,
                                    deadline) override {
    asked_tasks = filter;
    std::vector<domain::task> rows;
    for (const auto& [id, task] : facade.tasks)
      rows.push_back(task);
    return paged(rows, at);
  }
  std::optional<domain::task> task(const domain::task_id&, deadline) override { return std::nullopt; }
  storage::page<storage::shuffle_row> shuffles(const storage::page_request& at, deadline) override {
    return paged(std::vector<storage::shuffle_row>{}, at);
  }
  std::optional<storage::shuffle_row> shuffle(const domain::shuffle_id& id, deadline) override {
    check();
    if (id.value != numbered_uuid(3, 1))
      return std::nullopt;
    storage::shuffle_row row;
    row.run = 1;
    row.id = id;
    return row;
  }
  storage::page<domain::account_id> roster(std::int64_t, const storage::page_request& at, deadline) override {
    std::vector<domain::account_id> rows;
    for (const auto& one : facade.people)
      rows.push_back(one.who.id);
    return paged(rows, at);
  }
  storage::balance_row balance(const domain::account_id& account, domain::day today, deadline) override {
    check();
    storage::balance_row row;
    row.account = account;
    row.on = today;
    row.balance = {-500};
    row.fees = {2000};
    row.rewards = {1500};
    return row;
  }
  storage::page<storage::balance_row> balances(std::optional<bool>, domain::day today,
                                               const storage::page_request& at, deadline by) override {
    std::vector<storage::balance_row> rows;
    for (const auto& one : facade.people)
      rows.push_back(balance(one.who.id, today, by));
    return paged(rows, at);
  }
  storage::page<storage::entry_row> log(const domain::account_id& account, std::optional<domain::day>,
                                        const storage::page_request& at, deadline) override {
    storage::entry_row fee;
    fee.account = account;
    fee.amount = {-1500};
    fee.balance_after = {-1500};
    fee.task = storage::entry_row::task_ref{domain::task_id{numbered_uuid(2, 1)}, "Do it", "ABC-1", ""};
    fee.reason = domain::assign_reason::created;
    return paged(std::vector{fee}, at);
  }
  std::optional<storage::payout_report> payout(domain::day on, deadline) override {
    check();
    if (on != facade.today() || !facade.closed_before)
      return std::nullopt;
    return storage::payout_report{facade.closed, {3, 2, 1}};
  }

  // -- books: what was asked for, and a few rows
  std::optional<storage::entry_filter> asked_entries;
  std::optional<storage::day_range> asked_range;
  std::vector<storage::entry_row> ledger;
  std::vector<storage::payee_row> paid;
  std::map<domain::day, storage::day_figures> closed;

  storage::page<storage::task_change_row> history(const domain::task_id&, const storage::page_request& at,
                                                  deadline) override {
    storage::task_change_row change;
    change.what = storage::task_change_row::kind::assigned;
    change.account = facade.people.front().who.id;
    change.reason = domain::assign_reason::created;
    change.fee = domain::cents{1500};
    return paged(std::vector{change}, at);
  }
  storage::page<storage::entry_row> entries(const storage::entry_filter& filter,
                                            const storage::page_request& at, deadline) override {
    asked_entries = filter;
    return paged(ledger, at);
  }
  std::vector<storage::account_day_row> account_days(const domain::account_id&,
                                                     const storage::day_range& range, deadline) override {
    asked_range = range;
    return {{range.from, {1500}, {0}, {0}, {-1500}}};
  }
  std::vector<storage::earnings_row> earnings(const storage::day_range& range, deadline) override {
    asked_range = range;
    return {{range.from, {1500}, {4000}}, {range.to, {2000}, {0}}};
  }
  storage::page<storage::payout_report> payouts(const storage::page_request& at, deadline) override {
    return paged(std::vector{storage::payout_report{facade.closed, {3, 2, 1}}}, at);
  }
  storage::page<storage::payee_row> payees(domain::day, const storage::page_request& at, deadline) override {
    return paged(paid, at);
  }
  storage::today_row today(domain::day, deadline) override {
    check();
    return {{-500}, 3, 2};
  }
  std::vector<storage::top_task_row> most_expensive(const storage::day_range& range, deadline) override {
    asked_range = range;
    std::vector<storage::top_task_row> rows;
    for (auto on = range.from; on <= range.to; on += std::chrono::days{1}) {
      const auto found = closed.find(on);
      rows.push_back({on, found == closed.end() ? std::nullopt : found->second.top});
    }
    return rows;
  }
  storage::page<storage::day_figures> closed_days(const std::optional<storage::day_range>& range,
                                                  const storage::page_request& at, deadline) override {
    asked_range = range;
    std::vector<storage::day_figures> rows;
    for (const auto& [on, figures] : closed)
      rows.insert(rows.begin(), figures);
    return paged(rows, at);
  }
};

/// The rows of a cluster that stands still, and what was asked and recorded.
class fake_operations : public storage::operations {
public:
  storage::cluster_view now;
  std::vector<storage::audit_row> rows; ///< oldest first
  std::vector<storage::incarnation> drained;
  std::vector<std::pair<domain::shard_number, storage::incarnation>> moved;
  bool just_died = false; ///< whoever is to be marked

  storage::node_view& add_node(const std::string& name, storage::node_state state) {
    storage::node_view n;
    n.row.number = static_cast<storage::incarnation>(now.nodes.size() + 1);
    n.row.name = name;
    n.row.http = "127.0.0.1:80";
    n.state = state;
    n.beat_age = std::chrono::milliseconds{120};
    n.active_actors = 7;
    now.nodes.push_back(n);
    return now.nodes.back();
  }
  void add_shard(std::optional<storage::incarnation> owner) {
    storage::shard_lease lease;
    lease.shard = static_cast<domain::shard_number>(now.shards.size());
    lease.owner = owner;
    lease.epoch = 5;
    now.shards.push_back(lease);
  }

  storage::cluster_view view(deadline) override { return now; }
  bool ask_drain(storage::incarnation node, const storage::audit_row& why, deadline by) override {
    if (just_died)
      return false;
    drained.push_back(node);
    record(why, by);
    return true;
  }
  bool ask_move(domain::shard_number shard, storage::incarnation to, const storage::audit_row& why,
                deadline by) override {
    if (just_died)
      return false;
    moved.emplace_back(shard, to);
    record(why, by);
    return true;
  }
  void record(const storage::audit_row& what, deadline by) override {
    if (!find(what.id, by))
      rows.push_back(what);
  }
  std::optional<storage::audit_row> find(const domain::uuid& id, deadline) override {
    for (const auto& row : rows)
      if (row.id == id)
        return row;
    return std::nullopt;
  }
  storage::page<storage::audit_row> audit(const storage::page_request& at, deadline) override {
    const auto begin = at.after ? std::stoul(*at.after) : 0UL;
    const auto end = std::min(rows.size(), begin + static_cast<std::size_t>(at.limit));
    storage::page<storage::audit_row> page;
    for (auto i = begin; i < end; ++i)
      page.rows.push_back(rows[rows.size() - 1 - i]);
    if (end < rows.size())
      page.next = std::to_string(end);
    return page;
  }

  std::vector<storage::parked_row> parked_rows; ///< newest first
  storage::page<storage::parked_row> parked(const storage::page_request&, deadline) override {
    storage::page<storage::parked_row> page;
    for (const auto& row : parked_rows)
      if (row.status == storage::parked_status::parked)
        page.rows.push_back(row);
    return page;
  }
  std::optional<storage::parked_row> find_parked(const domain::uuid& id, deadline) override {
    for (const auto& row : parked_rows)
      if (row.id == id)
        return row;
    return std::nullopt;
  }
};

} // namespace ates::http::test
