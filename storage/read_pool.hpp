#pragma once
/// A bounded pool of connections, read-only unless told otherwise. Nobody waits longer than `patience`,
/// whatever PostgreSQL does: connections are made by a thread of the pool, so that a caller never blocks in a
/// connect.

#include "storage/connection.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace ates::storage {

struct read_pool_options {
  std::size_t size = 8;
  /// For waiting and reading together: without storage a request is answered within 2 s (contract.md §3).
  std::chrono::milliseconds patience{1800};
  /// Shorter, so that a slow query ends on the server and its connection lives on.
  std::chrono::milliseconds statement{1500};
  bool read_only = true;
  std::string application_name = "atesd reports";
  bool allow_unsafe_server = false; ///< tests
};

/// A small pool that also writes, for what is asked seldom. `name` is what PostgreSQL shows of it.
read_pool_options seldom_asked(const char* name, bool allow_unsafe_server);

/// Thread-safe. Must outlive every call.
class read_pool {
public:
  using clock = std::chrono::steady_clock;

  read_pool(std::string url, const read_pool_options& options);

  /// Runs f(pqxx::transaction_base&) on a free connection; every statement in it sees its own moment. Throws
  /// storage_error: `away` without a connection, or when `by` or the patience passes; `refused` by the server
  /// (57014: the statement took too long).
  template <class F>
  auto read(const char* operation, clock::time_point by, F&& f)
      -> std::invoke_result_t<F, pqxx::transaction_base&> {
    const auto until = std::min(by, clock::now() + options_.patience);
    lent_connection lent{*this, take(operation, until)};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    return lent.what->run(operation, std::max(left, std::chrono::milliseconds{1}), [&](pqxx::connection& pq) {
      pqxx::nontransaction tx{pq};
      return f(static_cast<pqxx::transaction_base&>(tx));
    });
  }

private:
  struct lent_connection {
    read_pool& pool;
    std::unique_ptr<connection> what;
    ~lent_connection() { pool.give_back(std::move(what)); }
  };

  std::unique_ptr<connection> take(const char* operation, clock::time_point until);
  void give_back(std::unique_ptr<connection> back);
  std::unique_ptr<connection> connect() const;
  void keep_connecting(const std::stop_token& stop);
  void connect_one(std::unique_lock<std::mutex>& lock);

  const std::string url_;
  const read_pool_options options_;
  std::mutex mutex_;
  std::condition_variable_any freed_;  ///< for callers: a connection is idle, or there will be none
  std::condition_variable_any wanted_; ///< for the connector
  std::vector<std::unique_ptr<connection>> idle_;
  std::size_t open_ = 0;    ///< idle, lent, and being made
  std::size_t waiting_ = 0; ///< callers in take()
  std::string last_error_;  ///< of the last connect; empty: it went well
  clock::duration back_off_{};
  clock::time_point retry_at_{};
  std::jthread connector_; // last: it uses the others
};

} // namespace ates::storage
