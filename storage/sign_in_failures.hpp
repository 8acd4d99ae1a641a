#pragma once
/// Secrets that were tried and did not fit, counted for the whole cluster (contract.md §3, POST /auth).

#include "domain/ids.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ates::storage {

/// Thread-safe. Every call throws storage_error when storage is away or does not answer before its deadline:
/// whoever cannot be counted must not try.
class sign_in_failures {
public:
  using deadline = std::chrono::steady_clock::time_point;
  virtual ~sign_in_failures() = default;

  /// What is counted: `failures_max` within the window shut it.
  struct counted {
    std::string key; ///< says nothing about what it stands for
    std::size_t failures_max = 0;
  };
  /// Counts `attempt` under each key, as failed until it is forgiven, so that attempts at the same time, also
  /// on other nodes, cannot outrun the count. Returns how long each of the keys stays shut: unless all are 0,
  /// nothing was counted. What is older than `window` is forgotten, a bounded number with each call.
  virtual std::vector<std::chrono::seconds> enter(const domain::uuid& attempt, std::span<const counted> keys,
                                                  std::chrono::seconds window, deadline by) = 0;
  /// The attempt did not fail.
  virtual void forgive(const domain::uuid& attempt, deadline by) = 0;
};

} // namespace ates::storage
