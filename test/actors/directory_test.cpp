// Employees change and leave (contract.md B1, B3, B16): what they had is given to others, and the last one
// stays while somebody has to have the tasks.
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using actors::employee_change;

employee_change activity(bool active) {
  employee_change c;
  c.active = active;
  return c;
}

employee_change new_role(domain::role role) {
  employee_change c;
  c.role = role;
  return c;
}

question change(world& w, const account_id& who, employee_change what) {
  return w.ask(directory_ref, actors::change_employee_command{who, std::move(what)});
}

/// What the change is answered, however long that takes.
outcome changed(world& w, const account_id& who, employee_change what) {
  const auto q = change(w, who, std::move(what));
  BOOST_REQUIRE(w.pass_until([&] { return q.answered(); }));
  return q.what();
}

storage::employee_row employee(world& w, const account_id& who) {
  return w.tables().employees.at(who.value);
}

std::int64_t open_tasks_of(world& w, const account_id& who) {
  const auto t = w.tables();
  return std::count_if(t.tasks.begin(), t.tasks.end(), [&](const auto& task) {
    return task.second.assignee == who && task.second.status == domain::task_status::open;
  });
}

account_id hire_as(world& w, const std::string& login, domain::role role) {
  const account_id id{w.id_in(3)};
  auto c = employ(login, id);
  c.what.role = role;
  BOOST_REQUIRE(w.answer(directory_ref, std::move(c)).what() == outcome::ok);
  return id;
}

} // namespace

BOOST_AUTO_TEST_SUITE(directory)

BOOST_AUTO_TEST_CASE(who_leaves_gives_up_each_open_task_once_and_those_who_get_them_are_charged) {
  world w;
  const auto ann = w.hire("ann", 1);
  for (int i = 0; i < 20; ++i)
    w.new_task(static_cast<shard_number>(i % 4)); // all are hers
  const auto bob = w.hire("bob", 2);
  w.pass(1s);
  BOOST_REQUIRE_EQUAL(open_tasks_of(w, ann), 20);
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::ok);
  BOOST_REQUIRE(w.pass_until([&] { return open_tasks_of(w, bob) == 20; }));
  w.pass(20s);
  BOOST_CHECK_EQUAL(count_entries(w.tables(), domain::entry_kind::assignment_fee), 40);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "task.assigned.v1"), 40);
  BOOST_CHECK(differences(w.tables()).empty());
  w.new_task(0);
  BOOST_CHECK_EQUAL(open_tasks_of(w, ann), 0);
}

BOOST_AUTO_TEST_CASE(who_gets_a_role_that_is_not_assignable_gives_up_the_open_tasks_and_keeps_the_done_ones) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto done = w.new_task(0);
  w.new_task(1);
  w.complete(done);
  const auto bob = w.hire("bob", 2);
  BOOST_CHECK(changed(w, ann, new_role(domain::role::manager)) == outcome::ok);
  BOOST_REQUIRE(w.pass_until([&] { return open_tasks_of(w, bob) == 1; }));
  BOOST_CHECK(w.stored(done).assignee == ann);
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(whoever_comes_back_is_drawn_again) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto bob = w.hire("bob", 2);
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::ok);
  BOOST_CHECK(changed(w, ann, activity(true)) == outcome::ok);
  BOOST_CHECK(changed(w, bob, activity(false)) == outcome::ok);
  w.new_task(0);
  BOOST_CHECK_EQUAL(open_tasks_of(w, ann), 1);
}

BOOST_AUTO_TEST_CASE(a_directory_that_starts_again_goes_on_giving_away_what_those_who_left_had) {
  world w;
  const auto ann = w.hire("ann", 1);
  w.new_task(0);
  const auto bob = w.hire("bob", 2);
  w.run();
  // As if the node had died between the change and the first look.
  w.crash();
  w.state.change([&](auto& t) {
    auto& row = t.employees.at(ann.value);
    row.active = false;
    row.changed = 1'000;
  });
  w.start();
  BOOST_REQUIRE(w.pass_until([&] { return open_tasks_of(w, bob) == 1; }));
}

BOOST_AUTO_TEST_CASE(the_last_assignable_account_stays_while_a_task_is_open) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::last_assignee);
  BOOST_CHECK(changed(w, ann, new_role(domain::role::admin)) == outcome::last_assignee);
  BOOST_CHECK(employee(w, ann).active && !employee(w, ann).leaving);
  w.complete(task);
  w.run();
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::ok);
  BOOST_CHECK(w.ask(ref(task_id{w.id_in(0)}), actors::create_task_command{"t", {}, {}, {}}).answered() ==
              false);
  const auto refused = w.answer(ref(task_id{w.id_in(0)}), actors::create_task_command{"t", {}, {}, {}});
  BOOST_CHECK(refused.what() == outcome::no_assignable_account);
}

BOOST_AUTO_TEST_CASE(a_task_that_is_being_made_while_the_last_one_leaves_is_seen_before_that_is_allowed) {
  world w;
  const auto ann = w.hire("ann", 1);
  // The draw is made, its record waits for the journal; the look for open tasks sees none yet.
  const auto made = w.ask(ref(task_id{w.id_in(2)}), actors::create_task_command{"t", {}, {}, {}});
  w.run_without_journal();
  BOOST_REQUIRE(!made.answered());
  const auto left = change(w, ann, activity(false));
  w.run_without_journal();
  BOOST_REQUIRE(w.pass_until([&] { return left.answered() && made.answered(); }));
  BOOST_CHECK(made.what() == outcome::ok);
  BOOST_CHECK(left.what() == outcome::last_assignee);
  w.pass(1s);
  BOOST_CHECK(employee(w, ann).active && !employee(w, ann).leaving);
  BOOST_CHECK(w.home->current_roster()->assignable->size() == 1);
}

BOOST_AUTO_TEST_CASE(while_the_last_one_is_asked_to_leave_nobody_is_drawn) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto left = change(w, ann, activity(false));
  BOOST_REQUIRE(w.step_until([&] { return w.home->current_roster()->by_id.at(ann)->leaving; }));
  const auto made = w.ask(ref(task_id{w.id_in(2)}), actors::create_task_command{"t", {}, {}, {}});
  BOOST_REQUIRE(w.pass_until([&] { return left.answered() && made.answered(); }));
  BOOST_CHECK(made.what() == outcome::no_assignable_account);
  BOOST_CHECK(left.what() == outcome::ok);
  BOOST_CHECK(w.tables().tasks.empty());
}

BOOST_AUTO_TEST_CASE(who_takes_a_login_while_the_last_one_leaves_with_it_keeps_it) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto boss = hire_as(w, "boss", domain::role::admin);
  employee_change leaving = activity(false);
  leaving.login = "wanted";
  const auto left = change(w, ann, leaving);
  employee_change taking;
  taking.login = "wanted";
  const auto took = change(w, boss, taking);
  BOOST_REQUIRE(w.pass_until([&] { return left.answered() && took.answered(); }));
  BOOST_CHECK(took.what() == outcome::ok);
  BOOST_CHECK(left.what() == outcome::login_taken);
  BOOST_CHECK(employee(w, ann).active && !employee(w, ann).leaving);
}

BOOST_AUTO_TEST_CASE(a_departure_whose_directory_died_in_the_middle_is_withdrawn) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto left = change(w, ann, activity(false));
  BOOST_REQUIRE(w.step_until([&] { return employee(w, ann).leaving; }));
  w.crash();
  w.start();
  BOOST_REQUIRE(w.pass_until([&] { return !employee(w, ann).leaving; }));
  BOOST_CHECK(!left.answered() || left.what() != outcome::ok);
  BOOST_CHECK(employee(w, ann).active);
  w.pass(1s);
  w.new_task(0);
  BOOST_CHECK_EQUAL(open_tasks_of(w, ann), 1);
}

BOOST_AUTO_TEST_CASE(the_last_active_admin_is_neither_deactivated_nor_demoted) {
  world w;
  const auto ann = hire_as(w, "ann", domain::role::admin);
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::last_admin);
  BOOST_CHECK(changed(w, ann, new_role(domain::role::worker)) == outcome::last_admin);
  const auto bob = hire_as(w, "bob", domain::role::admin);
  BOOST_CHECK(changed(w, ann, new_role(domain::role::worker)) == outcome::ok);
  BOOST_CHECK(changed(w, bob, activity(false)) == outcome::last_admin);
}

BOOST_AUTO_TEST_CASE(two_admins_who_leave_at_once_do_not_both_leave) {
  world w;
  const auto ann = hire_as(w, "ann", domain::role::admin);
  const auto bob = hire_as(w, "bob", domain::role::admin);
  const auto first = change(w, ann, activity(false));
  const auto second = change(w, bob, activity(false));
  BOOST_REQUIRE(w.pass_until([&] { return first.answered() && second.answered(); }));
  BOOST_CHECK(first.what() == outcome::ok);
  BOOST_CHECK(second.what() == outcome::last_admin);
}

BOOST_AUTO_TEST_CASE(a_login_is_taken_whatever_its_case_and_free_when_it_was_given_up) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto bob = w.hire("bob", 2);
  employee_change c;
  c.login = "BOB";
  BOOST_CHECK(changed(w, ann, c) == outcome::login_taken);
  c.login = "ANN"; // the own one
  BOOST_CHECK(changed(w, ann, c) == outcome::ok);
  c.login = "anna";
  BOOST_CHECK(changed(w, ann, c) == outcome::ok);
  c.login = "Ann";
  BOOST_CHECK(changed(w, bob, c) == outcome::ok);
  BOOST_CHECK(w.home->current_roster()->by_login.at("ann")->id == bob);
}

BOOST_AUTO_TEST_CASE(a_change_that_changes_nothing_is_known_and_writes_nothing) {
  world w;
  const auto ann = w.hire("ann", 1);
  w.run();
  const auto before = employee(w, ann);
  employee_change c;
  c.name = "ann";
  c.active = true;
  BOOST_CHECK(changed(w, ann, c) == outcome::known);
  BOOST_CHECK(employee(w, ann) == before);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "account.updated.v1"), 0);
  BOOST_CHECK(changed(w, account_id{w.id_in(0)}, c) == outcome::not_found);
}

BOOST_AUTO_TEST_CASE(a_change_is_recorded_by_the_accounts_own_shard) {
  world w;
  const auto ann = w.hire("ann", 1);
  employee_change c;
  c.name = "Ann B.";
  BOOST_CHECK(changed(w, ann, c) == outcome::ok);
  w.pass(1s);
  BOOST_CHECK_EQUAL(count_events(w.tables(), "account.updated.v1"), 1);
  BOOST_CHECK(w.home->current_roster()->by_id.at(ann)->name == "Ann B.");
  BOOST_CHECK(differences(w.tables()).empty());
}

BOOST_AUTO_TEST_CASE(a_deactivated_account_loses_its_sessions_and_gets_no_new_one) {
  world w;
  w.hire("bob", 2);
  const auto ann = w.hire("ann", 1);
  BOOST_REQUIRE(w.answer(ref(ann), actors::open_session_command{"secret"}).what() == outcome::ok);
  BOOST_REQUIRE_EQUAL(w.tables().sessions.size(), 1U);
  BOOST_CHECK(changed(w, ann, activity(false)) == outcome::ok);
  w.pass(1s);
  BOOST_CHECK(w.tables().sessions.empty());
  BOOST_CHECK(w.answer(ref(ann), actors::open_session_command{"other"}).what() == outcome::account_inactive);
  BOOST_CHECK(w.tables().sessions.empty());
}

BOOST_AUTO_TEST_CASE(
    a_new_password_ends_the_other_sessions_and_is_refused_when_the_old_one_is_not_the_stored_one) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto first = w.answer(ref(ann), actors::open_session_command{"first"});
  w.answer(ref(ann), actors::open_session_command{"second"});
  employee_change c;
  c.password_hash = "hash 1";
  BOOST_CHECK(changed(w, ann, c) == outcome::ok); // by an admin: all end
  w.pass(1s);
  BOOST_CHECK(w.tables().sessions.empty());
  const auto kept = w.answer(ref(ann), actors::open_session_command{"third"});
  w.answer(ref(ann), actors::open_session_command{"fourth"});
  c.password_hash = "hash 2";
  c.checked_against = "hash 0";
  c.keep_session = std::get<domain::uuid>(kept.reply().value);
  BOOST_CHECK(changed(w, ann, c) == outcome::wrong_secret);
  c.checked_against = "hash 1";
  BOOST_CHECK(changed(w, ann, c) == outcome::ok);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.tables().sessions.size(), 1U);
  BOOST_CHECK(std::get<2>(w.tables().sessions.begin()->first) == *c.keep_session);
  BOOST_CHECK_EQUAL(employee(w, ann).password_hash, "hash 2");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
