#pragma once
/// The actor system as the gateway sees it, in memory: enough behaviour to tell a right answer from a wrong
/// one.

#include "actors/facade.hpp"
#include "storage/errors.hpp"

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
  std::function<void()> after_a_miss;    ///< runs inside find_employee when there is nobody
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
    if (after_a_miss)
      after_a_miss();
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

} // namespace ates::http::test
