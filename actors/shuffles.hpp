#pragma once
/// The shuffle supervisor: an entity of shard 0 (design.md §8). Runs are numbered and queued with their seed;
/// one at a time takes its roster, is announced to every shard, and is done when every shard has reported
/// that each task it gave away is charged.

#include "actors/entity.hpp"

#include <map>

namespace ates::actors {

class shuffles_state {
public:
  shuffles_state() {}

  void open(supervisor_actor::pointer self, entity_home home, region_actor region,
            const storage::loaded_supervisors& loaded);
  caf::result<reply> handle(envelope& e);
  void on_report(const bulk_report& r);
  void on_tick();

  [[nodiscard]] std::uint64_t version() const { return 0; } ///< it counts none

  static inline const char* name = "shuffles";

private:
  [[nodiscard]] std::string described() const;
  struct progress {
    std::int64_t open_tasks = 0;
    std::int64_t reassigned = 0;
    bool done = false;
  };

  caf::result<reply> request(envelope& e);
  void start_next();
  void announce();
  void finish();
  void store_progress();
  storage::record new_record();
  void write_then(storage::record record, std::function<void(const reply&)> then);

  supervisor_actor::pointer self_ = nullptr;
  entity_home home_;
  region_actor region_;
  std::map<std::int64_t, storage::shuffle_row> queue_; ///< queued and running, by run; durable ones only
  std::int64_t last_run_ = 0;
  std::size_t requested_ = 0; ///< requests that are not durable yet
  bool running_ = false;      ///< the first of the queue was started
  std::size_t writing_ = 0;   ///< records on their way: nothing starts before they are durable
  std::shared_ptr<const std::vector<account_id>> roster_;
  std::map<shard_number, progress> progress_; ///< of the running one
  kept_answers kept_;
};

supervisor_actor::behavior_type shuffles(supervisor_actor::stateful_pointer<shuffles_state> self,
                                         entity_home home, region_actor region,
                                         storage::loaded_supervisors loaded);

} // namespace ates::actors
