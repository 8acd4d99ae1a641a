#pragma once
/// What the gateway may ask of the actor system: plain structs in, plain structs out, no CAF. Calls block the
/// calling thread, never longer than the request's deadline. Thread-safe.

#include "domain/calendar.hpp"
#include "domain/ids.hpp"
#include "domain/role.hpp"
#include "domain/task.hpp"
#include "domain/time.hpp"
#include "storage/record.hpp"
#include "storage/reports.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ates::actors {

/// Business outcomes and refusals, named as contract.md §3 names its codes. The gateway has the one table to
/// HTTP.
enum class outcome : std::uint8_t {
  ok,    ///< done now
  known, ///< nothing new: it was so already (task completed before, external_ref known, day closed before)
  not_found,
  no_assignable_account,
  login_taken,
  last_admin,
  last_assignee,
  wrong_secret, ///< the secret that a change rests on is not the stored one any more
  not_assignee,
  already_done,
  idempotency_mismatch,
  unauthenticated, ///< refresh token unknown or over
  token_reused,
  account_inactive,
  unavailable,     ///< nothing was executed
  overloaded,      ///< nothing was executed
  quarantined,     ///< nothing was executed
  outcome_unknown, ///< may have been executed
  internal,
  moved ///< nothing was executed here: asked again where the shard lives now. Never leaves actors/
};

template <class T> struct answer {
  outcome what = outcome::internal;
  T value{};             ///< meaningful for ok and known
  bool replayed = false; ///< a kept answer to an earlier request with the same Idempotency-Key
};

/// An Idempotency-Key in its scope (contract.md §3, design.md §7), made by the gateway.
struct idempotency {
  domain::uuid scope;       ///< UUIDv5 of account, method, path, key (or external_ref)
  std::string request_hash; ///< SHA-256 of query and body (of a batch: of the item), hex
};

/// Who asks, and until when an answer is of use.
struct caller {
  domain::account_id account;
  std::chrono::steady_clock::time_point deadline;
  std::string request_id;
};

/// An employee as every node knows them: from the directory, by version.
struct employee {
  domain::account_id id;
  std::string name, login, email;
  domain::role role = domain::role::worker;
  bool active = true;
  domain::instant created_at{};
};

/// Without the secrets.
inline employee employee_of(const storage::employee_row& row) {
  return {row.id, row.name, row.login, row.email, row.role, row.active, row.created_at};
}

struct new_employee {
  std::string name, login, email;
  domain::role role = domain::role::worker;
  std::string password_hash; ///< slow salted hash, empty: none. Hashing is the gateway's.
  std::string beak_hash;
};

/// What is to be changed of an employee; nullopt: stays as it is.
struct employee_change {
  std::optional<std::string> name, login, email;
  std::optional<domain::role> role;
  std::optional<bool> active;
  std::optional<std::string> password_hash, beak_hash; ///< slow salted hashes
  /// The stored hash that the caller's current secret was checked against; empty: none was needed. Refused
  /// with wrong_secret when neither hash is this one any more.
  std::string checked_against;
  /// The session that goes on when a secret is changed; the account's others end. nullopt: all end.
  std::optional<domain::uuid> keep_session;
};

struct new_task {
  std::string title;        ///< parsed (domain::parse_task_name), no brackets
  std::string jira_id;      ///< empty: none
  std::string description;  ///< empty: none
  std::string external_ref; ///< empty: none
  std::optional<actors::idempotency> key;
};

/// What is not given stays; parsed and checked as in new_task.
struct task_edit {
  std::optional<std::string> title;
  std::optional<std::string> jira_id;     ///< empty: none from now on
  std::optional<std::string> description; ///< empty: none from now on
};

/// Secret hashes of one sign-in.
struct credentials {
  domain::account_id id;
  bool active = false;
  std::string password_hash, beak_hash;
};

struct payout_summary {
  storage::payout_row run;
};

// ── looking inside ──

/// A shard as the node that owns it sees it.
struct shard_status {
  domain::shard_number shard = 0;
  storage::epoch epoch = 0;
  bool serving = false;
  bool stopping = false;         ///< to be handed over
  std::uint32_t active = 0;      ///< tasks and accounts in memory
  std::uint32_t supervisors = 0; ///< and these
  std::uint32_t held = 0;        ///< commands that wait for an entity to be loaded, or for the shard
  std::uint32_t inflight = 0;    ///< deliveries handed on and not yet durable
  std::int64_t last_seq = 0;     ///< of its log
  std::uint64_t queue_depth = 0; ///< commands and deliveries that no entity has handled yet
  std::uint64_t gate_depth = 0;  ///< changes that are decided and not durable yet
  std::uint64_t lag = 0;         ///< events of other shards for this one whose effect is not durable yet
};

enum class actor_state : std::uint8_t {
  active = 1,
  quarantined = 2, ///< refuses everything: it crashed too often, or the database refused its record
  stopping = 3,    ///< ended, or about to; what it emitted becomes durable
  passive = 4      ///< not in memory
};

/// What a shard knows of one of its entities without asking it.
struct actor_row {
  storage::entity_ref of;
  domain::shard_number shard = 0;
  std::string node;
  actor_state state = actor_state::active;
  std::uint64_t mailbox = 0;                      ///< handed on and not handled; the one being handled counts
  std::int64_t oldest_ms = 0;                     ///< for how long the oldest of these waits
  std::uint64_t messages = 0;                     ///< handled since it was loaded
  std::int64_t handled_us = 0;                    ///< time spent on them
  std::uint64_t version = 0, durable_version = 0; ///< of supervisors: 0
};

/// Something an entity did: `kind` is the command's name, or what an event meant for it.
struct handled_message {
  domain::instant at{}; ///< real time
  std::string kind;
  std::int64_t us = 0;
};

struct actor_detail {
  actor_row row;
  storage::epoch epoch = 0;
  std::string value;         ///< JSON of its state, durable; empty: it did not say so in time
  std::uint64_t pending = 0; ///< commands held back for it, and deliveries whose effect is not durable
  std::vector<handled_message> recent; ///< newest first, at most 16
  std::string last_error;              ///< empty: none since its shard was loaded
};

/// none: by shard, kind and id. Else the highest first.
enum class actor_order : std::uint8_t { none = 0, mailbox = 1, messages = 2, age = 3 };

struct actor_query {
  std::optional<storage::entity_kind> kind;
  std::optional<actor_state> state;
  actor_order order = actor_order::none;
  std::optional<std::vector<domain::shard_number>> shards; ///< only of these, ascending; nullopt: of all
};

class facade {
public:
  virtual ~facade() = default;

  // -- people (the node's copy of the directory; nullopt: no such account)
  virtual std::optional<employee> find_employee(const domain::account_id& id) = 0;
  /// By login, compared case-insensitively, with the secret hashes. nullopt: unknown.
  virtual std::optional<credentials> find_login(const std::string& login) = 0;
  virtual answer<employee> create_employee(const caller& who, new_employee what,
                                           std::optional<idempotency> key) = 0;

  /// Also: login_taken, last_admin, last_assignee, wrong_secret (contract.md B1, B16). `known`: nothing to
  /// change.
  virtual answer<employee> change_employee(const caller& who, const domain::account_id& id,
                                           employee_change what) = 0;

  // -- sessions: `secret_hash` is SHA-256 of a refresh token's secret; the account's shard keeps it
  /// Opens a family and records account.logged_in.
  virtual answer<domain::uuid> sign_in(const caller& who, const std::string& secret_hash) = 0;
  /// Replaces one secret of a family by another: ok, unauthenticated, token_reused (the family is revoked),
  /// account_inactive.
  virtual answer<domain::uuid> refresh(const caller& who, const domain::uuid& family,
                                       const std::string& secret_hash,
                                       const std::string& new_secret_hash) = 0;
  virtual answer<domain::uuid> sign_out(const caller& who, const domain::uuid& family,
                                        const std::string& secret_hash) = 0;

  // -- tasks
  virtual answer<domain::task> create_task(const caller& who, new_task what) = 0;
  /// In the order given; the whole call ends when all are durable or refused.
  virtual std::vector<answer<domain::task>> create_tasks(const caller& who, std::vector<new_task> what) = 0;
  virtual answer<domain::task> read_task(const caller& who, const domain::task_id& id) = 0;
  /// ok; known: it was so already; not_found; already_done. Who may is the gateway's to know.
  virtual answer<domain::task> edit_task(const caller& who, const domain::task_id& id, task_edit what) = 0;
  virtual answer<domain::task> complete_task(const caller& who, const domain::task_id& id,
                                             std::optional<idempotency> key) = 0;

  // -- supervisors
  virtual answer<storage::shuffle_row> request_shuffle(const caller& who, std::optional<idempotency> key) = 0;
  /// Closes the current business day: ok (202: closed now, payouts under way) or known (200: this day was
  /// closed before).
  virtual answer<payout_summary> close_day(const caller& who, std::optional<idempotency> key) = 0;

  // -- looking inside: wherever in the cluster the shards live
  /// The shards whose owners answered in time, ascending; the others are left out. Takes at most a second.
  virtual std::vector<shard_status> look_at_shards(const caller& who) = 0;
  /// Active actors. `unavailable`: a shard that was to be asked did not answer. A position that this did not
  /// make throws std::invalid_argument.
  virtual answer<storage::page<actor_row>> list_actors(const caller& who, const actor_query& what,
                                                       const storage::page_request& at) = 0;
  /// One actor, active or not. Supervisors have the nil id.
  virtual answer<actor_detail> inspect_actor(const caller& who, const storage::entity_ref& of) = 0;

  // -- operations on single actors and events; `why` is recorded with the effect
  /// Ends an actor that is in memory: ok; known: it was passive; quarantined.
  virtual outcome passivate_actor(const caller& who, const storage::entity_ref& of) = 0;
  /// Takes an actor out of quarantine, also one that is not in it, and applies what was parked for it.
  virtual outcome release_actor(const caller& who, const storage::entity_ref& of, storage::audit_row why) = 0;
  /// Applies a parked event of `shard`, or lets it go: ok; known: it was settled before; not_found;
  /// quarantined: it still cannot be applied.
  virtual outcome settle_parked(const caller& who, domain::shard_number shard, const domain::uuid& id,
                                bool drop, storage::audit_row why) = 0;

  // -- time and health
  /// Business time (design.md §8): the database's clock plus ATES_CLOCK_OFFSET.
  virtual domain::instant business_now() = 0;
  /// The business day by the calendar (contract.md B10 `today`).
  virtual domain::day today() = 0;

  struct health {
    bool ready = false;
    bool storage = false;
    bool people = false; ///< the node has read the directory
    std::uint32_t shards_serving = 0;
    std::uint32_t shards_total = 0;
    std::string why; ///< when not ready: a sentence
  };
  virtual health check() = 0;
};

} // namespace ates::actors
