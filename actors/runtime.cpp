#include "actors/runtime.hpp"

#include "actors/asker.hpp"
#include "actors/facade_impl.hpp"
#include "actors/guardian.hpp"
#include "actors/region.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <atomic>

namespace ates::actors {

namespace limits = config::limits;

namespace {

/// CAF's settings are ours, set here, never read from a file or a command line.
struct caf_config : caf::actor_system_config {
  caf_config() {
    set("scheduler.max-throughput",
        std::size_t{300}); // the default is unlimited: one busy actor would keep a thread
    set("scheduler.max-threads", limits::scheduler_threads);
    config_file_path = "/dev/null";
  }
};

} // namespace

struct runtime::inside {
  explicit inside(std::shared_ptr<node> n) : home(std::move(n)), system(config) {}

  std::shared_ptr<node> home;
  caf_config config;
  caf::actor_system system;
  region_actor region_handle;
  guardian_actor guardian_handle;
  std::vector<asker_actor> askers;
  std::unique_ptr<facade_impl> front;
  std::atomic<std::size_t> turn{0};
  bool stopped = false;
};

runtime::runtime(std::shared_ptr<node> home, storage_access access, storage::node_row row)
    : inside_(std::make_unique<inside>(std::move(home))) {
  auto& in = *inside_;
  in.region_handle = in.system.spawn(region, in.home->shards);
  in.guardian_handle =
      in.system.spawn(guardian, in.home, std::move(access), std::move(row), in.region_handle);
  for (std::size_t i = 0; i < limits::askers; ++i)
    in.askers.push_back(in.system.spawn(asker, in.region_handle));
  in.front = std::make_unique<facade_impl>(in.home, [&in](std::size_t n, outside_request r) {
    caf::anon_send(in.askers[n % in.askers.size()], std::move(r));
  });
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

void runtime::stop() {
  auto& in = *inside_;
  if (std::exchange(in.stopped, true))
    return;
  caf::scoped_actor self{in.system};
  self->request(in.guardian_handle, 2 * limits::stop_patience, atom::stop_v)
      .receive([](bool) {}, [](const caf::error& e) { spdlog::error("stop=\"{}\"", caf::to_string(e)); });
  for (const auto& a : in.askers)
    caf::anon_send(a, atom::stop_v);
  in.askers.clear();
  in.region_handle = nullptr;
  in.guardian_handle = nullptr;
}

} // namespace ates::actors
