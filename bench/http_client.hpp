#pragma once
/// A light HTTP client for benchmarks: one thread, many keep-alive connections, only as much of HTTP as our
/// own nodes and the edge in front of them speak. What the client costs, the node under test does not get.

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ates::bench {

using latency = std::chrono::steady_clock::duration;

/// Of "127.0.0.1:8080". Throws std::runtime_error.
sockaddr_in parse_address(const std::string& text);

/// The status of the one answer in `bytes`; nullopt: it is not whole yet. Throws std::runtime_error when it
/// is nothing that a node says.
std::optional<int> whole_answer(std::string_view bytes);

/// A connected socket, closed at the end. Throws std::system_error.
class client_socket {
public:
  /// `address`: an IPv4 address and port, "127.0.0.1:8080".
  explicit client_socket(const std::string& address);
  ~client_socket();
  client_socket(client_socket&& other) noexcept;
  client_socket(const client_socket&) = delete;
  client_socket& operator=(const client_socket&) = delete;
  client_socket& operator=(client_socket&&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  void send(std::string_view bytes) const;
  /// Appends what is there, at least one byte; throws std::runtime_error when the peer has hung up.
  void receive(std::string& to) const;

private:
  int fd_;
};

/// The head of a request of whoever has this access token. `length`: of a body that follows.
std::string request_head(std::string_view method, std::string_view target, std::string_view token,
                         std::size_t length = 0);

/// The next request as bytes; empty: there is none any more.
using request_source = std::function<std::string()>;
/// Status of an answer, and the time from its request's first byte to its own last one.
using answer_sink = std::function<void(int status, latency took)>;

/// Keeps a request under way on each of so many connections until the source has no more and all are
/// answered. Throws std::runtime_error when the node hangs up or says something that is no HTTP.
void run_closed_loop(const std::string& address, std::size_t connections, const request_source& next,
                     const answer_sink& answered);

} // namespace ates::bench
