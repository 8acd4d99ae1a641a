#pragma once
/// Who may talk to whom: the checks before two nodes become peers (design.md §10). Pure.

#include "actors/protocol.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ates::actors {

/// Why `theirs` is no greeting of the node in row `peer` to us; nullopt: it is. A sentence for the logs of
/// both sides. `peer`: as the database has it; null: it has no such living node.
std::optional<std::string> why_not(const greeting& us, const greeting& theirs, const storage::node_row* peer);

/// "host:port" or "[IPv6 address]:port"; nullopt: neither.
std::optional<std::pair<std::string, std::uint16_t>> parse_address(std::string_view text);

} // namespace ates::actors
