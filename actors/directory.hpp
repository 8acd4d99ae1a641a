#pragma once
/// The directory: employees with their logins, roles and names; it alone decides `login_taken`. An entity of
/// shard 0. Every change makes a roster version that is published before the change is answered.

#include "actors/entity.hpp"

namespace ates::actors {

class directory_state {
public:
  directory_state() {}

  void open(entity_actor::pointer self, entity_home home, const storage::loaded_supervisors& loaded);
  caf::result<reply> handle(envelope& e);

  static inline const char* name = "directory";

private:
  caf::result<reply> create(envelope& e, create_employee_command& c);
  void publish();

  entity_actor::pointer self_ = nullptr;
  entity_home home_;
  std::map<std::int64_t, std::shared_ptr<const storage::employee_row>>
      employees_;                    ///< by number, undurable ones too
  std::set<std::string> logins_;     ///< folded
  std::int64_t durable_through_ = 0; ///< employees up to this number are durable
  std::int64_t roster_version_ = 0;
  kept_answers kept_;
};

entity_actor::behavior_type directory(entity_actor::stateful_pointer<directory_state> self, entity_home home,
                                      storage::loaded_supervisors loaded);

} // namespace ates::actors
