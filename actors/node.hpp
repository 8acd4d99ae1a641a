#pragma once
/// What all actors of one node share: settings, the copy of the directory, business time, the right to
/// answer, health. Everything here is thread-safe and never blocks.

#include "actors/cluster_map.hpp"
#include "actors/hand_notes.hpp"
#include "config/settings.hpp"
#include "domain/calendar.hpp"
#include "domain/pricing.hpp"
#include "storage/lease.hpp"
#include "storage/record.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ates::actors {

/// The directory as of one version: immutable, shared by everybody who looks at it.
struct roster {
  bool known = false;       ///< false: it was not read yet
  std::int64_t version = 0; ///< of the directory (storage::employee_row::changed)
  std::unordered_map<domain::account_id, std::shared_ptr<const storage::employee_row>> by_id;
  std::map<std::string, std::shared_ptr<const storage::employee_row>, std::less<>>
      by_login;                                                      ///< folded logins
  std::shared_ptr<const std::vector<domain::account_id>> assignable; ///< ascending (B3)
};

/// Chance for pricing and for draws at creation: one generator per thread, seeded by the operating system.
domain::dice& thread_dice();

/// Sixteen random bytes as a version 4 id.
domain::uuid random_uuid();

/// Business time (design.md §8): the database's clock, brought by each heartbeat and monotonic in between,
/// plus ATES_CLOCK_OFFSET. Never before what the node has found in a log: it then stands still until time has
/// caught up with it.
class business_clock {
public:
  explicit business_clock(std::chrono::seconds offset) : offset_(offset) {}
  void set(domain::instant database_clock, std::chrono::steady_clock::time_point at);
  /// Time has been there already.
  void not_before(domain::instant found);
  [[nodiscard]] domain::instant now() const;

private:
  std::chrono::seconds offset_;
  std::atomic<std::int64_t> ahead_us_{0}; ///< database clock minus steady clock
  std::atomic<std::int64_t> least_us_{0};
};

/// A node's right to answer on its own word (design.md §6): measured from before the last good heartbeat was
/// sent, on the boot-time clock, and compared at each answer.
class lease_right {
public:
  /// Older than this, an answer first asks the database.
  static constexpr std::chrono::milliseconds freshness{600};

  void renewed(std::chrono::nanoseconds sent_at_boot_clock) { sent_ns_.store(sent_at_boot_clock.count()); }
  void lost() { sent_ns_.store(0); }
  [[nodiscard]] bool fresh() const;
  [[nodiscard]] std::chrono::milliseconds age() const;
  /// CLOCK_BOOTTIME: goes on while the machine sleeps.
  static std::chrono::nanoseconds boot_clock();

private:
  std::atomic<std::int64_t> sent_ns_{0};
};

/// How the journals are doing. A commit that takes longer than `patience` means that storage is away.
class storage_health {
public:
  static constexpr std::size_t max_writers = 8;
  static constexpr std::chrono::milliseconds patience{1500};

  void commit_began(std::size_t writer);
  void commit_ended(std::size_t writer);
  /// A good heartbeat counts for `patience`: one that hangs is none.
  void heartbeat(bool good);
  /// The heartbeats succeed and no journal has been waiting longer than `patience`.
  [[nodiscard]] bool good() const;

private:
  std::array<std::atomic<std::int64_t>, max_writers> since_ns_{};
  std::atomic<std::int64_t> last_beat_ns_{0}; ///< of the last good one; 0: the last one failed
};

/// Requests that were accepted and not answered yet (design.md §5 "Bound").
class credits {
public:
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);
  [[nodiscard]] std::int64_t requests() const { return requests_.load(); }

private:
  std::atomic<std::int64_t> requests_{0};
  std::atomic<std::int64_t> bytes_{0};
};

/// Counts for /metrics; monotonic unless said otherwise.
struct counters {
  std::atomic<std::uint64_t> batches{0};          ///< committed
  std::atomic<std::uint64_t> records{0};          ///< committed
  std::atomic<std::uint64_t> fence_refusals{0};   ///< batches refused by the fence
  std::atomic<std::uint64_t> refused_records{0};  ///< records the server refused
  std::atomic<std::uint64_t> unknown_outcomes{0}; ///< commits whose reply was lost
  std::atomic<std::uint64_t> retries{0};          ///< batches sent again
  std::atomic<std::uint64_t> shard_resets{0};
  std::atomic<std::uint64_t> entity_restarts{0};
  std::atomic<std::uint64_t> stale_records{0};  ///< dropped: decided under an older generation
  std::atomic<std::uint64_t> overloaded{0};     ///< requests refused for want of credit
  std::atomic<std::int64_t> active_entities{0}; ///< now
  std::atomic<std::uint32_t> shards_serving{0}; ///< now
  // Now, as the shards told within the last second:
  std::atomic<std::int64_t> queue_depth{0}; ///< commands and deliveries that no entity has handled
  std::atomic<std::int64_t> gate_depth{0};  ///< changes decided and not durable
  std::atomic<std::int64_t> inbox_lag{0};   ///< events of other shards without a durable effect
  std::atomic<std::int64_t> links_up{0};    ///< to other nodes, now
  std::atomic<std::uint64_t> moves{0};      ///< shards handed over as planned
  std::atomic<std::uint64_t> take_overs{0}; ///< shards taken: free ones and those of the dead
  std::atomic<std::uint64_t> mails_sent{0};
  std::atomic<std::uint64_t> mails_failed{0};      ///< given up
  std::atomic<std::uint64_t> mail_tries_failed{0}; ///< to be tried again, or given up
  std::atomic<std::uint64_t> inbox_gaps{0}; ///< pushes that did not fit and were read from the log instead
};

struct node {
  explicit node(config::settings s);

  const config::settings settings;
  const domain::shard_number shards;
  const domain::calendar calendar;
  business_clock clock;
  lease_right right;
  storage_health storage;
  actors::credits credits;
  actors::counters counters;
  std::atomic<std::uint32_t> active_per_shard{
      1000};                                 ///< share of actors.max_active of each shard that is here
  std::atomic<std::uint32_t> leases_held{0}; ///< of this incarnation, as of the last look
  std::atomic<storage::node_state> state{storage::node_state::joining};
  /// Draws by the roster that were begun and whose record the journal does not have yet (draw_in_hand).
  std::atomic<std::int64_t> draws{0};
  std::atomic<std::uint64_t> shard_lives{0}; ///< numbers the lives of shards: no two have the same generation

  /// Where threads note what they have in hand; null: nowhere. Set before any actor runs.
  std::unique_ptr<hand_notes> notes;

  [[nodiscard]] std::shared_ptr<const roster> current_roster() const { return roster_.load(); }
  void publish(std::shared_ptr<const roster> r) { roster_.store(std::move(r)); }
  /// The cluster as of the last look; null before the first one.
  [[nodiscard]] cluster_map_ptr current_map() const { return map_.load(); }
  void publish(cluster_map_ptr m) { map_.store(std::move(m)); }
  [[nodiscard]] domain::day today() const { return calendar.day_of(clock.now()); }

private:
  std::atomic<std::shared_ptr<const roster>> roster_;
  std::atomic<cluster_map_ptr> map_;
};

/// Counts a draw, from before it looks at the roster until its record is the journal's: whoever then sees no
/// draw in hand knows that all that did not know a roster which this node has published are with the journal.
class draw_in_hand {
public:
  explicit draw_in_hand(node& home) : home_(home) { ++home_.draws; }
  ~draw_in_hand() { --home_.draws; }
  draw_in_hand(const draw_in_hand&) = delete;
  draw_in_hand& operator=(const draw_in_hand&) = delete;

private:
  node& home_;
};

} // namespace ates::actors
