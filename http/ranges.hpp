#pragma once
/// `from`, `to` and `period` of a request (contract.md §3 and the row of /analytics/most-expensive). Whatever
/// cannot be read is bad_request.

#include "http/query.hpp"

namespace ates::http {

/// from..to; `from` alone: that day to `today`; `to` alone: that day only; nullopt: neither was given. Throws
/// bad_request also for from > to and for more than 366 days.
std::optional<storage::day_range> range_param(const query_map& query, domain::day today);

/// from, to or `period`: day is `today`, week Monday..today, month the 1st..today. None of them: today.
/// Throws bad_request for `period` beside from or to.
storage::day_range period_param(const query_map& query, domain::day today);

} // namespace ates::http
