#pragma once
/// Idempotency-Keys (contract.md §3, design.md §7): the gateway names the scope and the request; the entity
/// that has the effect keeps the answer.

#include "actors/facade.hpp"
#include "domain/ids.hpp"
#include "http/message.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace ates::http {

/// The header's value, if there is one. Throws problem bad_request unless it has 1..255 visible ASCII
/// characters.
std::optional<std::string> idempotency_key_of(const request& in);

/// Account, method, path and key as one id: the same through any node.
domain::uuid idempotency_scope(const domain::account_id& who, std::string_view method, std::string_view path,
                               std::string_view key);

/// An external_ref is unique in the whole company: neither account nor path are in its scope.
domain::uuid external_ref_scope(std::string_view external_ref);

/// Tells requests apart: query and body in canonical form, as a keyed SHA-256 in hex. Keyed, because a body
/// may hold a password and the hash is stored.
std::string request_hash(std::string_view secret, const std::map<std::string, std::string>& query,
                         const nlohmann::json& body);

/// The keys whose requests run on this node now. Thread-safe.
class running_keys {
public:
  /// Ends the key's run when it goes.
  class hold {
  public:
    hold(running_keys& of, const domain::uuid& scope) : of_(&of), scope_(scope) {}
    hold(hold&& other) noexcept : of_(std::exchange(other.of_, nullptr)), scope_(other.scope_) {}
    hold& operator=(hold&&) = delete;
    ~hold();

  private:
    running_keys* of_;
    domain::uuid scope_;
  };
  /// Waits while another request with this key runs; throws problem idempotency_in_progress at the deadline.
  hold acquire(const domain::uuid& scope, std::chrono::steady_clock::time_point deadline);

private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::unordered_set<domain::uuid> running_;
};

} // namespace ates::http
