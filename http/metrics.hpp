#pragma once
/// What the gateway counts: requests by route and status, how long they took, how many are under way.

#include "http/policy.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace ates::http {

/// Thread-safe. Registers its families in a registry that must live as long.
class request_metrics {
public:
  explicit request_metrics(prometheus::Registry& registry);

  /// `route`: nullptr where no route was found.
  void count(const policy* route, int status, std::chrono::steady_clock::duration took);
  /// A request that the guard refused before it had a route.
  void count_refused(int status);
  prometheus::Gauge& in_flight() noexcept { return in_flight_; }

private:
  static constexpr std::size_t statuses = 600;
  struct route_metrics {
    std::string path, method;
    prometheus::Histogram* seconds;
    std::array<std::atomic<prometheus::Counter*>, statuses> by_status{};
  };
  void add(std::string path, std::string method);
  void count(route_metrics& route, int status);

  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Gauge& in_flight_;
  std::vector<std::unique_ptr<route_metrics>> routes_; ///< as policies(), then unknown, then refused
};

} // namespace ates::http
