#include "http/cloud_event.hpp"

#include "http/limits.hpp"
#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>

namespace ates::http {

namespace {

constexpr std::string_view list = "/events";
constexpr std::size_t sequence_digits = 20;

/// The id of the task, account or shuffle; of a day the day itself, which is no id.
std::string subject_of(const storage::logged_event& event) {
  if (!event.type.starts_with("day."))
    return to_string(event.subject);
  const auto data = nlohmann::json::parse(event.data, nullptr, false);
  return data.is_object() ? data.value("day", to_string(event.subject)) : to_string(event.subject);
}

/// task.created.v2 -> /schemas/task/created/v2.json
std::string schema_of(std::string_view type) {
  std::string path = "/schemas/" + std::string(type) + ".json";
  std::replace(path.begin(), path.end() - 5, '.', '/');
  return path;
}

/// One word of a type: small letters, digits and _.
bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// What "a.b.c" is made of; nullopt if a part is no word.
std::optional<std::vector<std::string_view>> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto end = std::min(text.find('.'), text.size());
    out.push_back(text.substr(0, end));
    if (!is_word(out.back()))
      return std::nullopt;
    if (end == text.size())
      return out;
    text.remove_prefix(end + 1);
  }
}

/// Of a full type: task.created.v2; of a prefix: task or task.created.
constexpr std::size_t words_of_a_type = 3;

} // namespace

std::string to_cloud_event(const storage::logged_event& event) {
  const auto shard = std::to_string(event.shard);
  const auto seq = std::to_string(event.seq);
  const auto subject = subject_of(event);
  std::string out;
  out.reserve(event.data.size() + 512);
  const auto add = [&out](std::string_view name, const std::string& value) {
    out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":\"").append(value).append("\"");
  };
  // Nothing in it needs escaping: numbers, ids, times and our own words.
  add("specversion", "1.0");
  add("id", shard + "-" + seq);
  add("source", "/ates/shards/" + shard);
  add("type", event.type);
  add("subject", subject);
  add("time", domain::to_rfc3339(event.at));
  add("datacontenttype", "application/json");
  add("dataschema", schema_of(event.type));
  add("sequence", std::string(sequence_digits - std::min(seq.size(), sequence_digits), '0') + seq);
  add("partitionkey", subject);
  return out + ",\"data\":" + event.data + "}";
}

event_choice::event_choice(const cursors& sealing, const query_map& query) : sealing_(sealing) {
  std::set<std::string> given;
  for (auto& one : list_param(query, "type"))
    given.insert(std::move(one));
  if (given.size() > event_types_max)
    throw problem(code::bad_request, "There are too many types.");
  auto& name = bound_["type"];
  for (const auto& one : given) {
    const bool prefix = one.ends_with(".*");
    const auto words = words_of(std::string_view(one).substr(0, one.size() - (prefix ? 2 : 0)));
    if (!words || (prefix ? words->size() >= words_of_a_type : words->size() != words_of_a_type))
      throw problem(
          code::bad_request,
          "type is a full type, such as task.created.v2, or a prefix, such as task.* or task.created.*.");
    if (prefix)
      filter_.prefixes.push_back(one.substr(0, one.size() - 1));
    else
      filter_.types.push_back(one);
    name += one + " ";
  }
}

std::string event_choice::seal(const storage::log_position& at) const {
  return sealing_.seal(list, bound_, storage::to_bytes(at));
}

storage::log_position event_choice::open(const std::string& cursor, std::size_t shards) const {
  auto query = bound_;
  query["cursor"] = cursor;
  const auto at = storage::parse_log_position(*sealing_.open(list, query).after, shards);
  if (!at)
    throw problem(code::bad_request, "The cursor is of another log.");
  return *at;
}

std::string to_frame(const std::string& cursor, std::string_view type, const std::string& line) {
  std::string out;
  out.reserve(cursor.size() + type.size() + line.size() + 32);
  out.append("id: ").append(cursor).append("\nevent: ").append(type).append("\ndata: ").append(line);
  return out.append("\n\n");
}

} // namespace ates::http
