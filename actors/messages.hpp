#pragma once
/// The messages between actors that are not commands (commands.hpp): plain structs.

#include "actors/commands.hpp"
#include "mail/transport.hpp"
#include "storage/journal.hpp"
#include "storage/lease.hpp"

#include <caf/meta/type_name.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ates::actors {

// ── entity → journal ──

/// One record and the reply that its durability releases. Shared, not copied, on its way through mailboxes.
struct journal_entry {
  std::shared_ptr<const storage::record> record;
  std::uint64_t generation = 0; ///< of the shard's life that decided it; entries of an older life are dropped
  actors::reply reply;
};

/// Answers `reply` when everything that was appended before is durable. `fence`: not before the database has
/// confirmed the lease (asked for when the last good heartbeat is too old to answer on our own word).
struct barrier {
  shard_number shard = 0;
  std::uint64_t generation = 0;
  bool fence = false;
  actors::reply reply;
};

// ── journal → shard ──

/// One per shard and committed batch.
struct batch_notice {
  std::uint64_t generation = 0;
  std::vector<std::pair<entity_ref, std::uint64_t>> versions; ///< now durable
  std::vector<storage::cause> causes;                         ///< deliveries whose effect is now durable
  std::vector<storage::delivery> out;                         ///< events to push, by (target, target_seq)
  std::map<shard_number, std::int64_t> cursors; ///< per source of `causes`: position now durable
  std::int64_t events = 0;                      ///< of the shard's log, all of them
  bool letters = false;                         ///< letters were queued
};

/// The shard must forget all its entities and load again.
struct reset_notice {
  std::uint64_t generation = 0;
  std::optional<storage::epoch> new_epoch; ///< the lease was renewed by taking it over from ourselves
  bool lost = false;                       ///< the lease is not ours any more
  std::optional<entity_ref> culprit;       ///< its record was refused: quarantine it
};

// ── between shards ──

/// Events of one source for one target, gapless and ascending.
struct inbox_push {
  shard_number source = 0;
  shard_number target = 0;
  std::vector<storage::delivery> events;
};

/// "Your events up to `position` have had their effect."
struct inbox_ack {
  shard_number source = 0; ///< who made the events: receives this
  shard_number target = 0;
  std::int64_t position = 0;
};

/// "My line to you ends at `head`": sent once a second while something is unacknowledged, so that a lost push
/// or a lost acknowledgement costs a second.
struct inbox_look {
  shard_number source = 0;
  shard_number target = 0;
  std::int64_t head = 0;
};

/// One event for one account, stamped by its shard.
struct inbox_order {
  storage::delivery event;
  std::optional<domain::posting>
      posting; ///< what it means for the account's money; none: news of the employee
  domain::day open_day{};
  domain::instant now{};
  std::int64_t handed_on_ns = 0; ///< as in envelope
};

/// From a supervisor to every shard, repeated until reported: do your part of a shuffle run.
struct shuffle_order {
  std::int64_t run = 0;
  domain::shuffle_id id;
  domain::instant started_at{};
  std::uint64_t seed = 0;
  /// Stays on the node: a shard elsewhere reads the run's roster from storage.
  std::shared_ptr<const std::vector<account_id>> roster;
};
/// As above: pay a day out.
struct payout_order {
  domain::day on{};
};
struct bulk_order {
  shard_number shard = 0;
  std::variant<shuffle_order, payout_order> what;
};

/// From a shard to the supervisor that ordered.
struct shuffle_report {
  std::int64_t run = 0;
  std::int64_t open_tasks = 0;
  std::int64_t reassigned = 0;
  bool done = false; ///< every task, and every entry it caused, is durable
};
struct payout_report {
  domain::day on{};
  bool done = false; ///< false: the shard's open day has advanced; true: every account is paid
};
struct bulk_report {
  shard_number shard = 0;
  std::variant<shuffle_report, payout_report> what;
};

// ── between nodes ──

/// "The directory has come to this version": receivers read what they do not know from storage.
struct roster_look {
  std::int64_t version = 0;
};
/// "My roster has come to this version."
struct roster_ack {
  storage::incarnation from = 0;
  std::int64_t version = 0;
};
/// "Leases have changed: look at once." Without it the next look sees it.
struct leases_changed {};

/// What goes to other shards and nodes without an answer. All of these may be lost: they are repeated, or
/// what they tell is looked up.
using notice = std::variant<inbox_push, inbox_ack, inbox_look, bulk_order, bulk_report, roster_look,
                            roster_ack, leases_changed>;
/// A notice that came from another node: for our own shards only, never passed on.
struct peer_notice {
  notice what;
};

/// The versions of the packets' content that this program can read and write (wire.hpp).
inline constexpr std::uint16_t oldest_protocol = 1;
inline constexpr std::uint16_t newest_protocol = 1;

/// The first message to another node; its answer has the same form. This one never changes.
struct greeting {
  std::uint16_t oldest = oldest_protocol, newest = newest_protocol;
  std::string cluster, node;
  storage::incarnation number = 0;
  std::string boot_nonce; ///< as in the node's row: whoever says it is the process of that row
  storage::incarnation expects = 0;
};
template <class Inspector> typename Inspector::result_type inspect(Inspector& f, greeting& g) {
  return f(caf::meta::type_name("greeting"), g.oldest, g.newest, g.cluster, g.node, g.number, g.boot_nonce,
           g.expects);
}

/// Everything else between nodes: an encoded wire::frame.
struct packet {
  std::vector<char> bytes;
};
template <class Inspector> typename Inspector::result_type inspect(Inspector& f, packet& p) {
  return f(caf::meta::type_name("packet"), p.bytes);
}

// ── to the journal, to the loader, about leases

/// A shard as the journal knows it.
struct shard_attachment {
  shard_number shard = 0;
  storage::epoch epoch = 0;
  std::uint64_t generation = 0;
  storage::shard_counters counters;
};

/// What the loader is asked for; answers come as plain structs of storage/journal.hpp.
struct load_entities {
  shard_number shard = 0;
  std::vector<entity_ref> entities;
};
struct load_shard {
  shard_number shard = 0;
};
struct load_supervisors {};
struct read_inbox {
  shard_number target = 0, source = 0;
  std::int64_t after = 0;
};
struct read_inbox_heads {
  shard_number target = 0;
};
struct read_open_tasks {
  shard_number shard = 0;
  domain::instant before{};
  std::int64_t run = 0;
  std::optional<task_id> after;
};
struct count_open_tasks {
  shard_number shard = 0;
  domain::instant before{};
  std::int64_t run = 0;
};
struct count_reassigned {
  shard_number shard = 0;
  std::int64_t run = 0;
};
struct read_accounts_behind {
  shard_number shard = 0;
  domain::day open_day{};
  std::optional<account_id> after;
};
struct read_day_figures {
  domain::day on{};
};

struct read_due_letters {
  shard_number shard = 0;
};

/// From a shard to a mailer: try to send this one. Nothing more happens for a shard that ended: it clears
/// `wanted`.
struct letter_order {
  storage::queued_letter letter;
  std::shared_ptr<const std::atomic<bool>> wanted;
};
/// What became of it.
struct letter_result {
  mail::outcome what = mail::outcome::failed;
  std::string why; ///< of a failure
  std::string message_id;
};

/// A run's roster.
struct load_roster {
  std::int64_t run = 0;
};
/// Open tasks of these accounts, a bounded number of them.
struct read_held_tasks {
  std::vector<account_id> accounts;
};
/// Whether there is an open task anywhere.
struct look_for_open_task {};
/// Employees that the directory changed after a version.
struct read_employees {
  std::int64_t changed_after = 0;
};

/// The events that are parked for an account, a bounded number of them; one parked event.
struct read_parked {
  shard_number shard = 0;
  account_id account;
};
struct find_parked {
  shard_number shard = 0;
  domain::uuid id;
};

/// Deletes a shard's answers and sessions that nobody needs any more, a bounded number of them.
struct forget_old {
  shard_number shard = 0;
};

/// From membership to the guardian.
struct joined {
  storage::incarnation number = 0;
};
/// Leases of this incarnation as the database has them now.
struct granted {
  std::vector<storage::shard_lease> leases;
};
/// Membership to the guardian: make the shard ready to be handed over. The guardian to membership: it is.
struct move_out {
  shard_number shard = 0;
  std::optional<storage::incarnation> to;
};
/// From membership to the guardian: these are not ours any more.
struct handed_over {
  std::vector<shard_number> shards;
};
/// From the directory to its node's roster keeper: rows that are durable now, ascending by `changed`.
struct roster_news {
  std::vector<storage::employee_row> rows;
};

/// A request of a thread outside the actor system. `hear` is called once, by an actor, and must not block.
struct outside_request {
  envelope command;
  std::function<void(reply&)> hear;
};

using loaded_entities = std::vector<storage::loaded_entity>;
using deliveries = std::vector<storage::delivery>;
using inbox_heads = std::map<shard_number, std::int64_t>;
using tasks = std::vector<domain::task>;
using employees = std::vector<storage::employee_row>;
using parked_events = std::vector<storage::parked_row>;
using account_ids = std::vector<account_id>;
using accounts = std::vector<domain::account>;

} // namespace ates::actors
