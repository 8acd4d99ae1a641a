#pragma once
/// One page of events out of the runs of all shards: merged by time as far as the runs tell, each shard in
/// its own order. No I/O.

#include "storage/event_log.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ates::storage {

/// What was read of one shard: seqs rise by one.
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
  /// `what` must outlive it.
  explicit log_merge(const log_request& what);

  /// A shard of which more must be read, and behind which seq.
  struct want {
    std::size_t shard = 0;
    std::int64_t after = 0;
  };
  /// At first all shards, then those whose run has come to an end before the others.
  [[nodiscard]] std::vector<want> wants() const;
  /// Takes one run for each of wants(), in that order. True: the page is complete.
  bool add(std::vector<log_run> runs);
  /// The page: complete, or what there is so far.
  log_page take() &&;

private:
  bool take_row(std::size_t shard, log_run::row& row);

  /// What is left of a shard's run.
  struct rest {
    log_run run;
    std::size_t next = 0;
    std::int64_t read_to = 0;
    [[nodiscard]] bool is_used_up() const { return next == run.rows.size(); }
  };

  const log_request& what_;
  std::vector<rest> rests_; ///< by shard
  log_position scanned_;
  log_page page_;
  std::optional<log_position>
      full_at_; ///< set: the page is full, a further match only tells that there is one
  std::size_t bytes_ = 0;
  bool ended_ = false; ///< nothing is left in the log
};

} // namespace ates::storage
