#include "http/ranges.hpp"

#include "http/problem.hpp"

namespace ates::http {

std::optional<storage::day_range> range_param(const query_map& query, domain::day today) {
  const auto from = day_param(query, "from");
  const auto to = day_param(query, "to");
  if (!from && !to)
    return std::nullopt;
  const storage::day_range range{from ? *from : *to, to.value_or(today)};
  if (range.from > range.to)
    throw problem(code::bad_request, to ? "from is after to." : "from is after today.");
  if ((range.to - range.from).count() >= storage::max_days_of_range)
    throw problem(code::bad_request, "from and to are at most 366 days.");
  return range;
}

storage::day_range period_param(const query_map& query, domain::day today) {
  const auto range = range_param(query, today);
  const auto period = text_param(query, "period");
  if (range && period)
    throw problem(code::bad_request, "period stands alone, without from and to.");
  if (range)
    return *range;
  if (!period || *period == "day")
    return {today, today};
  if (*period == "week")
    return {today - (std::chrono::weekday{today} - std::chrono::Monday), today};
  if (*period != "month")
    throw problem(code::bad_request, "period is day, week or month.");
  const std::chrono::year_month_day date{today};
  return {domain::day{date.year() / date.month() / 1}, today};
}

} // namespace ates::http
