#pragma once
/// One client connection: bytes in as they come, answers out. The stream that httplib sees is made of it.

#include <httplib.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace ates::http {

/// Owns nothing but its buffers: the socket is closed by whoever accepted it. Used by one thread.
class connection : public httplib::Stream {
public:
  using time_point = std::chrono::steady_clock::time_point;
  enum class got { bytes, nothing, closed };

  connection(int socket, std::chrono::milliseconds write_limit);

  /// Adds what has arrived to the buffer. Does not wait.
  got receive();
  /// Received and not consumed yet.
  [[nodiscard]] std::string_view buffered() const noexcept { return buffer_; }
  /// Takes `count` buffered bytes out.
  std::string take(std::size_t count);
  /// Sends bytes at once. False: the client is gone, or did not take them within the write limit.
  bool send(std::string_view bytes);
  /// As send(), for a few bytes, without waiting. False: the client did not take all of them now.
  bool send_now(std::string_view bytes);
  [[nodiscard]] const std::string& remote_address() const noexcept { return remote_address_; }

  /// What httplib may read next: it never sees the client's own bytes.
  void feed(std::string_view bytes) { fed_ = bytes; }
  /// Sends what write() held back. False as of send().
  bool flush();

  // httplib::Stream
  [[nodiscard]] bool is_readable() const override { return !fed_.empty(); }
  [[nodiscard]] bool is_writable() const override { return !broken_; }
  ssize_t read(char* to, std::size_t size) override;
  /// The first write of an answer (its head) is held back to leave in one packet with the second.
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  /// httplib compares it with FD_SETSIZE and does nothing else with it: we poll().
  [[nodiscard]] socket_t socket() const override { return 0; }

private:
  const int socket_;
  const std::chrono::milliseconds write_limit_;
  std::string remote_address_;
  std::string buffer_;
  std::string_view fed_;
  std::string held_;
  bool broken_ = false;
};

} // namespace ates::http
