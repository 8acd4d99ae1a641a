#pragma once
/// The rows of a batch that are few, as the one JSON parameter of journal_append
/// (migrations/0002_journal.sql).

#include "storage/batch.hpp"

#include <span>
#include <string>

namespace ates::storage {

/// Empty: there are none.
std::string rare_rows_json(std::span<const record* const> records, const batch& made);

} // namespace ates::storage
