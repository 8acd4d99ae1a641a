#pragma once
/// The directory: employees with their logins, roles and names; it alone decides `login_taken`. An entity of
/// shard 0. Every change makes a version of the directory; it is answered when all nodes that answer know it.

#include "actors/entity.hpp"

namespace ates::actors {

class directory_state {
public:
  directory_state() {}

  void open(entity_actor::pointer self, entity_home home, roster_actor roster,
            const storage::loaded_supervisors& loaded);
  caf::result<reply> handle(envelope& e);
  void stop();

  [[nodiscard]] std::uint64_t version() const { return 0; } ///< it counts none

  static inline const char* name = "directory";

private:
  [[nodiscard]] std::string described() const;
  caf::result<reply> create(envelope& e, create_employee_command& c);
  void tell(storage::employee_row row, caf::typed_response_promise<reply> asker, reply r);

  entity_actor::pointer self_ = nullptr;
  entity_home home_;
  roster_actor roster_;
  std::set<std::string> logins_; ///< folded, undurable ones too
  std::int64_t employees_ = 0;   ///< number of the last one
  std::int64_t changed_ = 0;     ///< version of the directory
  /// Durable, and not known everywhere yet.
  std::map<std::int64_t, std::pair<caf::typed_response_promise<reply>, reply>> telling_;
  kept_answers kept_;
};

entity_actor::behavior_type directory(entity_actor::stateful_pointer<directory_state> self, entity_home home,
                                      roster_actor roster, storage::loaded_supervisors loaded);

} // namespace ates::actors
