#include "http/json_out.hpp"
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
  return list_reply(c.with.cursors, list, c.query, page, [](const auto& row) { return to_json(row); });
}

bool account_exists(const call& c) {
  if (c.args.at(0) == "me")
    return true;
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.with.facade.find_employee(domain::account_id{*id}).has_value();
}

} // namespace ates::http::routes
