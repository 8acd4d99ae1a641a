#pragma once
/// Leases and operations over a memory_state: several nodes are several memory_lease over one state.

#include "storage/beats.hpp"
#include "storage/memory_journal.hpp"

#include <optional>

namespace ates::storage {

/// The connection of one node: its end gives up the incarnation's advisory lock and the drain token, as a
/// crash does; going away does so as well.
class memory_lease final : public lease_store {
public:
  explicit memory_lease(memory_state& state) : state_(state) {}
  ~memory_lease() override;
  memory_lease(const memory_lease&) = delete;
  memory_lease& operator=(const memory_lease&) = delete;

  incarnation join(const node_row& self, std::chrono::milliseconds ttl) override;
  beat heartbeat(incarnation self, std::chrono::milliseconds ttl, node_state state,
                 std::uint32_t active_actors) override;
  cluster_view view() override;
  std::vector<incarnation> bury(incarnation self) override;
  bool bury_if_gone(incarnation self, incarnation other, std::chrono::milliseconds silent) override;
  std::vector<shard_lease> take(incarnation self, std::span<const shard_number> wanted) override;
  std::vector<shard_lease> hand_over(incarnation self, std::span<const shard_number> shards,
                                     std::optional<incarnation> to) override;
  bool take_drain_token(incarnation self) override;
  void give_back_drain_token() override;
  void leave(incarnation self) override;

private:
  /// Under the state's mutex. Throws when storage is away.
  void reach(const char* operation);
  void drop_locks();
  static void change_owner(shard_lease& lease, std::optional<incarnation> to);

  memory_state& state_;
  std::optional<incarnation> self_; ///< whose lock this "connection" holds
  beats beats_;
};

class memory_operations final : public operations {
public:
  explicit memory_operations(memory_state& state) : state_(state) {}

  cluster_view view(deadline by) override;
  bool ask_drain(incarnation node, const audit_row& why, deadline by) override;
  bool ask_move(shard_number shard, incarnation to, const audit_row& why, deadline by) override;
  void record(const audit_row& what, deadline by) override;
  std::optional<audit_row> find(const uuid& id, deadline by) override;
  page<audit_row> audit(const page_request& at, deadline by) override;
  page<parked_row> parked(const page_request& at, deadline by) override;
  std::optional<parked_row> find_parked(const uuid& id, deadline by) override;

private:
  void store(audit_row row);

  memory_state& state_;
};

} // namespace ates::storage
