#include "http/metrics.hpp"

#include <algorithm>

namespace ates::http {

namespace {

const prometheus::Histogram::BucketBoundaries seconds_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                              0.1,    0.25,  0.5,    1.0,   2.5,  5.0};

} // namespace

request_metrics::request_metrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("ates_http_requests_total")
                    .Help("Requests answered, by route and status")
                    .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("ates_http_request_seconds")
                   .Help("Time from a whole request to its answer")
                   .Register(registry)),
      in_flight_(prometheus::BuildGauge()
                     .Name("ates_http_requests_in_flight")
                     .Help("Requests being answered now")
                     .Register(registry)
                     .Add({})) {
  for (const auto& route : policies())
    add(std::string(route.path), std::string(route.method));
  add("unknown", "any");
  add("refused", "any");
}

void request_metrics::add(std::string path, std::string method) {
  auto route = std::make_unique<route_metrics>();
  route->seconds = &seconds_.Add({{"method", method}, {"route", path}}, seconds_buckets);
  route->path = std::move(path);
  route->method = std::move(method);
  routes_.push_back(std::move(route));
}

void request_metrics::count(route_metrics& route, int status) {
  auto& slot =
      route.by_status[static_cast<std::size_t>(std::clamp(status, 0, static_cast<int>(statuses) - 1))];
  auto* counter = slot.load();
  if (counter == nullptr) {
    // The same labels give the same counter, whoever is first.
    counter =
        &requests_.Add({{"method", route.method}, {"route", route.path}, {"status", std::to_string(status)}});
    slot = counter;
  }
  counter->Increment();
}

void request_metrics::count(const policy* route, int status, std::chrono::steady_clock::duration took) {
  const auto all = policies();
  const auto index = route == nullptr ? all.size() : static_cast<std::size_t>(route - all.data());
  count(*routes_[index], status);
  routes_[index]->seconds->Observe(std::chrono::duration<double>(took).count());
}

void request_metrics::count_refused(int status) {
  count(*routes_.back(), status);
}

} // namespace ates::http
