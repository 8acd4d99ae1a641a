#pragma once
/// The events of contract.md §4 in their final form: `type`, subject and `data` of each. Schemas:
/// config/schemas/. Figures are integers in cents. An event that another shard must act on carries that shard
/// as its target.

#include "storage/journal.hpp"
#include "storage/record.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ates::storage {

// ── tasks ──

/// task.created.v2, task.estimated.v1, task.assigned.v1 (target: the assignee's shard, which charges the
/// fee), task.updated.v1 or task.completed.v1 (target: the assignee's shard, which pays the reward). `after`:
/// the task once the event is applied.
event_row task_event_row(const domain::task_event& event, const domain::task& after, instant at,
                         shard_number shards);
/// task.created.v1 for old readers (`events.legacy_v1`): the title with its jira_id in front.
event_row legacy_task_created_event_row(const domain::task_created& event, instant at);

// ── money ──

/// audit_log_record.created.v1.
event_row entry_event_row(const domain::entry_posted& entry, instant at);
/// payment_log_record.created.v1, beside the entry of a payout.
event_row payment_event_row(const domain::entry_posted& payout, instant at);
/// account.day_closed.v1.
event_row account_day_closed_event_row(const domain::account_day_closed& closed, instant at);

/// What a delivered task.assigned or task.completed means for the account; nullopt: another type.
/// Throws std::runtime_error when the data is not what task_event_row makes.
std::optional<domain::posting> posting_of(const delivery& event);

/// email.sent.v1 or email.failed.v1: the letter about a payout of `amount` has left, or was given up.
event_row letter_event_row(const letter_mark& letter, cents amount, instant at);

// ── people ──

/// That an account's refresh tokens end, but for those of one session.
struct sessions_end {
  std::optional<uuid> keep;
};
/// directory.changed.v1, internal: tells the account's own shard (the target) to record account.created or
/// .updated, and to end sessions. `by`: nullopt for the administrator made at first start.
event_row directory_changed_event_row(const employee_row& employee, const std::optional<account_id>& by,
                                      bool created, const std::optional<sessions_end>& sessions, instant at,
                                      shard_number shards);
/// Which sessions a delivered directory.changed.v1 ends; nullopt: none.
std::optional<sessions_end> sessions_end_of(const delivery& event);
/// account.created.v1 or account.updated.v1 made of a delivered directory.changed.v1; nullopt: another type.
std::optional<event_row> account_event_row(const delivery& event, instant at);
/// The account that a delivered event concerns: of task.assigned, task.completed and directory.changed.
std::optional<account_id> account_of(const delivery& event);
/// account.logged_in.v1.
event_row logged_in_event_row(const account_id& account, instant at);

// ── troubles ──

/// event.parked.v1, internal: the effect that an event has that cannot have its own. Carries its cause.
event_row parked_event_row(const parked_row& parked, instant at);

// ── supervisors ──

/// shuffle.requested.v1 and shuffle.finished.v1.
event_row shuffle_requested_event_row(const shuffle_row& run, instant at);
event_row shuffle_finished_event_row(const shuffle_row& run, instant at);

/// day.closed.v1. `by`: nullopt for the schedule. Its subject is the UUID of the day: see day_subject.
event_row day_closed_event_row(const day_figures& figures, const std::optional<account_id>& by, instant at);
/// UUIDv5 that stands for a business day in the subject column (the CloudEvent shows the day itself).
uuid day_subject(day on);

} // namespace ates::storage
