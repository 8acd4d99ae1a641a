#pragma once
/// The node guardian: starts, watches and stops everything below it (design.md §4).

#include "actors/node.hpp"
#include "actors/protocol.hpp"
#include "actors/runtime.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ates::actors {

class guardian_state {
public:
  guardian_state() {}

  void open(guardian_actor::pointer self, std::shared_ptr<node> home, storage_access access,
            storage::node_row row, region_actor region, caf::io::middleman_actor middleman);
  void on_joined(storage::incarnation number);
  void on_granted(const granted& g);
  void on_move_out(const move_out& m);
  void on_handed_over(const handed_over& h);
  void on_dead();
  void on_down(const caf::down_msg& d);
  caf::result<bool> drain();
  caf::result<bool> stop();

  static inline const char* name = "guardian";

private:
  void drop_everything();
  void start_shard(const storage::shard_lease& lease);
  void drop_shard(shard_number number);
  void listen(const std::string& where);
  journal_actor journal_of(shard_number number) const;
  void stop_journals(caf::typed_response_promise<bool> asker);
  void stop_rest(caf::typed_response_promise<bool> asker);

  guardian_actor::pointer self_ = nullptr;
  std::shared_ptr<node> home_;
  storage_access access_;
  region_actor region_;
  membership_actor membership_;
  roster_actor roster_;
  peers_actor peers_;
  caf::io::middleman_actor middleman_; ///< null: this node is alone
  std::vector<loader_actor> loaders_;
  std::vector<mailer_actor> mailers_;
  std::vector<journal_actor> journals_;
  std::map<shard_number, shard_actor> shards_;
  std::set<shard_number> moving_; ///< on their way out: not to be started again, whatever a look says
  bool stopping_ = false;
};

guardian_actor::behavior_type guardian(guardian_actor::stateful_pointer<guardian_state> self,
                                       std::shared_ptr<node> home, storage_access access,
                                       storage::node_row row, region_actor region,
                                       caf::io::middleman_actor middleman);

} // namespace ates::actors
