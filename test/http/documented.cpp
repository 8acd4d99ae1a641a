#include "test/http/documented.hpp"

#include "http/openapi.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <set>

namespace ates::http::test {

namespace {

using nlohmann::json;

const json& whole() {
  static const auto document =
      json::parse(openapi_document(std::filesystem::path(ATES_SOURCE_DIR) / "config" / "openapi"));
  return document;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// A variable of the template stands for one segment.
bool fits(std::string_view path, std::string_view pattern) {
  while (!path.empty() && !pattern.empty()) {
    const auto given = path.substr(1, path.find('/', 1) - 1);
    const auto wanted = pattern.substr(1, pattern.find('/', 1) - 1);
    if (!wanted.starts_with('{') && wanted != given)
      return false;
    path.remove_prefix(std::min(path.size(), given.size() + 1));
    pattern.remove_prefix(std::min(pattern.size(), wanted.size() + 1));
  }
  return path.empty() && pattern.empty();
}

/// The operation; nullptr: none. Templates come behind literal paths: '{' sorts behind every letter.
const json* find(std::string_view method, std::string_view path) {
  const auto name = lower(method == "HEAD" ? "get" : std::string(method));
  for (const auto& [pattern, item] : whole()["paths"].items())
    if (fits(path, pattern) && item.contains(name))
      return &item[name];
  return nullptr;
}

const json& resolve(const json& node) {
  return node.contains("$ref") ? whole().at(json::json_pointer(node["$ref"].get<std::string>().substr(1)))
                               : node;
}

std::string differing_headers(const json& documented, const raw_answer& answer) {
  std::set<std::string> known{"content-type", "content-length", "connection", "date"};
  for (const auto& [name, header] : documented.items()) {
    known.insert(lower(name));
    if (resolve(header).value("required", false) && !answer.headers.contains(lower(name)))
      return "the header " + name + " is missing";
  }
  for (const auto& [name, value] : answer.headers)
    if (!known.contains(name))
      return "the header " + name + " is not documented";
  return {};
}

} // namespace

std::string undocumented(std::string_view method, std::string_view target, const raw_answer& answer) {
  const auto* operation = find(method, target.substr(0, target.find('?')));
  if (operation == nullptr)
    return {};
  const auto status = std::to_string(answer.status);
  if (!(*operation)["responses"].contains(status))
    return "the status " + status + " is not documented";
  const auto& response = resolve((*operation)["responses"][status]);
  if (auto differs = differing_headers(response.at("headers"), answer); !differs.empty())
    return differs;
  const auto type = answer.header("content-type");
  const auto media = type.substr(0, type.find(';'));
  if (response.contains("content") != !media.empty() ||
      (!media.empty() && !response["content"].contains(media)))
    return "the media type \"" + media + "\" is not documented";
  if (media != "application/problem+json" || answer.body.empty())
    return {};
  const auto& schema = response["content"][media]["schema"];
  const auto codes =
      schema.contains("allOf") ? schema["allOf"][1]["properties"]["code"]["enum"] : json::array();
  if (!codes.empty() && std::ranges::find(codes, json(answer.code())) == codes.end())
    return "the code " + answer.code() + " is not documented for " + status;
  return {};
}

} // namespace ates::http::test
