#include "actors/inspection.hpp"

#include <nlohmann/json.hpp>

namespace ates::actors {

using nlohmann::json;

namespace {

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

} // namespace

std::string shown(const domain::task& t) {
  if (!t.exists())
    return "null";
  return json{{"title", t.title},
              {"jira_id", text_or_null(t.jira_id)},
              {"description", t.description},
              {"status", domain::to_string(t.status)},
              {"assignee", domain::to_string(t.assignee)},
              {"fee", t.prices.fee.count},
              {"reward", t.prices.reward.count},
              {"created_by", domain::to_string(t.created_by)},
              {"created_at", domain::to_rfc3339(t.created_at)},
              {"assigned_at", domain::to_rfc3339(t.assigned_at)},
              {"completed_at", t.completed_at ? json(domain::to_rfc3339(*t.completed_at)) : json(nullptr)},
              {"external_ref", text_or_null(t.external_ref)},
              {"assignments", t.assignments},
              {"last_run", t.last_run},
              {"version", t.version}}
      .dump();
}

std::string shown(const domain::account& a) {
  return json{{"balance", a.balance.count},
              {"entries", a.entries},
              {"open_day", a.exists() ? json(domain::to_string(a.open_day)) : json(nullptr)},
              {"fees", a.fees.count},
              {"rewards", a.rewards.count},
              {"paid_out", a.paid_out.count},
              {"version", a.version}}
      .dump();
}

std::string shown(const storage::entity_ref& of, const storage::snapshot& s) {
  if (const auto* t = std::get_if<domain::task>(&s))
    return shown(*t);
  if (const auto* a = std::get_if<domain::account>(&s))
    return shown(*a);
  return of.kind == storage::entity_kind::account ? shown(domain::account{}) : "null";
}

std::int64_t rank_of(const actor_row& row, actor_order order) {
  switch (order) {
  case actor_order::mailbox:
    return static_cast<std::int64_t>(row.mailbox);
  case actor_order::messages:
    return static_cast<std::int64_t>(row.messages);
  case actor_order::age:
    return row.oldest_ms;
  case actor_order::none:
    break;
  }
  return 0;
}

} // namespace ates::actors
