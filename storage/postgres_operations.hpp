#pragma once
/// What operators do, on PostgreSQL: each call is one statement, so one transaction.

#include "storage/operations.hpp"
#include "storage/read_pool.hpp"

#include <string>

namespace ates::storage {

class postgres_operations final : public operations {
public:
  /// Connects on demand, with two connections at most: operators are few.
  explicit postgres_operations(std::string url, bool allow_unsafe_server = false);

  cluster_view view(deadline by) override;
  bool ask_drain(incarnation node, const audit_row& why, deadline by) override;
  bool ask_move(shard_number shard, incarnation to, const audit_row& why, deadline by) override;
  void record(const audit_row& what, deadline by) override;
  std::optional<audit_row> find(const uuid& id, deadline by) override;
  page<audit_row> audit(const page_request& at, deadline by) override;
  page<parked_row> parked(const page_request& at, deadline by) override;
  std::optional<parked_row> find_parked(const uuid& id, deadline by) override;

private:
  read_pool pool_;
};

} // namespace ates::storage
