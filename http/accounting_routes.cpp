#include "http/csv.hpp"
#include "http/json_out.hpp"
#include "http/ranges.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

storage::entry_filter read_filter(const call& c) {
  storage::entry_filter out;
  out.on = day_param(c.query, "day");
  if (const auto kind = text_param(c.query, "kind")) {
    out.kind = domain::parse_entry_kind(*kind);
    if (!out.kind)
      throw problem(code::bad_request, "kind is assignment_fee, completion_reward or payout.");
  }
  if (const auto account = text_param(c.query, "account")) {
    const auto id = domain::parse_uuid(*account);
    if (!id)
      throw problem(code::bad_request, "account is an id.");
    out.account = domain::account_id{*id};
  }
  return out;
}

std::string name_of(const call& c, const domain::account_id& account) {
  const auto who = c.with.facade.find_employee(account);
  return who ? who->name : "";
}

json earnings_json(const storage::earnings_row& e) {
  return {{"fees", e.fees.count}, {"rewards", e.rewards.count}, {"earnings", (e.fees - e.rewards).count}};
}

} // namespace

reply accounting_log(call& c) {
  const auto filter = read_filter(c);
  const auto page =
      c.with.reports.entries(filter, c.with.cursors.open("/accounting/log", c.query), c.read_deadline());
  return list_in_either_form(
      c, "/accounting/log", page,
      [&](const auto& row) {
        auto out = to_json(row);
        out["account_id"] = to_string(row.account);
        out["name"] = name_of(c, row.account);
        return out;
      },
      csv_table{"account_id", "name", "id", "at", "day", "kind", "amount", "balance_after", "task_id",
                "task_title", "task_jira_id", "task_description", "reason", "shuffle_id"},
      [&](const auto& row, csv_table& table) {
        table.word(to_string(row.account)).text(name_of(c, row.account));
        add_entry(table, row);
      });
}

reply earnings(call& c) {
  const auto today = c.with.facade.today();
  const auto range = range_param(c.query, today).value_or(storage::day_range{today, today});
  auto days = json::array();
  storage::earnings_row total;
  for (const auto& row : c.with.reports.earnings(range, c.read_deadline())) {
    auto day = earnings_json(row);
    day["day"] = domain::to_string(row.on);
    days.push_back(std::move(day));
    total.fees += row.fees;
    total.rewards += row.rewards;
  }
  return json_reply(200, {{"days", std::move(days)}, {"total", earnings_json(total)}});
}

} // namespace ates::http::routes
