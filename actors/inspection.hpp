#pragma once
/// Snapshots as an operator reads them: JSON in the words of contract.md.

#include "actors/facade.hpp"
#include "domain/account.hpp"
#include "domain/task.hpp"
#include "storage/record.hpp"

#include <string>

namespace ates::actors {

/// "null": it does not exist.
std::string shown(const domain::task& t);
/// An account without an entry has a balance too: 0.
std::string shown(const domain::account& a);
/// A stored snapshot of `of`; "null": there is none. A supervisor has none.
std::string shown(const storage::entity_ref& of, const storage::snapshot& s);

/// By what a list in this order is sorted, the highest first.
std::int64_t rank_of(const actor_row& row, actor_order order);

} // namespace ates::actors
