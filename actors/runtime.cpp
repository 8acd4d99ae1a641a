#include "actors/runtime.hpp"

#include "actors/asker.hpp"
#include "actors/facade_impl.hpp"
#include "actors/guardian.hpp"
#include "actors/region.hpp"
#include "actors/tls_errors.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>
#include <spdlog/spdlog.h>

#include <atomic>

namespace ates::actors {

namespace limits = config::limits;

namespace {

/// CAF's settings are ours, set here, never read from a file or a command line.
struct caf_config : caf::actor_system_config {
  explicit caf_config(const config::cluster_settings& cluster) {
    set("scheduler.max-throughput",
        std::size_t{300}); // the default is unlimited: one busy actor would keep a thread
    set("scheduler.max-threads", limits::scheduler_threads);
    set("scheduler.policy",
        caf::atom("sharing")); // stealing polls: idle nodes would take a tenth of a core each
    config_file_path = "/dev/null";
    add_message_types<caf::id_block::ates>();
    if (cluster.listen.empty())
      return;
    load<caf::io::middleman>();
    // Both are off by default: a peer that vanishes without a word would never be missed.
    set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{1}});
    set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{5}});
    set("middleman.enable-automatic-connections", false); // it would open a port without TLS
    // Protocol versions are compared in the greeting, where both sides can say what is wrong.
    set("middleman.app-identifiers", std::vector<std::string>{"ates"});
    if (cluster.tls_certificate.empty())
      return;
    load<caf::openssl::manager>();
    keep_tls_errors_apart();
    openssl_certificate = cluster.tls_certificate;
    openssl_key = cluster.tls_key;
    openssl_cafile = cluster.tls_ca;
  }
};

/// Connects and publishes: with TLS if there are certificates. Null for a node that is alone.
caf::io::middleman_actor middleman_of(caf::actor_system& system, const config::cluster_settings& cluster) {
  if (cluster.listen.empty())
    return {};
  if (cluster.tls_certificate.empty())
    return system.middleman().actor_handle();
  return system.openssl_manager().actor_handle();
}

} // namespace

struct runtime::inside {
  explicit inside(std::shared_ptr<node> n)
      : home(std::move(n)), config(home->settings.cluster), system(config) {}

  std::shared_ptr<node> home;
  caf_config config;
  caf::actor_system system;
  storage_access access;
  region_actor region_handle;
  guardian_actor guardian_handle;
  std::vector<asker_actor> askers;
  std::unique_ptr<facade_impl> front;
  std::atomic<std::size_t> turn{0};
  bool stopped = false;
};

runtime::runtime(std::shared_ptr<node> home, storage_access access)
    : inside_(std::make_unique<inside>(std::move(home))) {
  auto& in = *inside_;
  in.access = std::move(access);
  in.region_handle = in.system.spawn(region, in.home->shards);
  for (std::size_t i = 0; i < limits::askers; ++i)
    in.askers.push_back(in.system.spawn(asker, in.region_handle));
  in.front = std::make_unique<facade_impl>(in.home, [&in](std::size_t n, outside_request r) {
    caf::anon_send(in.askers[n % in.askers.size()], std::move(r));
  });
}

void runtime::join(storage::node_row row) {
  auto& in = *inside_;
  in.guardian_handle = in.system.spawn(guardian, in.home, in.access, std::move(row), in.region_handle,
                                       middleman_of(in.system, in.home->settings.cluster));
}

runtime::~runtime() {
  stop();
}

facade& runtime::front() {
  return *inside_->front;
}

void runtime::ask(envelope command, std::function<void(reply&)> hear) {
  auto& in = *inside_;
  caf::anon_send(in.askers[in.turn.fetch_add(1) % in.askers.size()],
                 outside_request{std::move(command), std::move(hear)});
}

bool runtime::ensure_admin(const std::function<std::string()>& password_hash,
                           std::chrono::steady_clock::time_point deadline) {
  return inside_->front->ensure_admin(password_hash, deadline);
}

bool runtime::drain(std::chrono::milliseconds patience) {
  caf::scoped_actor self{inside_->system};
  bool drained = false;
  self->request(inside_->guardian_handle, patience, atom::drain_v)
      .receive([&](bool all) { drained = all; },
               [](const caf::error& e) { spdlog::warn("not_drained=\"{}\"", caf::to_string(e)); });
  return drained;
}

void runtime::stop() {
  auto& in = *inside_;
  if (std::exchange(in.stopped, true))
    return;
  if (!in.guardian_handle) {
    caf::anon_send(in.region_handle, atom::stop_v);
  } else {
    caf::scoped_actor self{in.system};
    self->request(in.guardian_handle, 2 * limits::stop_patience, atom::stop_v)
        .receive([](bool) {}, [](const caf::error& e) { spdlog::error("stop=\"{}\"", caf::to_string(e)); });
  }
  for (const auto& a : in.askers)
    caf::anon_send(a, atom::stop_v);
  in.askers.clear();
  in.region_handle = nullptr;
  in.guardian_handle = nullptr;
}

} // namespace ates::actors
