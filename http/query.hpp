#pragma once
/// Query parameters and cursors of lists (contract.md §3). Whatever cannot be read is bad_request.

#include "domain/ids.hpp"
#include "domain/time.hpp"
#include "storage/reports.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::http {

/// Decoded parameters by name.
using query_map = std::map<std::string, std::string>;

/// `known`: legal names, separated by blanks; one that ends in '+' may be given more than once. Throws
/// bad_request for an unknown name, another one given twice, a malformed escape, invalid UTF-8 or U+0000.
query_map parse_query(std::string_view raw, std::string_view known);

std::optional<std::string> text_param(const query_map& query, const std::string& name);
/// The values of a parameter that may be given more than once.
std::vector<std::string> list_param(const query_map& query, const std::string& name);
/// `limit`, or the default.
std::int32_t limit_param(const query_map& query);
std::optional<bool> bool_param(const query_map& query, const std::string& name);
std::optional<domain::day> day_param(const query_map& query, const std::string& name);

/// Makes a list's positions opaque and binds them to what was asked: a cursor of another route or of other
/// filters, or one that we did not make, is refused.
class cursors {
public:
  explicit cursors(std::string secret) : secret_(std::move(secret)) {}

  /// `list` names the route with the object it is about.
  [[nodiscard]] std::string seal(std::string_view list, const query_map& filters,
                                 const std::string& position) const;
  /// limit and cursor of a request.
  [[nodiscard]] storage::page_request open(std::string_view list, const query_map& query) const;

private:
  [[nodiscard]] std::string tag(std::string_view list, const query_map& filters,
                                std::string_view position) const;
  const std::string secret_;
};

} // namespace ates::http
