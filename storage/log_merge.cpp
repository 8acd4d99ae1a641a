#include "storage/log_merge.hpp"

#include <functional>
#include <queue>
#include <utility>

namespace ates::storage {

log_merge::log_merge(const log_request& what) : what_(what), rests_(what.after.size()), scanned_(what.after) {
  for (std::size_t shard = 0; shard < rests_.size(); ++shard) {
    rests_[shard].read_to = what.after[shard];
    rests_[shard].run.cut = true;
  }
}

std::vector<log_merge::want> log_merge::wants() const {
  std::vector<want> out;
  for (std::size_t shard = 0; shard < rests_.size(); ++shard)
    if (const auto& of = rests_[shard]; of.run.cut && of.is_used_up())
      out.push_back({shard, of.read_to});
  return out;
}

bool log_merge::take_row(std::size_t shard, log_run::row& row) {
  if (row.event && full_at_) {
    page_.more = true;
    return true;
  }
  scanned_[shard] = row.seq;
  if (!row.event)
    return false;
  bytes_ += row.event->data.size();
  page_.events.push_back(*std::move(row.event));
  if (page_.events.size() >= what_.events_max || bytes_ >= what_.bytes_max)
    full_at_ = scanned_;
  return false;
}

bool log_merge::add(std::vector<log_run> runs) {
  auto fresh = runs.begin();
  for (const auto& [shard, after] : wants()) {
    auto& to = rests_[shard];
    to.run = std::move(*fresh++);
    to.next = 0;
    if (!to.run.rows.empty())
      to.read_to = to.run.rows.back().seq;
  }
  using head = std::pair<instant, std::size_t>; // when, which shard
  std::priority_queue<head, std::vector<head>, std::greater<>> heads;
  for (std::size_t shard = 0; shard < rests_.size(); ++shard)
    if (const auto& of = rests_[shard]; !of.is_used_up())
      heads.emplace(of.run.rows[of.next].at, shard);
  while (!heads.empty()) {
    const auto shard = heads.top().second;
    heads.pop();
    auto& of = rests_[shard];
    if (take_row(shard, of.run.rows[of.next]))
      return true;
    if (++of.next < of.run.rows.size())
      heads.emplace(of.run.rows[of.next].at, shard);
    else if (of.run.cut)
      return false; // what follows it may be older than what the others have left
  }
  ended_ = true;
  return true;
}

log_page log_merge::take() && {
  const bool unknown = full_at_ && !ended_;
  page_.more = page_.more || !ended_;
  // A full page that nothing follows ends behind what was left out, too.
  page_.position = unknown ? *full_at_ : scanned_;
  return std::move(page_);
}

} // namespace ates::storage
