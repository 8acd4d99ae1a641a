#include "storage/record.hpp"

#include <string>
#include <tuple>

namespace ates::storage {

bool goes_before(const day_figures::top_task& a, const day_figures::top_task& b) {
  return std::tuple{-a.reward.count, a.completed_at, a.id} <
         std::tuple{-b.reward.count, b.completed_at, b.id};
}

uuid parked_id(shard_number shard, const cause& from) {
  static constexpr uuid events_that_are_parked{
      {0x2f, 0x6a, 0x0c, 0x1e, 0x59, 0x0b, 0x5d, 0x42, 0x93, 0x2e, 0x4b, 0x7d, 0x8a, 0x11, 0x6f, 0x30}};
  return domain::uuid_v5(events_that_are_parked, std::to_string(shard) + "/" + std::to_string(from.source) +
                                                     "/" + std::to_string(from.target_seq));
}

std::uint64_t version_after(const record& r) {
  if (const auto* task = std::get_if<domain::task>(&r.snapshot))
    return task->version;
  if (const auto* account = std::get_if<domain::account>(&r.snapshot))
    return account->version;
  if (const auto* shard = std::get_if<shard_row>(&r.snapshot))
    return static_cast<std::uint64_t>(shard->version);
  return r.replaces;
}

} // namespace ates::storage
