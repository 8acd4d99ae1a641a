#pragma once
/// Counts failures per key over a sliding window, in bounded memory: those of this node. What all nodes have
/// seen is counted in storage (storage/sign_in_failures.hpp); this remembers who is shut, so that those who
/// hammer at a shut door cost neither a hash nor a query.

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace ates::http {

/// Thread-safe. Time is an argument.
class throttle {
public:
  using time_point = std::chrono::steady_clock::time_point;
  /// After `failures_max` failures within `window` a key is shut until the oldest of them has left it. At
  /// most `keys_max` keys are remembered; the one that failed longest ago goes first.
  throttle(std::size_t failures_max, std::chrono::seconds window, std::size_t keys_max)
      : failures_max_(failures_max), window_(window), keys_max_(keys_max) {}

  [[nodiscard]] std::size_t failures_max() const noexcept { return failures_max_; }
  /// How long the key stays shut; 0: it is open.
  std::chrono::seconds shut_for(const std::string& key, time_point now);
  /// Counts an attempt as failed before it is known to be, so that attempts at the same time cannot outrun
  /// the count. Not 0: the key is shut, nothing was counted.
  std::chrono::seconds enter(const std::string& key, time_point now);
  /// The attempt that entered at `when` did not fail.
  void forgive(const std::string& key, time_point when);
  /// Shuts the key until `until`: others have counted its failures.
  void shut(const std::string& key, time_point until);

private:
  std::chrono::seconds shut_for_locked(const std::string& key, time_point now) const;
  void make_room(time_point now);

  const std::size_t failures_max_;
  const std::chrono::seconds window_;
  const std::size_t keys_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<time_point>>
      failures_; ///< ascending, at most failures_max_ each
};

} // namespace ates::http
