#include "domain/calendar.hpp"

#include <date/tz.h>

#include <stdexcept>

namespace ates::domain {

namespace {

const date::time_zone* find_zone(std::string_view timezone) {
  try {
    return date::locate_zone(timezone);
  } catch (const std::exception&) {
    throw std::invalid_argument("time zone \"" + std::string(timezone) +
                                "\" is not known: it must be an IANA name of the system's tzdata");
  }
}

} // namespace

calendar::calendar(std::string_view timezone, std::chrono::minutes ends_at)
    : zone_(find_zone(timezone)), ends_at_(ends_at) {
  if (ends_at < std::chrono::minutes{0} || ends_at >= std::chrono::days{1})
    throw std::invalid_argument("the end of the business day must be within 00:00 .. 23:59");
}

instant calendar::end_of(day d) const {
  using namespace std::chrono_literals;
  const auto date_of_end = ends_at_ >= 12h ? d : d + std::chrono::days{1};
  const date::local_seconds local{date_of_end.time_since_epoch() + ends_at_};
  const auto info = zone_->get_info(local);
  if (info.result == date::local_info::nonexistent)
    return info.second.begin;
  return date::sys_seconds{local.time_since_epoch() - info.first.offset};
}

day calendar::day_of(instant at) const {
  // Offsets and ends_at move a day's end by less than two dates either way; days end in order.
  auto d = std::chrono::floor<std::chrono::days>(at) - std::chrono::days{2};
  while (at >= end_of(d))
    d += std::chrono::days{1};
  return d;
}

} // namespace ates::domain
