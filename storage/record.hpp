#pragma once
/// What one decision of one entity writes: the unit that the journal commits whole or not at all (design.md
/// §5).

#include "domain/account.hpp"
#include "domain/ids.hpp"
#include "domain/role.hpp"
#include "domain/task.hpp"
#include "domain/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ates::storage {

using domain::account_id;
using domain::cents;
using domain::day;
using domain::instant;
using domain::shard_number;
using domain::uuid;

/// Number of a node's life (design.md §6): a dead incarnation never comes back.
using incarnation = std::int64_t;
/// Fencing number of a lease: rises with every change of its owner.
using epoch = std::int64_t;

/// The kinds of things that have a snapshot.
enum class entity_kind : std::uint8_t {
  task = 1,
  account = 2,
  directory = 3,
  shuffles = 4,
  payouts = 5,
  shard = 6
};

struct entity_ref {
  entity_kind kind = entity_kind::task;
  uuid id; ///< of a supervisor and of the shard itself: nil
  friend auto operator<=>(const entity_ref&, const entity_ref&) = default;
};

/// A fact for the log. `seq` and `target_seq` are given by the journal, in commit order, without gaps
/// (design.md §7).
struct event_row {
  std::string type;                   ///< e.g. "task.completed.v1"
  uuid subject;                       ///< also the partition key
  instant at{};                       ///< business time
  std::string data;                   ///< JSON object, contract.md §4
  std::optional<shard_number> target; ///< the shard that must act on it, if any
};

/// The event of another shard that a record is the effect of. (source, target_seq) names it in the target's
/// inbox.
struct cause {
  shard_number source = 0;
  std::int64_t target_seq = 0;
  friend auto operator<=>(const cause&, const cause&) = default;
};

/// What one record adds to its shard's figures of one business day.
struct day_delta {
  day on{};
  cents fees;
  cents rewards;
  cents paid_out;
  std::int64_t completed = 0; ///< tasks whose reward entry was posted (B10)
  std::int64_t paid = 0;      ///< accounts paid out
};

/// A kept answer to a request with an Idempotency-Key (contract.md §3).
struct kept_answer {
  uuid scope;               ///< UUIDv5 of account, method, path, key
  std::string request_hash; ///< SHA-256 of query and body, hex
  std::string answer;       ///< JSON that the entity understands
  instant at{};             ///< real time, for retention (7 days)
};

/// An employee as the directory keeps it.
struct employee_row {
  account_id id;
  std::int64_t number = 0; ///< order of creation, from 1
  std::string login;
  std::string email;
  std::string name;
  domain::role role = domain::role::worker;
  bool active = true;
  std::string password_hash; ///< "scrypt$…", empty: none
  std::string beak_hash;     ///< empty: none
  instant created_at{};
  std::int64_t version = 0; ///< of this employee
  std::int64_t changed = 0; ///< version of the directory that wrote this row: each is given once, rising by 1
  /// The directory wants to take it out of the draws, and looks whether it may (contract.md B16
  /// last_assignee): drawn no more, else as before.
  bool leaving = false;
  friend bool operator==(const employee_row&, const employee_row&) = default;
};

enum class shuffle_status : std::uint8_t { queued = 1, running = 2, done = 3, failed = 4 };

/// One press of "assign tasks". Runs are numbered from 1 and execute in that order.
struct shuffle_row {
  std::int64_t run = 0;
  domain::shuffle_id id;
  shuffle_status status = shuffle_status::queued;
  account_id requested_by;
  instant requested_at{};
  std::optional<instant> started_at;
  std::optional<instant> finished_at;
  std::optional<std::int64_t> open_tasks;
  std::optional<std::int64_t> reassigned;
  std::uint64_t seed = 0;
  friend bool operator==(const shuffle_row&, const shuffle_row&) = default;
};

/// A run's roster, written once when the run starts: assignable accounts, ascending.
struct roster_row {
  std::int64_t run = 0;
  std::vector<account_id> accounts;
};

enum class payout_status : std::uint8_t { running = 1, done = 2 };

/// The payouts of one business day.
struct payout_row {
  day on{};
  payout_status status = payout_status::running;
  std::optional<account_id> requested_by; ///< none: the schedule
  instant started_at{};
  std::optional<instant> finished_at;
  std::int64_t accounts_paid = 0;
  cents total_paid;
  friend bool operator==(const payout_row&, const payout_row&) = default;
};

/// What a shard knows of itself.
struct shard_row {
  day open_day{};             ///< entries carry this day (B10); never falls
  std::int64_t run_begun = 0; ///< the last shuffle run it began
  instant run_started_at{};   ///< of that run: business time never falls before it
  std::int64_t run_done = 0;  ///< the last run it is through with, postings included
  std::int64_t run_open = 0;  ///< open tasks it counted at the start of `run_begun`
  day paid_through{};         ///< the last day whose payouts are all made here
  std::int64_t version = 0;
  friend bool operator==(const shard_row&, const shard_row&) = default;
};

/// A family of refresh tokens: one sign-in and everything refreshed from it (contract.md "Tokens").
struct session_row {
  account_id account;
  uuid family;
  std::string state; ///< JSON; empty: the family ends
  instant expires_at{};
};

/// A letter that a payout makes due, to the address the account has at that moment (B9).
struct mail_row {
  account_id account;
  day on{};
  cents amount;
};

enum class letter_status : std::uint8_t { queued = 1, sent = 2, failed = 3 };

/// What became of one try to send a queued letter.
struct letter_mark {
  account_id account;
  day on{};
  letter_status status = letter_status::queued; ///< queued: it is to be tried again
  std::int64_t attempts = 0;                    ///< tries up to now, this one included
  std::chrono::milliseconds again_in{0};        ///< of a queued one: not before, by the database's clock
  std::string message_id;
};

// ── troubles ──

/// An entity that refuses everything until an operator releases it.
struct quarantine_row {
  entity_ref entity;
  std::string reason;
};

enum class parked_status : std::uint8_t { parked = 1, replayed = 2, dropped = 3 };

/// An event of another shard that its account could not take, or nobody could read (design.md §7).
struct parked_row {
  uuid id; ///< parked_id of the shard and the cause
  shard_number shard = 0;
  cause from;
  std::optional<account_id> account; ///< none: the event cannot be read
  std::string type;
  uuid subject;
  instant at{}; ///< of the event
  std::string data;
  std::string reason;
  instant parked_at{}; ///< real time, by the database's clock when it was stored
  parked_status status = parked_status::parked;
};

/// Names an event in the inbox of `shard`: the same whoever parks it, and however often.
uuid parked_id(shard_number shard, const cause& from);

/// What becomes of a parked event.
struct parked_mark {
  uuid id;
  parked_status status = parked_status::replayed;
};

/// One thing an operator did, tried or looked at with `dry_run`. Never changed, never removed.
struct audit_row {
  uuid id;
  instant at{}; ///< real time, by the database's clock when it was stored
  account_id by;
  std::string action; ///< "drain", "move", …
  std::string target; ///< what it was done to, e.g. "node2", "shard 17"
  std::string reason;
  bool dry_run = false;
  std::string result; ///< JSON
};

/// The figures of a closed day, as GET /analytics/days shows them.
struct day_figures {
  struct top_task {
    domain::task_id id;
    std::string title, jira_id;
    cents reward;
    instant completed_at{};
    account_id completed_by;
  };
  day on{};
  cents earnings;
  std::optional<top_task> top;
  std::int64_t tasks_completed = 0;
  std::int64_t tasks_in_profit = 0;
  std::int64_t tasks_in_deficit = 0;
  std::int64_t accounts_in_profit = 0; ///< right before their payout
  std::int64_t accounts_in_debt = 0;
  cents total_paid;
};

/// B11: the higher reward; ties: the earlier completed_at, then the lower id.
bool goes_before(const day_figures::top_task& a, const day_figures::top_task& b);

/// The new snapshot of the entity, if it changed.
using snapshot = std::variant<std::monostate, domain::task, domain::account, shard_row>;

struct record {
  shard_number shard = 0;
  storage::epoch epoch = 0; ///< under which it was decided; the journal drops older ones
  entity_ref entity;
  std::uint64_t replaces = 0; ///< version of the snapshot it replaces; 0: there was none
  storage::snapshot snapshot;
  bool new_words = false;        ///< the snapshot is a task whose title, jira_id or description was edited
  std::vector<event_row> events; ///< the last one carries `cause`
  std::vector<domain::entry_posted> transfers;
  instant at{}; ///< business time of the transfers
  std::optional<storage::cause> cause;
  std::vector<day_delta> days;
  std::optional<storage::kept_answer> kept;
  // Rare rows, keyed by what they say; upserted.
  std::vector<employee_row> employees;
  std::vector<shuffle_row> shuffles;
  std::optional<roster_row> roster;
  std::vector<payout_row> payouts;
  std::vector<session_row> sessions;
  std::vector<mail_row> mails;
  std::vector<letter_mark> letters;
  std::vector<quarantine_row> quarantined;
  std::vector<entity_ref> released; ///< from quarantine
  std::vector<parked_row> parked;
  std::vector<parked_mark> unparked; ///< refused unless each is parked
  std::optional<audit_row> audit;    ///< what an operator did: recorded with its effect
};

/// Version of the entity once `r` is durable.
std::uint64_t version_after(const record& r);

} // namespace ates::storage
