#pragma once
/// Every message and every actor's interface. Commands go one way (design.md §4):
///
///   gateway → region → shard → entity → journal → (commit) → reply to the gateway
///
/// and upwards goes one batch_notice per shard and batch. Messages between shards (inbox_*, bulk_*) travel
/// through the region, which knows where a shard lives; to another node it is
///
///   region → peer link ══ packets ══► peer link → region → shard …

#include "actors/commands.hpp"
#include "actors/messages.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

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

ATES_LOCAL_MESSAGE(shard_attachment)
ATES_LOCAL_MESSAGE(cluster_map_ptr)
ATES_LOCAL_MESSAGE(load_roster)
ATES_LOCAL_MESSAGE(forget_old)
ATES_LOCAL_MESSAGE(read_held_tasks)
ATES_LOCAL_MESSAGE(look_for_open_task)
ATES_LOCAL_MESSAGE(read_employees)
ATES_LOCAL_MESSAGE(read_parked)
ATES_LOCAL_MESSAGE(find_parked)
ATES_LOCAL_MESSAGE(parked_events)
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
ATES_LOCAL_MESSAGE(read_due_letters)
ATES_LOCAL_MESSAGE(letter_order)
ATES_LOCAL_MESSAGE(letter_result)
ATES_LOCAL_MESSAGE(loaded_entities)
ATES_LOCAL_MESSAGE(deliveries)
ATES_LOCAL_MESSAGE(inbox_heads)
ATES_LOCAL_MESSAGE(tasks)
ATES_LOCAL_MESSAGE(accounts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::day_figures)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::held_tasks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::due_letters)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::loaded_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ates::storage::loaded_supervisors)

namespace ates::actors {

// ── interfaces ──

/// One live instance of one task, account or supervisor, guarded by its shard's epoch.
using entity_actor = caf::typed_actor<
    // Decides a command. Answered by the journal once everything the answer rests on is durable.
    caf::replies_to<envelope>::with<reply>,
    // Finishes what is in the mailbox, answers the version it came to, and ends.
    caf::replies_to<atom::stop>::with<std::uint64_t>>;

using account_actor = entity_actor::extend<
    // Posts one event to the account. Never answered: the batch notice tells.
    caf::reacts_to<inbox_order>>;

using directory_actor = entity_actor::extend<
    // Once a second: look for open tasks of those who have left. To itself: ask again what is not settled.
    caf::reacts_to<atom::tick>, caf::reacts_to<atom::next>>;

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
                     // The incarnation is dead: asks the database once more, and ends.
                     caf::reacts_to<atom::dead>,
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
    caf::replies_to<read_due_letters>::with<storage::due_letters>,
    caf::replies_to<load_roster>::with<account_ids>, caf::replies_to<read_employees>::with<employees>,
    caf::replies_to<read_held_tasks>::with<storage::held_tasks>,
    caf::replies_to<look_for_open_task>::with<bool>, caf::replies_to<read_parked>::with<parked_events>,
    caf::replies_to<find_parked>::with<parked_events>, caf::reacts_to<forget_old>,
    caf::reacts_to<atom::stop>>;

/// Sends letters, one at a time, blocking but never longer than mail::letter_patience.
using mailer_actor =
    caf::typed_actor<caf::replies_to<letter_order>::with<letter_result>, caf::reacts_to<atom::stop>>;

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
