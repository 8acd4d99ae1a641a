#include "http/json_out.hpp"
#include "http/routes.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace ates::http::routes {

namespace {

json to_json(const actors::facade::health& h) {
  return {{"storage", h.storage}, {"shards_serving", h.shards_serving}, {"shards_total", h.shards_total}};
}

/// One segment of a schema's path: nothing that could leave the folder or mean a hidden file.
bool is_plain_name(const std::string& segment) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  return !segment.empty() && segment.front() != '.' && std::all_of(segment.begin(), segment.end(), legal);
}

std::optional<std::filesystem::path> find_schema(const call& c) {
  auto path = c.with.schemas;
  for (const auto& segment : c.args) {
    if (!is_plain_name(segment))
      return std::nullopt;
    path /= segment;
  }
  std::error_code ignored;
  const bool found = path.extension() == ".json" && std::filesystem::is_regular_file(path, ignored);
  return found ? std::optional(path) : std::nullopt;
}

} // namespace

reply live(call&) {
  return json_reply(200, {{"status", "ok"}});
}

reply ready(call& c) {
  const auto health = c.with.facade.check();
  const bool verbose = c.query.contains("verbose");
  if (health.ready) {
    auto body = verbose ? to_json(health) : json::object();
    body["status"] = "ok";
    return json_reply(200, body);
  }
  const problem refused(code::unavailable, health.why);
  auto out = to_reply(refused, c.request_id);
  if (verbose) {
    auto body = http::to_json(refused, c.request_id);
    body.update(to_json(health));
    out.body = body.dump();
  }
  return out;
}

reply metrics(call& c) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& source : c.with.metrics)
    std::ranges::move(source->Collect(), std::back_inserter(families));
  return {200, prometheus::TextSerializer().Serialize(families), "text/plain; version=0.0.4", {}};
}

reply schema(call& c) {
  const auto path = find_schema(c);
  if (!path)
    throw problem(code::not_found);
  std::ifstream file(*path, std::ios::binary);
  return {200, {std::istreambuf_iterator<char>(file), {}}, "application/schema+json", {}};
}

bool schema_exists(const call& c) {
  return find_schema(c).has_value();
}

reply openapi(call& c) {
  return {200, c.with.openapi, "application/json", {}};
}

} // namespace ates::http::routes
