#pragma once
/// One connection that loads rows by COPY in PostgreSQL's text format. libpq instead of libpqxx, whose stream
/// takes every field apart again: a million tasks are 60 million fields.

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/time.hpp"

#include <concepts>
#include <cstdint>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ates::bench {

/// Rows of one table, as COPY wants them.
class copy_rows {
public:
  template <class... Values> void add(const Values&... values) {
    (field(values), ...);
    text_.back() = '\n';
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  void clear() { text_.clear(); }

private:
  template <std::integral T> void field(T value) {
    text_ += std::to_string(value);
    text_ += '\t';
  }
  template <class T>
  requires std::is_enum_v<T>
  void field(T value) { field(static_cast<std::int64_t>(value)); }
  void field(domain::cents value) { field(value.count); }
  void field(const domain::uuid& id) { text_.append(domain::to_string(id)) += '\t'; }
  template <class Tag> void field(const domain::strong_id<Tag>& id) { field(id.value); }
  void field(domain::instant at) { text_.append(domain::to_rfc3339(at)) += '\t'; }
  void field(domain::day on) { text_.append(domain::to_string(on)) += '\t'; }
  void field(std::string_view text);
  void field(std::nullopt_t /*null*/) { text_ += "\\N\t"; }
  template <class T> void field(const std::optional<T>& value) {
    if (value)
      field(*value);
    else
      field(std::nullopt);
  }

  std::string text_;
};

/// Throws std::runtime_error with PostgreSQL's words; a transaction that was begun is then over.
class copy_session {
public:
  explicit copy_session(const std::string& url);

  void run(const std::string& sql);
  /// What a query finds, every field as text, NULL as "".
  std::vector<std::vector<std::string>> table(const std::string& sql);
  /// `target`: "table (column, …)"; `frozen`: as old rows, in a table that this transaction has emptied.
  /// Empties `rows`.
  void copy(const std::string& target, copy_rows& rows, bool frozen = false);

private:
  [[noreturn]] void fail(const std::string& what);

  std::unique_ptr<PGconn, decltype(&PQfinish)> pg_;
};

} // namespace ates::bench
