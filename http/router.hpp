#pragma once
/// From a request to its handler and back: route, token, right, body, in the order of contract.md §2.

#include "http/guarded_server.hpp"
#include "http/metrics.hpp"
#include "http/policy.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::http {

/// Thread-safe. Keeps references to both arguments.
class router : public service {
public:
  router(const services& with, request_metrics& metrics, std::chrono::milliseconds deadline);

  body_rule rule_of(const request& head) override;
  reply serve(const request& in) override;
  void refused(int status) override { metrics_.count_refused(status); }

private:
  /// One path and what is served there.
  struct resource {
    std::vector<std::string_view> segments;
    std::vector<const policy*> policies;
  };
  struct match {
    const resource* found = nullptr;
    std::vector<std::string> args;
  };
  [[nodiscard]] match find(std::string_view path) const;
  [[nodiscard]] static const policy* choose(const resource& at, std::string_view method);
  reply dispatch(const request& in, const std::string& request_id, const policy*& route);
  reply run(const policy& route, call& c);
  struct signed_in {
    actors::employee who;
    std::optional<domain::uuid> session;
  };
  [[nodiscard]] signed_in authenticate(const request& in) const;

  const services& with_;
  request_metrics& metrics_;
  const std::chrono::milliseconds deadline_;
  std::vector<resource> resources_; ///< literal paths before patterns that match them too
};

} // namespace ates::http
