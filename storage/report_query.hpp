#pragma once
/// The common ground of the report queries: a statement with its parameters, values out of rows, positions of
/// walks.

#include "storage/reports.hpp"

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ates::storage {

/// A statement under construction.
class report_query {
public:
  report_query& operator<<(std::string_view sql) {
    sql_ += sql;
    return *this;
  }
  /// Adds a parameter and returns how to write it: "$3".
  std::string bind(std::string value) {
    values_.push_back(std::move(value));
    return "$" + std::to_string(values_.size());
  }
  [[nodiscard]] bool empty() const { return sql_.empty(); }
  [[nodiscard]] pqxx::result run(pqxx::transaction_base& tx) const {
    return tx.exec_params(sql_, pqxx::prepare::make_dynamic_params(values_));
  }

private:
  std::string sql_;
  std::vector<std::string> values_;
};

/// Collects conditions: nothing, or " where a and b".
class conditions {
public:
  void add(std::string_view condition) {
    text_ += text_.empty() ? " where " : " and ";
    text_ += condition;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
};

/// `text` as an ILIKE pattern that matches any text containing it.
std::string like_pattern(std::string_view text);

/// A place in a list that is ordered by time and id.
struct timed_position {
  instant at{};
  uuid id;
};
std::string to_text(const timed_position& p);
/// Each throws std::invalid_argument.
timed_position parse_timed_position(const std::string& text);
std::int64_t parse_number_position(const std::string& text);
uuid parse_id_position(const std::string& text);
day parse_day_position(const std::string& text);

/// Cuts a page off rows that were read with limit + 1.
template <class Row, class Position>
page<Row> cut_page(std::vector<Row> rows, std::int32_t limit, Position&& position_of) {
  page<Row> result;
  const auto size = static_cast<std::size_t>(limit);
  if (rows.size() > size) {
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(size), rows.end());
    result.next = position_of(rows.back());
  }
  result.rows = std::move(rows);
  return result;
}

} // namespace ates::storage
