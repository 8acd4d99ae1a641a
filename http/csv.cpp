#include "http/csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ates::http {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// How welcome a media type is: its q in thousandths, and how precisely it was named (0: not at all).
struct welcome {
  int q = 0;
  int precision = 0;
};

/// "0", "0.7", "1.000" in thousandths; anything else: 0.
int quality(std::string_view text) {
  int digits = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const char c = i < text.size() ? text[i] : i == 1 ? '.' : '0';
    if (i == 1 ? c != '.' : c < '0' || c > '9')
      return 0;
    if (i != 1)
      digits = digits * 10 + (c - '0');
  }
  return text.empty() || text.size() > 5 ? 0 : std::min(digits, 1000);
}

/// Cuts off and returns what stands before the first `separator`.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = trimmed(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// The most precise of the media ranges that fit decides.
void weigh(std::string_view range, std::string_view type, std::string_view kind, welcome& so_far) {
  auto rest = range;
  const auto name = lower(take(rest, ';'));
  const int precision = name == type ? 3 : name == std::string(kind) + "/*" ? 2 : name == "*/*" ? 1 : 0;
  if (precision <= so_far.precision)
    return;
  so_far = {1000, precision};
  while (!rest.empty())
    if (const auto parameter = lower(take(rest, ';')); parameter.starts_with("q="))
      so_far.q = quality(std::string_view(parameter).substr(2));
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos)
      out.push_back(c);
    else
      out.append({'%', hex[byte >> 4U], hex[byte & 15U]});
  }
  return out;
}

std::string next_target(const call& c, const std::string& cursor) {
  auto query = c.query;
  query["cursor"] = cursor;
  std::string target = c.in.path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    target.append(1, separator).append(name).append("=").append(percent_encode(value));
    separator = '&';
  }
  return target;
}

} // namespace

bool wants_csv(const request& in) {
  welcome csv;
  welcome json;
  for (const auto& [name, value] : in.headers) {
    if (name != "accept")
      continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto range = take(rest, ',');
      weigh(range, "text/csv", "text", csv);
      weigh(range, "application/json", "application", json);
    }
  }
  return csv.q > json.q || (csv.q > 0 && csv.q == json.q && csv.precision > json.precision);
}

csv_table::csv_table(std::initializer_list<std::string_view> columns) {
  for (const auto column : columns)
    word(column);
  end();
}

csv_table& csv_table::text(std::string_view value) {
  constexpr std::string_view formula_begins = "=+-@\t\r";
  if (value.empty() || formula_begins.find(value.front()) == std::string_view::npos)
    cell(value);
  else
    cell("'" + std::string(value));
  return *this;
}

csv_table& csv_table::word(std::string_view value) {
  cell(value);
  return *this;
}

csv_table& csv_table::number(std::int64_t value) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  cell({digits.data(), static_cast<std::size_t>(end - digits.data())});
  return *this;
}

void csv_table::end() {
  text_ += "\r\n";
  row_begun_ = false;
}

void csv_table::cell(std::string_view value) {
  if (std::exchange(row_begun_, true))
    text_ += ',';
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    text_ += value;
    return;
  }
  text_ += '"';
  for (const char c : value) {
    if (c == '"')
      text_ += '"';
    text_ += c;
  }
  text_ += '"';
}

void add_entry(csv_table& table, const storage::entry_row& e) {
  table.word(to_string(e.id))
      .word(domain::to_rfc3339(e.at))
      .word(domain::to_string(e.on))
      .word(domain::to_string(e.kind))
      .number(e.amount.count)
      .number(e.balance_after.count)
      .word(e.task ? to_string(e.task->id) : "")
      .text(e.task ? e.task->title : "")
      .text(e.task ? e.task->jira_id : "")
      .text(e.task ? e.task->description : "")
      .word(e.reason ? domain::to_string(*e.reason) : "")
      .word(e.shuffle ? to_string(*e.shuffle) : "");
}

reply csv_reply(const call& c, const csv_table& table, const std::optional<std::string>& next) {
  reply out{200, table.whole(), "text/csv; charset=utf-8; header=present", {}};
  if (next)
    out.headers.emplace_back("Link", "<" + next_target(c, *next) + ">; rel=\"next\"");
  return out;
}

reply varying(reply either) {
  either.headers.emplace_back("Vary", "Accept");
  return either;
}

} // namespace ates::http
