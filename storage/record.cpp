#include "storage/record.hpp"

#include <tuple>

namespace ates::storage {

bool goes_before(const day_figures::top_task& a, const day_figures::top_task& b) {
  return std::tuple{-a.reward.count, a.completed_at, a.id} <
         std::tuple{-b.reward.count, b.completed_at, b.id};
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
