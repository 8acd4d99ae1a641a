#include "http/openapi.hpp"

#include "http/limits.hpp"
#include "http/openapi_words.hpp"
#include "http/problem.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

namespace ates::http {

namespace {

using openapi::document;
using openapi::refuse;

/// What the service in front of the nodes answers for a node that broke off or stayed silent
/// (config/haproxy.cfg).
constexpr std::array edge_statuses{502, 504};

document ref(std::string_view kind, const std::string& name) {
  return {{"$ref", "#/components/" + std::string(kind) + "/" + name}};
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// The variables of a path. One that stands for several segments keeps its dots.
std::vector<std::string> variables_of(std::string_view path) {
  std::vector<std::string> out;
  for (auto at = path.find('{'); at != std::string_view::npos; at = path.find('{', at + 1))
    out.emplace_back(path.substr(at + 1, path.find('}', at) - at - 1));
  return out;
}

/// OpenAPI knows no variable for several segments: its dots go, and the parameter says it.
std::string template_of(std::string_view path) {
  std::string out(path);
  if (const auto dots = out.find("...}"); dots != std::string::npos)
    out.erase(dots, 3);
  return out;
}

/// contract.md §3: every POST but those of /auth, which are the ones without a token.
bool takes_key(const policy& route) {
  return route.method == "POST" && route.who.token;
}

std::vector<std::string> roles_of(const right& who) {
  std::vector<std::string> out;
  for (const auto role : domain::all_roles)
    if (who.roles.contains(role))
      out.emplace_back(domain::to_string(role));
  return out;
}

std::string who_may(const right& who) {
  if (!who.token)
    return "Who may: anybody, without a token.";
  const auto roles = roles_of(who);
  if (roles.size() == domain::all_roles.size())
    return "Who may: everybody signed in.";
  std::string out;
  for (const auto& role : roles)
    out += (out.empty() ? "Who may: " : ", ") + role;
  return out + (who.own ? "; and whoever the path names (`me` or the own id)." : ".");
}

/// Everything that a route may refuse with: what its line in the policy table implies, and what its
/// description adds.
std::set<code> refusals_of(const policy& route, const openapi::words& described) {
  using enum code;
  std::set<code> out{
      bad_request,       request_timeout, length_required, uri_too_long, unsupported_media_type,
      headers_too_large, unavailable,     overloaded,      internal};
  const auto add = [&out](std::initializer_list<code> more) { out.insert(more); };
  if (route.path.starts_with("/v1/"))
    add({quarantined, outcome_unknown});
  if (route.body != body_kind::none)
    add({too_large});
  if (route.body == body_kind::fields || route.body == body_kind::optional)
    add({validation_failed});
  if (takes_key(route))
    add({idempotency_mismatch, idempotency_in_progress});
  if (route.who.token)
    add({unauthenticated, token_expired, account_inactive});
  if (route.who.token && roles_of(route.who).size() < domain::all_roles.size())
    add({forbidden});
  if (route.path.find('{') != std::string_view::npos)
    add({not_found});
  for (const auto& name : described.refusals()) {
    const auto found = std::ranges::find(codes(), name, &code_info::name);
    if (found == codes().end())
      refuse(described.name(), "there is no code " + name);
    add({found->code});
  }
  return out;
}

/// Puts the document together, route by route.
class builder {
public:
  explicit builder(const openapi::word_book& words)
      : words_(words), components_(words.base().at("components")) {}

  void add(const policy& route) {
    const auto& described = words_.of(route);
    document out{{"operationId", described.text("id")},
                 {"tags", {described.tag()}},
                 {"summary", described.text("summary")},
                 {"description", described.optional_text("description") + who_may(route.who)},
                 {"parameters", parameters_of(route, described)}};
    if (auto body = body_of(route, described); !body.empty())
      out["requestBody"] = std::move(body);
    out["responses"] = responses_of(route, described);
    out["security"] = document::array();
    if (route.who.token) {
      out["security"].push_back({{"bearer", document::array()}});
      out["x-roles"] = roles_of(route.who);
      out["x-own"] = route.who.own;
    }
    std::string method(route.method);
    std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c + 32); });
    paths_[template_of(route.path)][method] = std::move(out);
  }

  document whole() && {
    auto out = words_.base();
    auto& problem_codes = components_["schemas"]["Problem"]["properties"]["code"]["enum"];
    for (const auto& one : codes())
      problem_codes.push_back(one.name);
    for (const auto& [name, schema] : words_.schemas().items())
      components_["schemas"][name] = schema;
    out["tags"] = words_.tags();
    out["paths"] = std::move(paths_);
    out["components"] = std::move(components_);
    return out;
  }

private:
  document parameters_of(const policy& route, const openapi::words& described) const {
    auto out = document::array();
    std::set<std::string> known;
    for (auto name : variables_of(route.path)) {
      const bool open_ended = name.ends_with("...");
      name.resize(name.size() - (open_ended ? 3 : 0));
      auto one = parameter(described, "path", name);
      one["required"] = true;
      if (open_ended)
        one["x-several-segments"] = true;
      out.push_back(std::move(one));
      known.insert(name);
    }
    described.insist_on("path", known);
    known.clear();
    for (auto name : words_of(route.query)) {
      const bool often = name.ends_with('+');
      name.resize(name.size() - (often ? 1 : 0));
      auto one = parameter(described, "query", name);
      if (often) {
        one["schema"] = {{"type", "array"}, {"items", one["schema"]}, {"maxItems", event_types_max}};
        one["explode"] = true;
      }
      out.push_back(std::move(one));
      known.insert(name);
    }
    described.insist_on("query", known);
    for (const auto& name : described.headers())
      out.push_back(ref("parameters", name));
    if (takes_key(route))
      out.push_back(ref("parameters", "Idempotency-Key"));
    out.push_back(ref("parameters", "X-Request-Id"));
    return out;
  }

  /// As the route describes it, or else all routes.
  document parameter(const openapi::words& described, const std::string& in, const std::string& name) const {
    document out{{"name", name}, {"in", in}};
    out.update(described.parameter(in, name, words_.common_parameters()));
    return out;
  }

  static document body_of(const policy& route, const openapi::words& described) {
    const bool has_fields = route.body == body_kind::fields || route.body == body_kind::optional;
    if (has_fields != described.has_body())
      refuse(described.name(), has_fields ? "its body is not described" : "it takes no body with fields");
    if (route.body == body_kind::none)
      return {};
    const auto mebibytes = std::to_string(route.body_bytes_max / (std::size_t{1024} * 1024));
    return {
        {"description", "At most " + mebibytes + " MiB."},
        {"required", route.body == body_kind::fields},
        {"content",
         {{"application/json", {{"schema", has_fields ? described.body() : ref("schemas", "NoFields")}}}}}};
  }

  document responses_of(const policy& route, const openapi::words& described) {
    std::map<std::string, document> sorted;
    for (const auto& [status, answer] : described.answers().items())
      sorted[status] = answer_of(route, described, status, answer);
    std::map<int, std::vector<code>> refusals;
    for (const auto one : refusals_of(route, described))
      refusals[info(one).status].push_back(one);
    for (const auto& [status, those] : refusals)
      sorted.try_emplace(std::to_string(status), refusal(status, those));
    for (const auto status : edge_statuses)
      sorted.try_emplace(std::to_string(status), refusal(status, {code::outcome_unknown}));
    document out;
    for (auto& [status, answer] : sorted)
      out[status] = std::move(answer);
    return out;
  }

  /// Headers of every answer, and of this one.
  static document headers(const std::vector<std::string>& own) {
    document out;
    for (const auto* name : {"X-Request-Id", "Cache-Control", "X-Content-Type-Options"})
      out[name] = ref("headers", name);
    for (const auto& name : own)
      out[name] = ref("headers", name);
    return out;
  }

  static document answer_of(const policy& route, const openapi::words& described, const std::string& status,
                            const document& answer) {
    auto own = answer.value("headers", std::vector<std::string>{});
    const bool csv = answer.contains("csv");
    if (takes_key(route) && status.starts_with('2'))
      own.emplace_back("Idempotent-Replayed");
    if (csv)
      own.emplace_back("Vary");
    if (csv && answer.contains("items"))
      own.emplace_back("Link");
    document out{{"description", answer.at("description")}, {"headers", headers(own)}};
    if (answer.contains("items"))
      out["content"]["application/json"]["schema"] = page_of(answer.at("items"));
    if (answer.contains("body"))
      out["content"][answer.value("media", "application/json")]["schema"] = answer.at("body");
    if (csv)
      out["content"]["text/csv"]["schema"] = {
          {"type", "string"},
          {"description", "RFC 4180; columns " + answer.at("csv").get<std::string>() + "."}};
    if (!out.contains("content") && status != "204")
      refuse(described.name(), "the answer " + status + " has neither body nor items");
    return out;
  }

  static document page_of(const document& item) {
    return {{"type", "object"},
            {"additionalProperties", false},
            {"required", {"data", "next_cursor", "has_more"}},
            {"properties",
             {{"data", {{"type", "array"}, {"maxItems", page_limit_max}, {"items", item}}},
              {"next_cursor", ref("schemas", "NextCursor")},
              {"has_more", {{"type", "boolean"}}}}}};
  }

  /// One component for each status with the same codes.
  document refusal(int status, const std::vector<code>& those) {
    auto name = std::to_string(status);
    std::string description;
    auto names = document::array();
    for (const auto one : those) {
      name += "." + std::string(info(one).name);
      description += (description.empty() ? "" : " ") + std::string(info(one).title) + " (`" +
                     std::string(info(one).name) + "`).";
      names.push_back(info(one).name);
    }
    std::vector<std::string> own;
    if (status == 401)
      own.emplace_back("WWW-Authenticate");
    if (status == 429 || status >= 502)
      own.emplace_back("Retry-After");
    auto& component = components_["responses"][name];
    component = {{"description", description}, {"headers", headers(own)}};
    component["content"]["application/problem+json"]["schema"]["allOf"] = {
        ref("schemas", "Problem"),
        {{"properties", {{"status", {{"const", status}}}, {"code", {{"enum", names}}}}}}};
    return ref("responses", name);
  }

  const openapi::word_book& words_;
  document components_;
  document paths_ = document::object();
};

} // namespace

std::string openapi_document(const std::filesystem::path& descriptions, std::span<const policy> routes) {
  const openapi::word_book words(descriptions);
  builder out(words);
  std::set<std::string> served;
  for (const auto& route : routes) {
    out.add(route);
    served.insert(openapi::name_of(route));
  }
  for (const auto& name : words.names())
    if (!served.contains(name))
      refuse(name, "it is described, but not served");
  return std::move(out).whole().dump();
}

} // namespace ates::http
