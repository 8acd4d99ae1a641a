#pragma once
/// Instants and dates as the business sees them. The clock itself is an argument, never read here.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ates::domain {

/// A point of business time in UTC, to the microsecond (as PostgreSQL stores it).
using instant = std::chrono::sys_time<std::chrono::microseconds>;

/// A calendar date: the name of a business day (contract.md B9).
using day = std::chrono::sys_days;

/// RFC 3339 in UTC with six decimals, e.g. 2026-11-21T02:00:00.000000Z.
std::string to_rfc3339(instant at);

/// ISO 8601 date, e.g. 2026-11-21.
std::string to_string(day d);

/// Accepts exactly YYYY-MM-DD of an existing date, years 1970..9999. Anything else: nullopt.
std::optional<day> parse_day(std::string_view text) noexcept;

} // namespace ates::domain
