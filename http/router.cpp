#include "http/router.hpp"

#include "domain/text.hpp"
#include "http/head.hpp"
#include "storage/errors.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

/// Segments behind each '/'.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

bool is_variable(std::string_view segment) {
  return segment.starts_with('{');
}
bool is_rest(std::string_view segment) {
  return segment.ends_with("...}");
}

/// The arguments if `given` is what `pattern` means.
std::optional<std::vector<std::string>> match_segments(const std::vector<std::string_view>& pattern,
                                                       const std::vector<std::string>& given) {
  const bool open_ended = is_rest(pattern.back());
  if (open_ended ? given.size() < pattern.size() : given.size() != pattern.size())
    return std::nullopt;
  std::vector<std::string> args;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto part = pattern[std::min(i, pattern.size() - 1)];
    if (is_variable(part))
      args.push_back(given[i]);
    else if (part != given[i])
      return std::nullopt;
  }
  return args;
}

std::string allow_of(const std::vector<const policy*>& served) {
  std::string out;
  for (const auto* one : served)
    out += std::string(one->method) + (one->method == "GET" ? ", HEAD, " : ", ");
  return out + "OPTIONS";
}

bool is_own(const call& c) {
  return !c.args.empty() && (c.args.front() == "me" || domain::parse_uuid(c.args.front()) == c.who->id.value);
}

/// application/json; of parameters only charset=utf-8.
bool is_json(const request& in) {
  const auto* type = in.header("content-type");
  if (type == nullptr)
    return false;
  std::string text = *type;
  for (char& c : text)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto semicolon = std::min(text.find(';'), text.size());
  const auto parameter = domain::trim(std::string_view(text).substr(std::min(semicolon + 1, text.size())));
  return domain::trim(std::string_view(text).substr(0, semicolon)) == "application/json" &&
         (parameter.empty() || parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"");
}

json read_body(const request& in, body_kind kind) {
  if (in.body.empty() && kind != body_kind::fields)
    return json::object();
  if (!is_json(in) && !(in.body.empty() && in.header("content-type") == nullptr))
    throw problem(code::unsupported_media_type);
  auto body = parse_json(in.body);
  if (kind == body_kind::empty) {
    field_faults faults;
    object_reader(body, "", {}, faults);
  }
  return body;
}

/// Storage away, or too busy, is the client's to repeat; anything else that storage says is an error of ours.
problem problem_of(const storage::storage_error& e, const std::string& request_id) {
  if (e.is_passing())
    return problem(code::unavailable);
  spdlog::error("http: request {}: {}", request_id, e.what());
  return problem(code::internal);
}

} // namespace

router::router(const services& with, request_metrics& metrics, std::chrono::milliseconds deadline)
    : with_(with), metrics_(metrics), deadline_(deadline) {
  for (const auto& route : policies()) {
    const auto segments = split(route.path);
    auto at = std::find_if(resources_.begin(), resources_.end(),
                           [&](const resource& r) { return r.segments == segments; });
    if (at == resources_.end())
      at = resources_.insert(resources_.end(), resource{segments, {}});
    at->policies.push_back(&route);
  }
  // '{' sorts behind every letter: where both match, the literal path is found first.
  std::sort(resources_.begin(), resources_.end(),
            [](const resource& a, const resource& b) { return a.segments < b.segments; });
}

router::match router::find(std::string_view path) const {
  std::vector<std::string> given;
  for (const auto segment : split(path)) {
    auto decoded = percent_decode(segment, false);
    if (!decoded)
      throw problem(code::bad_request, "The path is not well-formed.");
    given.push_back(*std::move(decoded));
  }
  for (const auto& one : resources_)
    if (auto args = match_segments(one.segments, given))
      return {&one, *std::move(args)};
  return {};
}

const policy* router::choose(const resource& at, std::string_view method) {
  const auto wanted = method == "HEAD" ? "GET" : method;
  const auto found = std::find_if(at.policies.begin(), at.policies.end(),
                                  [&](const policy* p) { return p->method == wanted; });
  return found == at.policies.end() ? nullptr : *found;
}

body_rule router::rule_of(const request& head) {
  try {
    const auto at = find(head.path);
    const auto* route = at.found == nullptr ? nullptr : choose(*at.found, head.method);
    if (route != nullptr && route->body != body_kind::none)
      return {route->body_bytes_max, route->body == body_kind::fields, false};
    if (route != nullptr && !route->who.token)
      return {.always_served = true};
  } catch (const problem&) {
    // A malformed path: refused when it is served.
  }
  return {};
}

reply router::serve(const request& in) {
  const auto request_id = request_id_of(in);
  const policy* route = nullptr;
  reply out;
  metrics_.in_flight().Increment();
  try {
    out = dispatch(in, request_id, route);
  } catch (const problem& p) {
    out = to_reply(p, request_id);
  } catch (const storage::storage_error& e) {
    out = to_reply(problem_of(e, request_id), request_id);
  } catch (const std::exception& e) {
    spdlog::error("http: request {}: {}", request_id, e.what());
    out = to_reply(problem(code::internal), request_id);
  }
  metrics_.in_flight().Decrement();
  metrics_.count(route, out.status, clock::now() - in.received);
  out.headers.emplace_back("X-Request-Id", request_id);
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return out;
}

reply router::dispatch(const request& in, const std::string& request_id, const policy*& route) {
  auto at = find(in.path);
  if (at.found == nullptr) {
    if (in.path.starts_with("/v1/"))
      (void)authenticate(in);
    throw problem(code::not_found);
  }
  if (in.method == "OPTIONS")
    return {204, {}, {}, {{"Allow", allow_of(at.found->policies)}}};
  route = choose(*at.found, in.method);
  if (route == nullptr) {
    problem refused(code::method_not_allowed);
    refused.allow = allow_of(at.found->policies);
    throw refused;
  }
  call c{with_, in, request_id, in.received + deadline_, std::move(at.args), std::nullopt, std::nullopt};
  if (route->who.token) {
    auto caller = authenticate(in);
    c.who = std::move(caller.who);
    c.session = caller.session;
    if (!route->who.roles.contains(c.who->role) && !(route->who.own && is_own(c)))
      throw problem(code::forbidden);
  }
  return run(*route, c);
}

reply router::run(const policy& route, call& c) {
  try {
    if (route.body != body_kind::none)
      c.body = read_body(c.in, route.body);
    c.query = parse_query(c.in.query, route.query);
    return route.run(c);
  } catch (const problem& p) {
    const auto status = info(p.why).status;
    if ((status == 400 || status == 415 || status == 422) && route.exists != nullptr && !route.exists(c))
      throw problem(code::not_found);
    throw;
  }
}

router::signed_in router::authenticate(const request& in) const {
  const auto token = bearer_of(in);
  if (!token)
    throw problem(code::unauthenticated, "An access token is needed: Authorization: Bearer …");
  const auto bearer = with_.tokens.read(*token, with_.now());
  const auto before = with_.facade.check();
  auto who = with_.facade.find_employee(bearer.account);
  // A node that did not know the employees yet must not tell them that they do not exist.
  if (!who)
    throw problem(before.people ? code::unauthenticated : code::unavailable);
  if (!who->active)
    throw problem(code::account_inactive);
  // Without storage the copy of the directory may be old: nobody acts by rights that may have been taken
  // away.
  if (!before.storage)
    throw problem(code::unavailable);
  return {*std::move(who), bearer.session};
}

} // namespace ates::http
