#pragma once
/// cpp-httplib behind a guard (design.md §9). The guard reads each request itself, under bounds; refuses what
/// is not exactly one well-framed request, and closes; httplib only ever sees a head that the guard wrote.
///
///   accept -> worker_pool -> [ wait -> head -> body -> service ]* -> close
///                 | full       | idle   \______ refusal: problem+json, close (the rest is thrown away)
///                 +-> 503      +-> closed when others wait      service takes over: the socket is its own

#include "http/connection.hpp"
#include "http/farewell.hpp"
#include "http/head.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"
#include "http/worker_pool.hpp"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

namespace ates::http {

/// What the guard needs to know of a route before it reads a body.
struct body_rule {
  std::size_t bytes_max = body_bytes_max;
  bool required = false; ///< no Content-Length: 411
};

/// What is behind the guard. Called from many threads.
class service {
public:
  virtual ~service() = default;
  virtual body_rule rule_of(const request& head) = 0;
  /// Must not throw; must answer within a bounded time (stop() waits for it).
  virtual reply serve(const request& in) = 0;
  /// The guard refused a request with this status.
  virtual void refused(int status) = 0;
};

class guarded_server : private httplib::Server {
public:
  /// `behind_edge`: the client's address is what X-Forwarded-For says, not the socket's.
  guarded_server(service& behind, wire_limits limits = {}, bool behind_edge = false);
  /// Stops.
  ~guarded_server() override;

  /// Binds and listens; when it returns, connections are accepted. `port` 0: any free one. Throws
  /// std::runtime_error with address and port when that cannot be had.
  void start(const std::string& address, std::uint16_t port);
  /// The port really bound; 0 before start().
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// No new connections, idle ones closed, requests under way answered. Returns within the service's longest
  /// answer plus the write limit. Safe to call twice.
  void stop();

private:
  /// A connection that a thread is serving.
  struct slot {
    int socket;
    std::atomic<std::int64_t> idle_since{0}; ///< steady clock ticks; 0: busy with a request
    std::function<void()> give_away{};       ///< set: the connection goes to somebody else, with its socket
  };

  bool process_and_close_socket(socket_t socket) override;
  bool serve_request(connection& client, slot& mine);
  bool wait_for_request(connection& client, slot& mine);
  /// Refuses by the head alone what needs no look at the body.
  std::optional<refusal> check_body(const connection& client, request& in);
  std::optional<refusal> receive_body(connection& client, request& in, connection::time_point deadline);
  bool answer(connection& client, const request& in, reply out);
  void refuse(connection& client, const request& in, const refusal& why);
  void shed(socket_t socket);
  void make_room();
  void end_reading();
  bool bind(const std::string& address, std::uint16_t port);
  void listen();

  service& behind_;
  const wire_limits limits_;
  const bool behind_edge_;
  farewell farewell_;
  worker_pool* pool_ = nullptr; ///< httplib's; alive while a connection is served
  std::atomic<bool> stopping_{false};
  std::atomic<bool> listener_over_{false};
  std::atomic<std::size_t> large_bodies_{0}; ///< bytes promised to bodies beyond 1 MiB
  std::mutex slots_mutex_;
  std::unordered_set<slot*> slots_; // guarded by slots_mutex_: a socket in it is open
  std::string address_;
  std::uint16_t port_ = 0;
  int listening_ = -1;
  std::thread listener_;
};

} // namespace ates::http
