#pragma once
/// Gives away the open tasks of accounts that are not assignable any more (contract.md B16). A part of the
/// directory.
///
/// An account is looked after until no open task of its has been seen for so long that no older draw can
/// become durable any more, and no shuffle runs whose roster may still name it.

#include "actors/entity.hpp"

#include <chrono>
#include <map>
#include <memory>

namespace ates::actors {

class releases {
public:
  void open(directory_actor::pointer self, entity_home home, region_actor region, loader_actor loader);
  /// From now on what `account` has is given to others, by draws that know this version of the directory.
  void begin(const account_id& account, std::int64_t version);
  /// It is assignable again.
  void end(const account_id& account) { leavers_.erase(account); }
  /// Once a second.
  void look();

private:
  struct leaver {
    std::int64_t version = 0;
    std::chrono::steady_clock::time_point
        seen; ///< when it was last seen to have, or to be able to get, a task
  };

  void looked(const storage::held_tasks& held);
  void release(const storage::held_tasks::held& held);
  void answered();

  directory_actor::pointer self_ = nullptr;
  entity_home home_;
  region_actor region_;
  loader_actor loader_;
  std::map<account_id, leaver> leavers_;
  bool looking_ = false;
  bool more_ = false; ///< the last look found as many as it may
  std::size_t unanswered_ = 0;
};

} // namespace ates::actors
