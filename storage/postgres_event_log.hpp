#pragma once
/// The log as PostgreSQL has it, in pages that cost the same wherever in the log they are.

#include "storage/event_log.hpp"
#include "storage/log_merge.hpp"
#include "storage/read_pool.hpp"

#include <string>
#include <vector>

namespace ates::storage {

class postgres_event_log final : public event_log {
public:
  /// Connects on demand. `shards`: of the database (setting exchange.shards).
  postgres_event_log(std::string url, shard_number shards, bool allow_unsafe_server = false);

  [[nodiscard]] std::size_t shards() const noexcept override { return shards_; }
  log_position head(deadline by) override;
  log_page read(const log_request& what, deadline by) override;

private:
  std::vector<log_run> runs(const std::vector<log_merge::want>& wants, const log_request& what,
                            std::size_t rows_per_shard, deadline by);

  const std::size_t shards_;
  read_pool pool_;
};

} // namespace ates::storage
