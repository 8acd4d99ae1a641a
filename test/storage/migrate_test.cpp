#include "storage/migrate.hpp"
#include "storage/migrations.hpp"
#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <future>

using namespace ates::storage;
using namespace ates::test;

namespace {

constexpr auto lax = server_safety::not_required;

struct empty_database {
  empty_database() {
    static int count = 0;
    name = "empty" + std::to_string(++count);
    pqxx::connection owner{shared_cluster().url(database_role::owner)};
    pqxx::nontransaction{owner}.exec("create database " + name);
  }
  [[nodiscard]] std::string url(database_role role) const { return shared_cluster().url(role, name); }
  pqxx::result sql(database_role role, const std::string& statement) const {
    pqxx::connection c{url(role)};
    return pqxx::nontransaction{c}.exec(statement);
  }
  std::string name;
};

using text_pairs = std::vector<std::pair<std::string, std::string>>;

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const unusable_database& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(migrations)

BOOST_AUTO_TEST_CASE(migrating_twice_changes_nothing) {
  empty_database db;
  migrate(db.url(database_role::owner), lax);
  const auto first =
      db.sql(database_role::owner, "select number, checksum, applied_at from migration order by number");
  migrate(db.url(database_role::owner), lax);
  const auto second =
      db.sql(database_role::owner, "select number, checksum, applied_at from migration order by number");
  BOOST_TEST(first.size() == ates::storage::migrations().size());
  BOOST_TEST((first == second));
}

BOOST_AUTO_TEST_CASE(several_may_migrate_at_once) {
  empty_database db;
  std::vector<std::future<void>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(std::async(std::launch::async, [&] { migrate(db.url(database_role::owner), lax); }));
  for (auto& one : all)
    BOOST_CHECK_NO_THROW(one.get());
}

BOOST_AUTO_TEST_CASE(the_daemons_role_finds_a_database_that_its_owner_has_migrated) {
  empty_database db;
  BOOST_CHECK_THROW(migrate(db.url(database_role::app), lax), unusable_database);
  migrate(db.url(database_role::owner), lax);
  BOOST_CHECK_NO_THROW(migrate(db.url(database_role::app), lax));
}

BOOST_AUTO_TEST_CASE(a_database_newer_than_the_program_is_refused) {
  empty_database db;
  migrate(db.url(database_role::owner), lax);
  db.sql(database_role::owner, "insert into migration values (9999, '9999_future', 'x')");
  BOOST_TEST(
      contains(message_of([&] { migrate(db.url(database_role::owner), lax); }), "newer than this program"));
}

BOOST_AUTO_TEST_CASE(an_edited_migration_is_refused) {
  empty_database db;
  migrate(db.url(database_role::owner), lax);
  db.sql(database_role::owner, "update migration set checksum = 'x' where number = 1");
  BOOST_TEST(contains(message_of([&] { migrate(db.url(database_role::owner), lax); }), "checksum differs"));
}

BOOST_AUTO_TEST_CASE(a_server_that_may_lose_transactions_is_refused) {
  empty_database db; // the cluster of the tests runs with fsync off
  BOOST_CHECK_THROW(migrate(db.url(database_role::owner), server_safety::required), storage_error);
}

BOOST_AUTO_TEST_CASE(the_daemon_role_cannot_update_or_delete_events_transfers_and_the_record_of_operations) {
  postgres_world world;
  pqxx::connection app{world.url(database_role::app)};
  pqxx::nontransaction tx{app};
  for (const std::string table : {"event", "transfer", "ops_audit"}) {
    for (const auto& statement :
         {"update " + table + " set at = now()", "delete from " + table, "truncate " + table,
          "alter table " + table + " add column x int", "drop table " + table})
      BOOST_CHECK_THROW(tx.exec(statement), pqxx::insufficient_privilege);
    BOOST_CHECK_NO_THROW(tx.exec("select from " + table));
  }
}

BOOST_AUTO_TEST_CASE(settings_are_stored_at_the_first_start_and_compared_later) {
  empty_database db;
  const auto url = db.url(database_role::owner);
  migrate(url, lax);
  const text_pairs first{{"exchange.timezone", "UTC"}, {"exchange.fee_min", "10"}, {"exchange.shards", "4"}};
  store_or_check_exchange(url, first, false, lax);
  BOOST_TEST(db.sql(database_role::owner, "select shard from shard").size() == 4);
  BOOST_CHECK_NO_THROW(store_or_check_exchange(url, first, false, lax));

  text_pairs other = first;
  other[0].second = "Europe/Berlin";
  other[1].second = "11";
  const auto message = message_of([&] { store_or_check_exchange(url, other, false, lax); });
  for (const auto* part : {"exchange.timezone", "'UTC'", "'Europe/Berlin'", "exchange.fee_min", "'10'",
                           "'11'", "atesd --accept-settings"})
    BOOST_TEST(contains(message, part), part << " in: " << message);
  BOOST_CHECK_NO_THROW(store_or_check_exchange(url, other, true, lax));
  BOOST_CHECK_NO_THROW(store_or_check_exchange(url, other, false, lax));
}

BOOST_AUTO_TEST_CASE(the_number_of_shards_is_fixed_for_ever) {
  empty_database db;
  const auto url = db.url(database_role::owner);
  migrate(url, lax);
  store_or_check_exchange(url, text_pairs{{"exchange.shards", "4"}}, false, lax);
  const auto message = message_of([&] {
    store_or_check_exchange(url, text_pairs{{"exchange.shards", "8"}}, true, lax);
  });
  BOOST_TEST(contains(message, "fixed for ever"));
  BOOST_TEST(db.sql(database_role::owner, "select shard from shard").size() == 4);
}

BOOST_AUTO_TEST_SUITE_END()
