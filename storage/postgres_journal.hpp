#pragma once
/// The journal on PostgreSQL: one batch is one call of journal_append (migrations/0002_journal.sql), so one
/// round trip and one transaction.

#include "storage/array_text.hpp"
#include "storage/batch.hpp"
#include "storage/connection.hpp"
#include "storage/journal.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ates::storage {

class postgres_journal final : public journal {
public:
  /// `writer` tells the journals of one incarnation apart. Connects when it is first needed, and again after
  /// a loss.
  postgres_journal(std::string url, incarnation owner, std::int16_t writer, const time_limits& limits = {},
                   bool allow_unsafe_server = false);
  ~postgres_journal() override;

  commit_outcome commit(std::span<const record* const> records,
                        std::span<const std::pair<shard_number, epoch>> fence_only,
                        std::vector<delivery>& out) override;
  std::optional<settlement> settle(std::span<const shard_number> shards) override;
  void attach(shard_number shard, shard_counters counters) override;
  void detach(shard_number shard) override;
  [[nodiscard]] std::int64_t cursor(shard_number shard, shard_number source) const override;

private:
  class statement;
  /// A batch that was sent and not answered.
  struct doubt {
    batch made;
    std::int64_t number = 0;
    int backend_pid = 0;
    std::string backend_start;
  };

  void connect();
  commit_outcome send(std::span<const record* const> records, batch& made);
  std::map<shard_number, epoch> take_over(std::span<const shard_number> shards);
  bool is_written(std::int64_t number);
  void end_wedged_backend();

  std::string url_;
  incarnation owner_;
  std::int16_t writer_;
  session_options options_;
  std::optional<connection> connection_;
  std::unique_ptr<statement> statement_;
  positions positions_;
  std::int64_t last_number_ = -1; ///< of a batch; -1: not read yet
  std::optional<doubt> doubt_;
};

} // namespace ates::storage
