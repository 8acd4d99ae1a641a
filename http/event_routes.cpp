#include "http/cloud_event.hpp"
#include "http/event_streams.hpp"
#include "http/limits.hpp"
#include "http/routes.hpp"

#include <utility>

namespace ates::http::routes {

namespace {

constexpr std::string_view now_word = "now";

/// Where a reader begins: before the first event, at the head of the log, or at a cursor.
storage::log_position begin_of(const call& c, const event_choice& choice,
                               const std::optional<std::string>& after) {
  if (!after)
    return storage::log_position(c.with.events.shards(), 0);
  if (*after == now_word)
    return c.with.events.head(c.read_deadline());
  return choice.open(*after, c.with.events.shards());
}

std::string to_text(const storage::log_page& page, const event_choice& choice) {
  std::string out = "{\"data\":[";
  for (const auto& event : page.events)
    out += (out.ends_with('[') ? "" : ",") + to_cloud_event(event);
  return out + "],\"next_cursor\":\"" + choice.seal(page.position) +
         "\",\"has_more\":" + (page.more ? "true" : "false") + "}";
}

/// The stream's right to go on, from its request on: the token's time, and the account as this node knows it.
event_streams::ending ending_of(const call& c) {
  const auto expires = c.with.tokens.expiry(bearer_of(c.in).value());
  return [&facade = c.with.facade, now = c.with.now, expires, id = c.who->id,
          role = c.who->role]() -> std::optional<std::string> {
    if (now() >= expires)
      return std::string(info(code::token_expired).name);
    const auto who = facade.find_employee(id);
    if (!who || !who->active)
      return std::string(info(code::account_inactive).name);
    // With another role come other rights: a new stream is asked whether it has them.
    return who->role == role ? std::nullopt : std::optional(std::string(info(code::forbidden).name));
  };
}

} // namespace

reply events(call& c) {
  const event_choice choice(c.with.cursors, c.query);
  storage::log_request what;
  const auto after = text_param(c.query, "after");
  what.events_max = static_cast<std::size_t>(limit_param(c.query));
  what.bytes_max = event_page_bytes_max;
  what.filter = choice.filter();
  what.after = begin_of(c, choice, after);
  const auto page = after == now_word ? storage::log_page{{}, what.after, false}
                                      : c.with.events.read(what, c.read_deadline());
  return {200, to_text(page, choice), "application/json", {}};
}

reply event_stream(call& c) {
  event_choice choice(c.with.cursors, c.query);
  // Whoever comes back asks for what it asked before, and says in the header how far it has come.
  const auto* last = c.in.header("last-event-id");
  auto from = last != nullptr && !last->empty() ? choice.open(*last, c.with.events.shards())
                                                : begin_of(c, choice, text_param(c.query, "after"));
  reply out{200, {}, "text/event-stream", {}};
  if (c.in.method == "HEAD")
    return out;
  auto place = c.with.streams.reserve();
  if (place == nullptr)
    throw problem(code::overloaded, "This node has as many event streams as it takes.");
  out.take_over = [&streams = c.with.streams, place = std::move(place), choice = std::move(choice),
                   from = std::move(from), ended = ending_of(c)](int socket, std::string head) {
    streams.add(socket, std::move(head), place, choice, from, ended);
  };
  return out;
}

} // namespace ates::http::routes
