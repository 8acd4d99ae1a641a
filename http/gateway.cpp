#include "http/gateway.hpp"

#include "http/call.hpp"
#include "http/event_streams.hpp"
#include "http/guarded_server.hpp"
#include "http/metrics.hpp"
#include "http/openapi.hpp"
#include "http/router.hpp"

#include <utility>

namespace ates::http {

namespace {

/// What the edge adds to a request is not the client's to count.
wire_limits limits_of(const gateway_settings& settings) {
  auto limits = settings.limits;
  if (settings.behind_edge)
    limits.header_lines += edge_header_lines;
  return limits;
}

} // namespace

struct gateway::parts {
  parts(gateway_settings&& s, actors::facade& facade, storage::reports& reports,
        storage::operations& operations, storage::verifications& verifications, storage::event_log& events,
        storage::sign_in_failures& failures, std::shared_ptr<prometheus::Collectable> node_metrics)
      : settings(std::move(s)), key(settings.auth.signing_key), access(key),
        secrets(settings.auth.scrypt_log2n),
        login_failures(settings.auth.max_failures_login, failure_window, throttled_keys_max),
        address_failures(settings.auth.max_failures_address, failure_window, throttled_keys_max),
        positions(key.derive("cursor")), metrics(*registry),
        streams(events, settings.http.max_streams, settings.streams, *registry),
        with{facade,
             reports,
             operations,
             events,
             failures,
             streams,
             key,
             access,
             secrets,
             login_failures,
             address_failures,
             positions,
             running,
             key.derive("request hash"),
             key.derive("sign-in failure"),
             {registry, std::move(node_metrics)},
             settings.schemas,
             openapi_document(settings.descriptions),
             settings.now,
             verifications},
        routes(with, metrics, settings.http.deadline),
        server(routes, limits_of(settings), settings.behind_edge) {}

  const gateway_settings settings;
  const signing_key key;
  tokens access;
  passwords secrets;
  throttle login_failures;
  throttle address_failures;
  const cursors positions;
  running_keys running;
  const std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  request_metrics metrics;
  event_streams streams;
  const services with;
  router routes;
  guarded_server server; // the last: its threads use all of the above
};

gateway::gateway(gateway_settings settings, actors::facade& facade, storage::reports& reports,
                 storage::operations& operations, storage::verifications& verifications,
                 storage::event_log& events, storage::sign_in_failures& failures,
                 std::shared_ptr<prometheus::Collectable> node_metrics)
    : parts_(std::make_unique<parts>(std::move(settings), facade, reports, operations, verifications, events,
                                     failures, std::move(node_metrics))) {}

gateway::~gateway() {
  stop();
}

void gateway::start() {
  parts_->server.start(parts_->settings.http.listen, parts_->settings.http.port);
}

std::uint16_t gateway::port() const noexcept {
  return parts_->server.port();
}

void gateway::stop() {
  parts_->streams.stop();
  parts_->server.stop();
}

} // namespace ates::http
