#include "http/json_out.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

std::optional<storage::payout_report> find(const call& c) {
  const auto day = domain::parse_day(c.args.at(0));
  return day ? c.with.reports.payout(*day, c.read_deadline()) : std::nullopt;
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
