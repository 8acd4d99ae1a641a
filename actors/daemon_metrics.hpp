#pragma once
/// A node's counters as Prometheus metrics.

#include "actors/node.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ates::actors {

/// Reads the counters whenever it is asked: what is shown is of that moment. From any thread.
class daemon_metrics : public prometheus::Collectable {
public:
  explicit daemon_metrics(std::shared_ptr<node> home);
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  struct metric {
    std::string name;
    std::string help;
    prometheus::MetricType type;
    std::function<double()> read;
  };

  std::shared_ptr<node> home_;
  std::vector<metric> metrics_;
};

} // namespace ates::actors
