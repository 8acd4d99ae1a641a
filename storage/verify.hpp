#pragma once
/// Proof that the books are right (design.md §8): recomputes every balance, task and daily figure from
/// transfers and events in one snapshot of the database, and names each difference.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace ates::storage {

/// Something that is not as the transfers and events say.
struct difference {
  std::string what; ///< e.g. "balance of an account"
  std::string
      id; ///< of the account, task, transfer; "<shard>-<seq>" of an event; "shard 7", "day 2026-11-21"
  std::string expected; ///< recomputed
  std::string found;    ///< stored
  friend bool operator==(const difference&, const difference&) = default;
};

struct verification {
  /// Differences of one check that are kept; all are counted.
  static constexpr std::size_t kept_per_check = 100;

  struct counts {
    std::int64_t accounts = 0, tasks = 0, transfers = 0, days = 0;
  };
  counts checked;
  std::int64_t in_transit =
      0; ///< events whose effect is still to come: between a cursor and the head of its line, or parked
  std::vector<difference> differences;
  std::int64_t difference_count = 0; ///< also those that were not kept

  [[nodiscard]] bool clean() const { return difference_count == 0; }
};

/// Called before each check with what it looks at ("task states"), e.g. to show that something happens.
using verify_progress = std::function<void(std::string_view)>;

/// Verifies the database at `url` in one repeatable-read snapshot, beside whatever is running. Reads
/// everything: about a minute for a million tasks with five million transfers on two cores. An event in
/// transit is no difference, unless it is more than 60 s older than the newest one. Throws storage_error:
/// `away` also within 6 s of `stop`; the server then gives the query up by itself. What `progress` throws
/// ends it too.
verification verify(const std::string& url, const verify_progress& progress = {},
                    const std::stop_token& stop = {});

/// For people: a sentence when all is well, else a line per difference.
std::string render(const verification& v);
/// One JSON object as contract.md §3 has it (GET /ops/verifications/{id}), and `difference_count`.
std::string render_json(const verification& v);

} // namespace ates::storage
