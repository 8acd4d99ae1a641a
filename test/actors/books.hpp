#pragma once
/// The invariants of design.md §12 over the tables in memory.

#include "storage/memory_journal.hpp"

#include <string>
#include <vector>

namespace ates::test {

/// A sentence for each rule that does not hold; empty: the books are right. `nothing_in_transit`: every event
/// for another shard must have had its effect.
std::vector<std::string> differences(const storage::memory_state::tables& t, bool nothing_in_transit = true);

/// How often an event of this type stands in the log.
std::int64_t count_events(const storage::memory_state::tables& t, const std::string& type);
/// Entries of this kind.
std::int64_t count_entries(const storage::memory_state::tables& t, domain::entry_kind kind);

} // namespace ates::test
