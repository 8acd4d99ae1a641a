#pragma once
/// Rules for text that people type (contract.md B12, B13). Lengths count Unicode code points after trimming.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ates::domain {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. U+0000 is well-formed.
bool is_utf8(std::string_view text) noexcept;

/// Code points of well-formed UTF-8.
std::size_t code_points(std::string_view text) noexcept;

/// Without leading and trailing white space (Unicode White_Space, as B13 trims).
std::string_view trim(std::string_view text) noexcept;

/// Any control character (general category Cc: U+0000..U+001F, U+007F..U+009F).
bool has_control(std::string_view text) noexcept;

/// Any control character but LF and TAB.
bool has_control_but_lf_tab(std::string_view text) noexcept;

/// The form in which logins and e-mails are compared: simple case folding of ASCII, Latin-1, Latin
/// Extended-A, Greek and Cyrillic letters; others compare as they are.
std::string fold_case(std::string_view text);

/// Each returns nullopt when the value keeps the rule, else a sentence that says the rule.
/// `trimmed` values are checked: the caller trims title, description and name; login and e-mail must come
/// without outer spaces; a password is bytes.
std::optional<std::string> check_title(std::string_view trimmed);
std::optional<std::string> check_description(std::string_view trimmed);
std::optional<std::string> check_name(std::string_view trimmed);
std::optional<std::string> check_login(std::string_view login);
std::optional<std::string> check_email(std::string_view email);
std::optional<std::string> check_password(std::string_view password);
std::optional<std::string> check_jira_id(std::string_view jira_id);
std::optional<std::string> check_external_ref(std::string_view external_ref);

/// What a task will be called.
struct task_name {
  std::string title;   ///< trimmed, no brackets
  std::string jira_id; ///< empty: none
  friend bool operator==(const task_name&, const task_name&) = default;
};

/// Why a title, or the jira_id given with it, was refused.
struct name_fault {
  std::string field;  ///< "title" or "jira_id"
  std::string detail; ///< a sentence for people
  friend bool operator==(const name_fault&, const name_fault&) = default;
};

/// Takes a title apart (B12): `[ABC-1] - Do it` gives {"Do it", "ABC-1"}. A `jira_id` given beside a
/// bracketed title must be the same. Any bracket left in the title is refused.
std::variant<task_name, name_fault> parse_task_name(std::string_view title,
                                                    const std::optional<std::string>& jira_id);

} // namespace ates::domain
