#pragma once
/// One page of events out of the runs of all shards: merged by time as far as the runs tell, each shard in
/// its own order. No I/O.

#include "storage/event_log.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ates::storage {

/// What was read of one shard, behind the page's position: seqs rise by one.
struct log_run {
  struct row {
    std::int64_t seq = 0;
    instant at{};
    std::optional<logged_event> event; ///< nullopt: the reader does not want it
  };
  std::vector<row> rows;
  bool cut = false; ///< there may be more behind it
};

class log_merge {
public:
  explicit log_merge(const log_request& what) : what_(what), scanned_(what.after) {}

  /// Where the runs of the next round begin.
  [[nodiscard]] const log_position& scanned() const noexcept { return scanned_; }
  /// Takes one run per shard, which begin behind scanned(). True: the page is complete.
  bool add(std::vector<log_run> runs);
  /// The page: complete, or what there is so far.
  log_page take() &&;

private:
  bool take_row(std::size_t shard, log_run::row& row);

  const log_request& what_;
  log_position scanned_;
  log_page page_;
  std::optional<log_position>
      full_at_; ///< set: the page is full, a further match only tells that there is one
  std::size_t bytes_ = 0;
  bool ended_ = false; ///< nothing is left in the log
};

} // namespace ates::storage
