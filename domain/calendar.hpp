#pragma once
/// The business calendar (contract.md B9): which business day an instant belongs to.

#include "domain/time.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace date {
class time_zone;
}

namespace ates::domain {

/// Business day D ends, in `zone`, at `ends_at` on date D when that is 12:00 or later, else on date D+1; it
/// begins where D-1 ended. A local time skipped by a clock change means the first instant after the gap, a
/// doubled one its first occurrence. Clock changes are those listed in the system's tzdata files; the library
/// does not read their rule for the years after the list, which for most zones ends with 2037.
class calendar {
public:
  /// `timezone` is an IANA name; throws std::invalid_argument with a sentence if the zone is unknown or
  /// `ends_at` is not within 00:00 .. 23:59.
  calendar(std::string_view timezone, std::chrono::minutes ends_at);

  /// The instant at which business day `d` ends (and d+1 begins).
  [[nodiscard]] instant end_of(day d) const;

  /// The instant at which business day `d` begins.
  [[nodiscard]] instant begin_of(day d) const { return end_of(d - std::chrono::days{1}); }

  /// The business day that contains `at`: begin_of(d) <= at < end_of(d).
  [[nodiscard]] day day_of(instant at) const;

private:
  const date::time_zone* zone_; // owned by the time zone library, lives as long as the program
  std::chrono::minutes ends_at_;
};

} // namespace ates::domain
