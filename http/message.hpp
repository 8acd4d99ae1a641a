#pragma once
/// One request as it came over the wire, and one answer: plain values, nothing decoded that nobody asked to
/// decode.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ates::http {

/// A request whose head kept every rule of the guard. Header values are hostile bytes: no controls but TAB,
/// nothing else is promised, and nothing in them is ever decoded.
struct request {
  std::string method;
  std::string path;                                         ///< raw, begins with '/'
  std::string query;                                        ///< raw, behind the '?'
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case, in order
  std::optional<std::size_t> content_length;
  bool keep_alive = true;
  std::string body;
  std::string remote_address;
  std::chrono::steady_clock::time_point received{}; ///< when it was whole

  /// The first header of that (lower-case) name; nullptr: none.
  [[nodiscard]] const std::string* header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers)
      if (key == name)
        return &value;
    return nullptr;
  }
};

struct reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Set: an answer without an end. Instead of being answered, the connection is given away: to whom the
  /// socket belongs from then on, and who sends `head` before anything else. Must not block or throw.
  std::function<void(int socket, std::string head)> take_over{};
};

/// X-Request-Id of the request if it keeps the rule (1..128 of A-Za-z0-9._-), else a new one.
std::string request_id_of(const request& in);

} // namespace ates::http
