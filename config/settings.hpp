#pragma once
/// Settings (contract.md §5): config/ates.toml < environment ATES_<SECTION>_<KEY> < command line. An unknown
/// or malformed one stops the start with its name and the legal values.

#include "domain/calendar.hpp"
#include "domain/pricing.hpp"
#include "domain/role.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ates::config {

/// A setting that cannot be used: what() names it, its value, and the legal values.
class settings_error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `exchange.*`: stored in the database at first start.
struct exchange_settings {
  std::string timezone = "UTC";
  std::chrono::minutes day_ends_at{0}; ///< "HH:MM"
  domain::role_set assignable_roles =
      domain::role_set{}.add(domain::role::worker).add(domain::role::accountant);
  domain::price_range prices;
  std::uint16_t shards = 64; ///< 1..1024, fixed for ever
  friend bool operator==(const exchange_settings&, const exchange_settings&) = default;
};

struct auth_settings {
  std::filesystem::path signing_key; ///< default <var>/keys/jwt.pem
  std::uint32_t scrypt_log2n = 17;   ///< 14..20
  std::uint32_t max_failures_login = 10;
  std::uint32_t max_failures_address = 100;
  friend bool operator==(const auth_settings&, const auth_settings&) = default;
};

struct http_settings {
  std::string listen = "127.0.0.1";
  std::uint16_t port = 8080; ///< 0: any free port (written to <var>/run/http-port)
  std::chrono::milliseconds deadline{5000};
  std::uint32_t max_streams = 256;
  friend bool operator==(const http_settings&, const http_settings&) = default;
};

struct mail_settings {
  std::string transport = "file"; ///< file or smtp
  std::string smtp_url, smtp_user;
  std::filesystem::path smtp_password_file;
  std::string from = "ates@localhost";
  std::uint32_t max_attempts = 10;
  friend bool operator==(const mail_settings&, const mail_settings&) = default;
};

struct actor_settings {
  std::uint32_t max_active = 100'000; ///< entities kept in memory per node
  friend bool operator==(const actor_settings&, const actor_settings&) = default;
};

struct cluster_settings {
  std::string name = "ates";
  std::string node = "node1";
  std::string listen, advertise; ///< CAF; empty: alone
  std::chrono::milliseconds lease_ttl{5000};
  std::filesystem::path tls_certificate, tls_key, tls_ca;
  friend bool operator==(const cluster_settings&, const cluster_settings&) = default;
};

struct log_settings {
  std::string level = "info";    ///< trace, debug, info, warn, error
  std::string format = "logfmt"; ///< logfmt or json
  friend bool operator==(const log_settings&, const log_settings&) = default;
};

struct settings {
  exchange_settings exchange;
  auth_settings auth;
  http_settings http;
  mail_settings mail;
  bool events_legacy_v1 = false;
  actor_settings actors;
  cluster_settings cluster;
  log_settings log;
  // From the environment or the command line only:
  std::string database_url;                  ///< ATES_DATABASE_URL
  std::optional<std::string> admin_password; ///< ATES_ADMIN_PASSWORD
  std::chrono::seconds clock_offset{0};      ///< ATES_CLOCK_OFFSET
  std::filesystem::path var = "var";         ///< --var, ATES_VAR
  friend bool operator==(const settings&, const settings&) = default;
};

/// Reads all three sources. `environment` are NAME=value pairs of which those starting with ATES_ count;
/// `overrides` are "section.key=value", or "var=PATH", from the command line. `file` may be absent. Throws
/// settings_error.
settings load(const std::optional<std::filesystem::path>& file, std::span<const std::string> environment,
              std::span<const std::string> overrides);

/// One line of the settings table: for `--help`, for docs, for the test that all of them are documented.
struct setting_info {
  std::string name;    ///< "exchange.timezone"
  std::string legal;   ///< "an IANA time zone name"
  std::string purpose; ///< one sentence
};
std::vector<setting_info> describe();

/// `exchange.*` as text, in a fixed order: what is stored at first start and compared later.
std::vector<std::pair<std::string, std::string>> to_text(const exchange_settings& exchange);

} // namespace ates::config
