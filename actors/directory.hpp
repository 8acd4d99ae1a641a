#pragma once
/// The directory: employees with their logins, roles and names; it alone decides `login_taken`, `last_admin`
/// and `last_assignee`. An entity of shard 0. Every change makes a version of the directory; it is answered
/// when all nodes that answer know it.
///
/// A change that would leave nobody assignable (contract.md B16):
///
///   announced ──► settled ──────────────────────────► looked for open tasks ──► none: changed
///   (leaving: not     (every shard: all draws that did            │
///    drawn any more)   not know of it are durable)                └──► some: withdrawn, last_assignee

#include "actors/entity.hpp"
#include "actors/releases.hpp"
#include "storage/event_json.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace ates::actors {

class directory_state {
public:
  directory_state() {}

  void open(directory_actor::pointer self, entity_home home, roster_actor roster, region_actor region,
            loader_actor loader, const storage::loaded_supervisors& loaded);
  caf::result<reply> handle(envelope& e);
  void tick();
  /// Asks the shards again that have not said that their draws are settled.
  void settle();
  void stop();

  [[nodiscard]] std::uint64_t version() const { return 0; } ///< it counts none

  static inline const char* name = "directory";

private:
  using asker = caf::typed_response_promise<reply>;
  /// A change that waits for the answer whether its employee may stop being assignable.
  struct departure {
    account_id id;
    employee_change what;
    account_id by;
    asker who;
    std::int64_t version = 0; ///< of the announcement
    std::int64_t deadline_ns = 0;
    std::set<shard_number> unsettled;
  };

  [[nodiscard]] std::string described() const;
  caf::result<reply> create(envelope& e, create_employee_command& c);
  caf::result<reply> change(envelope& e, change_employee_command& c);
  [[nodiscard]] std::optional<outcome> refused(const storage::employee_row& before,
                                               const storage::employee_row& after,
                                               const employee_change& what) const;
  [[nodiscard]] bool assignable(const storage::employee_row& row) const;
  /// Whether nobody but `row` is, or none.
  [[nodiscard]] bool only_assignable(const storage::employee_row& row) const;

  caf::result<reply> depart(envelope& e, change_employee_command& c);
  void announce();
  void settled(std::int64_t version, shard_number shard);
  void look_for_open_tasks();
  void leave();
  void withdraw(outcome why);

  /// Gives `row` its versions, takes it over and begins the record that writes it.
  storage::record replace(storage::employee_row& row, domain::instant at);
  /// Writes; when it is durable and known everywhere, `who` hears `r`.
  void write(storage::record record, const storage::employee_row& row, reply r, asker who);
  void tell(storage::employee_row row, asker who, reply r);
  void look_after(const storage::employee_row& row);

  directory_actor::pointer self_ = nullptr;
  entity_home home_;
  roster_actor roster_;
  region_actor region_;
  loader_actor loader_;
  std::map<account_id, storage::employee_row> people_; ///< undurable changes too
  std::set<std::string> logins_;                       ///< theirs, folded
  std::int64_t employees_ = 0;                         ///< number of the last one
  std::int64_t changed_ = 0;                           ///< version of the directory
  std::optional<departure> departing_;
  releases releases_;
  /// Durable, and not known everywhere yet.
  std::map<std::int64_t, std::pair<asker, reply>> telling_;
  kept_answers kept_;
};

directory_actor::behavior_type directory(directory_actor::stateful_pointer<directory_state> self,
                                         entity_home home, roster_actor roster, region_actor region,
                                         loader_actor loader, storage::loaded_supervisors loaded);

} // namespace ates::actors
