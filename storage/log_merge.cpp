#include "storage/log_merge.hpp"

#include <functional>
#include <queue>
#include <tuple>
#include <utility>

namespace ates::storage {

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
  using head = std::tuple<instant, std::size_t, std::size_t>; // when, which shard, which row
  std::priority_queue<head, std::vector<head>, std::greater<>> heads;
  bool cut = false;
  for (std::size_t shard = 0; shard < runs.size(); ++shard) {
    cut = cut || runs[shard].cut;
    if (!runs[shard].rows.empty())
      heads.emplace(runs[shard].rows.front().at, shard, 0);
  }
  while (!heads.empty()) {
    const auto [at, shard, index] = heads.top();
    heads.pop();
    auto& run = runs[shard];
    if (take_row(shard, run.rows[index]))
      return true;
    if (index + 1 < run.rows.size())
      heads.emplace(run.rows[index + 1].at, shard, index + 1);
    else if (run.cut)
      return false; // what follows it may be older than what the others have left
  }
  ended_ = !cut;
  return ended_;
}

log_page log_merge::take() && {
  const bool unknown = full_at_ && !ended_;
  page_.more = page_.more || !ended_;
  // A full page that nothing follows ends behind what was left out, too.
  page_.position = unknown ? *full_at_ : scanned_;
  return std::move(page_);
}

} // namespace ates::storage
