#pragma once
/// The cluster as the database sees it: one statement, one row.

#include "storage/lease.hpp"

#include <pqxx/pqxx>
#include <string>

namespace ates::storage {

/// Takes no parameters. Cheap: every node asks it several times a second.
const std::string& cluster_query();
cluster_view cluster_of(const pqxx::row& row);

/// A row of: shard, owner, epoch, move_to, moved_by_hand.
shard_lease lease_of(const pqxx::row& row);

} // namespace ates::storage
