#pragma once
/// One connection to PostgreSQL for one owner. Never shared between threads, never reconnected in silence: a
/// connection that broke is thrown away, because its locks and its session settings are gone (design.md §11).

#include "storage/deadline.hpp"
#include "storage/errors.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <utility>

namespace ates::storage {

/// The role the daemon works as: may not change or remove events and transfers (migrations/grants.sql).
inline constexpr const char* app_role = "ates_app";

/// How long things may take. The server's limits are shorter than the call limit, so that the server's
/// answer, which is definite, normally comes first.
struct time_limits {
  std::chrono::milliseconds connect{2000};   ///< whole seconds, at least 2 (a limit of libpq)
  std::chrono::milliseconds lock{1500};      ///< lock_timeout
  std::chrono::milliseconds statement{4000}; ///< statement_timeout, 0: none
  std::chrono::milliseconds call{5000};      ///< on our side, per call of `run`
};

struct session_options {
  std::string application_name = "atesd";
  bool as_app_role = true;
  /// Statistics lag behind tables that grow from nothing: every query of such a session is written for an
  /// index.
  bool index_plans_only = false;
  /// Accept a server that may lose committed transactions (tests).
  bool allow_unsafe_server = false;
  time_limits limits;
};

class connection {
public:
  /// Connects and sets the session up. Throws storage_error: `away` if the server cannot be reached in time,
  /// `refused` if it refuses the session, or runs with fsync or full_page_writes off.
  connection(const std::string& url, const session_options& options);

  /// Calls f(pqxx::connection&) under the call limit; third-party exceptions leave as storage_error with
  /// `operation` in the message. After kind `away` the connection is unusable. Transactions must begin and
  /// end inside `f`.
  template <class F> auto run(const char* operation, F&& f) -> std::invoke_result_t<F, pqxx::connection&> {
    return run(operation, limits_.call, std::forward<F>(f));
  }
  template <class F>
  auto run(const char* operation, std::chrono::milliseconds limit, F&& f)
      -> std::invoke_result_t<F, pqxx::connection&> {
    const deadline_guard guard{pq_->sock(), limit};
    try {
      return std::forward<F>(f)(*pq_);
    } catch (...) {
      rethrow(operation, guard);
    }
  }

  /// False once a call has failed with `away`, or when the server's end of the socket is closed.
  [[nodiscard]] bool usable() const;
  /// Process id of the server's backend, and its start time as text: together they name it.
  [[nodiscard]] int backend_pid() const { return backend_pid_; }
  [[nodiscard]] const std::string& backend_start() const { return backend_start_; }

private:
  [[noreturn]] void rethrow(const char* operation, const deadline_guard& guard);
  void set_up(pqxx::connection& pq, const session_options& options);

  time_limits limits_;
  std::unique_ptr<pqxx::connection> pq_;
  bool broken_ = false;
  int backend_pid_ = 0;
  std::string backend_start_;
};

} // namespace ates::storage
