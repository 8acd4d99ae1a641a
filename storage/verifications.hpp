#pragma once
/// Verifications that somebody has asked a node for (contract.md §3, /ops/verify). Each is a row that any
/// node can read; the node that was asked runs it, and if that node dies, the next one that is asked about
/// it.

#include "storage/operations.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace ates::storage {

struct verification_run {
  uuid id;
  account_id by;
  instant requested_at{};             ///< the database's clock
  std::optional<instant> finished_at; ///< none: it runs, or waits for its turn
  std::string progress;               ///< what it looks at ("task states"); empty: nothing
  std::string result;                 ///< JSON (render_json of verify.hpp); empty: not finished
};

/// Thread-safe. Every call throws storage_error when storage is away.
class verifications {
public:
  using deadline = std::chrono::steady_clock::time_point;
  /// Makes the record of the operation that asked for the verification of this id.
  using recorder = std::function<audit_row(const uuid&)>;
  virtual ~verifications() = default;

  /// Begins one under `id` and records it, in one transaction; does nothing if there is one of this id. A
  /// node runs one at a time and keeps one waiting: whoever asks meanwhile joins the one that waits.
  /// Returns the id of a verification that looks at the books of this moment or a later one. Throws `away`
  /// also on a node that is about to stop.
  virtual uuid start(const uuid& id, const recorder& record, deadline by) = 0;
  /// One whose node is dead is begun anew here. Only the newest are kept.
  virtual std::optional<verification_run> find(const uuid& id, deadline by) = 0;
};

} // namespace ates::storage
