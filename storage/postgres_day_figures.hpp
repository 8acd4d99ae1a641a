#pragma once
/// What a closed day came to, added up from the ledger: the figures of day.closed (contract.md B10, B11, §3).

#include "storage/journal.hpp"

#include <pqxx/pqxx>

namespace ates::storage {

/// Of all shards, in the snapshot of `tx`. Reads every task completed on that day: millions may take minutes.
day_figures read_day_figures(pqxx::transaction_base& tx, day on);

} // namespace ates::storage
