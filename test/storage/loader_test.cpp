// What is read back for activation and by the supervisors; both implementations.

#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace ates::storage;
using namespace ates::test;
namespace domain = ates::domain;

namespace {

record record_of(epoch e, shard_number shard, entity_kind kind, const uuid& id = {}) {
  record r;
  r.shard = shard;
  r.epoch = e;
  r.entity = {kind, id};
  r.at = noon();
  return r;
}

record directory_record(epoch e, std::vector<employee_row> employees) {
  auto r = record_of(e, 0, entity_kind::directory);
  r.employees = std::move(employees);
  return r;
}

bool same(const kept_answer& a, const kept_answer& b) {
  return a.scope == b.scope && a.request_hash == b.request_hash && a.answer == b.answer && a.at == b.at;
}

template <class World>
std::vector<loaded_entity> load(World& world, shard_number shard, const std::vector<entity_ref>& entities) {
  std::vector<entity_place> places;
  for (const auto& entity : entities)
    places.push_back({shard, entity});
  return world.loader().load(places);
}

} // namespace

BOOST_AUTO_TEST_SUITE(loader_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_entity_that_never_was_is_loaded_as_nothing, World, worlds) {
  World world;
  const std::vector<entity_ref> entities{{entity_kind::task, task_in(1, 0).value},
                                         {entity_kind::account, account_in(1, 0).value}};
  const auto loaded = load(world, 1, entities);
  BOOST_REQUIRE(loaded.size() == 2u);
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    BOOST_TEST((loaded[i].entity == entities[i]));
    BOOST_TEST(std::holds_alternative<std::monostate>(loaded[i].snapshot));
    BOOST_TEST(loaded[i].kept.empty());
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_kept_answer_comes_back_with_its_entity, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  r.kept = kept_answer{id_in(5, 5), "abc123", R"({"a": "quote \" and \\"})", noon(1)};
  BOOST_REQUIRE(d.commits({r}));
  auto again = complete_record(d.epochs[1], 1, task);
  again.kept = r.kept;
  again.kept->answer = "a key used again after its retention";
  BOOST_REQUIRE(d.commits({again}));
  const entity_ref entity{entity_kind::task, task.id.value};
  const auto loaded = load(world, 1, {entity});
  BOOST_REQUIRE(loaded.at(0).kept.size() == 1u);
  BOOST_TEST(same(loaded[0].kept[0], *again.kept));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(of_two_answers_under_one_key_in_a_batch_the_last_one_stays, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  auto r = create_record(d.epochs[1], 1, task, account_in(2, 0));
  r.kept = kept_answer{id_in(5, 5), "abc123", "the first", noon(1)};
  auto again = complete_record(d.epochs[1], 1, task);
  again.kept = kept_answer{id_in(5, 5), "abc123", "the second", noon(1)};
  BOOST_REQUIRE(d.commits({r, again}));
  const auto loaded = load(world, 1, {{entity_kind::task, task.id.value}});
  BOOST_REQUIRE(loaded.at(0).kept.size() == 1u);
  BOOST_TEST(loaded[0].kept[0].answer == "the second");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_session_lives_until_its_state_is_empty, World, worlds) {
  World world;
  desk d{world};
  const auto account = account_in(2, 0);
  auto r = record_of(d.epochs[2], 2, entity_kind::account, account.value);
  r.sessions = {{account, id_in(0, 1), R"({"secret":"x"})", noon(60)},
                {account, id_in(0, 2), R"({"secret":"y"})", noon(90)}};
  BOOST_REQUIRE(d.commits({r}));
  r.sessions = {{account, id_in(0, 1), "", noon(60)}, {account, id_in(0, 2), R"({"secret":"z"})", noon(120)}};
  BOOST_REQUIRE(d.commits({r}));
  const entity_ref entity{entity_kind::account, account.value};
  const auto loaded = load(world, 2, {entity});
  BOOST_REQUIRE(loaded.at(0).sessions.size() == 1u);
  const auto& session = loaded[0].sessions[0];
  BOOST_TEST((session.family == id_in(0, 2) && session.expires_at == noon(120)));
  BOOST_TEST(nlohmann::json::parse(session.state).at("secret") == "z");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(supervisors_start_from_what_they_wrote, World, worlds) {
  World world;
  desk d{world};
  const auto e = d.epochs.at(0);
  const auto anna = sample_employee(account_in(1, 0), 1, "Anna");
  auto bert = sample_employee(account_in(1, 1), 2, "bert");
  BOOST_REQUIRE(d.commits({directory_record(e, {anna, bert})}));
  bert.role = domain::role::manager;
  bert.active = false;
  bert.version = 2;
  BOOST_REQUIRE(d.commits({directory_record(e, {bert})}));

  auto runs = record_of(e, 0, entity_kind::shuffles);
  const auto shuffle = [&](std::int64_t run, shuffle_status status) {
    return shuffle_row{
        .run = run,
        .id = {id_in(0, static_cast<int>(run))},
        .status = status,
        .requested_by = anna.id,
        .requested_at = noon(run),
        .started_at = status == shuffle_status::queued ? std::nullopt : std::optional{noon(run + 1)},
        .finished_at = status == shuffle_status::done ? std::optional{noon(run + 2)} : std::nullopt,
        .open_tasks = std::nullopt,
        .reassigned = std::nullopt,
        .seed = ~std::uint64_t{0} - static_cast<std::uint64_t>(run)};
  };
  runs.shuffles = {shuffle(1, shuffle_status::done), shuffle(2, shuffle_status::done),
                   shuffle(3, shuffle_status::running), shuffle(4, shuffle_status::queued)};
  runs.roster = roster_row{3, {account_in(1, 0), account_in(1, 1)}};
  runs.kept = kept_answer{id_in(0, 7), "hash", "{}", noon()};
  BOOST_REQUIRE(d.commits({runs}));

  auto payouts = record_of(e, 0, entity_kind::payouts);
  const payout_row closed{
      sample_day() - std::chrono::days{1}, payout_status::done, anna.id, noon(), noon(5), 3, {900}};
  const payout_row open{sample_day(), payout_status::running, std::nullopt, noon(9), std::nullopt, 0, {0}};
  payouts.payouts = {closed, open};
  BOOST_REQUIRE(d.commits({payouts}));

  const auto loaded = world.loader().load_supervisors();
  BOOST_TEST((loaded.employees == std::vector{anna, bert}));
  BOOST_TEST((loaded.shuffles == std::vector<shuffle_row>{runs.shuffles.begin() + 1, runs.shuffles.end()}));
  BOOST_REQUIRE(loaded.roster.has_value());
  BOOST_TEST((loaded.roster->run == 3 && loaded.roster->accounts == runs.roster->accounts));
  BOOST_TEST((loaded.payouts == std::vector{closed, open}));
  BOOST_REQUIRE(loaded.shuffles_kept.size() == 1u);
  BOOST_TEST(same(loaded.shuffles_kept[0], *runs.kept));
  BOOST_TEST(loaded.directory_kept.empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_login_taken_in_another_case_is_refused_by_storage_too, World, worlds) {
  World world;
  desk d{world};
  BOOST_REQUIRE(d.commits({directory_record(d.epochs[0], {sample_employee(account_in(1, 0), 1, "Ännä")})}));
  const auto outcome =
      d.commit({directory_record(d.epochs[0], {sample_employee(account_in(1, 1), 2, "äNNÄ")})});
  BOOST_TEST((outcome.what == commit_outcome::kind::refused));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shard_is_loaded_with_the_latest_time_in_its_log, World, worlds) {
  World world;
  desk d{world};
  auto task = new_task(task_in(1, 0));
  const auto created = create_record(d.epochs[1], 1, task, account_in(2, 0));
  auto other = new_task(task_in(1, 1));
  auto stamped_before = create_record(d.epochs[1], 1, other, account_in(2, 0));
  for (auto& event : stamped_before.events)
    event.at -= std::chrono::microseconds{7};
  BOOST_REQUIRE(d.commits({created, stamped_before}));
  const auto loaded = world.loader().load_shards(std::vector<shard_number>{1, 2});
  BOOST_TEST((loaded.at(0).last_at == created.events.back().at));
  BOOST_TEST((loaded.at(1).last_at == domain::instant{}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_run_finds_the_open_tasks_it_has_not_reached, World, worlds) {
  World world;
  desk d{world};
  std::vector<domain::task> tasks;
  std::vector<record> records;
  for (int i = 0; i < 6; ++i)
    tasks.push_back(new_task(task_in(1, i)));
  for (auto& task : tasks)
    records.push_back(create_record(d.epochs[1], 1, task, account_in(2, 0)));
  BOOST_REQUIRE(d.commits(records));
  BOOST_REQUIRE(d.commits({complete_record(d.epochs[1], 1, tasks[0]),
                           shuffle_record(d.epochs[1], 1, tasks[1], account_in(2, 1), 5)}));
  auto& loader = world.loader();
  std::vector<domain::task> waiting{tasks.begin() + 2, tasks.end()};
  std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  BOOST_TEST((loader.open_tasks(1, noon(1), 5, std::nullopt, 100) == waiting));
  BOOST_TEST((loader.open_tasks(1, noon(1), 5, waiting[0].id, 2) == std::vector{waiting[1], waiting[2]}));
  BOOST_TEST(loader.open_tasks(1, noon(1), 6, std::nullopt, 100).size() ==
             5u);                                                         // the next run takes all of them
  BOOST_TEST(loader.open_tasks(1, noon(), 5, std::nullopt, 100).empty()); // created before, not at
  BOOST_TEST(loader.count_open_tasks(1, noon(1), 5) == 4);
  BOOST_TEST(loader.count_reassigned(1, 5) == 1);
  BOOST_TEST(loader.count_reassigned(1, 4) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(accounts_behind_are_those_with_something_to_close, World, worlds) {
  World world;
  desk d{world};
  const auto e = d.epochs.at(2);
  auto rich = new_account(account_in(2, 0));
  auto also = new_account(account_in(2, 1));
  BOOST_REQUIRE(d.commits({directory_record(d.epochs[0], {sample_employee(rich.id, 1, "rich"),
                                                          sample_employee(also.id, 2, "also")}),
                           reward_record(e, rich, 0, 1), reward_record(e, also, 0, 2)}));
  const auto tomorrow = sample_day() + std::chrono::days{1};
  auto& loader = world.loader();
  BOOST_TEST(loader.accounts_behind(2, sample_day(), std::nullopt, 10).empty());
  const auto behind = loader.accounts_behind(2, tomorrow, std::nullopt, 10);
  BOOST_REQUIRE(behind.size() == 2u);
  BOOST_TEST((behind[0].id < behind[1].id));
  BOOST_TEST((loader.accounts_behind(2, tomorrow, behind[0].id, 10) == std::vector{behind[1]}));
  BOOST_REQUIRE(d.commits({close_record(e, rich, tomorrow), close_record(e, also, tomorrow)}));
  BOOST_TEST(loader.accounts_behind(2, tomorrow + std::chrono::days{1}, std::nullopt, 10).empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_letter_to_nobody_is_refused, World, worlds) {
  World world;
  desk d{world};
  auto account = new_account(account_in(2, 0));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[2], account, 0, 1)}));
  const auto outcome = d.commit({close_record(d.epochs[2], account, sample_day() + std::chrono::days{1})});
  BOOST_TEST((outcome.what == commit_outcome::kind::refused));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_figures_of_a_day_are_those_of_its_entries, World, worlds) {
  World world;
  desk d{world, {0, 1, 2, 3}};
  const auto e = d.epochs;
  auto winner = new_account(account_in(2, 0));
  auto loser = new_account(account_in(2, 1));
  BOOST_REQUIRE(d.commits(
      {directory_record(e.at(0), {sample_employee(winner.id, 1, "w"), sample_employee(loser.id, 2, "l")})}));
  // The winner completes a task that nobody else had, and one that had been charged for three times.
  auto cheap = new_task(task_in(1, 0));
  auto dear = new_task(task_in(1, 1));
  auto open = new_task(task_in(1, 2));
  const auto post_all = [&] {
    const auto events = std::exchange(d.out, {});
    for (const auto& event : events) {
      auto& account = event.data.find(to_string(winner.id)) < event.data.find("previous") ? winner : loser;
      BOOST_REQUIRE(d.commits({posting_record(e.at(2), account, event)}));
    }
  };
  BOOST_REQUIRE(d.commits({create_record(e.at(1), 1, cheap, winner.id, "Cheap"),
                           create_record(e.at(1), 1, dear, winner.id, "Dear"),
                           create_record(e.at(1), 1, open, loser.id)}));
  BOOST_REQUIRE(d.commits(
      {shuffle_record(e.at(1), 1, dear, winner.id, 1), shuffle_record(e.at(1), 1, dear, winner.id, 2)}));
  BOOST_REQUIRE(d.commits({complete_record(e.at(1), 1, cheap), complete_record(e.at(1), 1, dear)}));
  post_all();
  const auto tomorrow = sample_day() + std::chrono::days{1};
  BOOST_TEST(winner.balance.count == 2 * 3000 - 4 * 1500);
  BOOST_TEST(loser.balance.count == -1500);
  BOOST_REQUIRE(d.commits({reward_record(e.at(2), winner, 3, 1, 700)})); // something to pay out
  BOOST_REQUIRE(d.commits({close_record(e.at(2), winner, tomorrow), close_record(e.at(2), loser, tomorrow)}));

  const auto figures = world.loader().figures_of(sample_day());
  BOOST_TEST(figures.earnings.count == 5 * 1500 - 2 * 3000 - 700);
  BOOST_TEST(figures.total_paid.count == 700);
  BOOST_TEST(figures.accounts_in_profit == 1);
  BOOST_TEST(figures.accounts_in_debt == 1);
  BOOST_TEST(figures.tasks_completed == 3); // the sample reward counts too, but names no task that exists
  BOOST_TEST(figures.tasks_in_profit == 1);
  BOOST_TEST(figures.tasks_in_deficit == 1);
  BOOST_REQUIRE(figures.top.has_value());
  BOOST_TEST((figures.top->id == std::min(cheap.id, dear.id))); // same reward, same time: the lower id
  BOOST_TEST((figures.top->completed_by == winner.id));
  const auto none = world.loader().figures_of(tomorrow);
  BOOST_TEST(none.tasks_completed == 0);
  BOOST_TEST(!none.top.has_value());
  BOOST_TEST(none.accounts_in_debt == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_the_directory_changed_is_read_back_by_version, World, worlds) {
  World world;
  desk d{world};
  BOOST_TEST(world.new_lease_store()->view().directory_version == 0);
  auto anna = sample_employee(account_in(1, 0), 1, "anna"); // version 1 of the directory
  const auto bert = sample_employee(account_in(1, 1), 2, "bert");
  const auto carl = sample_employee(account_in(1, 2), 3, "carl");
  BOOST_REQUIRE(d.commits({directory_record(d.epochs[0], {anna, bert, carl})}));
  anna.active = false;
  anna.leaving = true;
  anna.version = 2;
  anna.changed = 4;
  BOOST_REQUIRE(d.commits({directory_record(d.epochs[0], {anna})}));

  BOOST_TEST(world.new_lease_store()->view().directory_version == 4);
  BOOST_TEST((world.loader().employees_changed_after(0) == std::vector{bert, carl, anna}));
  BOOST_TEST((world.loader().employees_changed_after(2) == std::vector{carl, anna}));
  BOOST_TEST(world.loader().employees_changed_after(4).empty());
  BOOST_TEST((world.loader().load_supervisors().employees == std::vector{anna, bert, carl}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(open_tasks_are_found_by_who_has_them_and_done_ones_are_not, World, worlds) {
  World world;
  desk d{world};
  const auto anna = account_in(2, 0);
  const auto bert = account_in(2, 1);
  BOOST_TEST(!world.loader().any_open_task());
  auto done = new_task(task_in(1, 0));
  auto hers = new_task(task_in(1, 1));
  auto his = new_task(task_in(3, 0));
  BOOST_REQUIRE(
      d.commits({create_record(d.epochs[1], 1, done, anna), create_record(d.epochs[1], 1, hers, anna),
                 create_record(d.epochs[3], 3, his, bert)}));
  BOOST_REQUIRE(d.commits({complete_record(d.epochs[1], 1, done)}));
  BOOST_TEST(world.loader().any_open_task());
  const std::vector one{anna};
  const auto held = world.loader().open_tasks_of(one, 10);
  BOOST_REQUIRE(held.tasks.size() == 1u);
  BOOST_TEST((held.tasks[0].task == hers.id && held.tasks[0].assignee == anna));
  BOOST_TEST(!held.shuffling);
  const std::vector both{anna, bert};
  BOOST_TEST(world.loader().open_tasks_of(both, 10).tasks.size() == 2u);
  BOOST_TEST(world.loader().open_tasks_of(both, 1).tasks.size() == 1u);
  BOOST_TEST(world.loader().open_tasks_of({}, 10).tasks.empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(two_employees_of_one_directory_version_are_refused, World, worlds) {
  World world;
  desk d{world};
  BOOST_REQUIRE(d.commits({directory_record(d.epochs[0], {sample_employee(account_in(1, 0), 1, "anna")})}));
  auto bert = sample_employee(account_in(1, 1), 2, "bert");
  bert.changed = 1;
  BOOST_TEST((d.commit({directory_record(d.epochs[0], {bert})}).what == commit_outcome::kind::refused));
}

namespace {

/// Keeps an answer given at each of `at` for one task of `shard`.
template <class World> void keep_answers(desk<World>& d, shard_number shard, const std::vector<instant>& at) {
  auto task = new_task(task_in(shard, 0));
  auto r = create_record(d.epochs[shard], shard, task, account_in(2, 0));
  int n = 0;
  for (const auto moment : at) {
    r.kept = kept_answer{id_in(5, ++n), "hash", "{}", moment};
    BOOST_REQUIRE(d.commits({r}));
    r = record_of(d.epochs[shard], shard, entity_kind::task, task.id.value);
  }
}

template <class World> std::size_t answers_kept(World& world, shard_number shard) {
  return load(world, shard, {{entity_kind::task, task_in(shard, 0).value}}).at(0).kept.size();
}

} // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(only_answers_older_than_asked_are_forgotten, World, worlds) {
  World world;
  desk d{world};
  keep_answers(d, 1, {noon(-2), noon(-1), noon(), noon(1)});
  keep_answers(d, 3, {noon(-2)});
  BOOST_TEST(world.loader().forget_old(1, noon(), 100) == 2u);
  BOOST_TEST(answers_kept(world, 1) == 2u);
  BOOST_TEST(answers_kept(world, 3) == 1u); // another shard's
  BOOST_TEST(world.loader().forget_old(1, noon(), 100) == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(old_answers_are_forgotten_so_many_at_a_time, World, worlds) {
  World world;
  desk d{world};
  keep_answers(d, 1, {noon(-5), noon(-4), noon(-3), noon(-2), noon(-1)});
  BOOST_TEST(world.loader().forget_old(1, noon(), 2) == 2u);
  BOOST_TEST(answers_kept(world, 1) == 3u);
  BOOST_TEST(world.loader().forget_old(1, noon(), 2) == 2u);
  BOOST_TEST(world.loader().forget_old(1, noon(), 2) == 1u);
  BOOST_TEST(answers_kept(world, 1) == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sessions_that_are_over_are_forgotten_and_others_live, World, worlds) {
  World world;
  desk d{world};
  const auto account = account_in(2, 0);
  const auto now = world.new_lease_store()->view().database_clock;
  auto r = record_of(d.epochs[2], 2, entity_kind::account, account.value);
  r.sessions = {{account, id_in(0, 1), "{}", now - std::chrono::seconds{1}},
                {account, id_in(0, 2), "{}", now + std::chrono::hours{1}}};
  BOOST_REQUIRE(d.commits({r}));
  BOOST_TEST(world.loader().forget_old(3, now, 100) == 0u);
  BOOST_TEST(world.loader().forget_old(2, now, 100) == 1u);
  const auto left = load(world, 2, {{entity_kind::account, account.value}}).at(0).sessions;
  BOOST_REQUIRE(left.size() == 1u);
  BOOST_TEST((left[0].family == id_in(0, 2)));
}

BOOST_AUTO_TEST_SUITE_END()
