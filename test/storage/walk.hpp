#pragma once
/// Walking a list of reports page by page.

#include "storage/reports.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>

namespace ates::test {

/// Reads a list to its end, `limit` rows a page.
template <class List> auto walk(List&& list, std::int32_t limit) {
  storage::page_request at{limit, std::nullopt};
  auto page = list(at);
  auto rows = page.rows;
  while (page.next) {
    at.after = page.next;
    page = list(at);
    BOOST_TEST(page.rows.size() <= static_cast<std::size_t>(limit));
    BOOST_TEST(!page.rows.empty());
    rows.insert(rows.end(), page.rows.begin(), page.rows.end());
  }
  return rows;
}

} // namespace ates::test
