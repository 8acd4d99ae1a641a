#pragma once
/// Every bound in one place: its name, its value, why, and what happens when it is reached.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ates::config::limits {

using namespace std::chrono_literals;

// ── the journal ──

/// Records in one batch. More make a commit longer than its fsync is worth; the rest goes into the next
/// batch.
inline constexpr std::size_t batch_records = 1024;
/// Bytes of events in one batch, roughly. As above.
inline constexpr std::size_t batch_bytes = 4 * 1024 * 1024;
/// Journals of a node. Two keep one preparing rows while the other waits for the disk.
inline constexpr std::size_t writers = 2;
/// Loaders of a node: connections that read for activation.
inline constexpr std::size_t readers = 2;

// ── the door ──

/// Requests accepted by a node and not answered yet. Then: 503 overloaded, at once.
inline constexpr std::int64_t credit_requests = 16'384;
/// Their bytes. Then: 503 overloaded, at once.
inline constexpr std::int64_t credit_bytes = 128LL * 1024 * 1024;
/// Threads of the actor system. Four on two cores: blocking actors have threads of their own.
inline constexpr std::size_t scheduler_threads = 4;
/// Actors that ask on behalf of threads outside.
inline constexpr std::size_t askers = 2;

// ── shards and entities ──

/// Commands a shard holds back while their entity, or the shard itself, is being loaded. Then: overloaded.
inline constexpr std::size_t held_per_shard = 8'192;
/// Commands a node keeps for shards that are nowhere yet or on the move. Then: overloaded.
inline constexpr std::size_t held_per_region = 16'384;
/// Entities asked of the loader in one query.
inline constexpr std::size_t load_batch = 512;
/// Crashes of one entity within `restart_window`. Then it is quarantined: 503 quarantined, others go on.
inline constexpr std::uint32_t restart_budget = 5;
inline constexpr std::chrono::seconds restart_window{60};
/// Lives of an account that one event may end. Then the event is parked and the account goes on. Less than
/// `restart_budget`: an event must not bring an account into quarantine.
inline constexpr std::uint32_t event_tries = 3;
/// Parked events that are read and applied at once when their account is released.
inline constexpr std::size_t parked_page = 256;
/// Events read from the log at once when a push was missed.
inline constexpr std::size_t inbox_page = 1'024;
/// Tasks or accounts of one shard that a shuffle or payout has in hand at once: what others wait behind.
inline constexpr std::size_t bulk_chunk = 256;
/// Tasks of accounts that have left that are given to others at once.
inline constexpr std::size_t releases_at_once = 256;
/// For one of them. Then the next look tries again.
inline constexpr std::chrono::seconds release_patience{2};
/// Between questions whether the draws of a shard know a version of the directory.
inline constexpr std::chrono::milliseconds settle_interval{50};
/// Shuffles that are queued. Then: 503 overloaded (contract.md B6).
inline constexpr std::size_t queued_shuffles = 1'000;

/// Letters of one shard that are read at once, and so the most that a node keeps in memory per shard; the
/// rest stays in the table.
inline constexpr std::size_t letters_page = 64;
/// Mailers of a node: letters on their way at the same time.
inline constexpr std::size_t mailers = 4;
/// Between tries of one letter: tripled with each, up to the longest, up to half of it less by chance.
inline constexpr std::chrono::milliseconds letter_first_back_off{1'000};
inline constexpr std::chrono::milliseconds letter_longest_back_off{600'000};

// ── other nodes ──

/// Commands sent over one link and not answered yet. Then: overloaded.
inline constexpr std::size_t pending_per_link = 16'384;
/// Commands, answers and notices in one packet: one packet must not keep a peer busy for long.
inline constexpr std::size_t packet_items = 1'024;
/// A link over which nothing has come for this long is taken for broken until something comes: what would be
/// sent over it waits for another way. Four times the interval of signs of life.
inline constexpr std::chrono::milliseconds link_silence{2'000};
inline constexpr std::chrono::milliseconds sign_of_life{500};
/// For connecting, and for the greeting.
inline constexpr std::chrono::milliseconds connect_patience{3'000};
/// Between tries to connect; doubled up to the longest, half of it by chance.
inline constexpr std::chrono::milliseconds connect_first_back_off{50};
inline constexpr std::chrono::milliseconds connect_longest_back_off{2'000};
/// A node whose link broke is declared dead when its last beat is older: the time for which it may answer on
/// its own word (lease_right::freshness), and a margin.
inline constexpr std::chrono::milliseconds silent_before_burial{650};
/// How often, and how long after the break, that is tried. Later its lease decides.
inline constexpr std::chrono::milliseconds burial_interval{50};
inline constexpr std::chrono::seconds burial_tries{5};
/// Shards that a node hands over at the same time.
inline constexpr std::size_t moves_at_once = 8;
/// An answer that tells of a change of the directory waits so long for nodes that do not say that they know
/// it; their own look at storage finds it within that time.
inline constexpr std::chrono::milliseconds roster_patience{500};

// ── time ──

/// Between heartbeats (design.md §6).
inline constexpr std::chrono::milliseconds heartbeat_interval{200};
/// Between actors of one node: longer than any request's deadline, shorter than for ever. Reached only while
/// storage is away; then the asker starts over from what is durable.
inline constexpr std::chrono::seconds internal_request{120};
/// For each stage of stopping. Then the stage is left as it is: what is durable is durable.
inline constexpr std::chrono::seconds stop_patience{3};

// ── sessions ──

/// Life of an access token (contract.md "Tokens").
inline constexpr std::chrono::seconds access_token_life{300};
/// Life of a refresh token.
inline constexpr std::chrono::hours refresh_token_life{30 * 24};
/// A refresh token used twice within this yields another pair; later its family is revoked.
inline constexpr std::chrono::seconds refresh_grace{10};
/// Sign-ins of one account that are remembered. Then the oldest ends.
inline constexpr std::size_t families_per_account = 50;
/// Unused tokens of one family. Then the oldest is forgotten.
inline constexpr std::size_t tokens_per_family = 8;
/// How long answers to Idempotency-Keys are kept (contract.md §3).
inline constexpr std::chrono::hours kept_answers_life{7 * 24};

/// Old answers and sessions of one shard that are deleted at once: others wait behind it.
inline constexpr std::size_t forget_at_once = 1'000;
/// How often a shard has that done.
inline constexpr std::chrono::minutes forget_interval{10};
/// Until the next of them, when there were as many as that: 3 600 000 an hour and shard go at most.
inline constexpr std::chrono::seconds forget_pause{1};

// ── the wire ──

/// A request target, and one header line (contract.md "Limits on the wire"): 414, 431.
inline constexpr std::size_t target_bytes = 8 * 1024;
inline constexpr std::size_t header_line_bytes = 8 * 1024;
/// Headers of one request: 431.
inline constexpr std::size_t header_count = 64;
/// A whole request: 408.
inline constexpr std::chrono::seconds request_read{10};
/// Bodies: 413.
inline constexpr std::size_t body_bytes = 1024 * 1024;
inline constexpr std::size_t batch_body_bytes = 16 * 1024 * 1024;
/// Items of a batch: 422.
inline constexpr std::size_t batch_items = 1'000;
/// Nesting of JSON: 400.
inline constexpr std::size_t json_depth = 32;
/// `limit` of lists.
inline constexpr std::int32_t list_limit_default = 50;
inline constexpr std::int32_t list_limit_max = 500;

} // namespace ates::config::limits
