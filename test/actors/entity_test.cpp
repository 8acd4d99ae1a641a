// What a shard does with its entities: loading, passivating, restarting, holding commands back (design.md §4,
// §5).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include "actors/account.hpp"
#include "actors/asker.hpp"
#include "actors/directory.hpp"
#include "actors/guardian.hpp"
#include "actors/journal.hpp"
#include "actors/loader.hpp"
#include "actors/membership.hpp"
#include "actors/payouts.hpp"
#include "actors/region.hpp"
#include "actors/shuffles.hpp"
#include "actors/task.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <type_traits>

namespace ates::test {

namespace {

using namespace std::chrono_literals;

// C++20 initialises an aggregate state from the self pointer (design.md §10).
template <class... States>
constexpr bool none_is_an_aggregate = (... && (!std::is_aggregate_v<States> &&
                                               std::is_default_constructible_v<States>));
static_assert(none_is_an_aggregate<actors::account_state, actors::directory_state, actors::journal_state,
                                   actors::payouts_state, actors::shard_state, actors::shuffles_state,
                                   actors::task_state, actors::loader_state, actors::region_state,
                                   actors::asker_state, actors::guardian_state, actors::membership_state>);

std::int64_t loads_of(const world& w, const entity_ref& entity) {
  return std::count(w.watch.loads.begin(), w.watch.loads.end(), entity);
}

/// Commands with this key end the entity: its kept answer cannot be read.
actors::idempotency poison(world& w, const entity_ref& entity) {
  auto key = key_of("poison");
  const bool spread = entity.kind == entity_kind::task;
  const auto shard = spread ? domain::shard_of(entity.id, w.home->shards) : shard_number{0};
  w.state.change([&](auto& t) {
    t.kept[{shard, entity}][key.scope] = {key.scope, key.request_hash, "{", {}};
  });
  return key;
}

/// Forgets everything that is loaded, as a restart of the node does.
void restart(world& w) {
  w.crash();
  w.start();
}

} // namespace

BOOST_AUTO_TEST_SUITE(crashes)

BOOST_AUTO_TEST_CASE(a_crashed_entity_is_loaded_again_only_behind_a_barrier) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto key = poison(w, ref(task));
  restart(w);
  BOOST_REQUIRE(w.answer(ref(task), actors::read_entity{}).what() == outcome::ok);
  w.watch.loads.clear();
  const auto done = w.complete(task); // on its way to the disk when the entity crashes
  const auto bad = w.ask(ref(task), actors::complete_task_command{}, key);
  w.run_without_journal();
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run_without_journal();
  BOOST_CHECK(bad.what() == outcome::internal);
  BOOST_CHECK(!done.answered());
  BOOST_CHECK(!read.answered());
  BOOST_CHECK_EQUAL(loads_of(w, ref(task)), 0);
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK_EQUAL(loads_of(w, ref(task)), 1);
  BOOST_CHECK(read.task().status == domain::task_status::done);
  BOOST_CHECK_EQUAL(w.home->counters.entity_restarts.load(), 1U);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(an_entity_that_crashes_again_and_again_is_quarantined_and_others_go_on) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto other = w.new_task(0);
  const auto key = poison(w, ref(task));
  restart(w);
  for (std::uint32_t i = 0; i <= config::limits::restart_budget; ++i)
    BOOST_CHECK(w.answer(ref(task), actors::complete_task_command{}, key).what() == outcome::internal);
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).what() == outcome::quarantined);
  BOOST_CHECK(w.answer(ref(other), actors::read_entity{}).what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(an_account_that_crashes_gets_its_lost_events_from_the_log_once) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto first = w.new_task(0);
  const auto second = w.new_task(2);
  w.pass(1s);
  // Its balance cannot take another reward: the posting throws. Put right by hand, it goes on.
  w.state.change([&](auto& t) { t.accounts.at({1, ann.value}).rewards = {INT64_MAX - 100}; });
  restart(w);
  w.complete(first);
  BOOST_REQUIRE(w.step_until([&] { return w.home->counters.entity_restarts.load() != 0; }));
  w.state.change([&](auto& t) { t.accounts.at({1, ann.value}).rewards = {}; });
  w.complete(second);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(ann).balance.count, 2 * (3000 - 1000));
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_crashed_supervisor_starts_from_what_is_durable_and_nothing_is_lost) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto key = poison(w, directory_ref);
  restart(w);
  w.answer(ref(task), actors::read_entity{});
  // The directory ends while a record of its shard is under way, and another one follows.
  const auto bad = w.ask(directory_ref, actors::create_employee_command{}, key);
  const auto done = w.complete(task);
  w.run();
  BOOST_CHECK(bad.what() == outcome::internal);
  BOOST_CHECK(done.what() == outcome::ok || done.what() == outcome::unavailable);
  const auto again = w.complete(task);
  w.run();
  BOOST_CHECK(again.what() == outcome::ok || again.what() == outcome::known);
  BOOST_CHECK_EQUAL(w.home->counters.refused_records.load(), 0U);
  w.hire("bob", 2);
  w.pass(1s);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(passivation)

BOOST_AUTO_TEST_CASE(entities_beyond_max_active_are_passivated) {
  world w({.max_active = 3});
  w.hire("ann", 1);
  std::vector<task_id> tasks;
  for (int i = 0; i < 10; ++i)
    tasks.push_back(w.new_task(0));
  BOOST_CHECK_EQUAL(w.status(0).active, 3U);
  w.watch.loads.clear();
  for (const auto& task : tasks)
    BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.status(0).active, 3U);
  BOOST_CHECK_EQUAL(loads_of(w, ref(tasks[0])), 1);
}

BOOST_AUTO_TEST_CASE(the_entity_used_last_stays) {
  world w({.max_active = 2});
  w.hire("ann", 1);
  const auto often = w.new_task(0);
  w.new_task(0);
  w.answer(ref(often), actors::read_entity{});
  w.watch.loads.clear();
  w.new_task(0);
  w.answer(ref(often), actors::read_entity{});
  BOOST_CHECK_EQUAL(loads_of(w, ref(often)), 0);
}

BOOST_AUTO_TEST_CASE(a_passivated_entity_is_loaded_again_only_when_durable) {
  world w({.max_active = 1});
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  const auto other = w.new_task(0);
  w.answer(ref(task), actors::read_entity{});
  w.watch.loads.clear();
  const auto done = w.complete(task);                               // not durable yet when ...
  const auto pushes_out = w.ask(ref(other), actors::read_entity{}); // ... it is passivated
  w.run_without_journal();
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run_without_journal();
  BOOST_CHECK(pushes_out.what() == outcome::ok);
  BOOST_CHECK_EQUAL(loads_of(w, ref(task)), 0);
  BOOST_CHECK(!read.answered());
  w.run();
  BOOST_CHECK(done.what() == outcome::ok);
  BOOST_CHECK(read.task().status == domain::task_status::done);
  BOOST_CHECK_EQUAL(loads_of(w, ref(task)), 1);
}

BOOST_AUTO_TEST_CASE(an_entity_passivated_many_times_is_never_taken_for_a_crash) {
  world w({.max_active = 1});
  w.hire("ann", 1);
  const auto one = w.new_task(0);
  const auto other = w.new_task(0);
  for (int i = 0; i < 20; ++i) {
    BOOST_CHECK(w.answer(ref(one), actors::read_entity{}).what() == outcome::ok);
    BOOST_CHECK(w.answer(ref(other), actors::read_entity{}).what() == outcome::ok);
  }
  BOOST_CHECK_EQUAL(w.home->counters.entity_restarts.load(), 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(a_shard_holds_only_so_many_commands) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  restart(w);
  w.state.go_away(true); // nothing can be loaded
  std::vector<question> held;
  for (std::size_t i = 0; i < config::limits::held_per_shard; ++i)
    held.push_back(w.ask(ref(task), actors::read_entity{}));
  w.run();
  BOOST_CHECK(std::none_of(held.begin(), held.end(), [](const auto& q) { return q.answered(); }));
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).what() == outcome::overloaded);
  w.state.go_away(false);
  w.pass(1s);
  BOOST_CHECK(std::all_of(held.begin(), held.end(), [](const auto& q) { return q.what() == outcome::ok; }));
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(commands_that_wait_for_their_entity_are_executed_in_the_order_they_came) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const auto created = w.ask(ref(task), actors::create_task_command{"t", {}, {}, {}});
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.run();
  BOOST_CHECK(created.what() == outcome::ok);
  BOOST_CHECK(read.what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(a_command_whose_deadline_has_passed_is_not_executed) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const auto late = w.ask_until(std::chrono::steady_clock::now() - 1s, ref(task),
                                actors::create_task_command{"t", {}, {}, {}});
  w.run();
  BOOST_CHECK(late.what() == outcome::unavailable);
  BOOST_CHECK(w.tables().tasks.empty());
}

BOOST_AUTO_TEST_CASE(a_command_for_a_shard_that_is_being_loaded_waits) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  // The shard starts over, and storage is away when it wants to load.
  w.watch.before_commit = [&](auto) { w.state.arrange(storage::memory_state::next_commit::unknown_written); };
  w.complete(task);
  BOOST_REQUIRE(w.step_until([&] { return w.home->counters.shard_resets.load() != 0; }));
  w.watch.before_commit = {};
  w.state.go_away(true);
  const auto read = w.ask(ref(task), actors::read_entity{});
  w.pass(1s);
  BOOST_CHECK(!read.answered());
  w.state.go_away(false);
  w.pass(1s);
  BOOST_CHECK(read.task().status == domain::task_status::done);
}

BOOST_AUTO_TEST_CASE(an_entity_asked_for_twice_in_one_query_is_in_both_answers) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  BOOST_CHECK((w.load_twice(task) == std::pair<std::size_t, std::size_t>{1, 1}));
}

BOOST_AUTO_TEST_CASE(a_key_used_with_the_same_body_is_replayed) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const actors::create_task_command create{"t", {}, {}, {}};
  const auto first = w.answer(ref(task), create, key_of("k"));
  const auto again = w.answer(ref(task), create, key_of("k"));
  restart(w);
  const auto after_restart = w.answer(ref(task), create, key_of("k"));
  BOOST_CHECK(first.what() == outcome::ok && !first.reply().replayed);
  BOOST_CHECK(again.what() == outcome::ok && again.reply().replayed);
  BOOST_CHECK(again.task() == first.task());
  BOOST_CHECK(after_restart.reply().replayed);
  BOOST_CHECK(after_restart.task() == first.task());
}

BOOST_AUTO_TEST_CASE(a_replay_waits_until_the_first_answer_is_durable) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const actors::create_task_command create{"t", {}, {}, {}};
  const auto first = w.ask(ref(task), create, key_of("k"));
  const auto again = w.ask(ref(task), create, key_of("k"));
  w.run_without_journal();
  BOOST_CHECK(!first.answered());
  BOOST_CHECK(!again.answered());
  w.run();
  BOOST_CHECK(again.reply().replayed);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.created.v2"), 1);
}

BOOST_AUTO_TEST_CASE(a_key_used_with_another_body_is_a_mismatch) {
  world w;
  w.hire("ann", 1);
  const auto key = [](std::string_view body) { return key_of("k", body); };
  const task_id task{w.id_in(0)};
  w.answer(ref(task), actors::create_task_command{"t", {}, {}, {}}, key("one"));
  BOOST_CHECK(w.answer(ref(task), actors::create_task_command{"u", {}, {}, {}}, key("two")).what() ==
              outcome::idempotency_mismatch);
  BOOST_CHECK(w.answer(shuffles_ref, actors::request_shuffle_command{}, key("one")).what() == outcome::ok);
  BOOST_CHECK(w.answer(shuffles_ref, actors::request_shuffle_command{}, key("two")).what() ==
              outcome::idempotency_mismatch);
  BOOST_CHECK(w.answer(payouts_ref, actors::close_day_command{}, key("one")).what() == outcome::ok);
  BOOST_CHECK(w.answer(payouts_ref, actors::close_day_command{}, key("two")).what() ==
              outcome::idempotency_mismatch);
  const auto hire = [&](std::string_view body) {
    const account_id id{w.id_in(2)};
    return w.answer(directory_ref, employ("bob", id), key(body)).what();
  };
  BOOST_CHECK(hire("one") == outcome::ok);
  BOOST_CHECK(hire("two") == outcome::idempotency_mismatch);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_kept_and_its_key_runs_anew) {
  world w;
  const task_id task{w.id_in(0)};
  const actors::create_task_command create{"t", {}, {}, {}};
  BOOST_CHECK(w.answer(ref(task), create, key_of("k")).what() == outcome::no_assignable_account);
  BOOST_CHECK(w.tables().tasks.empty());
  w.hire("ann", 1);
  BOOST_CHECK(w.answer(ref(task), create, key_of("k")).what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(a_node_that_does_not_know_its_people_yet_does_not_say_that_there_are_none) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  const auto people = w.home->current_roster();
  w.home->publish(std::make_shared<const actors::roster>());
  BOOST_CHECK(w.answer(ref(task), actors::create_task_command{"t", {}, {}, {}}).what() ==
              outcome::unavailable);
  w.home->publish(people);
  BOOST_CHECK(w.answer(ref(task), actors::create_task_command{"t", {}, {}, {}}).what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(a_task_with_a_known_external_ref_is_answered_as_known) {
  world w;
  w.hire("ann", 1);
  const task_id task{w.id_in(0)};
  BOOST_CHECK(w.answer(ref(task), actors::create_task_command{"t", {}, {}, "ref"}).what() == outcome::ok);
  const auto again = w.answer(ref(task), actors::create_task_command{"t", {}, {}, "ref"});
  BOOST_CHECK(again.what() == outcome::known);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.assigned.v1"), 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(directory)

BOOST_AUTO_TEST_CASE(two_logins_that_differ_in_case_only_are_one) {
  world w;
  w.hire("ann", 1);
  const auto again = w.answer(directory_ref, employ("ANN", account_id{w.id_in(2)}));
  BOOST_CHECK(again.what() == outcome::login_taken);
}

BOOST_AUTO_TEST_CASE(a_login_that_is_being_taken_is_not_refused_before_it_is_durable) {
  world w;
  const auto first = w.ask(directory_ref, employ("ann", account_id{w.id_in(1)}));
  const auto second = w.ask(directory_ref, employ("ann", account_id{w.id_in(2)}));
  w.run_without_journal();
  BOOST_CHECK(!second.answered());
  BOOST_CHECK(w.home->current_roster()->by_id.empty()); // nobody sees her yet
  w.run();
  BOOST_CHECK(first.what() == outcome::ok);
  BOOST_CHECK(second.what() == outcome::login_taken);
}

BOOST_AUTO_TEST_CASE(an_employee_is_in_the_roster_when_the_answer_arrives_and_recorded_by_their_own_shard) {
  world w;
  const auto before = w.home->current_roster()->version;
  const auto ann = w.hire("ann", 3);
  BOOST_CHECK_GT(w.home->current_roster()->version, before);
  BOOST_CHECK(w.home->current_roster()->by_login.contains("ann"));
  BOOST_CHECK(*w.home->current_roster()->assignable == std::vector{ann});
  const auto t = w.tables();
  const auto& log = t.events.at(3);
  BOOST_CHECK(std::any_of(log.begin(), log.end(), [&](const auto& e) {
    return e.row.type == "account.created.v1" && e.row.subject == ann.value;
  }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sign_in)

BOOST_AUTO_TEST_CASE(a_revoked_family_stays_revoked_after_a_restart) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto opened = w.answer(ref(ann), actors::open_session_command{"first"});
  const auto family = std::get<domain::uuid>(opened.reply().value);
  const auto wrong = w.answer(ref(ann), actors::refresh_session_command{family, "never given", "x"});
  BOOST_CHECK(wrong.what() == outcome::token_reused);
  restart(w);
  const auto after = w.answer(ref(ann), actors::refresh_session_command{family, "first", "second"});
  BOOST_CHECK(after.what() == outcome::unauthenticated);
  BOOST_CHECK(w.tables().sessions.empty());
}

BOOST_AUTO_TEST_CASE(a_token_is_not_given_out_before_it_is_durable) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto opened = w.ask(ref(ann), actors::open_session_command{"first"});
  w.run_without_journal();
  BOOST_CHECK(!opened.answered());
  w.run();
  const auto family = std::get<domain::uuid>(opened.reply().value);
  restart(w);
  BOOST_CHECK(w.answer(ref(ann), actors::refresh_session_command{family, "first", "second"}).what() ==
              outcome::ok);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
