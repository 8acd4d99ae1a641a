#define BOOST_TEST_MODULE support
#include "test/support/postgres_cluster.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <future>
#include <pqxx/pqxx>
#include <sys/wait.h>
#include <unistd.h>

using namespace ates::test;
using namespace std::chrono_literals;

namespace {

std::string ask(const postgres_cluster& cluster, database_role role, const std::string& query) {
  pqxx::connection connection(cluster.url(role));
  pqxx::work work(connection);
  return work.exec1(query)[0].as<std::string>();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_cluster_has_the_roles_and_the_durability_of_production) {
  postgres_cluster cluster;
  BOOST_TEST(ask(cluster, database_role::owner, "select current_setting('is_superuser')") == "on");
  BOOST_TEST(ask(cluster, database_role::app, "select current_setting('is_superuser')") == "off");
  for (const auto* setting : {"fsync", "full_page_writes", "synchronous_commit", "data_checksums"})
    BOOST_TEST(ask(cluster, database_role::app, std::string("select current_setting('") + setting + "')") ==
                   "on",
               setting);
  BOOST_TEST(ask(cluster, database_role::app, "select current_setting('listen_addresses')") == "");
  BOOST_CHECK_THROW(ask(cluster, database_role::app, "create table public.mine (x int) returning 1"),
                    pqxx::sql_error);
}

BOOST_AUTO_TEST_CASE(what_was_committed_outlives_a_stop_and_a_kill) {
  postgres_cluster cluster;
  {
    pqxx::connection connection(cluster.url(database_role::owner));
    pqxx::work work(connection);
    work.exec("create table kept as select 42 as answer");
    work.commit();
  }
  cluster.stop();
  BOOST_CHECK_THROW(ask(cluster, database_role::owner, "select 1"), pqxx::broken_connection);
  cluster.start();
  cluster.kill9();
  cluster.start();
  BOOST_TEST(ask(cluster, database_role::owner, "select answer from kept") == "42");
}

BOOST_AUTO_TEST_CASE(a_killed_cluster_starts_again_although_a_backend_is_still_busy) {
  postgres_cluster cluster;
  pqxx::connection busy(cluster.url(database_role::owner));
  auto sleeper = std::async(std::launch::async, [&] {
    pqxx::nontransaction work(busy);
    work.exec("do $$ begin loop end loop; end $$"); // never looks whether its postmaster lives
  });
  const auto is_busy = "select count(*) from pg_stat_activity where state = 'active' and query like 'do %'";
  while (ask(cluster, database_role::owner, is_busy) != "1") {
  }
  cluster.kill9();
  cluster.start();
  BOOST_TEST(ask(cluster, database_role::owner, is_busy) == "0");
  BOOST_CHECK_THROW(sleeper.get(), pqxx::failure);
}

BOOST_AUTO_TEST_CASE(a_frozen_cluster_answers_only_when_thawed) {
  postgres_cluster cluster;
  pqxx::connection connection(cluster.url(database_role::owner));
  cluster.freeze();
  auto answer = std::async(std::launch::async, [&] {
    pqxx::nontransaction work(connection);
    return work.exec1("select 1")[0].as<int>();
  });
  BOOST_TEST((answer.wait_for(300ms) == std::future_status::timeout));
  cluster.thaw();
  BOOST_TEST(answer.get() == 1);
}

BOOST_AUTO_TEST_CASE(a_killed_test_leaves_no_cluster_behind) {
  int report[2];
  BOOST_REQUIRE(::pipe(report) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const postgres_cluster cluster;
    const auto socket = cluster.socket().string();
    if (::write(report[1], socket.data(), socket.size()) < 0)
      ::_exit(1);
    ::pause();
  }
  char path[128] = {};
  BOOST_REQUIRE(::read(report[0], path, sizeof path - 1) > 0);
  BOOST_TEST(std::filesystem::exists(path));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (std::filesystem::exists(std::filesystem::path(path).parent_path()) &&
         std::chrono::steady_clock::now() < deadline)
    ::usleep(10'000);
  BOOST_TEST(!std::filesystem::exists(std::filesystem::path(path).parent_path()));
}
