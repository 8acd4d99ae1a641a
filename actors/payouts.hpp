#pragma once
/// The payout supervisor: an entity of shard 0 (design.md §8). Closes business days one after the other: by
/// the calendar when a day is over (missed days too), or by hand. A day is closed once. First every shard
/// durably opens the next day, then every account is paid, then the figures are final.

#include "actors/entity.hpp"

#include <optional>
#include <set>

namespace ates::actors {

class payouts_state {
public:
  payouts_state() {}

  /// `first_day`: the first business day that this database ever knew.
  void open(supervisor_actor::pointer self, entity_home home, region_actor region, loader_actor loader,
            domain::day first_day, const storage::loaded_supervisors& loaded);
  caf::result<reply> handle(envelope& e);
  void on_report(const bulk_report& r);
  void on_tick();
  void stop();

  [[nodiscard]] std::uint64_t version() const { return 0; } ///< it counts none

  static inline const char* name = "payouts";

private:
  [[nodiscard]] std::string described() const;
  struct waiting {
    domain::day on{};
    envelope command;
    caf::typed_response_promise<reply> asker;
    bool began = false; ///< the run is the one that it asked for
  };

  caf::result<reply> close(envelope& e);
  [[nodiscard]] reply answer_again(const kept_answers::found& found) const;
  caf::result<reply> answer_known(const envelope& e, const storage::payout_row& run);
  void close_next();
  void start(domain::day on);
  void announce();
  void advanced();
  void tell(waiting& w);
  void paid();
  void finish(const storage::day_figures& figures);
  storage::record new_record();
  void write_then(storage::record record, std::function<void(const reply&)> then);

  supervisor_actor::pointer self_ = nullptr;
  entity_home home_;
  region_actor region_;
  loader_actor loader_;
  domain::day next_{};                               ///< the first day that is not closed
  std::optional<storage::payout_row> run_;           ///< under way
  std::map<domain::day, storage::payout_row> ended_; ///< by hand today, or the last one
  std::set<shard_number> advanced_, paid_;           ///< shards
  bool writing_ = false;
  bool reading_ = false;         ///< the figures of the day, which can take longer than a tick
  std::vector<waiting> waiting_; ///< by hand: answered when every shard has opened the next day
  kept_answers kept_;
};

supervisor_actor::behavior_type payouts(supervisor_actor::stateful_pointer<payouts_state> self,
                                        entity_home home, region_actor region, loader_actor loader,
                                        domain::day first_day, storage::loaded_supervisors loaded);

} // namespace ates::actors
