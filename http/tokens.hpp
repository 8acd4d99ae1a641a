#pragma once
/// Access tokens: ES256 JWTs exactly as contract.md "Tokens". The algorithm is pinned here, never read from a
/// token.

#include "actors/facade.hpp"
#include "domain/ids.hpp"
#include "http/message.hpp"

#include <openssl/evp.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ates::http {

/// The P-256 key that all nodes sign with.
class signing_key {
public:
  /// Reads the PEM file; makes it first if there is none: mode 0600, whole or not at all, and when two start
  /// at once both end up with the same one. Throws std::runtime_error with the path when it cannot be had or
  /// is no P-256 key.
  explicit signing_key(const std::filesystem::path& pem);

  /// r ‖ s, 64 bytes.
  [[nodiscard]] std::string sign(std::string_view bytes) const;
  [[nodiscard]] bool verify(std::string_view bytes, std::string_view signature) const;
  /// RFC 7638 thumbprint.
  [[nodiscard]] const std::string& kid() const noexcept { return kid_; }
  /// The JWK set: public half only.
  [[nodiscard]] const std::string& jwks() const noexcept { return jwks_; }
  /// 32 secret bytes for `purpose`, the same on every node with this key.
  [[nodiscard]] std::string derive(std::string_view purpose) const;

private:
  struct free_key {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_PKEY, free_key> key_;
  std::string kid_;
  std::string jwks_;
  std::string secret_;
};

/// What stands behind `Authorization: Bearer`.
std::optional<std::string_view> bearer_of(const request& in);

/// Makes and reads access tokens. Thread-safe.
class tokens {
public:
  using time_point = std::chrono::system_clock::time_point;
  /// Keeps a reference to `key`.
  explicit tokens(const signing_key& key) : key_(key) {}

  /// Of the session `family`, which its jti names.
  [[nodiscard]] std::string make(const actors::employee& who, const domain::uuid& family,
                                 time_point now) const;
  struct bearer {
    domain::account_id account;
    std::optional<domain::uuid> session; ///< nullopt: made by somebody else with our key
  };
  /// Whose token it is. Throws problem token_expired, or unauthenticated for everything else that is wrong
  /// with it.
  bearer read(std::string_view token, time_point now);
  /// When a token that read() has accepted ends.
  time_point expiry(std::string_view token);

private:
  struct verified {
    bearer who;
    std::int64_t not_before = 0;
    std::int64_t expires = 0;
  };
  [[nodiscard]] verified verify(std::string_view token) const;
  verified recall_or_verify(std::string_view token);

  const signing_key& key_;
  std::mutex mutex_;
  std::unordered_map<std::string, verified> recent_; // guarded by mutex_; by SHA-256 of the token
};

} // namespace ates::http
