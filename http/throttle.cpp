#include "http/throttle.hpp"

#include <algorithm>

namespace ates::http {

std::chrono::seconds throttle::shut_for_locked(const std::string& key, time_point now) const {
  const auto found = failures_.find(key);
  if (found == failures_.end() || found->second.size() < failures_max_)
    return std::chrono::seconds{0};
  const auto opens = found->second.front() + window_;
  return opens <= now ? std::chrono::seconds{0} : std::chrono::ceil<std::chrono::seconds>(opens - now);
}

std::chrono::seconds throttle::shut_for(const std::string& key, time_point now) {
  const std::lock_guard lock(mutex_);
  return shut_for_locked(key, now);
}

std::chrono::seconds throttle::enter(const std::string& key, time_point now) {
  const std::lock_guard lock(mutex_);
  if (const auto shut = shut_for_locked(key, now); shut.count() > 0)
    return shut;
  if (!failures_.contains(key) && failures_.size() >= keys_max_)
    make_room(now);
  auto& times = failures_[key];
  if (times.size() >= failures_max_)
    times.erase(times.begin());
  times.push_back(now);
  return std::chrono::seconds{0};
}

void throttle::forgive(const std::string& key, time_point when) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(key);
  if (found == failures_.end())
    return;
  auto& times = found->second;
  if (const auto one = std::find(times.begin(), times.end(), when); one != times.end())
    times.erase(one);
  if (times.empty())
    failures_.erase(found);
}

void throttle::shut(const std::string& key, time_point until) {
  const std::lock_guard lock(mutex_);
  if (!failures_.contains(key) && failures_.size() >= keys_max_)
    make_room(until - window_);
  failures_[key].assign(failures_max_, until - window_);
}

void throttle::make_room(time_point now) {
  std::erase_if(failures_, [&](const auto& entry) { return entry.second.back() + window_ <= now; });
  if (failures_.size() < keys_max_)
    return;
  const auto oldest = std::min_element(failures_.begin(), failures_.end(), [](const auto& a, const auto& b) {
    return a.second.back() < b.second.back();
  });
  failures_.erase(oldest);
}

} // namespace ates::http
