#pragma once
/// The head of a request, read strictly: what any two readers could understand differently is refused. Pure.

#include "http/limits.hpp"
#include "http/message.hpp"
#include "http/problem.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

namespace ates::http {

/// A request that the guard refuses: answered, then the connection is closed.
struct refusal {
  code why = code::bad_request;
  std::string_view detail;
};

/// Finds the end of a head in bytes that arrive piece by piece, refusing what is over a bound before it is
/// whole.
class head_scanner {
public:
  explicit head_scanner(const wire_limits& limits) : limits_(limits) {}

  /// `bytes`: everything received since the request began (the same bytes again, and more). True: the head is
  /// whole and `size` bytes long, its last empty line included. False: more is needed. A refusal: it will
  /// never be good.
  std::variant<bool, refusal> scan(std::string_view bytes);
  [[nodiscard]] std::size_t size() const noexcept { return line_begin_; }

private:
  [[nodiscard]] std::optional<refusal> check_line(std::string_view line_so_far) const;

  const wire_limits& limits_;
  std::size_t line_begin_ = 0;
  std::size_t looked_at_ = 0;
  std::size_t lines_ = 0;
};

/// Takes a whole head apart. Sets everything of the request but body, remote_address and received.
std::variant<request, refusal> parse_head(std::string_view head, const wire_limits& limits);

/// What contract.md §3 refuses before a body is read: Transfer-Encoding, Content-Encoding, multipart, a body
/// on GET, HEAD or DELETE.
std::optional<refusal> check_framing(const request& in);

/// Percent-decoding of one path segment or, with `plus_is_space`, one part of a query. nullopt: malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

} // namespace ates::http
