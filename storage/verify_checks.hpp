#pragma once
/// The checks of verify(), as SQL. One that would have to take millions of JSON texts apart compares
/// fingerprints first.

#include <span>

namespace ates::storage {

/// `differences` yields rows (what, id, expected, found), all text. Types in the log carry their version.
struct verify_check {
  const char* name;
  /// Yields account ids whose fingerprints differ; null: look at everything. With it, `differences` has the
  /// parameter $1, those accounts (uuid[]), and runs only if there are any. A fingerprint is the number of an
  /// account's rows and the xor of their 64-bit hashes: rows that differ somewhere give another one, with all
  /// but certainty.
  const char* suspects = nullptr;
  const char* differences = nullptr;
};

/// The log itself: numbering, lines between shards, epochs, causes, events that may come only once.
std::span<const verify_check> log_checks();
/// Transfers, accounts, daily figures, payouts, and the events that tell of them.
std::span<const verify_check> money_checks();
/// Tasks against their events, shuffles, assignees.
std::span<const verify_check> task_checks();

/// Events for a shard that have had no effect there: (shard-seq, target_seq, cursor, seconds before the
/// newest event, status if it was parked).
extern const char* const events_without_effect;
/// One row: accounts, tasks, transfers, days.
extern const char* const checked_counts;

} // namespace ates::storage
