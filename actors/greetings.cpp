#include "actors/greetings.hpp"

#include <charconv>

namespace ates::actors {

std::optional<std::string> why_not(const greeting& us, const greeting& theirs,
                                   const storage::node_row* peer) {
  if (theirs.cluster != us.cluster)
    return "it belongs to cluster '" + theirs.cluster + "', we to '" + us.cluster + "'";
  if (theirs.newest < us.oldest || theirs.oldest > us.newest)
    return "it speaks protocol versions " + std::to_string(theirs.oldest) + " to " +
           std::to_string(theirs.newest) + ", we " + std::to_string(us.oldest) + " to " +
           std::to_string(us.newest);
  if (theirs.expects != us.number)
    return "it looks for incarnation " + std::to_string(theirs.expects) + ", we are " +
           std::to_string(us.number);
  if (peer == nullptr || theirs.number != peer->number)
    return "incarnation " + std::to_string(theirs.number) + " of '" + theirs.node +
           "' is not in our map (yet)";
  if (theirs.node != peer->name || theirs.boot_nonce != domain::to_string(peer->boot_nonce))
    return "it is not the process that registered as incarnation " + std::to_string(peer->number);
  return std::nullopt;
}

std::optional<std::pair<std::string, std::uint16_t>> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0)
    return std::nullopt;
  return std::pair{std::string{host}, number};
}

} // namespace ates::actors
