#pragma once
/// Answers as CSV (RFC 4180) for those who ask with `Accept: text/csv`: the same rows as in JSON, money in
/// cents too.

#include "http/call.hpp"
#include "http/json_out.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace ates::http {

/// Whether the client would rather have CSV than JSON: the higher q; at the same q the one that is named more
/// precisely, else JSON.
bool wants_csv(const request& in);

/// A table, cell by cell. A row is to have as many cells as there are columns.
class csv_table {
public:
  explicit csv_table(std::initializer_list<std::string_view> columns);

  /// Words that people chose. A cell that a spreadsheet would take for a formula (it begins with = + - @, TAB
  /// or CR) gets a ' in front.
  csv_table& text(std::string_view value);
  /// Ours: ids, days, times, names of kinds.
  csv_table& word(std::string_view value);
  csv_table& number(std::int64_t value);
  /// Ends the row.
  void end();
  [[nodiscard]] const std::string& whole() const noexcept { return text_; }

private:
  void cell(std::string_view value);

  std::string text_;
  bool row_begun_ = false;
};

/// The answer. `next`: the cursor of the next page, told in a header `Link: <…>; rel="next"`.
reply csv_reply(const call& c, const csv_table& table, const std::optional<std::string>& next);

/// An answer that exists in both forms: says so to caches.
reply varying(reply either);

/// The cells of an entry: id, at, day, kind, amount, balance_after, task_id, task_title, task_jira_id,
/// task_description, reason, shuffle_id.
void add_entry(csv_table& table, const storage::entry_row& e);

/// A list in the form that the client wants. `fill(row, table)` writes the cells of one row.
template <class Row, class ToJson, class Fill>
reply list_in_either_form(const call& c, std::string_view list, const storage::page<Row>& page,
                          ToJson&& row_to_json, csv_table table, Fill&& fill) {
  if (!wants_csv(c.in))
    return varying(list_reply(c.with.cursors, list, c.query, page, row_to_json));
  for (const auto& row : page.rows) {
    fill(row, table);
    table.end();
  }
  std::optional<std::string> next;
  if (page.next)
    next = c.with.cursors.seal(list, c.query, *page.next);
  return varying(csv_reply(c, table, next));
}

} // namespace ates::http
