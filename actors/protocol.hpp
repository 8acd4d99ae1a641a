#pragma once
/// Every message and every actor's interface. Commands go one way (design.md §4):
///
///   gateway → region → shard → entity → journal → (commit) → reply to the gateway
///
/// and upwards goes one batch_notice per shard and batch. Messages between shards (inbox_*, bulk_*) travel
/// through the region, which knows where a shard lives; to another node it is
///
///   region → peer link ══ packets ══► peer link → region → shard …

#include "actors/cluster_map.hpp"
#include "actors/facade.hpp"
#include "domain/account.hpp"
#include "domain/task.hpp"
#include "storage/journal.hpp"
#include "storage/lease.hpp"
#include "storage/record.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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

// ── commands
// ─────────────────────────────────────────────────────────────────────────────────────────────────────────

struct read_entity {};

struct create_task_command {
  std::string title, jira_id, description, external_ref;
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

using command =
    std::variant<read_entity, create_task_command, complete_task_command, shuffle_task_command,
                 close_account_command, open_session_command, refresh_session_command, close_session_command,
                 create_employee_command, request_shuffle_command, close_day_command, inspect_shard_command,
                 list_actors_command, inspect_actor_command>;

/// Whether it changes nothing wherever, and however often, it is executed.
inline bool only_reads(const command& c) {
  return std::holds_alternative<read_entity>(c) || std::holds_alternative<inspect_shard_command>(c) ||
         std::holds_alternative<list_actors_command>(c) || std::holds_alternative<inspect_actor_command>(c);
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

// ── entity → journal
// ─────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── journal → shard
// ──────────────────────────────────────────────────────────────────────────────────────────────────

/// One per shard and committed batch.
struct batch_notice {
  std::uint64_t generation = 0;
  std::vector<std::pair<entity_ref, std::uint64_t>> versions; ///< now durable
  std::vector<storage::cause> causes;                         ///< deliveries whose effect is now durable
  std::vector<storage::delivery> out;                         ///< events to push, by (target, target_seq)
  std::map<shard_number, std::int64_t> cursors; ///< per source of `causes`: position now durable
  std::int64_t events = 0;                      ///< of the shard's log, all of them
};

/// The shard must forget all its entities and load again.
struct reset_notice {
  std::uint64_t generation = 0;
  std::optional<storage::epoch> new_epoch; ///< the lease was renewed by taking it over from ourselves
  bool lost = false;                       ///< the lease is not ours any more
  std::optional<entity_ref> culprit;       ///< its record was refused: quarantine it
};

// ── between shards
// ───────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── between nodes
// ────────────────────────────────────────────────────────────────────────────────────────────────────────────

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

} // namespace ates::actors

// Within a node messages hold pointers and are passed by reference count. Between nodes go greetings and
// packets only.
#define ATES_LOCAL_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::actors::type)
ATES_LOCAL_MESSAGE(envelope)
ATES_LOCAL_MESSAGE(reply)
ATES_LOCAL_MESSAGE(journal_entry)
ATES_LOCAL_MESSAGE(barrier)
ATES_LOCAL_MESSAGE(batch_notice)
ATES_LOCAL_MESSAGE(reset_notice)
ATES_LOCAL_MESSAGE(inbox_push)
ATES_LOCAL_MESSAGE(inbox_ack)
ATES_LOCAL_MESSAGE(inbox_look)
ATES_LOCAL_MESSAGE(inbox_order)
ATES_LOCAL_MESSAGE(bulk_order)
ATES_LOCAL_MESSAGE(bulk_report)
ATES_LOCAL_MESSAGE(shard_status)
ATES_LOCAL_MESSAGE(placement)
ATES_LOCAL_MESSAGE(roster_look)
ATES_LOCAL_MESSAGE(roster_ack)
ATES_LOCAL_MESSAGE(leases_changed)
ATES_LOCAL_MESSAGE(notice)
ATES_LOCAL_MESSAGE(peer_notice)

namespace ates::actors {
/// What a node's link offers to the peer's.
using peer_port = caf::typed_actor<caf::reacts_to<packet>>;
} // namespace ates::actors

CAF_BEGIN_TYPE_ID_BLOCK(ates, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(ates, (ates::actors::greeting))
CAF_ADD_TYPE_ID(ates, (ates::actors::packet))
CAF_ADD_TYPE_ID(ates, (ates::actors::peer_port))
CAF_ADD_ATOM(ates, ates::atom, stop, "stop")       // finish and say how far you came
CAF_ADD_ATOM(ates, ates::atom, status, "status")   // describe yourself
CAF_ADD_ATOM(ates, ates::atom, tick, "tick")       // once a second
CAF_ADD_ATOM(ates, ates::atom, flush, "flush")     // to oneself: commit what has queued up
CAF_ADD_ATOM(ates, ates::atom, settle, "settle")   // to oneself: find out what became of a batch
CAF_ADD_ATOM(ates, ates::atom, beat, "beat")       // to oneself: heartbeat
CAF_ADD_ATOM(ates, ates::atom, load, "load")       // to oneself: ask the loader for what has queued up
CAF_ADD_ATOM(ates, ates::atom, attach, "attach")   // a shard joins
CAF_ADD_ATOM(ates, ates::atom, detach, "detach")   // a shard leaves
CAF_ADD_ATOM(ates, ates::atom, begin, "begin")     // everything it needs is there
CAF_ADD_ATOM(ates, ates::atom, dead, "dead")       // others declared this incarnation dead
CAF_ADD_ATOM(ates, ates::atom, next, "next")       // to oneself: what was postponed
CAF_ADD_ATOM(ates, ates::atom, ack, "ack")         // to oneself: acknowledge what has become durable
CAF_ADD_ATOM(ates, ates::atom, drain, "drain")     // give all shards to other nodes
CAF_ADD_ATOM(ates, ates::atom, hold, "hold")       // let what comes for a shard wait: it moves
CAF_ADD_ATOM(ates, ates::atom, up, "up")           // the link to a peer works
CAF_ADD_ATOM(ates, ates::atom, down, "down")       // the link to a peer does not work
CAF_ADD_ATOM(ates, ates::atom, gone, "gone")       // a peer's link broke: has it died?
CAF_ADD_ATOM(ates, ates::atom, connect, "connect") // to oneself: try to reach the peer
CAF_END_TYPE_ID_BLOCK(ates)

namespace ates::actors {

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

/// A run's roster.
struct load_roster {
  std::int64_t run = 0;
};
/// Employees that the directory changed after a version.
struct read_employees {
  std::int64_t changed_after = 0;
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
using account_ids = std::vector<account_id>;
using accounts = std::vector<domain::account>;

} // namespace ates::actors

ATES_LOCAL_MESSAGE(shard_attachment)
ATES_LOCAL_MESSAGE(cluster_map_ptr)
ATES_LOCAL_MESSAGE(load_roster)
ATES_LOCAL_MESSAGE(forget_old)
ATES_LOCAL_MESSAGE(read_employees)
ATES_LOCAL_MESSAGE(move_out)
ATES_LOCAL_MESSAGE(handed_over)
ATES_LOCAL_MESSAGE(roster_news)
ATES_LOCAL_MESSAGE(employees)
ATES_LOCAL_MESSAGE(account_ids)
ATES_LOCAL_MESSAGE(joined)
ATES_LOCAL_MESSAGE(granted)
ATES_LOCAL_MESSAGE(outside_request)
ATES_LOCAL_MESSAGE(load_entities)
ATES_LOCAL_MESSAGE(load_shard)
ATES_LOCAL_MESSAGE(load_supervisors)
ATES_LOCAL_MESSAGE(read_inbox)
ATES_LOCAL_MESSAGE(read_inbox_heads)
ATES_LOCAL_MESSAGE(read_open_tasks)
ATES_LOCAL_MESSAGE(count_open_tasks)
ATES_LOCAL_MESSAGE(count_reassigned)
ATES_LOCAL_MESSAGE(read_accounts_behind)
ATES_LOCAL_MESSAGE(read_day_figures)
ATES_LOCAL_MESSAGE(loaded_entities)
ATES_LOCAL_MESSAGE(deliveries)
ATES_LOCAL_MESSAGE(inbox_heads)
ATES_LOCAL_MESSAGE(tasks)
ATES_LOCAL_MESSAGE(accounts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::day_figures)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::loaded_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::loaded_supervisors)

namespace ates::actors {

// ── interfaces
// ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// One live instance of one task, account or supervisor, guarded by its shard's epoch.
using entity_actor = caf::typed_actor<
    // Decides a command. Answered by the journal once everything the answer rests on is durable.
    caf::replies_to<envelope>::with<reply>,
    // Finishes what is in the mailbox, answers the version it came to, and ends.
    caf::replies_to<atom::stop>::with<std::uint64_t>>;

using account_actor = entity_actor::extend<
    // Posts one event to the account. Never answered: the batch notice tells.
    caf::reacts_to<inbox_order>>;

using supervisor_actor = entity_actor::extend<
    // A shard's progress with an order.
    caf::reacts_to<bulk_report>,
    // Once a second: repeat orders that were not reported, look at the calendar.
    caf::reacts_to<atom::tick>>;

/// Supervises one shard's entities and applies the events that other shards send to them.
using shard_actor =
    caf::typed_actor<caf::replies_to<envelope>::with<reply>, //
                     caf::reacts_to<inbox_push>, caf::reacts_to<inbox_ack>, caf::reacts_to<inbox_look>,
                     caf::reacts_to<bulk_order>, caf::reacts_to<bulk_report>, caf::reacts_to<batch_notice>,
                     caf::reacts_to<reset_notice>, //
                     caf::reacts_to<atom::tick>, caf::reacts_to<atom::load>, caf::reacts_to<atom::ack>,
                     caf::reacts_to<atom::next, std::uint64_t>,
                     caf::replies_to<atom::status>::with<shard_status>,
                     // Stops intake and answers when everything handed on is durable.
                     caf::replies_to<atom::stop>::with<bool>>;

} // namespace ates::actors

ATES_LOCAL_MESSAGE(shard_actor)

namespace ates::actors {

/// The connection to one other node (peer_link.hpp).
using link_actor = peer_port::extend<caf::replies_to<envelope>::with<reply>, caf::reacts_to<notice>,
                                     // The peer connected to us and is who it should be.
                                     caf::replies_to<greeting, peer_port>::with<greeting, peer_port>,
                                     caf::reacts_to<atom::connect>, caf::reacts_to<atom::flush>,
                                     caf::reacts_to<atom::tick>, caf::reacts_to<atom::stop>>;

/// The only actor that is published to other nodes.
using door_actor = caf::typed_actor<caf::replies_to<greeting, peer_port>::with<greeting, peer_port>>;

} // namespace ates::actors

ATES_LOCAL_MESSAGE(link_actor)

namespace ates::actors {

/// Keeps a link to every other node of the map; the door.
using peers_actor = door_actor::extend<caf::reacts_to<cluster_map_ptr>,
                                       // To all nodes whose link works; to one of them.
                                       caf::reacts_to<notice>, caf::reacts_to<storage::incarnation, notice>,
                                       caf::reacts_to<atom::stop>>;

/// Knows where each shard lives. What finds no shard waits for it, within bounds and its deadline.
using region_actor = caf::typed_actor<
    caf::replies_to<envelope>::with<reply>, //
    caf::reacts_to<inbox_push>, caf::reacts_to<inbox_ack>, caf::reacts_to<inbox_look>,
    caf::reacts_to<bulk_order>, caf::reacts_to<bulk_report>, caf::reacts_to<peer_notice>,
    caf::reacts_to<atom::attach, shard_number, shard_actor>, caf::reacts_to<atom::detach, shard_number>,
    // The shard moves: from now on nothing more is handed to it.
    caf::replies_to<atom::hold, shard_number>::with<bool>, caf::reacts_to<cluster_map_ptr>,
    caf::reacts_to<placement>, caf::reacts_to<atom::up, storage::incarnation, link_actor>,
    caf::reacts_to<atom::down, storage::incarnation>, caf::reacts_to<atom::tick>, caf::reacts_to<atom::stop>>;

} // namespace ates::actors

ATES_LOCAL_MESSAGE(peers_actor)

namespace ates::actors {

/// The node's copy of the directory.
using roster_actor =
    caf::typed_actor<caf::replies_to<roster_news>::with<bool>, // when every node that answers knows them
                                                               // The directory has come to this version;
                                                               // another node says so.
                     caf::reacts_to<roster_look>, caf::reacts_to<storage::incarnation, roster_look>,
                     caf::reacts_to<roster_ack>, caf::reacts_to<cluster_map_ptr>,
                     // Whom to tell of changes.
                     caf::reacts_to<peers_actor>, caf::reacts_to<atom::tick>, caf::reacts_to<atom::stop>>;

/// Owns a connection; the only writer of its shards' rows; group commit.
using journal_actor =
    caf::typed_actor<caf::replies_to<journal_entry>::with<reply>, caf::replies_to<barrier>::with<reply>,
                     // A shard was loaded: its epoch, its counters, where notices go. Answers when done.
                     caf::replies_to<shard_attachment, shard_actor>::with<bool>,
                     caf::reacts_to<atom::detach, shard_number>, //
                     caf::reacts_to<atom::flush>, caf::reacts_to<atom::settle>,
                     // Commits what is open and ends.
                     caf::replies_to<atom::stop>::with<bool>>;

/// Owns a connection; reads committed state. Errors: caf::sec::runtime_error when storage is away.
using loader_actor = caf::typed_actor<
    caf::replies_to<load_entities>::with<loaded_entities>, caf::reacts_to<atom::flush>,
    caf::replies_to<load_shard>::with<storage::loaded_shard>,
    caf::replies_to<load_supervisors>::with<storage::loaded_supervisors>,
    caf::replies_to<read_inbox>::with<deliveries>, caf::replies_to<read_inbox_heads>::with<inbox_heads>,
    caf::replies_to<read_open_tasks>::with<tasks>, caf::replies_to<count_open_tasks>::with<std::int64_t>,
    caf::replies_to<count_reassigned>::with<std::int64_t>,
    caf::replies_to<read_accounts_behind>::with<accounts>,
    caf::replies_to<read_day_figures>::with<storage::day_figures>,
    caf::replies_to<load_roster>::with<account_ids>, caf::replies_to<read_employees>::with<employees>,
    caf::reacts_to<forget_old>, caf::reacts_to<atom::stop>>;

/// Heartbeats and leases; owns a connection. The database decides, this actor only asks it (design.md §6).
using membership_actor = caf::typed_actor<
    // The journals are there: take our share.
    caf::reacts_to<atom::begin>, caf::reacts_to<atom::beat>,
    // Whom to tell that leases have changed.
    caf::reacts_to<peers_actor>,
    // Another node says that leases have changed, or a greeting came from somebody unknown.
    caf::reacts_to<leases_changed>, caf::reacts_to<atom::next>,
    // A peer's link broke, or works again.
    caf::reacts_to<atom::gone, storage::incarnation>, caf::reacts_to<atom::up, storage::incarnation>,
    caf::reacts_to<atom::gone>,
    // The shard serves nothing and has nothing in flight: hand it over.
    caf::reacts_to<move_out>,
    // Gives all shards to other nodes; answers when none is left or nobody takes them.
    caf::replies_to<atom::drain>::with<bool>,
    // Gives everything back and ends.
    caf::replies_to<atom::stop>::with<bool>>;

/// Starts, watches and stops everything below it.
using guardian_actor =
    caf::typed_actor<caf::reacts_to<joined>, caf::reacts_to<granted>, caf::reacts_to<move_out>,
                     caf::reacts_to<handed_over>, caf::reacts_to<atom::dead>,
                     caf::replies_to<atom::drain>::with<bool>, caf::replies_to<atom::stop>::with<bool>>;

/// Asks on behalf of threads outside: every request is answered, at the latest at its deadline.
using asker_actor = caf::typed_actor<caf::reacts_to<outside_request>, caf::reacts_to<atom::stop>>;

} // namespace ates::actors
