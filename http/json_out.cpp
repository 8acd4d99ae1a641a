#include "http/json_out.hpp"

#include <optional>

namespace ates::http {

using nlohmann::json;

namespace {

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json time_or_null(const std::optional<domain::instant>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json(nullptr);
}

template <class T> json number_or_null(const std::optional<T>& number) {
  return number ? json(*number) : json(nullptr);
}

template <class Id> json id_or_null(const std::optional<Id>& id) {
  return id ? json(to_string(*id)) : json(nullptr);
}

std::string_view to_string(storage::shuffle_status s) {
  switch (s) {
  case storage::shuffle_status::queued:
    return "queued";
  case storage::shuffle_status::running:
    return "running";
  case storage::shuffle_status::done:
    return "done";
  case storage::shuffle_status::failed:
    return "failed";
  }
  return "failed";
}

std::string_view to_string(storage::payout_status s) {
  return s == storage::payout_status::done ? "done" : "running";
}

} // namespace

reply json_reply(int status, const json& body) {
  return {status, body.dump(), "application/json", {}};
}

json to_json(const actors::employee& e, bool whole) {
  json out{
      {"id", to_string(e.id)}, {"name", e.name}, {"role", domain::to_string(e.role)}, {"active", e.active}};
  if (whole) {
    out["login"] = e.login;
    out["email"] = e.email;
    out["created_at"] = domain::to_rfc3339(e.created_at);
  }
  return out;
}

json to_json(const domain::task& t, actors::facade& names) {
  const auto assignee = names.find_employee(t.assignee);
  return {{"id", to_string(t.id)},
          {"title", t.title},
          {"jira_id", text_or_null(t.jira_id)},
          {"description", t.description},
          {"status", domain::to_string(t.status)},
          {"assignee", {{"id", to_string(t.assignee)}, {"name", assignee ? assignee->name : ""}}},
          {"fee", t.prices.fee.count},
          {"reward", t.prices.reward.count},
          {"created_by", to_string(t.created_by)},
          {"created_at", domain::to_rfc3339(t.created_at)},
          {"assigned_at", domain::to_rfc3339(t.assigned_at)},
          {"completed_at", time_or_null(t.completed_at)},
          {"version", t.version},
          {"external_ref", text_or_null(t.external_ref)}};
}

json to_json(const storage::shuffle_row& s) {
  return {{"id", to_string(s.id)},
          {"status", to_string(s.status)},
          {"requested_by", to_string(s.requested_by)},
          {"requested_at", domain::to_rfc3339(s.requested_at)},
          {"started_at", time_or_null(s.started_at)},
          {"finished_at", time_or_null(s.finished_at)},
          {"open_tasks", number_or_null(s.open_tasks)},
          {"reassigned", number_or_null(s.reassigned)},
          {"seed", std::to_string(s.seed)}};
}

json to_json(const storage::balance_row& b, const std::string& name) {
  return {{"account_id", to_string(b.account)},
          {"name", name},
          {"balance", b.balance.count},
          {"today",
           {{"day", domain::to_string(b.on)},
            {"fees", b.fees.count},
            {"rewards", b.rewards.count},
            {"paid_out", b.paid_out.count},
            {"net", (b.rewards - b.fees).count}}},
          {"as_of", domain::to_rfc3339(b.as_of)}};
}

json to_json(const storage::entry_row& e) {
  json out{{"id", to_string(e.id)},
           {"at", domain::to_rfc3339(e.at)},
           {"day", domain::to_string(e.on)},
           {"kind", domain::to_string(e.kind)},
           {"amount", e.amount.count},
           {"balance_after", e.balance_after.count},
           {"task", nullptr},
           {"reason", nullptr},
           {"shuffle_id", id_or_null(e.shuffle)}};
  if (e.task)
    out["task"] = {{"id", to_string(e.task->id)},
                   {"title", e.task->title},
                   {"jira_id", text_or_null(e.task->jira_id)},
                   {"description", e.task->description}};
  if (e.reason)
    out["reason"] = domain::to_string(*e.reason);
  return out;
}

json to_json(const storage::payout_report& p) {
  return {{"day", domain::to_string(p.run.on)},
          {"status", to_string(p.run.status)},
          {"requested_by", id_or_null(p.run.requested_by)},
          {"started_at", domain::to_rfc3339(p.run.started_at)},
          {"finished_at", time_or_null(p.run.finished_at)},
          {"accounts_paid", p.run.accounts_paid},
          {"total_paid", p.run.total_paid.count},
          {"mails", {{"queued", p.mails.queued}, {"sent", p.mails.sent}, {"failed", p.mails.failed}}}};
}

} // namespace ates::http
