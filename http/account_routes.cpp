#include "http/csv.hpp"
#include "http/json_out.hpp"
#include "http/ranges.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

reply accounts(call& c) {
  const auto negative = bool_param(c.query, "negative");
  const auto page = c.with.reports.balances(negative, c.with.facade.today(),
                                            c.with.cursors.open("/accounts", c.query), c.read_deadline());
  return list_reply(c.with.cursors, "/accounts", c.query, page, [&](const auto& row) {
    const auto who = c.with.facade.find_employee(row.account);
    return to_json(row, who ? who->name : "");
  });
}

reply account(call& c) {
  const auto who = c.account_arg(0);
  return json_reply(
      200, to_json(c.with.reports.balance(who.id, c.with.facade.today(), c.read_deadline()), who.name));
}

reply account_log(call& c) {
  const auto who = c.account_arg(0);
  const auto list = "/accounts/" + to_string(who.id) + "/log";
  const auto day = day_param(c.query, "day");
  const auto page = c.with.reports.log(who.id, day, c.with.cursors.open(list, c.query), c.read_deadline());
  return list_in_either_form(
      c, list, page, [](const auto& row) { return to_json(row); },
      csv_table{"id", "at", "day", "kind", "amount", "balance_after", "task_id", "task_title", "task_jira_id",
                "task_description", "reason", "shuffle_id"},
      [](const auto& row, csv_table& table) { add_entry(table, row); });
}

reply account_days(call& c) {
  const auto who = c.account_arg(0);
  const auto today = c.with.facade.today();
  const auto range = range_param(c.query, today).value_or(storage::day_range{today, today});
  const auto rows = c.with.reports.account_days(who.id, range, c.read_deadline());
  if (wants_csv(c.in)) {
    csv_table table{"day", "fees", "rewards", "paid_out", "closing_balance"};
    for (const auto& row : rows)
      table.word(domain::to_string(row.on))
          .number(row.fees.count)
          .number(row.rewards.count)
          .number(row.paid_out.count)
          .number(row.closing_balance.count)
          .end();
    return varying(csv_reply(c, table, std::nullopt));
  }
  auto data = json::array();
  for (const auto& row : rows)
    data.push_back({{"day", domain::to_string(row.on)},
                    {"fees", row.fees.count},
                    {"rewards", row.rewards.count},
                    {"paid_out", row.paid_out.count},
                    {"closing_balance", row.closing_balance.count}});
  return varying(json_reply(200, {{"data", std::move(data)}}));
}

bool account_exists(const call& c) {
  if (c.args.at(0) == "me")
    return true;
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.find_employee(domain::account_id{*id}).has_value();
}

} // namespace ates::http::routes
