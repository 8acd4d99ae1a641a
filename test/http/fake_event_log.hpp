#pragma once
/// A log of four shards in memory.

#include "storage/errors.hpp"
#include "storage/event_log.hpp"
#include "storage/log_merge.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ates::http::test {

class fake_event_log : public storage::event_log {
public:
  static constexpr std::size_t shards_total = 4;

  std::atomic<bool> away{false};
  std::atomic<int> reads{0};

  /// Adds an event to a shard, a second after the one before it; its seq.
  std::int64_t add(domain::shard_number shard, const std::string& type, const std::string& data = "{}") {
    const std::lock_guard lock(mutex_);
    storage::logged_event event;
    event.shard = shard;
    event.seq = static_cast<std::int64_t>(shards_[shard].size()) + 1;
    event.at = now_ += std::chrono::seconds{1};
    event.type = type;
    event.subject.bytes[15] = static_cast<std::uint8_t>(shard + 1);
    event.data = data;
    shards_[shard].push_back(event);
    return event.seq;
  }

  [[nodiscard]] std::size_t shards() const noexcept override { return shards_total; }
  storage::log_position head(deadline) override {
    check();
    const std::lock_guard lock(mutex_);
    storage::log_position out;
    for (const auto& shard : shards_)
      out.push_back(static_cast<std::int64_t>(shard.size()));
    return out;
  }
  storage::log_page read(const storage::log_request& what, deadline) override {
    check();
    ++reads;
    const std::lock_guard lock(mutex_);
    std::vector<storage::log_run> runs(shards_total);
    for (std::size_t shard = 0; shard < shards_total; ++shard)
      for (const auto& event : shards_[shard])
        if (event.seq > what.after[shard] && (!what.until || event.seq <= (*what.until)[shard]))
          runs[shard].rows.push_back(
              {event.seq, event.at, what.filter.matches(event.type) ? std::optional(event) : std::nullopt});
    storage::log_merge merge{what};
    merge.add(std::move(runs));
    return std::move(merge).take();
  }

private:
  void check() const {
    if (away)
      throw storage::storage_error(storage::storage_error::kind::away, "test", "", "no connection");
  }
  std::mutex mutex_;
  domain::instant now_{*domain::parse_day("2026-11-21")};
  std::vector<storage::logged_event> shards_[shards_total];
};

} // namespace ates::http::test
