#include "config/settings.hpp"

#include "config/parse.hpp"
#include "config/table.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

namespace ates::config {

namespace {

/// Variables of atesctl, which may be set where a node is started.
constexpr std::string_view foreign_variables[] = {"ATES_PASSWORD", "ATES_NEW_PASSWORD", "ATES_URL"};

constexpr std::string_view prefix = "ATES_";

std::string variable_of(const row& r) {
  if (r.name.starts_with(prefix))
    return r.name;
  std::string name(prefix);
  for (const char c : r.name)
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string section_of(std::string_view name) {
  return std::string(name.substr(0, name.find('.')));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// The settings of the section that `name` is in; all sections if there is none of this name.
std::string legal_names(std::string_view name) {
  std::vector<std::string> siblings;
  std::vector<std::string> sections;
  for (const auto& r : file_rows()) {
    const auto section = section_of(r.name);
    if (section == section_of(name))
      siblings.push_back(r.name);
    if (sections.empty() || sections.back() != section)
      sections.push_back(section);
  }
  return siblings.empty() ? "sections " + joined(sections) : joined(siblings);
}

bool is_section(std::string_view name) {
  const auto& rows = file_rows();
  return std::any_of(rows.begin(), rows.end(), [&](const row& r) { return section_of(r.name) == name; });
}

std::string legal_variables() {
  std::vector<std::string> names;
  for (const auto* rows : {&environment_rows(), &file_rows()})
    for (const auto& r : *rows)
      names.push_back(variable_of(r));
  return joined(names);
}

const row& find_file_row(std::string_view name, const std::string& source) {
  for (const auto& r : file_rows())
    if (r.name == name)
      return r;
  throw settings_error("unknown setting " + std::string(name) + " (" + source +
                       "); legal: " + legal_names(name));
}

const row& find_variable(std::string_view name) {
  for (const auto* rows : {&environment_rows(), &file_rows()})
    for (const auto& r : *rows)
      if (variable_of(r) == name)
        return r;
  throw settings_error("unknown environment variable " + std::string(name) + "; legal: " + legal_variables());
}

settings_error refusal(const row& r, std::string_view text, const std::string& source) {
  const auto shown = r.kind == value_kind::secret ? "its value" : '"' + std::string(text) + '"';
  return settings_error(r.name + " (" + source + "): " + shown + " is not legal; legal: " + r.legal);
}

void assign(settings& s, const row& r, std::string_view text, const std::string& source) {
  if (!r.assign(s, text))
    throw refusal(r, text, source);
}

/// A value of the file as it would stand in the environment.
std::string text_of(const row& r, const toml::node& node, const std::string& source) {
  if (const auto* text = node.as_string())
    return text->get();
  if (const auto* list = node.as_array(); list != nullptr && r.kind == value_kind::list) {
    std::vector<std::string> words;
    for (const auto& element : *list)
      words.push_back(text_of(r, element, source));
    return joined(words);
  }
  std::ostringstream text;
  node.visit([&](const auto& n) { text << n; });
  if (!node.is_value())
    throw refusal(r, text.str(), source);
  return text.str();
}

toml::table parse_file(const std::filesystem::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& fault) {
    const auto line = fault.source().begin.line;
    throw settings_error(file.string() + (line > 0 ? " line " + std::to_string(line) : "") + ": " +
                         std::string(fault.description()));
  }
}

void read_file(settings& s, const std::filesystem::path& file) {
  const auto root = parse_file(file);
  const auto source_of = [&](const toml::node& node) {
    return file.string() + " line " + std::to_string(node.source().begin.line);
  };
  for (const auto& [section, content] : root) {
    const auto* table = content.as_table();
    if (table == nullptr)
      throw settings_error("unknown setting " + std::string(section.str()) + " (" + source_of(content) +
                           "): every setting stands in a section; legal: " + legal_names(""));
    if (!is_section(section.str()))
      throw settings_error("unknown section " + std::string(section.str()) + " (" + source_of(content) +
                           "); legal: " + legal_names(section.str()));
    for (const auto& [key, value] : *table) {
      const auto source = source_of(value);
      const auto& r = find_file_row(std::string(section.str()) + '.' + std::string(key.str()), source);
      assign(s, r, text_of(r, value, source), source);
    }
  }
}

void read_environment(settings& s, std::span<const std::string> environment) {
  for (const std::string_view pair : environment) {
    const auto name = pair.substr(0, pair.find('='));
    if (!name.starts_with(prefix) || name.size() == pair.size() ||
        std::find(std::begin(foreign_variables), std::end(foreign_variables), name) !=
            std::end(foreign_variables))
      continue;
    assign(s, find_variable(name), pair.substr(name.size() + 1), "environment " + std::string(name));
  }
}

void read_overrides(settings& s, std::span<const std::string> overrides) {
  for (const std::string_view pair : overrides) {
    const auto name = pair.substr(0, pair.find('='));
    if (name.size() == pair.size())
      throw settings_error("command line: " + std::string(pair) + " is not of the form section.key=value");
    const auto value = pair.substr(name.size() + 1);
    if (name == "var")
      assign(s, find_variable("ATES_VAR"), value, "command line");
    else
      assign(s, find_file_row(name, "command line"), value, "command line");
  }
}

void check_together(const settings& s) {
  const auto& prices = s.exchange.prices;
  if (prices.fee_min_dollars > prices.fee_max_dollars)
    throw settings_error("exchange.fee_min (" + std::to_string(prices.fee_min_dollars) +
                         ") is above exchange.fee_max (" + std::to_string(prices.fee_max_dollars) + ")");
  if (prices.reward_min_dollars > prices.reward_max_dollars)
    throw settings_error("exchange.reward_min (" + std::to_string(prices.reward_min_dollars) +
                         ") is above exchange.reward_max (" + std::to_string(prices.reward_max_dollars) +
                         ")");
  if (s.mail.transport == "smtp" && s.mail.smtp_url.empty())
    throw settings_error("mail.smtp_url must be given when mail.transport is smtp");
  const bool any_tls =
      !s.cluster.tls_certificate.empty() || !s.cluster.tls_key.empty() || !s.cluster.tls_ca.empty();
  const bool all_tls =
      !s.cluster.tls_certificate.empty() && !s.cluster.tls_key.empty() && !s.cluster.tls_ca.empty();
  if (any_tls != all_tls)
    throw settings_error(
        "cluster.tls_certificate, cluster.tls_key and cluster.tls_ca must be given together");
  if (!s.cluster.listen.empty() && !is_loopback(s.cluster.listen) && !all_tls)
    throw settings_error("cluster.listen (" + s.cluster.listen +
                         ") is not a loopback address: cluster.tls_certificate, cluster.tls_key and "
                         "cluster.tls_ca must be given");
}

} // namespace

settings load(const std::optional<std::filesystem::path>& file, std::span<const std::string> environment,
              std::span<const std::string> overrides) {
  settings s;
  if (file)
    read_file(s, *file);
  read_environment(s, environment);
  read_overrides(s, overrides);
  check_together(s);
  if (s.auth.signing_key.empty())
    s.auth.signing_key = s.var / "keys" / "jwt.pem";
  return s;
}

std::vector<setting_info> describe() {
  std::vector<setting_info> infos;
  for (const auto* rows : {&file_rows(), &environment_rows()})
    for (const auto& r : *rows)
      infos.push_back({r.name, r.legal, r.purpose});
  return infos;
}

std::vector<std::pair<std::string, std::string>> to_text(const exchange_settings& exchange) {
  std::string roles;
  for (const auto role : domain::all_roles)
    if (exchange.assignable_roles.contains(role))
      roles += (roles.empty() ? "" : ",") + std::string(domain::to_string(role));
  const auto hours = std::chrono::floor<std::chrono::hours>(exchange.day_ends_at);
  std::array<char, 32> ends_at{};
  std::snprintf(ends_at.data(), ends_at.size(), "%02d:%02d", static_cast<int>(hours.count()),
                static_cast<int>((exchange.day_ends_at - hours).count()));
  return {{"exchange.timezone", exchange.timezone},
          {"exchange.day_ends_at", ends_at.data()},
          {"exchange.assignable_roles", roles},
          {"exchange.fee_min", std::to_string(exchange.prices.fee_min_dollars)},
          {"exchange.fee_max", std::to_string(exchange.prices.fee_max_dollars)},
          {"exchange.reward_min", std::to_string(exchange.prices.reward_min_dollars)},
          {"exchange.reward_max", std::to_string(exchange.prices.reward_max_dollars)},
          {"exchange.shards", std::to_string(exchange.shards)}};
}

} // namespace ates::config
