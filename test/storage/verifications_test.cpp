// Verifications that somebody asked a node for: run beside whatever happens to the node and to the server.

#include "storage/errors.hpp"
#include "storage/postgres_verifications.hpp"
#include "test/storage/sample_books.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace ates;
using namespace ates::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

storage::verifications::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

storage::audit_row asked_by_ann(const storage::uuid& id) {
  storage::audit_row row;
  row.id = id;
  row.by = account_in(1, 1);
  row.action = "verify";
  row.target = "books";
  row.result = "{}";
  return row;
}

/// A company with a few transfers, and a node that can verify it.
struct verifying {
  verifying() {
    const auto ann = books.hire("ann");
    books.complete(books.create("Water the plants", ann));
    books.deliver();
    books.close_day();
  }
  storage::uuid start(storage::verifications& at, int n) {
    return at.start(
        id_in(0, n), [&](const auto&) { return asked_by_ann(id_in(0, n)); }, soon());
  }
  storage::uuid start(int n) { return start(here, n); }
  /// The result, when it is there.
  json result_of(int n) {
    std::optional<storage::verification_run> run;
    wait_until([&] { return (run = here.find(id_in(0, n), soon())) && run->finished_at; },
               "the verification is done");
    BOOST_TEST(run->progress == "");
    return json::parse(run->result);
  }
  std::int64_t count(const std::string& what) {
    return books.world.sql("select count(*) from " + what)[0][0].as<std::int64_t>();
  }
  /// The queries of verifications that the server works on.
  std::int64_t queries() {
    return count("pg_stat_activity where application_name = 'ates verify' and state = 'active'"
                 " and datname = current_database()");
  }

  sample_books books;
  storage::postgres_verifications here{books.url(), [this] { return std::optional{books.world.self}; }, true};
};

storage::node_row other_node() {
  storage::node_row row;
  row.name = "other";
  return row;
}

/// While it lives, nobody can read the ledger: verifications stand still.
class ledger_lock {
public:
  explicit ledger_lock(const sample_books& books)
      : session_(books.url(database_role::owner)), held_(session_) {
    held_.exec("lock table transfer in access exclusive mode");
  }

private:
  pqxx::connection session_;
  pqxx::work held_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(verifications, verifying)

BOOST_AUTO_TEST_CASE(one_that_is_asked_for_finds_right_books_right) {
  BOOST_TEST((start(1) == id_in(0, 1)));
  const auto result = result_of(1);
  BOOST_TEST(result["difference_count"] == 0, result);
  BOOST_TEST(result["checked"]["transfers"] == 3);
  const auto run = *here.find(id_in(0, 1), soon());
  BOOST_TEST((run.by == account_in(1, 1)));
  BOOST_TEST((run.requested_at <= *run.finished_at));
  BOOST_TEST(!here.find(id_in(0, 2), soon()).has_value());
}

BOOST_AUTO_TEST_CASE(one_that_is_asked_for_names_a_damaged_balance) {
  books.world.sql("update account set balance = balance + 100");
  start(1);
  const auto differences = result_of(1)["differences"];
  BOOST_TEST(std::any_of(differences.begin(), differences.end(),
                         [](const auto& d) { return d["what"] == "balance of an account"; }),
             differences);
}

BOOST_AUTO_TEST_CASE(the_same_id_is_begun_and_recorded_once) {
  start(1);
  const auto first = result_of(1);
  books.world.sql("update account set balance = balance + 100");
  BOOST_TEST((start(1) == id_in(0, 1)));
  BOOST_TEST(result_of(1) == first);
  BOOST_TEST(count("verification") == 1);
  BOOST_TEST(count("ops_audit where action = 'verify'") == 1);
}

BOOST_AUTO_TEST_CASE(whoever_asks_while_one_waits_joins_it) {
  {
    const ledger_lock held(books);
    start(1);
    wait_until([&] { return queries() == 1; }, "the first one runs");
    BOOST_TEST(!here.find(id_in(0, 1), soon())->progress.empty());
    BOOST_TEST((start(2) == id_in(0, 2)));
    BOOST_TEST((start(3) == id_in(0, 2)));
    BOOST_TEST(here.find(id_in(0, 2), soon())->progress == "");
    BOOST_TEST(queries() == 1);
  }
  result_of(1);
  result_of(2);
  BOOST_TEST(!here.find(id_in(0, 3), soon()).has_value());
  BOOST_TEST(count("ops_audit where action = 'verify'") == 3);
}

BOOST_AUTO_TEST_CASE(one_whose_node_is_dead_is_begun_anew_by_the_node_that_is_asked) {
  const auto lease = books.world.new_lease_store();
  const auto other = lease->join(other_node(), 60s);
  const auto its_runner = [&] {
    return books.world.sql("select runner from verification")[0][0].as<storage::incarnation>();
  };
  {
    const ledger_lock held(books);
    storage::postgres_verifications there{books.url(), [&] { return std::optional{other}; }, true};
    start(there, 1);
    wait_until([&] { return queries() == 1; }, "it runs on the other node");
    there.stop(); // while its query waits for the lock
    wait_until([&] { return queries() == 0; }, "the server has given the query up");
    BOOST_CHECK_THROW(start(there, 2), storage::storage_error);
    BOOST_TEST(there.find(id_in(0, 1), soon()).has_value());
  }
  BOOST_TEST(!here.find(id_in(0, 1), soon())->finished_at.has_value());
  BOOST_TEST(its_runner() == other); // alive: it is left in its hands
  lease->leave(other);
  BOOST_TEST(result_of(1)["difference_count"] == 0);
  BOOST_TEST(its_runner() == books.world.self);
}

BOOST_AUTO_TEST_CASE(one_that_was_taken_over_is_finished_once_and_its_first_runner_lets_go) {
  const auto lease = books.world.new_lease_store();
  const auto other = lease->join(other_node(), 60s);
  storage::postgres_verifications there{books.url(), [&] { return std::optional{other}; }, true};
  {
    const ledger_lock held(books);
    start(1);
    wait_until([&] { return queries() == 1; }, "it runs here");
    books.world.sql("update node set dead = true where incarnation = " + std::to_string(books.world.self));
    BOOST_TEST(there.find(id_in(0, 1), soon()).has_value());
    wait_until([&] { return queries() == 2; }, "it runs there as well");
  }
  wait_until([&] { return there.find(id_in(0, 1), soon())->finished_at.has_value(); }, "it is done");
  wait_until([&] { return queries() == 0; }, "nobody runs it any more");
  BOOST_TEST(count("verification where status = 2") == 1);
}

BOOST_AUTO_TEST_CASE(one_whose_insertion_was_never_answered_runs_when_it_is_asked_for) {
  books.world.sql("insert into verification (id, by, runner) values ('" + domain::to_string(id_in(0, 1)) +
                  "', '" + domain::to_string(account_in(1, 1)) + "', " + std::to_string(books.world.self) +
                  ")");
  BOOST_TEST(result_of(1)["difference_count"] == 0);
}

BOOST_AUTO_TEST_CASE(one_whose_session_the_server_ends_begins_again) {
  {
    const ledger_lock held(books);
    start(1);
    wait_until([&] { return queries() == 1; }, "it runs");
    books.world.sql("select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'ates verify' and datname = current_database()");
    wait_until([&] { return queries() == 0; }, "its session is gone");
    wait_until([&] { return queries() == 1; }, "it runs again");
  }
  BOOST_TEST(result_of(1)["difference_count"] == 0);
}

BOOST_AUTO_TEST_CASE(one_that_fails_again_and_again_ends_and_says_so) {
  books.world.sql("revoke select on transfer from ates_app");
  start(1);
  const auto result = result_of(1);
  BOOST_TEST(result["difference_count"] == 1);
  const auto& told = result["differences"][0];
  BOOST_TEST(told["what"] == "verification");
  BOOST_TEST(told["found"].get<std::string>().find("permission denied") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(the_newest_hundred_are_kept) {
  books.world.sql("insert into verification (id, by, runner, requested_at) select gen_random_uuid(), '" +
                  domain::to_string(account_in(1, 1)) + "', " + std::to_string(books.world.self) +
                  ", now() - n * interval '1 minute' from generate_series(1, 150) n");
  start(1);
  BOOST_TEST(count("verification") == static_cast<std::int64_t>(storage::postgres_verifications::kept_max));
  BOOST_TEST(count("verification where requested_at < now() - interval '100 minutes'") == 0);
  result_of(1);
}

BOOST_AUTO_TEST_CASE(a_node_that_has_not_joined_begins_nothing) {
  storage::postgres_verifications nobody{books.url(), [] { return std::optional<storage::incarnation>{}; },
                                         true};
  BOOST_CHECK_THROW(start(nobody, 1), storage::storage_error);
  BOOST_TEST(count("verification") == 0);
  BOOST_TEST(count("ops_audit") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
