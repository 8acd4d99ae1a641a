#include "domain/text.hpp"

#include "domain/unicode.hpp"

#include <cstdint>

namespace ates::domain {

namespace {

constexpr std::size_t title_code_points_max = 500;
constexpr std::size_t description_code_points_max = 10'000;
constexpr std::size_t name_code_points_max = 200;
constexpr std::size_t login_code_points_max = 100;
constexpr std::size_t email_code_points_min = 3;
constexpr std::size_t email_code_points_max = 254;
constexpr std::size_t password_bytes_min = 12;
constexpr std::size_t password_bytes_max = 1024;
constexpr std::size_t external_ref_length_max = 200;
constexpr std::size_t jira_project_length_max = 20;
constexpr std::size_t jira_digits_max = 10;

bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_visible(char c) noexcept {
  return c >= '!' && c <= '~';
}

/// Runs over `text` as long as `keep` holds, at most `max` characters; how many there were.
template <class Predicate>
std::size_t run_length(std::string_view text, std::size_t max, Predicate keep) noexcept {
  std::size_t n = 0;
  while (n < text.size() && n < max && keep(text[n]))
    ++n;
  return n;
}

/// Length of the `[A-Z][A-Z0-9_]{0,19}-[0-9]{1,10}` that `text` begins with; 0: none. The character behind it
/// must be looked at by the caller.
std::size_t jira_id_length(std::string_view text) noexcept {
  if (text.empty() || !is_upper(text.front()))
    return 0;
  const auto project = run_length(text, jira_project_length_max,
                                  [](char c) { return is_upper(c) || is_digit(c) || c == '_'; });
  if (project == text.size() || text[project] != '-')
    return 0;
  const auto digits = run_length(text.substr(project + 1), jira_digits_max, is_digit);
  return digits == 0 ? 0 : project + 1 + digits;
}

/// The two groups of B12's pattern; nullopt if the title does not match it.
struct bracketed {
  std::string_view jira_id;
  std::string_view rest; ///< as matched, not trimmed
};

std::optional<bracketed> match_bracketed(std::string_view title) noexcept {
  auto text = trim_front(title);
  if (!text.starts_with('['))
    return std::nullopt;
  text.remove_prefix(1);
  const auto id = text.substr(0, jira_id_length(text));
  text.remove_prefix(id.size());
  if (id.empty() || !text.starts_with(']'))
    return std::nullopt;
  text.remove_prefix(1);
  if (text.empty())
    return std::nullopt;
  text = trim_front(text);
  // The dash is optional: where nothing follows it, it is the rest itself.
  if (text.starts_with('-') && text.size() > 1)
    text.remove_prefix(1);
  return bracketed{id, text};
}

std::optional<std::string> check_length(std::string_view text, std::size_t min, std::size_t max,
                                        std::string_view what) {
  if (const auto n = code_points(text); n >= min && n <= max)
    return std::nullopt;
  return std::string(what) + " must have " + std::to_string(min) + " to " + std::to_string(max) +
         " characters";
}

/// Length, controls and outer white space of a login or an e-mail.
std::optional<std::string> check_identifier(std::string_view text, std::size_t min, std::size_t max,
                                            std::string_view what) {
  if (auto fault = check_length(text, min, max, what))
    return fault;
  if (has_control(text))
    return std::string(what) + " must not contain control characters";
  if (trim(text) != text)
    return std::string(what) + " must not begin or end with white space";
  return std::nullopt;
}

} // namespace

std::optional<std::string> check_title(std::string_view trimmed) {
  if (auto fault = check_length(trimmed, 1, title_code_points_max, "a title"))
    return fault;
  if (has_control(trimmed))
    return "a title must not contain control characters";
  return std::nullopt;
}

std::optional<std::string> check_description(std::string_view trimmed) {
  if (auto fault = check_length(trimmed, 0, description_code_points_max, "a description"))
    return fault;
  if (has_control_but_lf_tab(trimmed))
    return "a description must not contain control characters other than line feed and tab";
  return std::nullopt;
}

std::optional<std::string> check_name(std::string_view trimmed) {
  if (auto fault = check_length(trimmed, 1, name_code_points_max, "a name"))
    return fault;
  if (has_control(trimmed))
    return "a name must not contain control characters";
  return std::nullopt;
}

std::optional<std::string> check_login(std::string_view login) {
  return check_identifier(login, 1, login_code_points_max, "a login");
}

std::optional<std::string> check_email(std::string_view email) {
  if (auto fault = check_identifier(email, email_code_points_min, email_code_points_max, "an e-mail address"))
    return fault;
  const auto at = email.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == email.size() || at != email.rfind('@'))
    return "an e-mail address must have one @ inside";
  return std::nullopt;
}

std::optional<std::string> check_password(std::string_view password) {
  if (password.size() >= password_bytes_min && password.size() <= password_bytes_max)
    return std::nullopt;
  return "a password must have " + std::to_string(password_bytes_min) + " to " +
         std::to_string(password_bytes_max) + " bytes";
}

std::optional<std::string> check_jira_id(std::string_view jira_id) {
  if (!jira_id.empty() && jira_id_length(jira_id) == jira_id.size())
    return std::nullopt;
  return "a jira_id must match [A-Z][A-Z0-9_]{0,19}-[0-9]{1,10}";
}

std::optional<std::string> check_external_ref(std::string_view external_ref) {
  const auto visible = run_length(external_ref, external_ref_length_max, is_visible);
  if (visible > 0 && visible == external_ref.size())
    return std::nullopt;
  return "an external_ref must have 1 to " + std::to_string(external_ref_length_max) +
         " visible ASCII characters and no spaces";
}

std::variant<task_name, name_fault> parse_task_name(std::string_view title,
                                                    const std::optional<std::string>& jira_id) {
  if (jira_id)
    if (auto fault = check_jira_id(*jira_id))
      return name_fault{"jira_id", *std::move(fault)};
  const auto match = match_bracketed(title);
  task_name name{std::string(trim(match ? match->rest : title)), jira_id.value_or("")};
  if (match) {
    if (jira_id && *jira_id != match->jira_id)
      return name_fault{"jira_id", "jira_id must be the same as the one in the title's brackets"};
    name.jira_id = match->jira_id;
  }
  if (auto fault = check_title(name.title))
    return name_fault{"title", *std::move(fault)};
  if (name.title.find_first_of("[]") != std::string::npos)
    return name_fault{"title", "a title must not contain [ or ], except a leading [jira_id]"};
  return name;
}

} // namespace ates::domain
