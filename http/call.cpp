#include "http/call.hpp"

#include "http/limits.hpp"

#include <algorithm>

namespace ates::http {

std::chrono::steady_clock::time_point call::read_deadline() const {
  return std::min(deadline, in.received + storage_read_max);
}

domain::uuid call::id_arg(std::size_t n) const {
  const auto id = domain::parse_uuid(args.at(n));
  if (!id)
    throw problem(code::not_found);
  return *id;
}

std::optional<actors::employee> call::find_employee(const domain::account_id& id) const {
  if (auto known = with.facade.find_employee(id))
    return known;
  const auto row = with.reports.employee(id, read_deadline());
  return row ? std::optional{actors::employee_of(*row)} : std::nullopt;
}

actors::employee call::account_arg(std::size_t n) const {
  if (args.at(n) == "me")
    return *who;
  auto found = find_employee(domain::account_id{id_arg(n)});
  if (!found)
    throw problem(code::not_found);
  return *std::move(found);
}

keyed::keyed(const call& c) : call_(c), text_(idempotency_key_of(c.in)) {
  if (!text_)
    return;
  key_ = actors::idempotency{idempotency_scope(c.who->id, c.in.method, c.in.path, *text_),
                             request_hash(c.with.request_hash_secret, c.query, c.body)};
  hold_.emplace(c.with.running.acquire(key_->scope, c.deadline));
}

std::optional<actors::idempotency> keyed::item(std::size_t index, const json& item) const {
  if (!text_)
    return std::nullopt;
  return actors::idempotency{
      idempotency_scope(call_.who->id, call_.in.method, call_.in.path, *text_ + "#" + std::to_string(index)),
      request_hash(call_.with.request_hash_secret, call_.query, item)};
}

} // namespace ates::http
