#include "storage/connection.hpp"

#include <algorithm>
#include <poll.h>

namespace ates::storage {

namespace {

constexpr const char* session_facts =
    "select current_setting('fsync'), current_setting('full_page_writes'), backend_start"
    " from pg_stat_activity where pid = pg_backend_pid()";

/// Adds what every connection of ours has to a URL or a keyword/value string.
std::string with_client_options(const std::string& url, const time_limits& limits) {
  const auto connect_s = std::max<long long>(2, (limits.connect.count() + 999) / 1000);
  const std::pair<const char*, std::string> options[] = {
      {"connect_timeout", std::to_string(connect_s)},
      {"tcp_user_timeout", std::to_string(limits.call.count())},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "1"},
      {"keepalives_count", "3"},
  };
  const bool is_uri = url.starts_with("postgresql://") || url.starts_with("postgres://");
  std::string text = url;
  char separator = is_uri ? (url.find('?') == std::string::npos ? '?' : '&') : ' ';
  for (const auto& [name, value] : options) {
    text += separator;
    text.append(name).append("=").append(value);
    separator = is_uri ? '&' : ' ';
  }
  return text;
}

std::string session_settings(pqxx::connection& pq, const session_options& options) {
  const auto milliseconds = [](std::chrono::milliseconds t) { return std::to_string(t.count()); };
  std::string sql = "set synchronous_commit = on; set timezone = 'UTC'; set datestyle = 'ISO, YMD';"
                    " set client_encoding = 'UTF8'; set client_min_messages = warning;"
                    " set bytea_output = hex; set extra_float_digits = 1";
  sql += "; set application_name = " + pq.quote(options.application_name);
  sql += "; set lock_timeout = " + milliseconds(options.limits.lock);
  sql += "; set statement_timeout = " + milliseconds(options.limits.statement);
  sql += "; set idle_in_transaction_session_timeout = " + milliseconds(options.limits.call);
  if (options.index_plans_only)
    sql += "; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off"
           "; set plan_cache_mode = force_generic_plan; set jit = off";
  return sql;
}

/// SQLSTATE that the server answered; empty: it answered nothing.
std::string sqlstate_of(const std::exception& error) {
  if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error))
    return sql->sqlstate();
  // libpqxx throws these only for an answer of class 40, but drops the code.
  if (dynamic_cast<const pqxx::statement_completion_unknown*>(&error) != nullptr)
    return {};
  if (dynamic_cast<const pqxx::deadlock_detected*>(&error) != nullptr)
    return "40P01";
  if (dynamic_cast<const pqxx::transaction_rollback*>(&error) != nullptr)
    return "40001";
  return {};
}

bool names_a_lost_server(const std::string& sqlstate) {
  return sqlstate.empty() || sqlstate.starts_with("08") || sqlstate.starts_with("57P");
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

} // namespace

connection::connection(const std::string& url, const session_options& options) : limits_(options.limits) {
  try {
    pq_ = std::make_unique<pqxx::connection>(with_client_options(url, limits_));
  } catch (const std::exception& error) {
    throw storage_error(storage_error::kind::away, "connect", {}, trimmed(error.what()));
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  pq_->inhibit_reactivation(true); // deprecated because version 7 never reconnects: just what we want
#pragma GCC diagnostic pop
  backend_pid_ = pq_->backendpid();
  run("set up session", [&](pqxx::connection& pq) { set_up(pq, options); });
}

void connection::set_up(pqxx::connection& pq, const session_options& options) {
  pqxx::nontransaction tx{pq};
  const auto facts = tx.exec1(session_settings(pq, options) + "; " + session_facts);
  if (options.as_app_role)
    tx.exec0(std::string("set role ") + app_role); // afterwards: it may not see its own backend_start
  backend_start_ = facts[2].c_str();
  const std::string fsync = facts[0].c_str();
  const std::string full_page_writes = facts[1].c_str();
  if (!options.allow_unsafe_server && (fsync != "on" || full_page_writes != "on"))
    throw storage_error(storage_error::kind::refused, "check server", {},
                        "this server may lose committed transactions: fsync is " + fsync +
                            ", full_page_writes is " + full_page_writes + "; both must be on");
}

bool connection::usable() const {
  if (broken_ || !pq_->is_open())
    return false;
  // Nothing is under way, so anything to read is the server's farewell.
  pollfd end{pq_->sock(), POLLIN | POLLRDHUP, 0};
  return ::poll(&end, 1, 0) == 0;
}

void connection::rethrow(const char* operation, const deadline_guard& guard) {
  try {
    throw;
  } catch (const pqxx::pqxx_exception& error) {
    const std::exception& base = error.base();
    const auto sqlstate = sqlstate_of(base);
    if (names_a_lost_server(sqlstate) || guard.expired() || !pq_->is_open()) {
      broken_ = true;
      throw storage_error(storage_error::kind::away, operation, sqlstate,
                          (guard.expired() ? "time limit passed: " : "") + trimmed(base.what()));
    }
    throw storage_error(storage_error::kind::refused, operation, sqlstate, trimmed(base.what()));
  }
}

} // namespace ates::storage
