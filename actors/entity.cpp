#include "actors/entity.hpp"

#include <chrono>

namespace ates::actors {

void kept_answers::load(const std::vector<storage::kept_answer>& rows) {
  for (const auto& row : rows)
    keep(row);
}

void kept_answers::keep(const storage::kept_answer& row) {
  rows_.insert_or_assign(row.scope, row);
}

std::optional<kept_answers::found> kept_answers::look_up(const std::optional<idempotency>& key) const {
  if (!key)
    return std::nullopt;
  const auto row = rows_.find(key->scope);
  if (row == rows_.end())
    return std::nullopt;
  if (row->second.request_hash != key->request_hash)
    return found{.mismatch = true, .answer = {}};
  return found{.mismatch = false, .answer = row->second.answer};
}

storage::kept_answer make_kept(const idempotency& key, std::string answer) {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return {key.scope, key.request_hash, std::move(answer), now};
}

storage::record begin_record(const entity_home& home, const entity_ref& entity, std::uint64_t replaces,
                             domain::instant at) {
  storage::record r;
  r.shard = home.shard;
  r.epoch = home.epoch;
  r.entity = entity;
  r.replaces = replaces;
  r.at = at;
  return r;
}

} // namespace ates::actors
