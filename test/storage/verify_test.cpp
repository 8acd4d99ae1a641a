// verify() against books that are right, and against the same books damaged in every way that docs/schema.md
// shows.

#include "bench/books.hpp"
#include "storage/verify.hpp"
#include "test/storage/sample_books.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

using namespace ates;
using namespace ates::test;

namespace {

/// Two days: tasks created, shuffled, completed, paid out, and again.
void fill(sample_books& books) {
  const auto ann = books.hire("ann");
  const auto bob = books.hire("bob");
  const auto cyd = books.hire("cyd");
  const auto first = books.create("Water the plants", ann, "HOME-1");
  const auto second = books.create("Feed the \"parrot\" \\ 水", bob);
  books.create("Count the money", cyd);
  books.edit(first, "Water the roses");
  books.complete(first);
  books.complete(second);
  books.deliver();
  books.pass(std::chrono::seconds{1});
  books.shuffle();
  books.close_day();
  books.create("Sweep the yard", ann, "HOME-2");
  books.pass(std::chrono::seconds{1});
  books.shuffle();
  books.complete(books.create("Mend the roof", bob));
  books.deliver();
}

std::string text_of(const storage::verification& v) {
  return storage::render(v);
}

/// One way to damage a database, as docs/schema.md shows it.
struct damage {
  std::string named; ///< the difference that must be named
  std::string sql;
};

/// The section "Damaging a database by hand": items "- `what is named`: …" followed by their statements.
std::vector<damage> damages_of_the_docs() {
  std::ifstream file(ATES_SOURCE_DIR "/docs/schema.md");
  std::stringstream text;
  text << file.rdbuf();
  const auto page = text.str();
  const auto begin = page.find("## Damaging a database by hand");
  if (begin == std::string::npos)
    return {};
  const auto section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  static const std::regex item("- `([^`]+)`[^\n]*\n+ *```sql\n([^`]*)```");
  std::vector<damage> found;
  for (std::sregex_iterator i(section.begin(), section.end(), item), end; i != end; ++i)
    found.push_back({(*i)[1], (*i)[2]});
  static const std::regex any_item("(^|\n)- ");
  BOOST_TEST_REQUIRE(found.size() == static_cast<std::size_t>(std::distance(
                                         std::sregex_iterator(section.begin(), section.end(), any_item),
                                         std::sregex_iterator())));
  return found;
}

/// Copies of the same books, each in its own database.
class copies {
public:
  std::string of(const std::string& original) {
    const auto name = original + "_copy" + std::to_string(++count_);
    pqxx::connection owner{shared_cluster().url(database_role::owner)};
    pqxx::nontransaction{owner}.exec("create database " + name + " template " + original);
    return name;
  }

private:
  int count_ = 0;
};

struct filled_books {
  filled_books() {
    sample_books books;
    fill(books);
    name = books.world.sql("select current_database()")[0][0].as<std::string>();
  }
  std::string name;
};

/// Made once: nobody is connected to them any more, so that they can be copied.
const filled_books& right_books() {
  static const filled_books books;
  return books;
}

bool names(const storage::verification& v, const std::string& what) {
  return std::any_of(v.differences.begin(), v.differences.end(),
                     [&](const auto& d) { return d.what == what; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(verify)

BOOST_AUTO_TEST_CASE(books_that_are_right_have_no_differences) {
  sample_books books;
  fill(books);
  const auto v = storage::verify(books.url());
  BOOST_TEST(v.clean(), text_of(v));
  BOOST_TEST(v.checked.accounts == 3);
  BOOST_TEST(v.checked.tasks == 5);
  BOOST_TEST(v.checked.transfers ==
             books.world.sql("select count(*) from transfer")[0][0].as<std::int64_t>());
  BOOST_TEST(v.checked.days == 2);
  BOOST_TEST(v.in_transit == 0);
}

BOOST_AUTO_TEST_CASE(the_shuffled_and_paid_out_books_hold_what_the_checks_look_at) {
  sample_books books;
  fill(books);
  for (const auto* table :
       {"employee", "account", "transfer where kind = 1", "transfer where kind = 2",
        "transfer where kind = 3", "transfer where reason = 2", "mail", "payout", "shuffle",
        "event where type = 'account.day_closed.v1'", "event where type = 'task.updated.v1'", "inbox_cursor"})
    BOOST_TEST(!books.world.sql(std::string("select from ") + table).empty(), table);
}

BOOST_AUTO_TEST_CASE(an_event_on_its_way_is_in_transit_and_no_difference) {
  sample_books books;
  fill(books);
  const auto late = books.create("Paint the fence", books.hire("dan"));
  books.complete(late);
  const auto v = storage::verify(books.url());
  BOOST_TEST(v.clean(), text_of(v));
  BOOST_TEST(v.in_transit == 1);
}

BOOST_AUTO_TEST_CASE(an_event_that_stays_on_its_way_for_more_than_a_minute_is_a_difference) {
  sample_books books;
  fill(books);
  const auto late = books.create("Paint the fence", books.hire("dan"));
  books.complete(late);
  books.world.sql("update event set at = at + interval '2 minutes' where (shard, seq) ="
                  " (select shard, seq from event where type = 'day.closed.v1')");
  const auto v = storage::verify(books.url());
  BOOST_TEST(v.difference_count == 1, text_of(v));
  BOOST_TEST(names(v, "event in transit"));
  BOOST_TEST(v.in_transit == 0);
}

BOOST_AUTO_TEST_CASE(each_damage_that_the_docs_show_is_named) {
  const auto damages = damages_of_the_docs();
  BOOST_TEST_REQUIRE(!damages.empty());
  copies copy;
  for (const auto& [named, sql] : damages) {
    const auto name = copy.of(right_books().name);
    pqxx::connection owner{shared_cluster().url(database_role::owner, name)};
    pqxx::nontransaction{owner}.exec(sql);
    const auto v = storage::verify(shared_cluster().url(database_role::app, name));
    BOOST_TEST(names(v, named), sql << " should be named " << named << "\n" << text_of(v));
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_differences_of_a_check_are_kept_and_all_are_counted) {
  sample_books books;
  const auto ann = books.hire("ann");
  for (int i = 0; i < 150; ++i)
    books.create("Task " + std::to_string(i), ann);
  books.world.sql("update task_state set version = 9");
  const auto v = storage::verify(books.url());
  BOOST_TEST(v.difference_count == 150);
  BOOST_TEST(v.differences.size() == storage::verification::kept_per_check);
  BOOST_TEST(text_of(v).find("and 50 more") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_verification_is_told_to_people_and_as_json) {
  storage::verification v;
  v.checked = {1, 2, 3, 4};
  v.in_transit = 5;
  BOOST_TEST(storage::render(v) == "checked 1 accounts, 2 tasks, 3 transfers, 4 days; 5 events in transit\n"
                                   "no differences: the books are right\n");
  v.differences.push_back({"balance of an account", "a", "-1", "1"});
  v.difference_count = 1;
  BOOST_TEST(storage::render(v).ends_with("balance of an account a: expected -1, found 1\n1 difference\n"));
  const auto json = nlohmann::json::parse(storage::render_json(v));
  BOOST_TEST(json.at("checked").at("days") == 4);
  BOOST_TEST(json.at("in_transit") == 5);
  BOOST_TEST(json.at("differences").at(0).at("what") == "balance of an account");
  BOOST_TEST(json.at("difference_count") == 1);
}

BOOST_AUTO_TEST_CASE(made_up_books_for_benchmarks_are_right) {
  for (const bool hot : {false, true}) {
    const auto name = new_database();
    bench::copy_session session(shared_cluster().url(database_role::owner, name));
    bench::books(session, {.tasks = 500, .accounts = 20, .hot = hot, .baseline = true}).write();
    const auto v = storage::verify(shared_cluster().url(database_role::app, name));
    BOOST_TEST(v.clean(), text_of(v));
    BOOST_TEST(v.checked.tasks == 500);
    BOOST_TEST(v.checked.accounts == 20);
  }
}

BOOST_AUTO_TEST_SUITE_END()
