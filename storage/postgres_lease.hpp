#pragma once
/// Leases on PostgreSQL. Only the database's clock is compared; the incarnation's advisory lock, held by this
/// connection, is a hint for speed, never the fence.

#include "storage/connection.hpp"
#include "storage/lease.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ates::storage {

/// Connects when it is first needed, and again after a loss: the call that meets the loss throws.
class postgres_lease final : public lease_store {
public:
  explicit postgres_lease(std::string url, const time_limits& limits = {}, bool allow_unsafe_server = false);

  incarnation join(const node_row& self, std::chrono::milliseconds ttl) override;
  beat heartbeat(incarnation self, std::chrono::milliseconds ttl) override;
  /// Declares nodes dead first: other lives of this node's name whose lock is free or whose lease has run
  /// out; and, once its own heartbeats have succeeded for a whole ttl, every node whose lease has run out.
  std::vector<shard_lease> take_free(incarnation self) override;
  std::vector<shard_lease> leases() override;
  void leave(incarnation self) override;

private:
  template <class F> auto run(const char* operation, F&& f);
  void connect();
  void hold_lock(pqxx::connection& pq);
  void bury_other_lives(pqxx::connection& pq, incarnation self);
  void bury_expired(pqxx::connection& pq, incarnation self);

  std::string url_;
  session_options options_;
  std::optional<connection> connection_;
  std::optional<incarnation> self_; ///< whose lock this connection holds
  std::string name_;
  std::chrono::milliseconds ttl_{0};
  /// Since when heartbeats have succeeded without a break.
  std::optional<std::chrono::steady_clock::time_point> beating_since_;
};

} // namespace ates::storage
