#pragma once
/// The REST gateway of one node: everything of http/ put together.

#include "actors/facade.hpp"
#include "config/settings.hpp"
#include "http/limits.hpp"
#include "storage/event_log.hpp"
#include "storage/operations.hpp"
#include "storage/reports.hpp"
#include "storage/sign_in_failures.hpp"
#include "storage/verifications.hpp"

#include <prometheus/collectable.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace ates::http {

struct gateway_settings {
  config::http_settings http;
  config::auth_settings auth;
  std::filesystem::path schemas;      ///< the folder config/schemas
  std::filesystem::path descriptions; ///< the folder config/openapi
  /// Clients come through the edge, which sets X-Forwarded-For anew: their addresses are taken from there.
  bool behind_edge = false;
  wire_limits limits{};
  stream_limits streams{};
  /// Real time, for tokens.
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
};

class gateway {
public:
  /// Makes the signing key if there is none. `node_metrics` are shown beside the gateway's own. Keeps
  /// references to what it is given, which must outlive it. Throws
  /// std::runtime_error when the key cannot be had, or the descriptions do not fit what is served.
  gateway(gateway_settings settings, actors::facade& facade, storage::reports& reports,
          storage::operations& operations, storage::verifications& verifications, storage::event_log& events,
          storage::sign_in_failures& failures, std::shared_ptr<prometheus::Collectable> node_metrics);
  /// Stops.
  ~gateway();

  /// Listens; connections are accepted when it returns. Throws std::runtime_error when the address cannot be
  /// had.
  void start();
  /// The port really bound.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Ends event streams and idle connections at once and answers what is under way: `http.deadline` at most,
  /// plus the time a client takes to read its answer (10 s at most). Call it before the actors end.
  void stop();

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace ates::http
