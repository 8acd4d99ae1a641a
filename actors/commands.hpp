#pragma once
/// What can be asked of a task, an account, a supervisor or a shard, and what they answer.

#include "actors/cluster_map.hpp"
#include "actors/facade.hpp"
#include "domain/account.hpp"
#include "domain/task.hpp"
#include "storage/record.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ates::actors {

using domain::account_id;
using domain::shard_number;
using domain::task_id;
using storage::entity_kind;
using storage::entity_ref;

// ── commands ──

struct read_entity {};

struct create_task_command {
  std::string title, jira_id, description, external_ref;
};
/// What is not given stays.
struct edit_task_command {
  std::optional<std::string> title, jira_id, description;
};
struct complete_task_command {};
/// From a shard to its own task while a shuffle runs.
struct shuffle_task_command {
  std::uint64_t run = 0;
  domain::shuffle_id shuffle;
  account_id assignee;
};

/// From a shard to its own account while a payout runs: close the days before the shard's.
struct close_account_command {};
struct open_session_command {
  std::string secret_hash;
};
struct refresh_session_command {
  domain::uuid family;
  std::string secret_hash, new_secret_hash;
};
struct close_session_command {
  domain::uuid family;
  std::string secret_hash;
};

struct create_employee_command {
  new_employee what;
  account_id id;
};
struct change_employee_command {
  account_id id;
  employee_change what;
};
/// To a task, from the directory: if it is still `from`'s, give it to somebody assignable (contract.md B16).
/// A node whose roster is older than `roster` refuses with `unavailable`.
struct release_task_command {
  account_id from;
  std::int64_t roster = 0;
};
/// To a shard: answer when every draw here that did not know this version of the directory is durable.
struct settle_draws_command {
  std::int64_t roster = 0;
};
struct request_shuffle_command {};
struct close_day_command {};

/// To a shard (shard_ref): describe yourself.
struct inspect_shard_command {};
/// To a shard: your actors, by falling rank and rising name.
struct list_actors_command {
  std::optional<entity_kind> kind;
  std::optional<actor_state> state;
  actor_order order = actor_order::none;
  std::uint32_t limit = 0;
  /// Only what comes behind this one.
  struct position {
    std::int64_t rank = 0;
    entity_ref of;
  };
  std::optional<position> after;
};
/// To a shard: everything about one of its entities. From the shard to the entity: its part of that.
struct inspect_actor_command {
  entity_ref of;
};

/// To a shard: end one of your entities; it is loaded again when it is asked for.
struct passivate_command {
  entity_ref of;
};
/// To a shard: take one of your entities out of quarantine, and apply what was parked for it.
struct release_actor_command {
  entity_ref of;
  storage::audit_row why;
};
/// To a shard: apply an event that is parked here, or let it go.
struct settle_parked_command {
  domain::uuid id;
  bool drop = false;
  std::optional<storage::audit_row> why;
};
/// From a shard to its account: apply what was parked.
struct apply_parked_command {
  storage::parked_row event;
  std::optional<storage::audit_row> why;
};

using command =
    std::variant<read_entity, create_task_command, complete_task_command, shuffle_task_command,
                 close_account_command, open_session_command, refresh_session_command, close_session_command,
                 create_employee_command, request_shuffle_command, close_day_command, inspect_shard_command,
                 list_actors_command, inspect_actor_command, change_employee_command, release_task_command,
                 settle_draws_command, edit_task_command, passivate_command, release_actor_command,
                 settle_parked_command, apply_parked_command>;

/// Whether it changes nothing wherever, and however often, it is executed.
inline bool only_reads(const command& c) {
  return std::holds_alternative<read_entity>(c) || std::holds_alternative<inspect_shard_command>(c) ||
         std::holds_alternative<list_actors_command>(c) || std::holds_alternative<inspect_actor_command>(c) ||
         std::holds_alternative<settle_draws_command>(c);
}

/// How a shard itself is addressed.
inline entity_ref shard_ref(shard_number shard) {
  entity_ref r{entity_kind::shard, {}};
  r.id.bytes[14] = static_cast<std::uint8_t>(shard >> 8);
  r.id.bytes[15] = static_cast<std::uint8_t>(shard & 0xff);
  return r;
}
inline shard_number shard_named_by(const entity_ref& r) {
  return static_cast<shard_number>(r.id.bytes[14] << 8 | r.id.bytes[15]);
}
/// The shard that an entity, or a shard_ref, lives in. Not below `shards` for a shard_ref of nonsense.
inline shard_number home_of(const entity_ref& entity, shard_number shards) {
  if (entity.kind == entity_kind::task || entity.kind == entity_kind::account)
    return domain::shard_of(entity.id, shards);
  return entity.kind == entity_kind::shard ? shard_named_by(entity) : shard_number{0};
}

/// A command on its way to one entity.
struct envelope {
  entity_ref to;
  account_id by;
  command what;
  std::int64_t deadline_ns = 0; ///< on this node's steady clock; later than that nobody listens
  std::optional<idempotency> key;
  // Given by the region and the links on the way:
  storage::epoch lease = 0; ///< of the shard, as the sender knows it
  std::uint8_t hops = 0;    ///< links it went over until here
  bool from_peer = false;   ///< another node asks: if the shard is not here, it is told where

  // Stamped by the shard when it hands the command on:
  std::uint64_t durable_version = 0; ///< of the entity: what is newer must wait for the disk (output gate)
  domain::day open_day{};            ///< of the shard: the day of entries
  domain::instant now{};             ///< business time; never falls within a shard
  std::int64_t handed_on_ns = 0;     ///< when that was, on the steady clock
};

/// What a shard tells of its actors.
struct actor_list {
  std::vector<actor_row> rows;
};

/// Where a shard lives, as far as the sender knows: the value of a reply `moved`.
struct placement {
  shard_number shard = 0;
  std::optional<storage::incarnation> owner;
  storage::epoch epoch = 0;
};

/// What the asker hears. `value` fits the command.
struct reply {
  outcome what = outcome::internal;
  bool replayed = false;
  std::variant<std::monostate, domain::task, storage::employee_row, storage::shuffle_row, storage::payout_row,
               domain::uuid, placement, shard_status, actor_list, actor_detail>
      value;
};
/// `what` without a value: nothing was executed, or nothing need be shown.
inline reply refusal(outcome what) {
  reply r;
  r.what = what;
  return r;
}
template <class T> reply success(outcome what, T value) {
  auto r = refusal(what);
  r.value = std::move(value);
  return r;
}

} // namespace ates::actors
