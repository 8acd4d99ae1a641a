#include "http/request_reader.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace ates::http {

request_reader::request_reader(const reading_rules& rules) : rules_(rules), held_(rules.budget) {
  reset();
}

void request_reader::reset() {
  scanner_.emplace(rules_.limits);
  has_head_ = false;
  always_served_ = false;
  request gone;
  std::swap(gone, in_); // assigning would keep the memory of a large body for as long as the connection lives
  held_.release();
}

refusal request_reader::why_late() const noexcept {
  return {code::request_timeout,
          has_head_ ? "The body was not whole in time." : "The header was not whole in time."};
}

request_reader::step request_reader::refuse(refusal why) {
  why_ = why;
  return step::refused;
}

request_reader::step request_reader::look(connection& client) {
  if (!has_head_)
    if (const auto head = look_at_head(client); head != step::whole)
      return head;
  const auto length = in_.content_length.value_or(0);
  if (client.buffered().size() < length)
    return step::more;
  // The bytes behind the body stay in the buffer: the next request.
  in_.body = client.take(length);
  in_.remote_address = client.remote_address();
  if (const auto* forwarded = in_.header("x-forwarded-for"); rules_.behind_edge && forwarded != nullptr)
    in_.remote_address = forwarded->substr(0, address_length_max);
  in_.received = std::chrono::steady_clock::now();
  return step::whole;
}

request_reader::step request_reader::look_at_head(connection& client) {
  const auto found = scanner_->scan(client.buffered());
  if (const auto* refused = std::get_if<refusal>(&found))
    return refuse(*refused);
  if (!std::get<bool>(found))
    return held_.grow_to(client.buffered().size())
               ? step::more
               : refuse({code::overloaded, "Too many large requests at once."});
  auto parsed = parse_head(client.take(scanner_->size()), rules_.limits);
  if (const auto* refused = std::get_if<refusal>(&parsed))
    return refuse(*refused);
  in_ = std::get<request>(std::move(parsed));
  if (const auto refused = check_body(client))
    return refuse(*refused);
  has_head_ = true;
  const auto length = in_.content_length.value_or(0);
  if (!held_.grow_to(length))
    return refuse({code::overloaded, "Too many large requests at once."});
  if (in_.header("expect") != nullptr && client.buffered().size() < length)
    client.send_now("HTTP/1.1 100 Continue\r\n\r\n");
  return step::whole;
}

std::optional<refusal> request_reader::check_body(const connection& client) {
  if (auto refused = check_framing(in_))
    return refused;
  const auto rule = rules_.rule_of(in_);
  always_served_ = rule.always_served;
  if (in_.content_length.value_or(0) > rule.bytes_max)
    return refusal{code::too_large, "The body is larger than this operation takes."};
  const bool bodiless =
      in_.method == "GET" || in_.method == "HEAD" || in_.method == "DELETE" || in_.method == "OPTIONS";
  if (in_.content_length || bodiless)
    return std::nullopt;
  if (rule.required || in_.header("content-type") != nullptr || !client.buffered().empty())
    return refusal{code::length_required, "A body needs a Content-Length."};
  // What may still come could be a body: it must never be read as a request.
  in_.keep_alive = false;
  return std::nullopt;
}

} // namespace ates::http
