#include "storage/record.hpp"

namespace ates::storage {

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
