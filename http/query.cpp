#include "http/query.hpp"

#include "domain/text.hpp"
#include "http/crypto.hpp"
#include "http/head.hpp"
#include "http/limits.hpp"
#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace ates::http {

namespace {

constexpr std::size_t tag_bytes = 16;
/// Between the values of a parameter that came more than once: no value has it.
constexpr char between_values = '\0';

[[noreturn]] void refuse(const std::string& detail) {
  throw problem(code::bad_request, detail);
}

enum class may_come { never, once, often };

may_come how_often(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const auto end = std::min(names.find(' '), names.size());
    const auto listed = names.substr(0, end);
    const bool often = listed.ends_with('+');
    if (!name.empty() && listed.substr(0, end - (often ? 1 : 0)) == name)
      return often ? may_come::often : may_come::once;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return may_come::never;
}

std::string decode(std::string_view raw) {
  auto text = percent_decode(raw, true);
  if (!text || !domain::is_utf8(*text) || text->find('\0') != std::string::npos)
    refuse("The query is not well-formed.");
  return *std::move(text);
}

} // namespace

query_map parse_query(std::string_view raw, std::string_view known) {
  query_map out;
  while (!raw.empty()) {
    const auto end = std::min(raw.find('&'), raw.size());
    const auto pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    const auto may = how_often(known, name);
    if (may == may_come::never)
      refuse("A query parameter is not known here.");
    const auto [there, fresh] = out.try_emplace(std::move(name), value);
    if (!fresh && may == may_come::once)
      refuse("A query parameter is given twice.");
    if (!fresh)
      there->second += between_values + value;
  }
  return out;
}

std::optional<std::string> text_param(const query_map& query, const std::string& name) {
  const auto found = query.find(name);
  return found == query.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> list_param(const query_map& query, const std::string& name) {
  std::vector<std::string> out;
  const auto found = query.find(name);
  if (found == query.end())
    return out;
  for (std::string_view left = found->second;;) {
    const auto end = std::min(left.find(between_values), left.size());
    out.emplace_back(left.substr(0, end));
    if (end == left.size())
      return out;
    left.remove_prefix(end + 1);
  }
}

std::int32_t limit_param(const query_map& query) {
  const auto text = text_param(query, "limit");
  if (!text)
    return page_limit_default;
  std::int32_t limit = 0;
  const auto* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, limit);
  if (parsed.ec != std::errc{} || parsed.ptr != end || limit < 1 || limit > page_limit_max)
    refuse("limit is a number from 1 to 500.");
  return limit;
}

std::optional<bool> bool_param(const query_map& query, const std::string& name) {
  const auto text = text_param(query, name);
  if (text && *text != "true" && *text != "false")
    refuse(name + " is true or false.");
  return text ? std::optional(*text == "true") : std::nullopt;
}

std::optional<domain::day> day_param(const query_map& query, const std::string& name) {
  const auto text = text_param(query, name);
  if (!text)
    return std::nullopt;
  const auto day = domain::parse_day(*text);
  if (!day)
    refuse(name + " is a date, YYYY-MM-DD.");
  return day;
}

std::string cursors::tag(std::string_view list, const query_map& filters, std::string_view position) const {
  auto bound = filters;
  bound.erase("cursor");
  bound.erase("limit");
  const auto text = std::string(list) + "\n" + nlohmann::json(bound).dump() + "\n" + std::string(position);
  return hmac_sha256(secret_, text).substr(0, tag_bytes);
}

std::string cursors::seal(std::string_view list, const query_map& filters,
                          const std::string& position) const {
  return base64url(tag(list, filters, position) + position);
}

storage::page_request cursors::open(std::string_view list, const query_map& query) const {
  storage::page_request out{limit_param(query), std::nullopt};
  const auto text = text_param(query, "cursor");
  if (!text)
    return out;
  const auto bytes = parse_base64url(*text);
  if (!bytes || bytes->size() < tag_bytes ||
      !equal_in_constant_time(tag(list, query, bytes->substr(tag_bytes)), bytes->substr(0, tag_bytes)))
    refuse("The cursor does not belong to this list with these filters.");
  out.after = bytes->substr(tag_bytes);
  return out;
}

} // namespace ates::http
