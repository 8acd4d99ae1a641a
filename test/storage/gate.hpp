#pragma once
/// A gate before PostgreSQL: a TCP port that forwards to its unix socket and breaks connections on command.

#include <atomic>
#include <filesystem>
#include <stop_token>
#include <thread>
#include <vector>

namespace ates::test {

class gate {
public:
  /// Listens on any free port of the loopback address.
  explicit gate(std::filesystem::path server_socket);
  ~gate();
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  [[nodiscard]] int port() const { return port_; }

  /// The next thing the server says is thrown away and the connection broken: the request was executed.
  void lose_next_reply() { plan_ = plan::lose_reply; }
  /// The next thing a client says is thrown away and the connection broken: the request was not executed.
  void lose_next_request() { plan_ = plan::lose_request; }

private:
  enum class plan { pass, lose_reply, lose_request };
  struct link {
    int client = -1;
    int server = -1;
  };

  void run(const std::stop_token& stop);
  void accept_one();
  /// False: the link is over.
  bool pump(int from, int to, plan loss);

  std::filesystem::path server_socket_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<plan> plan_ = plan::pass;
  std::vector<link> links_;
  std::jthread thread_; // last: it uses the others
};

} // namespace ates::test
