#pragma once
/// cpp-httplib behind a guard (design.md §9). The guard reads each request itself, under bounds; refuses what
/// is not exactly one well-framed request, and closes; httplib only ever sees a head that the guard wrote.
///
///   accept -> reception -> [ head -> body ] -> worker_pool -> service -> answer -> reception …
///                 |              |                | full        \___ takes over: the socket is its own
///                 | no room      refusal:         +-> 503, the connection goes on
///                 +-> 503        problem+json, close (the rest is thrown away)

#include "http/byte_budget.hpp"
#include "http/farewell.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"
#include "http/reception.hpp"
#include "http/request_reader.hpp"
#include "http/worker_pool.hpp"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

namespace ates::http {

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

class guarded_server : private httplib::Server, private reception::host {
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
  bool process_and_close_socket(socket_t socket) override;
  bool take(reception::guest& with_request) override;
  void refuse(reception::guest& who, const refusal& why) override;
  void shed(int socket) override;
  void wait_for_room() override;
  /// True: answered, the connection goes on.
  bool refuse_overloaded(reception::guest& who);
  void serve(reception::guest& who);
  /// True: the connection may go on.
  bool answer(connection& client, const request& in, reply out);
  bool bind(const std::string& address, std::uint16_t port);
  void listen();

  service& behind_;
  const wire_limits limits_;
  farewell farewell_;
  byte_budget budget_;
  const reading_rules rules_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> listener_over_{false};
  reception reception_;
  // Behind the reception: their threads end first.
  worker_pool pool_;
  worker_pool node_pool_; ///< for requests about the node itself
  std::string address_;
  std::uint16_t port_ = 0;
  int listening_ = -1;
  std::thread listener_;
};

} // namespace ates::http
