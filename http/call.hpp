#pragma once
/// What a route's handler gets: one request that passed the guard, the token and the rights, and everything
/// it may use.

#include "actors/facade.hpp"
#include "domain/role.hpp"
#include "http/idempotency.hpp"
#include "http/json_in.hpp"
#include "http/message.hpp"
#include "http/passwords.hpp"
#include "http/query.hpp"
#include "http/throttle.hpp"
#include "http/tokens.hpp"
#include "storage/event_log.hpp"
#include "storage/operations.hpp"
#include "storage/reports.hpp"
#include "storage/sign_in_failures.hpp"
#include "storage/verifications.hpp"

#include <prometheus/collectable.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::http {

class event_streams;

/// What handlers work with. Thread-safe, all of it; owned by the gateway.
struct services {
  actors::facade& facade;
  storage::reports& reports;
  storage::operations& operations;
  storage::event_log& events;
  storage::sign_in_failures& failures;
  event_streams& streams;
  const signing_key& key;
  http::tokens& tokens;
  http::passwords& passwords;
  throttle& login_failures;
  throttle& address_failures;
  const http::cursors& cursors;
  running_keys& running;
  std::string request_hash_secret;
  std::string failure_secret;
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics; ///< read anew at each GET /metrics
  std::filesystem::path schemas;
  std::string openapi;                                        ///< the document that says what is served
  std::function<std::chrono::system_clock::time_point()> now; ///< real time, for tokens
  storage::verifications& verifications;
};

struct call {
  const services& with;
  const request& in;
  std::string request_id;
  std::chrono::steady_clock::time_point deadline;
  std::vector<std::string> args;       ///< what the `{…}` of the path stand for, decoded
  std::optional<actors::employee> who; ///< set on every route that needs a token
  std::optional<domain::uuid> session; ///< of the token, where it says so
  query_map query{};
  json body{}; ///< `{}` where none was sent

  [[nodiscard]] actors::caller caller() const { return caller(who->id); }
  [[nodiscard]] actors::caller caller(const domain::account_id& account) const {
    return {account, deadline, request_id};
  }
  /// Reads of rows give up earlier than the request, so that without storage the answer is there within 2 s.
  [[nodiscard]] std::chrono::steady_clock::time_point read_deadline() const;
  /// The path's n-th id; throws not_found when it is no UUID.
  [[nodiscard]] domain::uuid id_arg(std::size_t n) const;
  /// A node may not have heard yet of who was hired through another one: before it denies somebody, it looks
  /// into storage. Throws storage_error.
  [[nodiscard]] std::optional<actors::employee> find_employee(const domain::account_id& id) const;
  /// `me` or an id, as an existing account; throws not_found.
  [[nodiscard]] actors::employee account_arg(std::size_t n) const;
};

/// The Idempotency-Key of a POST, if it has one, ready for the facade. While it lives, other requests with
/// the key wait.
class keyed {
public:
  explicit keyed(const call& c);
  [[nodiscard]] const std::optional<actors::idempotency>& key() const noexcept { return key_; }
  /// The key of the index-th item of a batch.
  [[nodiscard]] std::optional<actors::idempotency> item(std::size_t index, const json& item) const;

private:
  const call& call_;
  std::optional<std::string> text_;
  std::optional<actors::idempotency> key_;
  std::optional<running_keys::hold> hold_;
};

} // namespace ates::http
