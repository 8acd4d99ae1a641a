#include "storage/migrate.hpp"

#include "storage/connection.hpp"
#include "storage/migrations.hpp"

#include <chrono>
#include <map>

namespace ates::storage {

namespace {

using namespace std::chrono_literals;

constexpr const char* shards_setting = "exchange.shards";

constexpr const char* lock_database = "select pg_advisory_xact_lock(hashtext('ates.migrate'))";
constexpr const char* find_migration_table = "select to_regclass('migration') is not null";
constexpr const char* make_migration_table =
    "create table migration (number integer primary key, name text not null,"
    " checksum text not null,"
    " applied_at timestamptz not null default clock_timestamp())";
constexpr const char* list_applied = "select number, name, checksum from migration order by number";
constexpr const char* role_facts =
    "select exists (select from pg_roles where rolname = 'ates_app') as exists,"
    " (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may_create,"
    " current_user";
constexpr const char* is_member = "select pg_has_role(current_user, 'ates_app', 'member')";
constexpr const char* owns_tables =
    "select pg_has_role(current_user, relowner, 'usage') from pg_class where oid = 'migration'::regclass";

constexpr const char* owner_needed = "the role in the database URL must own the database; as a superuser:"
                                     " ALTER DATABASE <name> OWNER TO <role>";

/// Long limits: a migration may have much to rewrite, and a second daemon waits for the first.
connection connect(const std::string& url, server_safety safety, bool as_app_role) {
  session_options options;
  options.application_name = "atesd-migrate";
  options.as_app_role = as_app_role;
  options.allow_unsafe_server = safety == server_safety::not_required;
  options.limits.lock = 60s;
  options.limits.statement = 0s;
  options.limits.call = 10min;
  return {url, options};
}

std::map<int, std::string> applied(pqxx::transaction_base& tx) {
  std::map<int, std::string> checksums;
  for (const auto& row : tx.exec(list_applied)) {
    const int number = row["number"].as<int>();
    if (number > migrations().back().number)
      throw unusable_database("this database is newer than this program: it has migration " +
                              std::to_string(number) + " (" + row["name"].c_str() + "), the program knows " +
                              std::to_string(migrations().back().number) +
                              "; start the program that made it, or a newer one");
    checksums.emplace(number, row["checksum"].c_str());
  }
  return checksums;
}

void apply(pqxx::transaction_base& tx, const migration& next) {
  tx.exec(std::string{next.sql});
  tx.exec_params("insert into migration (number, name, checksum) values ($1, $2, $3)", next.number,
                 std::string{next.name}, std::string{next.checksum});
}

void apply_missing(pqxx::transaction_base& tx) {
  if (!tx.exec1(find_migration_table)[0].as<bool>())
    tx.exec0(make_migration_table);
  const auto before = applied(tx);
  for (const auto& next : migrations()) {
    const auto found = before.find(next.number);
    if (found == before.end())
      apply(tx, next);
    else if (found->second != next.checksum)
      throw unusable_database(
          "migration " + std::string{next.name} +
          " of this database is not the one of this program (its checksum differs): the database was"
          " made by a program that was never released; migrations are never edited");
  }
}

void make_role(pqxx::transaction_base& tx) {
  const auto facts = tx.exec1(role_facts);
  const std::string self = tx.quote_name(facts["current_user"].c_str());
  const bool may_create = facts["may_create"].as<bool>();
  if (!facts["exists"].as<bool>()) {
    if (!may_create)
      throw unusable_database(
          "the role ates_app is missing and " + self +
          " may not create it; as a superuser: CREATE ROLE ates_app NOLOGIN; GRANT ates_app TO " + self);
    tx.exec0("create role ates_app nologin");
  }
  if (tx.exec1(is_member)[0].as<bool>())
    return;
  if (!may_create)
    throw unusable_database(self + " is no member of the role ates_app; as a superuser: GRANT ates_app TO " +
                            self);
  tx.exec0("grant ates_app to " + self);
}

bool complete(pqxx::transaction_base& tx) {
  return tx.exec1(find_migration_table)[0].as<bool>() && applied(tx).size() == migrations().size();
}

/// A role that only may work in the database finds everything done by its owner.
bool done_by_owner(pqxx::transaction_base& tx) {
  return complete(tx) && !tx.exec1(owns_tables)[0].as<bool>();
}

std::map<std::string, std::string> stored_settings(pqxx::transaction_base& tx) {
  std::map<std::string, std::string> stored;
  for (const auto& row : tx.exec("select name, value from setting where name like 'exchange.%'"))
    stored.emplace(row[0].c_str(), row[1].c_str());
  return stored;
}

void store(pqxx::transaction_base& tx, const std::string& name, const std::string& value) {
  tx.exec_params("insert into setting (name, value) values ($1, $2) on conflict (name) do update set value = "
                 "excluded.value",
                 name, value);
  if (name == shards_setting)
    tx.exec_params("insert into shard (shard) select generate_series(0, $1::int - 1)", value);
}

std::string difference(const std::string& name, const std::string& stored, const std::string& now) {
  return "\n  " + name + ": the database was made with '" + stored + "', this node has '" + now + "'";
}

void check_or_accept(pqxx::transaction_base& tx,
                     std::span<const std::pair<std::string, std::string>> exchange, bool accept) {
  const auto stored = stored_settings(tx);
  std::string differing;
  std::string fixed;
  for (const auto& [name, value] : exchange) {
    const auto found = stored.find(name);
    if (found == stored.end())
      store(tx, name, value); // first start, or a setting that older programs did not have
    else if (found->second == value)
      continue;
    else if (name == shards_setting)
      fixed += difference(name, found->second, value);
    else if (accept)
      store(tx, name, value);
    else
      differing += difference(name, found->second, value);
  }
  if (!fixed.empty())
    throw unusable_database("this setting is fixed for ever when the database is made:" + fixed);
  if (!differing.empty())
    throw unusable_database("settings differ from those stored in the database:" + differing +
                            "\n`atesd --accept-settings` stores the new ones");
}

} // namespace

void migrate(const std::string& url, server_safety safety) {
  auto database = connect(url, safety, false);
  database.run("migrate", [](pqxx::connection& pq) {
    // One transaction for all: a start that dies half-way leaves nothing behind, and the lock lasts to the
    // end.
    pqxx::work tx{pq};
    tx.exec(lock_database);
    if (done_by_owner(tx))
      return;
    try {
      apply_missing(tx);
      make_role(tx);
      tx.exec(std::string{grants()});
    } catch (const pqxx::insufficient_privilege& error) {
      throw unusable_database(std::string{"migrate: "} + error.what() + owner_needed);
    }
    tx.commit();
  });
}

void store_or_check_exchange(const std::string& url,
                             std::span<const std::pair<std::string, std::string>> exchange, bool accept,
                             server_safety safety) {
  auto database = connect(url, safety, true);
  database.run("check settings", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    tx.exec(lock_database);
    check_or_accept(tx, exchange, accept);
    tx.commit();
  });
}

} // namespace ates::storage
