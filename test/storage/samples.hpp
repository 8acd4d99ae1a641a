#pragma once
/// Records as the actors make them, for shards that a test chooses.

#include "storage/journal.hpp"
#include "storage/record.hpp"

#include <cstdint>
#include <string>

namespace ates::test {

inline constexpr storage::shard_number shards_total = 8;

/// The n-th id that lives in `shard`.
domain::uuid id_in(storage::shard_number shard, int n);
domain::task_id task_in(storage::shard_number shard, int n);
domain::account_id account_in(storage::shard_number shard, int n);

/// What does not exist yet.
domain::task new_task(const domain::task_id& id);
domain::account new_account(const domain::account_id& id);

/// A fixed day, and instants of it.
domain::day sample_day();
domain::instant noon(std::int64_t plus_seconds = 0);

/// Creates `task` for `assignee`: fee 1500, reward 3000.
storage::record create_record(storage::epoch epoch, storage::shard_number shard, domain::task& task,
                              const domain::account_id& assignee,
                              const std::string& title = "Water the plants");
/// The assignee of `task` completes it.
storage::record complete_record(storage::epoch epoch, storage::shard_number shard, domain::task& task);
/// Somebody edits `task`: the title is new, the jira_id is gone.
storage::record edit_record(storage::epoch epoch, storage::shard_number shard, domain::task& task,
                            const std::string& title);
/// A run gives `task` to `assignee`.
storage::record shuffle_record(storage::epoch epoch, storage::shard_number shard, domain::task& task,
                               const domain::account_id& assignee, std::uint64_t run);
/// What a delivered event does to `account`.
storage::record posting_record(storage::epoch epoch, domain::account& account, const storage::delivery& event,
                               domain::day open_day = sample_day());
/// The same without an event of a task behind it: a reward of `amount` cents caused by (source, seq).
storage::record reward_record(storage::epoch epoch, domain::account& account, storage::shard_number source,
                              std::int64_t target_seq, std::int64_t amount = 100);
/// Closes the days of `account` before `open_day`.
storage::record close_record(storage::epoch epoch, domain::account& account, domain::day open_day);
storage::employee_row sample_employee(const domain::account_id& id, std::int64_t number,
                                      const std::string& login);

} // namespace ates::test
