#pragma once
/// The actor system as its front door (atesd.cpp) sees it: start, ask through the facade, stop. No CAF in
/// sight.

#include "actors/facade.hpp"
#include "actors/node.hpp"
#include "storage/journal.hpp"
#include "storage/lease.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ates::actors {

/// How a node reaches storage. Each call opens what one owner needs.
struct storage_access {
  std::function<std::unique_ptr<storage::journal>(storage::incarnation, std::size_t writer)> open_journal;
  std::function<std::unique_ptr<storage::loader>()> open_loader;
  std::function<std::unique_ptr<storage::lease_store>()> open_leases;
};

struct envelope; // protocol.hpp
struct reply;

class runtime {
public:
  /// Ready to be asked; nothing is answered before join().
  runtime(std::shared_ptr<node> home, storage_access access);
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Becomes a node of the cluster; returns at once. Serving begins when storage answers: see facade::check.
  void join(storage::node_row row);

  [[nodiscard]] facade& front();
  /// Asks without a thread that waits, for benchmarks: `hear` is called once, by an actor, and must not
  /// block.
  void ask(envelope command, std::function<void(reply&)> hear);
  /// Makes the first administrator (login `admin`) if there is no employee at all. Blocks until it is
  /// durable; false if storage did not let it happen before `deadline`.
  bool ensure_admin(const std::function<std::string()>& password_hash,
                    std::chrono::steady_clock::time_point deadline);

  /// Gives all shards to other nodes, while everything goes on being served; `readyz` says from the start
  /// that this node is going. Returns when none is left here, when nobody takes them, or after `patience`.
  /// True: none is left.
  bool drain(std::chrono::milliseconds patience);

  /// Two stages: intake has ended before (the gateway is stopped); what is in hand is finished, leases are
  /// given back. Returns after limits::stop_patience at the latest, per stage. Idempotent.
  void stop();

private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

} // namespace ates::actors
