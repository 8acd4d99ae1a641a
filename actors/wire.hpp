#pragma once
/// What two nodes say to each other once they have greeted: frames, in CBOR. Every field has a name, a
/// missing one keeps its default and an unknown one is passed over, so that two versions of the program
/// understand each other (docs/decisions/008).

#include "actors/protocol.hpp"

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace ates::actors {

/// As the wire names it: a literal.
std::string_view name_of(const command& c);

} // namespace ates::actors

namespace ates::actors::wire {

/// Bytes that are no frame.
class wire_error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct request {
  std::uint64_t id = 0;     ///< of the sender's choice
  std::int64_t left_us = 0; ///< until the deadline: the clocks of two nodes have nothing in common
  envelope command;         ///< without its deadline and what shards stamp
};

struct response {
  std::uint64_t id = 0;
  actors::reply reply;
};

/// An empty frame says that its sender lives.
struct frame {
  std::vector<request> requests;
  std::vector<response> responses;
  std::vector<notice> notices;
  /// Read, never written: ids of requests that this program does not understand. Nothing of them is executed.
  std::vector<std::uint64_t> unreadable_requests;
};

std::vector<char> encode(const frame& f);
/// Throws wire_error.
frame decode(const std::vector<char>& bytes);

} // namespace ates::actors::wire
