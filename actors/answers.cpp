#include "actors/answers.hpp"

#include <nlohmann/json.hpp>

#include <optional>

namespace ates::actors {

namespace {

using json = nlohmann::json;

json out(std::int64_t n) {
  return n;
}
json out(domain::instant at) {
  return at.time_since_epoch().count();
}
json out(domain::day d) {
  return d.time_since_epoch().count();
}
template <class Tag> json out(const domain::strong_id<Tag>& id) {
  return domain::to_string(id.value);
}
template <class T> json out(const std::optional<T>& x) {
  return x ? out(*x) : json(nullptr);
}

domain::instant instant_of(const json& j) {
  return domain::instant{std::chrono::microseconds{j.get<std::int64_t>()}};
}
domain::day day_of(const json& j) {
  return domain::day{std::chrono::days{j.get<std::int32_t>()}};
}
template <class Id> Id id_of(const json& j) {
  return Id{domain::parse_uuid(j.get<std::string>()).value()};
}
template <class T, class Read> std::optional<T> maybe(const json& j, Read read) {
  return j.is_null() ? std::nullopt : std::optional<T>{read(j)};
}
std::int64_t number_of(const json& j) {
  return j.get<std::int64_t>();
}

} // namespace

std::string to_answer(const domain::task& t) {
  return json{{"id", out(t.id)},
              {"title", t.title},
              {"jira_id", t.jira_id},
              {"description", t.description},
              {"external_ref", t.external_ref},
              {"fee", t.prices.fee.count},
              {"reward", t.prices.reward.count},
              {"created_by", out(t.created_by)},
              {"created_at", out(t.created_at)},
              {"status", static_cast<int>(t.status)},
              {"assignee", out(t.assignee)},
              {"assigned_at", out(t.assigned_at)},
              {"completed_at", out(t.completed_at)},
              {"assignments", t.assignments},
              {"last_run", t.last_run},
              {"version", t.version}}
      .dump();
}

domain::task task_of(const std::string& answer) {
  const auto j = json::parse(answer);
  domain::task t;
  t.id = id_of<domain::task_id>(j.at("id"));
  t.title = j.at("title");
  t.jira_id = j.at("jira_id");
  t.description = j.at("description");
  t.external_ref = j.at("external_ref");
  t.prices = {{number_of(j.at("fee"))}, {number_of(j.at("reward"))}};
  t.created_by = id_of<domain::account_id>(j.at("created_by"));
  t.created_at = instant_of(j.at("created_at"));
  t.status = static_cast<domain::task_status>(j.at("status").get<int>());
  t.assignee = id_of<domain::account_id>(j.at("assignee"));
  t.assigned_at = instant_of(j.at("assigned_at"));
  t.completed_at = maybe<domain::instant>(j.at("completed_at"), instant_of);
  t.assignments = j.at("assignments");
  t.last_run = j.at("last_run");
  t.version = j.at("version");
  return t;
}

std::string to_answer(const storage::employee_row& e) {
  return json{{"id", out(e.id)},     {"number", e.number},
              {"login", e.login},    {"email", e.email},
              {"name", e.name},      {"role", static_cast<int>(e.role)},
              {"active", e.active},  {"created_at", out(e.created_at)},
              {"version", e.version}}
      .dump();
}

storage::employee_row employee_of(const std::string& answer) {
  const auto j = json::parse(answer);
  storage::employee_row e;
  e.id = id_of<domain::account_id>(j.at("id"));
  e.number = j.at("number");
  e.login = j.at("login");
  e.email = j.at("email");
  e.name = j.at("name");
  e.role = static_cast<domain::role>(j.at("role").get<int>());
  e.active = j.at("active");
  e.created_at = instant_of(j.at("created_at"));
  e.version = j.at("version");
  return e;
}

std::string to_answer(const storage::shuffle_row& s) {
  return json{{"run", s.run},
              {"id", out(s.id)},
              {"status", static_cast<int>(s.status)},
              {"requested_by", out(s.requested_by)},
              {"requested_at", out(s.requested_at)},
              {"started_at", out(s.started_at)},
              {"finished_at", out(s.finished_at)},
              {"open_tasks", out(s.open_tasks)},
              {"reassigned", out(s.reassigned)},
              {"seed", s.seed}}
      .dump();
}

storage::shuffle_row shuffle_of(const std::string& answer) {
  const auto j = json::parse(answer);
  storage::shuffle_row s;
  s.run = j.at("run");
  s.id = id_of<domain::shuffle_id>(j.at("id"));
  s.status = static_cast<storage::shuffle_status>(j.at("status").get<int>());
  s.requested_by = id_of<domain::account_id>(j.at("requested_by"));
  s.requested_at = instant_of(j.at("requested_at"));
  s.started_at = maybe<domain::instant>(j.at("started_at"), instant_of);
  s.finished_at = maybe<domain::instant>(j.at("finished_at"), instant_of);
  s.open_tasks = maybe<std::int64_t>(j.at("open_tasks"), number_of);
  s.reassigned = maybe<std::int64_t>(j.at("reassigned"), number_of);
  s.seed = j.at("seed");
  return s;
}

std::string to_answer(const storage::payout_row& p) {
  return json{{"day", out(p.on)},
              {"status", static_cast<int>(p.status)},
              {"requested_by", out(p.requested_by)},
              {"started_at", out(p.started_at)},
              {"finished_at", out(p.finished_at)},
              {"accounts_paid", p.accounts_paid},
              {"total_paid", p.total_paid.count}}
      .dump();
}

storage::payout_row payout_of(const std::string& answer) {
  const auto j = json::parse(answer);
  storage::payout_row p;
  p.on = day_of(j.at("day"));
  p.status = static_cast<storage::payout_status>(j.at("status").get<int>());
  p.requested_by = maybe<domain::account_id>(j.at("requested_by"), id_of<domain::account_id>);
  p.started_at = instant_of(j.at("started_at"));
  p.finished_at = maybe<domain::instant>(j.at("finished_at"), instant_of);
  p.accounts_paid = j.at("accounts_paid");
  p.total_paid = {number_of(j.at("total_paid"))};
  return p;
}

} // namespace ates::actors
