#include "storage/rare_json.hpp"

#include "domain/text.hpp"

#include <nlohmann/json.hpp>

namespace ates::storage {

using domain::to_string;

namespace {

using nlohmann::json;

json text_of(const std::optional<instant>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json();
}

template <class T> json number_of(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json task_json(const batch::change<domain::task>& change) {
  const auto& t = *change.now;
  return {{"shard", change.shard},
          {"id", to_string(t.id)},
          {"title", t.title},
          {"jira_id", t.jira_id},
          {"description", t.description},
          {"external_ref", t.external_ref},
          {"fee", t.prices.fee.count},
          {"reward", t.prices.reward.count},
          {"created_by", to_string(t.created_by)},
          {"created_at", domain::to_rfc3339(t.created_at)},
          {"version", t.version},
          {"status", static_cast<int>(t.status)},
          {"assignee", to_string(t.assignee)},
          {"assigned_at", domain::to_rfc3339(t.assigned_at)},
          {"completed_at", text_of(t.completed_at)},
          {"assignments", t.assignments},
          {"last_run", t.last_run}};
}

json words_json(const batch::change<domain::task>& change) {
  const auto& t = *change.now;
  return {{"shard", change.shard},
          {"id", to_string(t.id)},
          {"title", t.title},
          {"jira_id", t.jira_id},
          {"description", t.description}};
}

json shard_json(const batch::change<shard_row>& change) {
  const auto& s = *change.now;
  return {{"shard", change.shard},
          {"replaces", change.replaces},
          {"version", s.version},
          {"open_day", to_string(s.open_day)},
          {"run_begun", s.run_begun},
          {"run_started_at", domain::to_rfc3339(s.run_started_at)},
          {"run_done", s.run_done},
          {"run_open", s.run_open},
          {"paid_through", to_string(s.paid_through)}};
}

json employee_json(const employee_row& e) {
  return {{"id", to_string(e.id)},
          {"number", e.number},
          {"login", e.login},
          {"login_key", domain::fold_case(e.login)},
          {"email", e.email},
          {"name", e.name},
          {"role", static_cast<int>(e.role)},
          {"active", e.active},
          {"password_hash", e.password_hash},
          {"beak_hash", e.beak_hash},
          {"created_at", domain::to_rfc3339(e.created_at)},
          {"version", e.version},
          {"changed", e.changed},
          {"leaving", e.leaving}};
}

json shuffle_json(const shuffle_row& s) {
  return {{"run", s.run},
          {"id", to_string(s.id)},
          {"status", static_cast<int>(s.status)},
          {"requested_by", to_string(s.requested_by)},
          {"requested_at", domain::to_rfc3339(s.requested_at)},
          {"started_at", text_of(s.started_at)},
          {"finished_at", text_of(s.finished_at)},
          {"open_tasks", number_of(s.open_tasks)},
          {"reassigned", number_of(s.reassigned)},
          {"seed", std::to_string(s.seed)}};
}

json roster_json(const roster_row& r) {
  json accounts = json::array();
  for (const auto& account : r.accounts)
    accounts.push_back(to_string(account));
  return {{"run", r.run}, {"accounts", std::move(accounts)}};
}

json payout_json(const payout_row& p) {
  return {{"day", to_string(p.on)},
          {"status", static_cast<int>(p.status)},
          {"requested_by", p.requested_by ? json(to_string(*p.requested_by)) : json()},
          {"started_at", domain::to_rfc3339(p.started_at)},
          {"finished_at", text_of(p.finished_at)},
          {"accounts_paid", p.accounts_paid},
          {"total_paid", p.total_paid.count}};
}

json session_json(shard_number shard, const session_row& s) {
  return {{"shard", shard},
          {"account", to_string(s.account)},
          {"family", to_string(s.family)},
          {"state", s.state.empty() ? json() : json::parse(s.state)},
          {"expires_at", domain::to_rfc3339(s.expires_at)}};
}

json mail_json(shard_number shard, const mail_row& m) {
  return {{"shard", shard},
          {"account", to_string(m.account)},
          {"day", to_string(m.on)},
          {"amount", m.amount.count}};
}

json letter_json(shard_number shard, const letter_mark& m) {
  return {{"shard", shard},
          {"account", to_string(m.account)},
          {"day", to_string(m.on)},
          {"status", static_cast<int>(m.status)},
          {"attempts", m.attempts},
          {"again_in", m.again_in.count()},
          {"message_id", m.message_id}};
}

json entity_json(shard_number shard, const entity_ref& e) {
  return {{"shard", shard}, {"kind", static_cast<int>(e.kind)}, {"entity", to_string(e.id)}};
}

json quarantine_json(shard_number shard, const quarantine_row& q) {
  auto row = entity_json(shard, q.entity);
  row["reason"] = q.reason;
  return row;
}

json parked_json(const parked_row& p) {
  return {{"id", to_string(p.id)},
          {"shard", p.shard},
          {"source", p.from.source},
          {"target_seq", p.from.target_seq},
          {"account", p.account ? json(to_string(*p.account)) : json()},
          {"type", p.type},
          {"subject", to_string(p.subject)},
          {"at", domain::to_rfc3339(p.at)},
          {"data", json::parse(p.data)},
          {"reason", p.reason}};
}

json audit_json(const audit_row& a) {
  return {{"id", to_string(a.id)},
          {"by", to_string(a.by)},
          {"action", a.action},
          {"target", a.target},
          {"reason", a.reason},
          {"dry_run", a.dry_run},
          {"result", json::parse(a.result)}};
}

/// Rows by key, so that a row changed twice in a batch is written once, as it is last.
class rows {
public:
  void put(const char* table, std::string key, json row) {
    auto [found, first] = at_.try_emplace({table, std::move(key)}, all_[table].size());
    if (first)
      all_[table].push_back(std::move(row));
    else
      all_[table][found->second] = std::move(row);
  }
  void add(const char* table, json row) { all_[table].push_back(std::move(row)); }
  [[nodiscard]] std::string text() const { return all_.empty() ? std::string{} : all_.dump(); }

private:
  json all_;
  std::map<std::pair<std::string, std::string>, std::size_t> at_;
};

void put_troubles_of(const record& r, rows& into) {
  for (const auto& q : r.quarantined)
    into.add("quarantined", quarantine_json(r.shard, q));
  for (const auto& e : r.released)
    into.add("released", entity_json(r.shard, e));
  for (const auto& p : r.parked)
    into.add("parked", parked_json(p));
  for (const auto& m : r.unparked)
    into.add("unparked", {{"id", to_string(m.id)}, {"status", static_cast<int>(m.status)}});
  if (r.audit)
    into.add("audit", audit_json(*r.audit));
}

void put_rows_of(const record& r, rows& into) {
  for (const auto& e : r.employees)
    into.put("employees", to_string(e.id), employee_json(e));
  for (const auto& s : r.shuffles)
    into.put("shuffles", std::to_string(s.run), shuffle_json(s));
  if (r.roster)
    into.add("rosters", roster_json(*r.roster));
  for (const auto& p : r.payouts)
    into.put("payouts", to_string(p.on), payout_json(p));
  for (const auto& s : r.sessions)
    into.put("sessions", to_string(s.account) + to_string(s.family), session_json(r.shard, s));
  for (const auto& m : r.mails)
    into.add("mails", mail_json(r.shard, m));
  for (const auto& m : r.letters)
    into.add("letters", letter_json(r.shard, m));
  put_troubles_of(r, into);
}

} // namespace

std::string rare_rows_json(std::span<const record* const> records, const batch& made) {
  rows all;
  for (const auto& change : made.tasks)
    if (change.replaces == 0)
      all.add("tasks", task_json(change));
    else if (change.new_words)
      all.add("edited_tasks", words_json(change));
  for (const auto& change : made.shards)
    all.add("shard_states", shard_json(change));
  for (const auto* r : records)
    put_rows_of(*r, all);
  return all.text();
}

} // namespace ates::storage
