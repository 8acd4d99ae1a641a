#pragma once
/// Failed tries of secrets as all nodes count them, in memory. A test plays the other nodes.

#include "storage/errors.hpp"
#include "storage/sign_in_failures.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace ates::http::test {

class fake_sign_in_failures : public storage::sign_in_failures {
public:
  std::vector<std::chrono::seconds> enter(const domain::uuid& attempt, std::span<const counted> keys,
                                          std::chrono::seconds window, deadline) override {
    const std::lock_guard lock(mutex_);
    if (away_)
      throw storage::storage_error(storage::storage_error::kind::away, "count", "", "away");
    ++asked_;
    std::vector<std::chrono::seconds> shut;
    for (const auto& key : keys)
      shut.push_back(tried_[key.key].size() >= key.failures_max ? window : std::chrono::seconds{0});
    if (std::all_of(shut.begin(), shut.end(), [](auto s) { return s.count() == 0; }))
      for (const auto& key : keys)
        tried_[key.key].insert(attempt);
    return shut;
  }
  void forgive(const domain::uuid& attempt, deadline) override {
    const std::lock_guard lock(mutex_);
    if (away_)
      throw storage::storage_error(storage::storage_error::kind::away, "count", "", "away");
    for (auto& [_, attempts] : tried_)
      attempts.erase(attempt);
  }

  /// The same requests fail on other nodes as well, `times` as often as here.
  void fail_elsewhere(int times) {
    const std::lock_guard lock(mutex_);
    for (auto& [_, attempts] : tried_)
      for (int i = 0; i < times; ++i) {
        domain::uuid id;
        id.bytes[0] = static_cast<std::uint8_t>(++others_);
        attempts.insert(id);
      }
  }
  void go_away() {
    const std::lock_guard lock(mutex_);
    away_ = true;
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::vector<std::string> keys() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [key, _] : tried_)
      all.push_back(key);
    return all;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::set<domain::uuid>> tried_;
  int asked_ = 0;
  int others_ = 0;
  bool away_ = false;
};

} // namespace ates::http::test
