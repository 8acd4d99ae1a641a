#pragma once
/// Bytes to and from a port of this machine, exactly as written in the test.

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ates::http::test {

struct raw_answer {
  int status = 0;
  std::map<std::string, std::string> headers; ///< names in lower case
  std::string body;

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
  [[nodiscard]] std::string code() const { return json().value("code", ""); }
};

/// One connection. Throws std::runtime_error when nothing comes for 10 s.
class raw_client {
public:
  explicit raw_client(std::uint16_t port);
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// What the other side no longer takes is let go.
  void send(std::string_view bytes);
  /// The next answer; nullopt: the connection is closed. `head`: no body follows whatever Content-Length
  /// says.
  std::optional<raw_answer> receive(bool head = false);
  /// What comes up to and with `mark`; nullopt: the connection is closed.
  std::optional<std::string> receive_until(std::string_view mark);
  /// Whether the other side has closed (waits for it) without another byte.
  bool is_closed();

private:
  bool fill();
  int socket_ = -1;
  std::string buffer_;
};

/// One request on a connection of its own. The test fails when the answer is not as the OpenAPI document
/// says.
raw_answer ask(std::uint16_t port, std::string_view method, std::string_view target,
               std::string_view body = "", std::string_view extra_headers = "");

} // namespace ates::http::test
