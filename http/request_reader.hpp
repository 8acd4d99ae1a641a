#pragma once
/// Makes requests of the bytes of one connection, as they come. Never waits.

#include "http/byte_budget.hpp"
#include "http/connection.hpp"
#include "http/head.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"

#include <cstddef>
#include <functional>
#include <optional>

namespace ates::http {

/// What the guard needs to know of a route before it reads a body.
struct body_rule {
  std::size_t bytes_max = body_bytes_max;
  bool required = false; ///< no Content-Length: 411
  /// Tells of the node itself and costs little: answered also when nothing else is.
  bool always_served = false;
};

/// What is the same for all readers of a server.
struct reading_rules {
  const wire_limits& limits;
  std::function<body_rule(const request& head)> rule_of;
  byte_budget& budget;
  bool behind_edge; ///< the client's address is what X-Forwarded-For says
};

class request_reader {
public:
  enum class step { more, whole, refused };

  /// `rules` must outlive it.
  explicit request_reader(const reading_rules& rules);

  /// Looks at what is buffered and takes from it what belongs to the request. `whole`: in() is the request;
  /// what is behind it stays buffered. `refused`: why() tells, and the connection is of no more use.
  step look(connection& client);
  [[nodiscard]] const request& in() const noexcept { return in_; }
  [[nodiscard]] refusal why() const noexcept { return why_; }
  [[nodiscard]] refusal why_late() const noexcept;
  [[nodiscard]] bool always_served() const noexcept { return always_served_; }
  /// Forgets the request: the next one.
  void reset();

private:
  step refuse(refusal why);
  /// Takes the head, if it is whole, and refuses what needs no look at the body.
  step look_at_head(connection& client);
  std::optional<refusal> check_body(const connection& client);

  const reading_rules& rules_;
  std::optional<head_scanner> scanner_;
  bool has_head_ = false;
  bool always_served_ = false;
  request in_;
  refusal why_;
  byte_budget::share held_;
};

} // namespace ates::http
