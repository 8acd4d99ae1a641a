#include "http/json_out.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

storage::shuffle_row find(const call& c) {
  const auto found = c.with.reports.shuffle(domain::shuffle_id{c.id_arg(0)}, c.read_deadline());
  if (!found)
    throw problem(code::not_found);
  return *found;
}

} // namespace

reply request_shuffle(call& c) {
  const keyed request(c);
  const auto asked = c.with.facade.request_shuffle(c.caller(), request.key());
  const auto& run = value_of(asked);
  auto out = json_reply(202, to_json(run));
  out.headers.emplace_back("Location", "/v1/shuffles/" + to_string(run.id));
  if (asked.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

reply shuffles(call& c) {
  const auto page = c.with.reports.shuffles(c.with.cursors.open("/shuffles", c.query), c.read_deadline());
  return list_reply(c.with.cursors, "/shuffles", c.query, page, [](const auto& row) { return to_json(row); });
}

reply shuffle(call& c) {
  return json_reply(200, to_json(find(c)));
}

reply roster(call& c) {
  const auto run = find(c);
  const auto list = "/shuffles/" + to_string(run.id) + "/roster";
  const auto page = c.with.reports.roster(run.run, c.with.cursors.open(list, c.query), c.read_deadline());
  return list_reply(c.with.cursors, list, c.query, page, [](const auto& id) { return to_string(id); });
}

bool shuffle_exists(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.with.reports.shuffle(domain::shuffle_id{*id}, c.read_deadline()).has_value();
}

} // namespace ates::http::routes
