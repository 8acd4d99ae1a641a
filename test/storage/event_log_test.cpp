// The log as readers outside see it: every event once, each shard in its order, whatever is being committed.

#include "storage/postgres_event_log.hpp"
#include "test/storage/sample_books.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <set>
#include <thread>
#include <tuple>

using namespace ates;
using namespace ates::test;
using namespace std::chrono_literals;
using storage::event_filter;
using storage::log_page;
using storage::log_position;
using storage::log_request;
using storage::logged_event;
using storage::postgres_event_log;

namespace {

storage::event_log::deadline soon() {
  return std::chrono::steady_clock::now() + 20s;
}

log_request from_the_first(std::size_t events_max = 50, event_filter filter = {}) {
  log_request what;
  what.after = log_position(shards_total, 0);
  what.events_max = events_max;
  what.filter = std::move(filter);
  return what;
}

/// Reads on until nothing more is there.
std::vector<logged_event> walk(storage::event_log& log, log_request& what) {
  std::vector<logged_event> all;
  for (;;) {
    auto page = log.read(what, soon());
    BOOST_TEST(page.events.size() <= what.events_max);
    std::move(page.events.begin(), page.events.end(), std::back_inserter(all));
    what.after = page.position;
    if (!page.more)
      return all;
  }
}

std::vector<std::string> types(const std::vector<logged_event>& events) {
  std::vector<std::string> out;
  for (const auto& e : events)
    out.push_back(e.type);
  return out;
}

/// A few people, tasks in several shards, a payout.
void live_a_little(sample_books& books) {
  const auto ann = books.hire("ann");
  const auto bob = books.hire("bob");
  for (int i = 0; i < 12; ++i) {
    books.pass(1s);
    const auto id = books.create("Task " + std::to_string(i), i % 2 == 0 ? ann : bob);
    if (i % 3 == 0)
      books.complete(id);
  }
  books.deliver();
  books.close_day();
}

/// (shard, seq) of every event that is not internal, as the table has them.
std::set<std::pair<int, std::int64_t>> stored(postgres_world& world) {
  std::set<std::pair<int, std::int64_t>> out;
  for (const auto& row : world.sql("select shard, seq from event where type <> 'directory.changed.v1'"))
    out.emplace(row[0].as<int>(), row[1].as<std::int64_t>());
  return out;
}

std::set<std::pair<int, std::int64_t>> places(const std::vector<logged_event>& events) {
  std::set<std::pair<int, std::int64_t>> out;
  for (const auto& e : events)
    BOOST_TEST(out.emplace(e.shard, e.seq).second, "an event came twice");
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(events_out)

BOOST_AUTO_TEST_CASE(a_position_survives_its_bytes_and_nothing_else_is_one) {
  const log_position some{0, 1, 127, 128, 16'384, INT64_MAX};
  BOOST_TEST((storage::parse_log_position(storage::to_bytes(some), 6) == some));
  BOOST_TEST(!storage::parse_log_position(storage::to_bytes(some), 5));
  BOOST_TEST(!storage::parse_log_position(storage::to_bytes(some), 7));
  BOOST_TEST(!storage::parse_log_position("\x80", 1));
  BOOST_TEST(!storage::parse_log_position(std::string(9, '\xff') + "\x01", 1)); // beyond 63 bits
  BOOST_TEST(!storage::parse_log_position("", 1));
}

BOOST_AUTO_TEST_CASE(a_filter_takes_full_types_and_prefixes) {
  const event_filter filter{{"task.created.v2"}, {"shuffle."}};
  for (const auto* type : {"task.created.v2", "shuffle.requested.v1"})
    BOOST_TEST(filter.matches(type), type);
  for (const auto* type : {"task.created.v1", "task.created.v22", "shuffler.x.v1", ""})
    BOOST_TEST(!filter.matches(type), type);
  BOOST_TEST(event_filter{}.matches("anything.at.v1"));
}

BOOST_AUTO_TEST_CASE(a_walk_gives_every_public_event_once_oldest_first_whatever_the_size_of_its_pages) {
  sample_books books;
  live_a_little(books);
  postgres_event_log log{books.url(), shards_total, true};
  const auto expected = stored(books.world);
  for (const std::size_t size : {1, 2, 7, 50, 1000}) {
    auto what = from_the_first(size);
    const auto events = walk(log, what);
    BOOST_TEST((places(events) == expected));
    for (std::size_t i = 1; i < events.size(); ++i)
      BOOST_TEST((events[i - 1].at <= events[i].at));
    std::map<storage::shard_number, std::int64_t> last;
    for (const auto& e : events)
      BOOST_TEST(std::exchange(last[e.shard], e.seq) < e.seq);
    // Behind what is internal, too: the next reader does not look at it again.
    BOOST_TEST((what.after == log.head(soon())));
  }
}

BOOST_AUTO_TEST_CASE(a_filtered_walk_gives_what_the_filter_wants_and_says_when_nothing_follows) {
  sample_books books;
  live_a_little(books);
  postgres_event_log log{books.url(), shards_total, true};
  auto all = from_the_first();
  const auto events = walk(log, all);
  for (const auto& filter : {event_filter{{"task.completed.v1"}, {}}, event_filter{{}, {"task."}},
                             event_filter{{"day.closed.v1"}, {"payment_log_record.", "task.est"}},
                             event_filter{{"no.such.v1"}, {}}, event_filter{{"directory.changed.v1"}, {}},
                             event_filter{{}, {"audit_log_record."}}, event_filter{{}, {"audit%log"}}}) {
    std::vector<std::string> expected;
    for (const auto& e : events)
      if (filter.matches(e.type))
        expected.push_back(e.type);
    for (const std::size_t size : {1, 3, 1000}) {
      auto what = from_the_first(size, filter);
      BOOST_TEST(types(walk(log, what)) == expected, boost::test_tools::per_element());
    }
    if (!expected.empty()) {
      const auto exact = log.read(from_the_first(expected.size(), filter), soon());
      BOOST_TEST(exact.events.size() == expected.size());
      BOOST_TEST(!exact.more);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_page_ends_at_its_bytes_and_at_the_position_asked_for) {
  sample_books books;
  live_a_little(books);
  postgres_event_log log{books.url(), shards_total, true};
  auto what = from_the_first();
  what.bytes_max = 1;
  const auto small = log.read(what, soon());
  BOOST_TEST(small.events.size() == 1u);
  BOOST_TEST(small.more);

  auto half = from_the_first(10);
  const auto until = log.read(half, soon()).position;
  half.events_max = 1000;
  half.until = until;
  const auto page = log.read(half, soon());
  BOOST_TEST(page.events.size() == 10u);
  BOOST_TEST(!page.more);
  BOOST_TEST((page.position == until));
}

BOOST_AUTO_TEST_CASE(an_event_comes_as_it_was_written) {
  sample_books books;
  const auto ann = books.hire("ann");
  const auto id = books.create("With \"quotes\" \\ and 水", ann, "HOME-1");
  postgres_event_log log{books.url(), shards_total, true};
  const auto page = log.read(from_the_first(1, {{"task.created.v2"}, {}}), soon());
  BOOST_REQUIRE(page.events.size() == 1u);
  const auto row = books.world.sql("select shard, seq, data from event where type = 'task.created.v2'")[0];
  const auto& event = page.events[0];
  BOOST_TEST(event.shard == row[0].as<int>());
  BOOST_TEST(event.seq == row[1].as<std::int64_t>());
  BOOST_TEST(event.data == row[2].c_str());
  BOOST_TEST((event.subject == id.value));
  BOOST_TEST((event.at == books.now));
}

BOOST_AUTO_TEST_CASE(a_seq_that_is_not_there_yet_holds_back_what_follows_it_in_its_shard_only) {
  postgres_world world;
  const auto insert = [](int shard, int seq) {
    return "insert into event (shard, seq, epoch, at, type, subject, data) values (" + std::to_string(shard) +
           ", " + std::to_string(seq) + ", 1, now(), 'task.updated.v1', '" + to_string(id_in(0, seq)) +
           "', '{}')";
  };
  pqxx::connection late{world.url(database_role::owner)};
  pqxx::work uncommitted{late};
  uncommitted.exec0(insert(3, 2));
  world.sql(insert(3, 1));
  world.sql(insert(3, 3));
  world.sql(insert(4, 1));
  postgres_event_log log{world.url(database_role::app), shards_total, true};
  auto what = from_the_first();
  using place = std::pair<int, std::int64_t>;
  BOOST_TEST((places(walk(log, what)) == std::set<place>{{3, 1}, {4, 1}}));
  BOOST_TEST(walk(log, what).empty());
  uncommitted.commit();
  BOOST_TEST((places(walk(log, what)) == std::set<place>{{3, 2}, {3, 3}}));
}

BOOST_AUTO_TEST_CASE(readers_beside_two_writers_see_every_event_once_in_the_order_of_its_shard) {
  postgres_world world;
  constexpr int tasks_per_shard = 40;
  std::atomic<int> writing{2};
  const auto write = [&](std::int16_t writer, std::vector<storage::shard_number> shards) {
    auto journal = world.journal(writer);
    const auto loaded = world.loader().load_shards(shards);
    std::map<storage::shard_number, storage::epoch> epochs;
    for (const auto& lease : world.new_lease_store()->view().shards)
      epochs[lease.shard] = lease.epoch;
    for (std::size_t i = 0; i < shards.size(); ++i)
      journal->attach(shards[i], loaded[i].counters);
    return [&, journal = std::shared_ptr(std::move(journal)), shards, epochs]() mutable {
      std::vector<storage::delivery> out;
      for (int n = 0; n < tasks_per_shard; ++n) {
        std::vector<storage::record> records;
        for (const auto shard : shards) {
          auto task = new_task(task_in(shard, n));
          records.push_back(create_record(epochs.at(shard), shard, task, account_in(1, 1)));
        }
        std::vector<const storage::record*> pointers;
        for (const auto& r : records)
          pointers.push_back(&r);
        if (journal->commit(pointers, {}, out).what != storage::commit_outcome::kind::committed)
          break;
      }
      --writing;
    };
  };
  auto first = write(0, {0, 1, 2, 3}), second = write(1, {4, 5, 6, 7});
  postgres_event_log log{world.url(database_role::app), shards_total, true};
  std::vector<logged_event> seen[2];
  const auto read = [&](int which) {
    auto what = from_the_first(which == 0 ? 3 : 100);
    for (bool last_look = false;;) {
      for (bool more = true; more;) {
        auto page = log.read(what, soon());
        what.after = page.position;
        more = page.more;
        std::move(page.events.begin(), page.events.end(), std::back_inserter(seen[which]));
      }
      if (last_look)
        return;
      last_look = writing == 0;
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(std::move(first));
  threads.emplace_back(std::move(second));
  for (const int which : {0, 1})
    threads.emplace_back(read, which);
  for (auto& thread : threads)
    thread.join();
  for (const auto& events : seen) {
    std::map<storage::shard_number, std::int64_t> last;
    for (const auto& e : events)
      BOOST_TEST(e.seq == ++last[e.shard]);
    BOOST_TEST(events.size() == 3u * tasks_per_shard * shards_total); // created, estimated, assigned
  }
}

BOOST_AUTO_TEST_SUITE_END()
