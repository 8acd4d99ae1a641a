#pragma once
/// Leases on PostgreSQL. Only the database's clock is compared; the incarnation's advisory lock, held by this
/// connection, is a hint for speed, never the fence.

#include "storage/beats.hpp"
#include "storage/connection.hpp"
#include "storage/lease.hpp"

#include <optional>
#include <string>

namespace ates::storage {

/// Short: heartbeats go over the same connection, and a take-over that is blocked is tried again.
inline constexpr time_limits lease_limits{.connect = std::chrono::milliseconds{2000},
                                          .lock = std::chrono::milliseconds{300},
                                          .statement = std::chrono::milliseconds{1000},
                                          .call = std::chrono::milliseconds{2000}};

/// Connects when it is first needed, and again after a loss: the call that meets the loss throws. Whoever is
/// declared dead has its backends ended, found by their application_name "atesd <incarnation> …": a frozen
/// process may hold shards locked in an open transaction.
class postgres_lease final : public lease_store {
public:
  explicit postgres_lease(std::string url, const time_limits& limits = lease_limits,
                          bool allow_unsafe_server = false);

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
  template <class F> auto run(const char* operation, F&& f);
  /// For what may wait for rows: ends the backends of the dead when it waited in vain.
  template <class F> auto run_locking(const char* operation, F&& f);
  void connect();
  void hold_lock(pqxx::transaction_base& tx);

  std::string url_;
  session_options options_;
  std::optional<connection> connection_;
  std::optional<incarnation> self_; ///< whose lock this connection holds
  bool lock_held_ = false;          ///< by this connection
  bool token_held_ = false;         ///< by this connection
  beats beats_;
};

} // namespace ates::storage
