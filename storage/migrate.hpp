#pragma once
/// Making a database ours: tables, functions, the daemon's role and rights, and the settings it was made
/// with.

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace ates::storage {

/// A database that cannot be used as it is. what() says why and what to do, for a person.
class unusable_database : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Whether a server with fsync or full_page_writes off is accepted (tests only).
enum class server_safety : std::uint8_t { required, not_required };

/// Brings the database to this binary's migrations: numbered, forward only, each in a transaction of its own,
/// all under one advisory lock, so that any number of daemons may start at once. Makes the role ates_app if
/// it is missing and grants it the least it needs. Changes nothing when all is there. Needs the database's
/// owner only when something is missing. Throws unusable_database for a database that is newer than the
/// binary, whose migrations were other ones, or when the role in `url` lacks a right (with the SQL that
/// helps); storage_error otherwise.
void migrate(const std::string& url, server_safety safety = server_safety::required);

/// Settings `exchange.*` (config::to_text): stored at the first start, with the rows of all shards; compared
/// later. `accept` stores new values instead, but for exchange.shards, which is fixed for ever. Throws
/// unusable_database that names every setting that differs, with both values.
void store_or_check_exchange(const std::string& url,
                             std::span<const std::pair<std::string, std::string>> exchange, bool accept,
                             server_safety safety = server_safety::required);

} // namespace ates::storage
