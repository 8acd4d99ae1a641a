#pragma once
/// Every bound of the gateway in one place (contract.md "Limits on the wire", design.md §9). Over a bound: a
/// refusal now.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ates::http {

/// Bounds of one connection and of the server as a whole.
struct wire_limits {
  std::size_t target_bytes = 8 * 1024;      ///< over: 414
  std::size_t header_line_bytes = 8 * 1024; ///< over: 431
  std::size_t header_lines = 64;            ///< over: 431
  /// From a request's first byte to its last: 408 beyond.
  std::chrono::milliseconds whole_request{10'000};
  /// How long a connection may be without a request; given up earlier when others need its place.
  std::chrono::milliseconds idle{5'000};
  /// A client that does not take an answer within this time is hung up on.
  std::chrono::milliseconds write{10'000};
  /// After a refusal: how long what the client still sends is read and thrown away, so that it sees the
  /// answer.
  std::chrono::milliseconds linger{1'000};
  std::size_t lingering_connections = 1'024;
  /// Requests worked for at once, each by a thread of its own; threads are made as they are needed. Enough
  /// for commits to be shared by many, few enough that each has its answer long before its deadline.
  std::size_t threads = 256;
  /// Whole requests that may wait for a thread; over: 503 `overloaded`, on a connection that goes on.
  std::size_t waiting_requests = 64;
  /// The same for requests about the node itself, which are answered also when nothing else is.
  std::size_t node_threads = 2;
  std::size_t node_waiting_requests = 64;
  /// After a refusal nothing more is read for so long, and while more than half of the line waits, up to so
  /// long: shorter than it takes to work off the line, so that no thread runs out of work.
  std::chrono::milliseconds pause_after_refusal{1};
  std::chrono::milliseconds pause_while_full{12};
  /// Connections, idle ones included. Over: the one that is idle for the longest time ends, and where none is
  /// idle, the new one: 503 `overloaded`.
  std::size_t connections = 2'048;
  /// Bytes of requests that may be in memory at once, in requests of more than `small_request_bytes`; over:
  /// 503 `overloaded`.
  std::size_t large_body_bytes = 128 * 1024 * 1024;
  std::size_t small_request_bytes = 16 * 1024;
};

inline constexpr std::size_t body_bytes_max = 1024 * 1024;
inline constexpr std::size_t batch_body_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t batch_items_max = 1000;
inline constexpr std::size_t json_depth_max = 32;

inline constexpr std::int32_t page_limit_default = 50;
inline constexpr std::int32_t page_limit_max = 500;

/// Bytes of data in one page of events, about: it ends earlier then.
inline constexpr std::size_t event_page_bytes_max = 4 * 1024 * 1024;
/// Types in one request for events: each is compared with every event.
inline constexpr std::size_t event_types_max = 32;

/// Bounds of event streams. How many there may be is the setting http.max_streams.
struct stream_limits {
  /// Between comments that keep a quiet stream alive on its way.
  std::chrono::milliseconds ping{15'000};
  /// How often the tail of the log is looked at, while there are streams.
  std::chrono::milliseconds look{100};
  /// How often it is asked whether a stream must end: its token, its account.
  std::chrono::milliseconds check{1'000};
  /// A reader that takes nothing of what waits for it for this long is hung up on.
  std::chrono::milliseconds stall{10'000};
  /// Bytes that wait for one reader; more: it is hung up on, and may come back with its cursor.
  std::size_t behind_bytes = 1024 * 1024;
  /// A reader that catches up gets its next page when less than this waits for it.
  std::size_t refill_bytes = 256 * 1024;
  /// Events, and bytes of their data, read at once for streams.
  std::size_t page_events = 256;
  std::size_t page_bytes = 128 * 1024;
  /// Bytes that the kernel keeps for one reader: they count as taken.
  int socket_bytes = 128 * 1024;
  /// Readers that catch up at the same time, each with a connection to the database.
  std::size_t catching_up = 2;
};

/// Headers that the edge adds: X-Forwarded-For and X-Request-Id.
inline constexpr std::size_t edge_header_lines = 2;
/// A client's address as the edge tells it: an IPv6 address with a zone, and room.
inline constexpr std::size_t address_length_max = 64;
inline constexpr std::size_t token_bytes_max = 4096;
inline constexpr std::size_t beak_bytes_max = 64 * 1024;
inline constexpr std::size_t request_id_length_max = 128;
inline constexpr std::size_t idempotency_key_length_max = 255;

/// Slow hashes computed at once: each takes 128 MiB at 2^17.
inline constexpr std::size_t slow_hashes_at_once = 2;

/// Without storage every request is answered within 2 s (contract.md §3): reads of rows wait no longer than
/// this.
inline constexpr std::chrono::milliseconds storage_read_max{1'600};

inline constexpr std::chrono::seconds access_token_lifetime{300};
/// How far the clocks of nodes may differ before a fresh token is refused as not yet valid.
inline constexpr std::chrono::seconds clock_skew_max{5};

inline constexpr std::chrono::minutes failure_window{15};
/// Logins and addresses whose failures are remembered.
inline constexpr std::size_t throttled_keys_max = 10'000;

/// Verified access tokens remembered, so that each signature is computed once.
inline constexpr std::size_t verified_tokens_max = 16'384;

inline constexpr std::chrono::seconds retry_after_default{1};

} // namespace ates::http
