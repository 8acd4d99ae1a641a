#pragma once
/// PostgreSQL array literals, built fast: the parameters of a batch. Buffers are reused from batch to batch.

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/time.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ates::storage {

/// One array, e.g. {1,2,NULL} or {"a \"b\"","c"}.
class array_text {
public:
  template <std::integral T> void add(T value) { add_integer(static_cast<std::int64_t>(value)); }
  template <class T>
  requires std::is_enum_v<T>
  void add(T value) { add_integer(static_cast<std::int64_t>(value)); }
  void add(domain::cents amount) { add_integer(amount.count); }
  void add(const domain::uuid& id);
  template <class Tag> void add(const domain::strong_id<Tag>& id) { add(id.value); }
  void add(domain::instant at);
  void add(domain::day on);
  /// Quoted and escaped. A U+0000 cannot be stored: remembered, see has_nul().
  void add(std::string_view text);
  void add(const std::string& text) { add(std::string_view{text}); }
  template <class T> void add(const std::optional<T>& value) {
    if (value)
      add(*value);
    else
      add_null();
  }

  void clear();
  /// The whole literal, valid until the next change.
  const char* text();
  [[nodiscard]] bool has_nul() const { return has_nul_; }

private:
  void add_integer(std::int64_t value);
  void add_null();
  void separate();

  std::string text_ = "{";
  bool closed_ = false;
  bool has_nul_ = false;
  std::optional<domain::instant> last_instant_; // rows of a batch share few instants
  std::string last_instant_text_;
};

/// N parallel arrays: rows of N values.
template <std::size_t N> class array_section {
public:
  template <class... Values> void row(const Values&... values) {
    static_assert(sizeof...(Values) == N);
    std::size_t column = 0;
    (columns_[column++].add(values), ...);
  }
  void clear() {
    for (auto& column : columns_)
      column.clear();
  }
  void append_to(std::vector<const char*>& parameters) {
    for (auto& column : columns_)
      parameters.push_back(column.text());
  }
  [[nodiscard]] bool has_nul() const {
    for (const auto& column : columns_)
      if (column.has_nul())
        return true;
    return false;
  }

private:
  std::array<array_text, N> columns_;
};

} // namespace ates::storage
