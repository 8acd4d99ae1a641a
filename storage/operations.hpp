#pragma once
/// What operators do to the cluster, and the record of it. Asking changes no owner by itself: the nodes see
/// the wish in their next view and carry it out.

#include "storage/lease.hpp"
#include "storage/reports.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ates::storage {

/// Thread-safe: takes a connection from a bounded pool. Every call throws storage_error when storage is away
/// or no connection becomes free before its deadline; `refused` when the row is locked or not there any more.
/// `at` of a row that is given is ignored. Strings must be UTF-8 without U+0000.
class operations {
public:
  using deadline = std::chrono::steady_clock::time_point;
  virtual ~operations() = default;

  virtual cluster_view view(deadline by) = 0;
  /// Marks the node and records it, in one transaction. False: the incarnation is dead or unknown, and
  /// nothing was written.
  virtual bool ask_drain(incarnation node, const audit_row& why, deadline by) = 0;
  /// Marks the shard and records it, in one transaction. False: `to` is dead or unknown, or there is no such
  /// shard, and nothing was written.
  virtual bool ask_move(shard_number shard, incarnation to, const audit_row& why, deadline by) = 0;
  /// Dry runs and refusals. The same id twice is recorded once.
  virtual void record(const audit_row& what, deadline by) = 0;
  /// What was recorded under this id.
  virtual std::optional<audit_row> find(const uuid& id, deadline by) = 0;
  /// Newest first. A malformed position throws std::invalid_argument.
  virtual page<audit_row> audit(const page_request& at, deadline by) = 0;

  /// Events that wait to be settled, those parked last first. A malformed position throws
  /// std::invalid_argument.
  virtual page<parked_row> parked(const page_request& at, deadline by) = 0;
  /// Settled or not.
  virtual std::optional<parked_row> find_parked(const uuid& id, deadline by) = 0;
};

} // namespace ates::storage
