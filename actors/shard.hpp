#pragma once
/// The shard actor: supervises one slice of tasks and accounts. It hands commands to entities (loading them
/// when they are passive), applies the events of other shards to its accounts exactly once, pushes its own
/// events, restarts what crashes, and does its part of shuffles and payouts.
///
///   life of an entity's slot:
///
///     loading ──► active ──► stopping ──► draining ──► (passive: no slot)
///        ▲          │ crash      (all it emitted must be durable before it is loaded again)
///        └─ blocked ◄┘──► quarantined (too many crashes, or a record the database refused)
///
/// The code lies in seven files: shard.cpp (life), shard_slots.cpp (commands, entities), shard_troubles.cpp
/// (quarantine, parked events), shard_inbox.cpp (events between shards), shard_bulk.cpp (its part of shuffles
/// and payouts), shard_mail.cpp (its accounts' letters), shard_inspect.cpp (what it tells of itself).

#include "actors/entity.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace ates::actors {

struct shard_config {
  std::shared_ptr<actors::node> node;
  shard_number number = 0;
  storage::epoch epoch = 0;
  journal_actor journal;
  loader_actor loader;
  region_actor region;
  roster_actor roster;
  mailer_actor mailer; ///< null: letters stay queued
};

struct entity_hash {
  std::size_t operator()(const entity_ref& e) const noexcept {
    return std::hash<domain::uuid>{}(e.id) * 7 + static_cast<std::size_t>(e.kind);
  }
};

class shard_state {
public:
  shard_state() {}
  /// However the shard ends, its entities end with it: none may go on under a lease that nobody tends.
  ~shard_state();
  shard_state(const shard_state&) = delete;
  shard_state& operator=(const shard_state&) = delete;

  // ── life (shard.cpp)
  void open(shard_actor::pointer self, shard_config config);
  void on_reset(reset_notice& n);
  void on_tick();
  void run_later(std::uint64_t id);
  caf::result<bool> stop();

  // ── commands, entities (shard_slots.cpp)
  caf::result<reply> handle(envelope& e);
  void on_notice(batch_notice& n);
  void load_waiting();
  void on_down(const caf::down_msg& d);

  // ── events between shards (shard_inbox.cpp)
  void on_push(inbox_push& p);
  void on_ack(const inbox_ack& a);
  void on_look(const inbox_look& l);
  void send_acks();

  // ── looking inside (shard_inspect.cpp)
  [[nodiscard]] shard_status status() const;

  // ── its part of bulk work (shard_bulk.cpp)
  void on_order(bulk_order& o);
  void on_report(bulk_report& r);

  static inline const char* name = "shard";

private:
  /// waiting: to be loaded; loading: asked for, once. A shard that began to serve twice would apply events
  /// twice.
  enum class phase : std::uint8_t { waiting, loading, serving, stopping, lost };
  /// Storage is away: ask the loader again after this.
  static constexpr std::chrono::milliseconds load_back_off{200};
  enum class slot_phase : std::uint8_t { loading, active, stopping, draining, blocked, quarantined };

  struct held {
    envelope command;
    caf::typed_response_promise<reply> asker;
  };
  struct slot {
    slot_phase phase = slot_phase::loading;
    entity_actor actor;
    std::shared_ptr<entity_load> load; ///< of its present life
    std::uint64_t durable = 0;
    std::uint64_t stopped_at = 0; ///< version it came to when it was stopped
    std::deque<held> commands;    ///< held back while it cannot take them
    std::deque<inbox_order> events;
    std::list<entity_ref>::iterator used; ///< in `recently_used_`, while active
  };
  struct crash_record {
    std::uint32_t count = 0;
    std::chrono::steady_clock::time_point last;
    std::string error; ///< the last one
  };

  // life
  void load();
  void load_later();
  void begin_serving(storage::loaded_shard loaded);
  void start_supervisors();
  void spawn_supervisors(storage::loaded_supervisors loaded);
  void forget_entities(std::vector<held>& kept);
  void refuse_all(outcome what);
  void give_back_held();
  void entities_stopped();
  void stop_supervisors();
  void stopped(bool well);
  void serve(bool serving);
  [[nodiscard]] storage::record begin_row_record();
  void write_row(std::function<void()> then);
  void write_row(storage::record record, std::function<void(outcome)> then);
  domain::instant now();
  domain::day open_day();
  void stamp(envelope& e, slot& s);
  void later(std::chrono::milliseconds delay, std::function<void()> what);

  // slots
  slot& slot_of(const entity_ref& entity);
  void want(const entity_ref& entity, slot& s);
  caf::result<reply> dispatch(const entity_ref& entity, slot& s, envelope& e);
  void activate(storage::loaded_entity loaded);
  void hand_on_held(const entity_ref& entity, slot& s);
  void touch(slot& s);
  void passivate_surplus();
  void stop_entity(const entity_ref& entity, slot& s);
  void on_stopped(const entity_ref& entity, std::uint64_t version);
  void finish_draining(const entity_ref& entity, slot& s);
  void crashed(const entity_ref& entity);
  void restart(const entity_ref& entity);
  entity_home home(std::shared_ptr<entity_load> load = nullptr) const;

  // troubles
  void quarantine(const entity_ref& entity, const std::string& why);
  void store_quarantine(const entity_ref& entity);
  void remember_quarantined(const std::vector<storage::quarantine_row>& stored);
  void park(const storage::delivery& event, const std::optional<account_id>& account, std::string reason);
  [[nodiscard]] std::optional<std::string> reason_to_park(const entity_ref& entity,
                                                          const storage::cause& event) const;
  caf::result<reply> passivate(const entity_ref& entity);
  caf::result<reply> release(release_actor_command& c);
  void apply_parked_of(const account_id& account);
  caf::result<reply> settle_parked(const envelope& e, settle_parked_command& c);
  void drop_parked(const settle_parked_command& c, caf::typed_response_promise<reply> asker);
  void apply_parked(storage::parked_row event, std::optional<storage::audit_row> why,
                    std::function<void(outcome)> then);

  // inbox
  struct line {
    std::int64_t accepted = 0;    ///< handed on up to here
    std::int64_t durable = 0;     ///< cursor
    std::int64_t head = 0;        ///< the highest that was heard of
    std::set<std::int64_t> above; ///< durable above the cursor when the shard was loaded
    bool reading = false;         ///< the log is being read
    bool acknowledge = false;     ///< the source should hear of `durable`
  };
  struct in_flight {
    entity_ref entity;
    domain::day on{};  ///< the day it was stamped with
    bool lost = false; ///< its entity crashed
  };
  void open_lines(const storage::shard_counters& counters);
  void accept(const storage::delivery& event);
  void hand_on(const entity_ref& entity, inbox_order order);
  void deliver(slot& s, inbox_order order);
  void read_log(shard_number source);
  void read_log_again(const entity_ref& entity);
  void look_at_heads();
  void push(std::vector<storage::delivery>& out);
  void settled(const std::vector<storage::cause>& causes);
  [[nodiscard]] bool nothing_in_flight_before(domain::day d) const;
  [[nodiscard]] bool all_acknowledged(const std::map<shard_number, std::int64_t>& heads) const;

  // bulk
  struct shuffle_part {
    shuffle_order order;
    std::optional<task_id> after;
    std::size_t pending = 0; ///< tasks of the chunk that were not answered
    bool failed = false;     ///< a task of the chunk was not reached: the chunk runs again
    bool last_chunk = false;
    std::map<shard_number, std::int64_t> heads; ///< to be acknowledged before the next chunk
    bool waiting_for_acks = false;
    std::int64_t reassigned = 0;
  };
  struct payout_part {
    domain::day on{};
    bool advanced = false;
    bool waiting_to_drain = false;
    std::optional<account_id> after;
    std::size_t pending = 0;
    bool failed = false;
  };
  void fetch_roster(const shuffle_order& order);
  void begin_shuffle(const shuffle_order& order);
  void count_and_begin();
  void next_tasks();
  void reassign(const std::vector<domain::task>& chunk);
  void chunk_reassigned();
  void finish_shuffle();
  void report_shuffle(bool done);
  void begin_payout(domain::day on);
  void advance_for_payout();
  void next_accounts();
  void pay(const std::vector<domain::account>& chunk);
  void finish_payout();
  void report_payout(bool done);

  // letters: one at a time is with the mailer; the next page is read when everything of the last one is
  // durable
  struct letters_part {
    bool expected = true; ///< some may be queued
    bool reading = false;
    bool sending = false;
    std::size_t marking = 0;                       ///< marks that are not durable yet
    std::chrono::steady_clock::time_point look_at; ///< not before
    std::deque<storage::queued_letter> page;
    std::shared_ptr<std::atomic<bool>> wanted = std::make_shared<std::atomic<bool>>(true);
  };
  void look_for_letters();
  void next_letter();
  void send_letter(const storage::queued_letter& letter);
  void mark_letter(const storage::queued_letter& letter, const letter_result& result);
  void forget_letters();

  // inspection
  caf::result<reply> look_inside(envelope& e);
  caf::result<reply> settle_draws(const settle_draws_command& c);
  [[nodiscard]] actor_row row_of(const entity_ref& entity, const slot& s, std::int64_t now_ns) const;
  [[nodiscard]] actor_row row_of(const entity_ref& supervisor, std::int64_t now_ns) const;
  [[nodiscard]] actor_list list(const list_actors_command& wanted) const;
  caf::result<reply> describe(const envelope& e, const entity_ref& entity);
  void ask_entity(const entity_actor& actor, const envelope& e, actor_detail known,
                  caf::typed_response_promise<reply> asker);
  void ask_snapshot(actor_detail known, caf::typed_response_promise<reply> asker);
  void show_depths();

  /// Asks another actor; `then` and `otherwise` run only while this life of the shard goes on.
  template <class Result, class Actor, class Message, class Then, class Otherwise>
  void ask(const Actor& who, Message message, Then then, Otherwise otherwise);

  shard_actor::pointer self_ = nullptr;
  shard_config config_;
  phase phase_ = phase::waiting;
  bool counted_ = false; ///< among the shards that this node serves
  std::uint64_t generation_ = 0;
  storage::epoch epoch_ = 0;

  storage::shard_row row_;
  domain::instant last_now_{};
  domain::instant day_end_{};

  std::unordered_map<entity_ref, slot, entity_hash> slots_;
  std::unordered_map<caf::actor_id, entity_ref> running_;
  std::list<entity_ref> recently_used_; ///< oldest first
  std::vector<entity_ref> wanted_;      ///< to be asked of the loader
  bool load_pending_ = false;
  std::size_t held_count_ = 0;
  std::vector<held> held_while_loading_;
  std::unordered_map<entity_ref, crash_record, entity_hash> crashes_;
  std::unordered_set<entity_ref, entity_hash> quarantined_;
  std::map<storage::cause, crash_record> event_crashes_; ///< of accounts, by the event that ended them
  std::set<domain::uuid> settling_;                      ///< parked events
  caf::typed_response_promise<bool> stop_asker_;

  std::unordered_map<shard_number, line> lines_; ///< per source
  std::map<storage::cause, in_flight> in_flight_;
  std::map<domain::day, std::size_t> in_flight_by_day_;
  std::map<shard_number, std::int64_t> heads_;        ///< per target: last event committed for it
  std::map<shard_number, std::int64_t> acknowledged_; ///< per target
  bool ack_pending_ = false;

  std::chrono::steady_clock::time_point forget_next_{}; ///< old answers
  std::map<std::uint64_t, std::function<void()>> postponed_;
  std::uint64_t last_postponed_ = 0;

  std::optional<shuffle_part> shuffle_;
  bool fetching_roster_ = false;
  std::optional<payout_part> payout_;
  letters_part letters_;

  directory_actor directory_;
  supervisor_actor shuffles_, payouts_;
  std::map<entity_kind, std::shared_ptr<entity_load>> supervisor_loads_;

  std::int64_t last_seq_ = 0; ///< of the log
  shard_status shown_;        ///< what of it stands in the node's gauges
};

template <class Result, class Actor, class Message, class Then, class Otherwise>
void shard_state::ask(const Actor& who, Message message, Then then, Otherwise otherwise) {
  self_->request(who, config::limits::internal_request, std::move(message))
      .then(
          [this, life = generation_, then](Result& r) mutable {
            if (life == generation_)
              then(r);
          },
          [this, life = generation_, otherwise](caf::error& e) mutable {
            if (life == generation_)
              otherwise(e);
          });
}

shard_actor::behavior_type shard(shard_actor::stateful_pointer<shard_state> self, shard_config config);

} // namespace ates::actors
