#include "http/csv.hpp"
#include "http/json_out.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

std::optional<storage::payout_report> find(const call& c) {
  const auto day = domain::parse_day(c.args.at(0));
  return day ? c.with.reports.payout(*day, c.read_deadline()) : std::nullopt;
}

std::string_view to_string(storage::mail_status s) {
  switch (s) {
  case storage::mail_status::queued:
    return "queued";
  case storage::mail_status::sent:
    return "sent";
  case storage::mail_status::failed:
    return "failed";
  }
  return "failed";
}

} // namespace

reply close_day(call& c) {
  const keyed request(c);
  const auto closed = c.with.facade.close_day(c.caller(), request.key());
  const auto& run = value_of(closed).run;
  const bool made_before = closed.what == actors::outcome::known;
  // A run just begun has no letters yet; one made before is shown as it stands now.
  auto report = storage::payout_report{run, {}};
  if (made_before)
    report = c.with.reports.payout(run.on, c.read_deadline()).value_or(report);
  auto out = json_reply(made_before ? 200 : 202, to_json(report));
  out.headers.emplace_back("Location", "/v1/payouts/" + domain::to_string(run.on));
  if (closed.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

reply payouts(call& c) {
  const auto page = c.with.reports.payouts(c.with.cursors.open("/payouts", c.query), c.read_deadline());
  return list_reply(c.with.cursors, "/payouts", c.query, page, [](const auto& row) { return to_json(row); });
}

reply payees(call& c) {
  const auto run = find(c);
  if (!run)
    throw problem(code::not_found);
  const auto day = run->run.on;
  const auto list = "/payouts/" + domain::to_string(day) + "/accounts";
  const auto page = c.with.reports.payees(day, c.with.cursors.open(list, c.query), c.read_deadline());
  const auto name = [&](const auto& row) {
    const auto who = c.with.facade.find_employee(row.account);
    return who ? who->name : "";
  };
  return list_in_either_form(
      c, list, page,
      [&](const auto& row) {
        return json{{"account_id", to_string(row.account)},
                    {"name", name(row)},
                    {"amount", row.amount.count},
                    {"mail", row.mail ? json(to_string(*row.mail)) : json(nullptr)}};
      },
      csv_table{"account_id", "name", "amount", "mail"},
      [&](const auto& row, csv_table& table) {
        table.word(to_string(row.account))
            .text(name(row))
            .number(row.amount.count)
            .word(row.mail ? to_string(*row.mail) : "");
      });
}

reply payout(call& c) {
  const auto found = find(c);
  if (!found)
    throw problem(code::not_found);
  return json_reply(200, to_json(*found));
}

bool payout_exists(const call& c) {
  return find(c).has_value();
}

} // namespace ates::http::routes
