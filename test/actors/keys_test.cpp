// Idempotency-Keys (contract.md §3): what is answered with 2xx is answered so again, and a key has one effect
// also when its answer is kept no more.
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include "actors/entity.hpp"

#include <boost/test/unit_test.hpp>

namespace ates::test {

namespace {

using namespace std::chrono_literals;

/// Kept for longer than a week: as if the sweep had deleted all of them.
void forget_answers(world& w) {
  w.state.change([](auto& t) { t.kept.clear(); });
  w.crash();
  w.start();
}

const storage::payout_row& run_of(const question& q) {
  return std::get<storage::payout_row>(q.reply().value);
}

storage::kept_answer answer_at(std::uint8_t number, domain::instant at) {
  domain::uuid scope;
  scope.bytes[14] = static_cast<std::uint8_t>(number);
  return {scope, "hash", "{}", at};
}

} // namespace

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(a_key_whose_answer_is_forgotten_creates_no_second_task) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const actors::create_task_command create{"t", {}, {}, {}};
  w.answer(ref(task), create, key_of("k"));
  forget_answers(w);
  const auto again = w.answer(ref(task), create, key_of("k"));
  BOOST_CHECK(again.what() == outcome::ok);
  BOOST_CHECK(again.reply().replayed);
  BOOST_CHECK(again.task() == w.stored(task));
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.created.v2"), 1);
}

BOOST_AUTO_TEST_CASE(a_key_whose_answer_is_forgotten_does_not_make_an_employee_anew) {
  world w;
  const account_id id{w.id_in(2)};
  BOOST_REQUIRE(w.answer(directory_ref, employ("bob", id), key_of("k")).what() == outcome::ok);
  actors::employee_change renamed;
  renamed.login = "robert";
  BOOST_REQUIRE(w.answer(directory_ref, actors::change_employee_command{id, renamed}).what() == outcome::ok);
  forget_answers(w);
  const auto again = w.answer(directory_ref, employ("bob", id), key_of("k"));
  BOOST_CHECK(again.what() == outcome::ok);
  BOOST_CHECK(again.reply().replayed);
  BOOST_CHECK_EQUAL(w.tables().employees.at(id.value).login, "robert");
}

BOOST_AUTO_TEST_CASE(a_completion_of_a_done_task_is_kept_as_well) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  BOOST_REQUIRE(w.complete(task).answered() || (w.run(), true));
  const auto by = w.stored(task).assignee;
  const auto first = w.answer(ref(task), actors::complete_task_command{}, key_of("k"), by);
  BOOST_CHECK(first.what() == outcome::known);
  BOOST_CHECK(!first.reply().replayed);
  w.crash();
  w.start();
  const auto again = w.answer(ref(task), actors::complete_task_command{}, key_of("k"), by);
  BOOST_CHECK(again.reply().replayed);
  BOOST_CHECK(again.task() == first.task());
  BOOST_CHECK(w.answer(ref(task), actors::complete_task_command{}, key_of("k", "another body"), by).what() ==
              outcome::idempotency_mismatch);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.completed.v1"), 1);
}

BOOST_AUTO_TEST_CASE(a_key_that_found_the_day_closed_does_not_close_the_next_one) {
  world w;
  w.hire("ann", 1);
  const auto closed = w.answer(payouts_ref, actors::close_day_command{}, key_of("one"));
  BOOST_REQUIRE(closed.what() == outcome::ok);
  const auto late = w.answer(payouts_ref, actors::close_day_command{}, key_of("two"));
  BOOST_REQUIRE(late.what() == outcome::known);
  BOOST_REQUIRE(w.pass_until(
      [&] { return w.tables().payouts.at(run_of(closed).on).status == storage::payout_status::done; }));
  w.set_time(w.home->clock.now() + 24h);
  w.crash();
  w.start();
  const auto again = w.answer(payouts_ref, actors::close_day_command{}, key_of("two"));
  BOOST_CHECK(again.what() == outcome::known);
  BOOST_CHECK(again.reply().replayed);
  BOOST_CHECK(run_of(again).on == run_of(closed).on);
  BOOST_CHECK_EQUAL(w.tables().payouts.size(), 1U);
  BOOST_CHECK(w.answer(payouts_ref, actors::close_day_command{}, key_of("one")).what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.tables().payouts.size(), 1U);
}

BOOST_AUTO_TEST_CASE(of_many_who_close_a_day_at_once_one_began_and_each_key_keeps_its_answer) {
  world w;
  w.hire("ann", 1);
  std::vector<question> asked;
  for (const auto* name : {"a", "b", "c"})
    asked.push_back(w.ask(payouts_ref, actors::close_day_command{}, key_of(name)));
  w.run();
  BOOST_REQUIRE(w.pass_until([&] { return asked.back().answered(); }));
  BOOST_CHECK(asked[0].what() == outcome::ok);
  BOOST_CHECK(asked[1].what() == outcome::known);
  BOOST_CHECK(asked[2].what() == outcome::known);
  w.set_time(w.home->clock.now() + 24h);
  w.crash();
  w.start();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto again = w.answer(payouts_ref, actors::close_day_command{},
                                key_of(std::string(1, static_cast<char>('a' + i))));
    BOOST_CHECK(again.reply().replayed);
    BOOST_CHECK(again.what() == asked[i].what());
    BOOST_CHECK(run_of(again).on == run_of(asked[i]).on);
  }
}

BOOST_AUTO_TEST_CASE(a_close_that_comes_twice_while_it_waits_is_one_close_whoever_was_first) {
  world w;
  w.hire("ann", 1);
  std::vector<question> asked;
  for (const auto* name : {"a", "a", "b", "b", "b"})
    asked.push_back(w.ask(payouts_ref, actors::close_day_command{}, key_of(name)));
  w.run();
  BOOST_REQUIRE(w.pass_until([&] { return asked.back().answered(); }));
  const auto is = [&](std::size_t i, outcome what, bool replayed) {
    BOOST_REQUIRE(asked.at(i).answered());
    return asked[i].what() == what && asked[i].reply().replayed == replayed;
  };
  BOOST_CHECK(is(0, outcome::ok, false));
  BOOST_CHECK(is(1, outcome::ok, true));
  BOOST_CHECK(is(2, outcome::known, false));
  BOOST_CHECK(is(3, outcome::known, true));
  BOOST_CHECK(is(4, outcome::known, true));
  w.set_time(w.home->clock.now() + 24h);
  w.crash();
  w.start();
  BOOST_CHECK(w.answer(payouts_ref, actors::close_day_command{}, key_of("a")).what() == outcome::ok);
  BOOST_CHECK(w.answer(payouts_ref, actors::close_day_command{}, key_of("b")).what() == outcome::known);
  BOOST_CHECK_EQUAL(w.tables().payouts.size(), 1U);
}

BOOST_AUTO_TEST_CASE(an_entity_that_lives_long_lets_go_of_answers_that_are_too_old) {
  actors::kept_answers kept;
  const auto now = std::chrono::time_point_cast<domain::instant::duration>(std::chrono::system_clock::now());
  const auto fill = [&](std::uint32_t from, domain::instant at) {
    for (std::uint32_t i = from; i < from + 10'000; ++i) {
      auto row = answer_at(0, at);
      for (int byte = 0; byte < 4; ++byte)
        row.scope.bytes[static_cast<std::size_t>(byte)] = static_cast<std::uint8_t>(i >> (8 * byte));
      kept.keep(row);
    }
  };
  fill(0, now - 169h);
  BOOST_CHECK_LT(kept.count(), 2'000U);
  fill(20'000, now);
  BOOST_CHECK_GE(kept.count(), 10'000U); // what is young stays, all of it
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
