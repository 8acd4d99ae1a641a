#include "actors/entity.hpp"

#include "config/limits.hpp"

#include <algorithm>
#include <chrono>

namespace ates::actors {

domain::instant real_now() {
  return std::chrono::time_point_cast<domain::instant::duration>(std::chrono::system_clock::now());
}

void kept_answers::load(const std::vector<storage::kept_answer>& rows) {
  for (const auto& row : rows)
    keep(row);
}

void kept_answers::keep(const storage::kept_answer& row) {
  rows_.insert_or_assign(row.scope, row);
  if (rows_.size() < sweep_at_)
    return;
  const auto before = real_now() - config::limits::kept_answers_life;
  std::erase_if(rows_, [&](const auto& one) { return one.second.at < before; });
  sweep_at_ = std::max(sweep_at_, 2 * rows_.size());
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
  return {key.scope, key.request_hash, std::move(answer), real_now()};
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
