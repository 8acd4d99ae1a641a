#pragma once
/// A node's counters as Prometheus metrics.

#include "actors/node.hpp"

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <vector>

namespace ates::actors {

class daemon_metrics {
public:
  daemon_metrics(std::shared_ptr<node> home, prometheus::Registry& registry);
  /// Copies the counters; called once a second by the owner's thread.
  void publish();

private:
  std::shared_ptr<node> home_;
  std::vector<std::function<void()>> copies_;
};

} // namespace ates::actors
