#include "http/json_out.hpp"
#include "http/operation.hpp"
#include "http/routes.hpp"

namespace ates::http::routes {

namespace {

/// One that has found nothing yet. Numbers, so that whoever adds them up need not look at the status first.
json unfinished(const domain::uuid& id) {
  return {{"id", to_string(id)},  {"status", "running"},
          {"progress", nullptr},  {"checked", {{"accounts", 0}, {"tasks", 0}, {"transfers", 0}, {"days", 0}}},
          {"in_transit", 0},      {"differences", json::array()},
          {"difference_count", 0}};
}

json to_json(const storage::verification_run& run) {
  auto out = unfinished(run.id);
  if (run.finished_at) {
    out["status"] = "done";
    out.update(json::parse(run.result));
  } else if (!run.progress.empty()) {
    out["progress"] = run.progress;
  }
  out["requested_by"] = to_string(run.by);
  out["requested_at"] = domain::to_rfc3339(run.requested_at);
  out["finished_at"] = run.finished_at ? json(domain::to_rfc3339(*run.finished_at)) : json(nullptr);
  return out;
}

} // namespace

reply start_verification(call& c) {
  operation asked(c, "verify", "books");
  auto out = asked.run([&] {
    return unfinished(c.with.verifications.start(
        asked.id(), [&](const domain::uuid& id) { return asked.row(unfinished(id)); }, c.read_deadline()));
  });
  const auto id = json::parse(out.body).at("id").get<std::string>();
  out.headers.emplace_back("Location", "/v1/ops/verifications/" + id);
  return out;
}

reply verification(call& c) {
  const auto found = c.with.verifications.find(c.id_arg(0), c.read_deadline());
  if (!found)
    throw problem(code::not_found);
  return json_reply(200, to_json(*found));
}

bool verification_exists(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.with.verifications.find(*id, c.read_deadline()).has_value();
}

} // namespace ates::http::routes
