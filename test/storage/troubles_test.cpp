// Quarantine, deaths of processes and parked events, as they are stored (design.md §7).

#include "storage/deaths.hpp"
#include "storage/event_json.hpp"
#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace ates::storage;
using namespace ates::test;
namespace domain = ates::domain;

namespace {

constexpr shard_number home = 2;

/// An account with one entry, and a shard that writes.
template <class World> struct troubled {
  troubled() {
    record directory;
    directory.epoch = d.epochs[0];
    directory.entity = {entity_kind::directory, {}};
    directory.at = noon();
    directory.employees.push_back(sample_employee(account.id, 1, "anna"));
    BOOST_REQUIRE(d.commits({directory}));
    BOOST_REQUIRE(d.commits({reward_record(d.epochs[home], account, 1, 1)}));
  }
  record empty() {
    record r;
    r.shard = home;
    r.epoch = d.epochs[home];
    r.entity = {entity_kind::shard, {}};
    r.at = noon();
    return r;
  }
  record parking(std::int64_t target_seq) {
    auto r = empty();
    r.cause = cause{1, target_seq};
    r.parked.push_back({.id = parked_id(home, *r.cause),
                        .shard = home,
                        .from = *r.cause,
                        .account = account.id,
                        .type = "task.assigned.v1",
                        .subject = domain::uuid{{7}},
                        .at = noon(),
                        .data = R"({"task_id":"x"})",
                        .reason = "it cannot take it"});
    r.events.push_back(parked_event_row(r.parked.back(), r.at));
    return r;
  }
  record settling(const uuid& id, parked_status status) {
    auto r = empty();
    r.unparked.push_back({id, status});
    r.audit = audit_row{.id = domain::uuid{{9}},
                        .at = {},
                        .by = account.id,
                        .action = "drop",
                        .target = "event",
                        .reason = "seen to",
                        .dry_run = false,
                        .result = "{}"};
    return r;
  }
  loaded_entity load() {
    const entity_place place{home, {entity_kind::account, account.id.value}};
    return world.loader().load({&place, 1}).at(0);
  }

  World world;
  desk<World> d{world};
  domain::account account = new_account(account_in(home, 0));
};

} // namespace

BOOST_AUTO_TEST_SUITE(troubles)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_parked_event_moves_its_line_and_is_read_back, World, worlds) {
  troubled<World> w;
  BOOST_REQUIRE(w.d.commits({w.parking(2), w.parking(3)}));
  BOOST_TEST(w.d.journal->cursor(home, 1) == 3);
  const auto read = w.world.loader().parked_for(home, w.account.id, 10);
  BOOST_REQUIRE(read.size() == 2u);
  BOOST_TEST((read[0].from == cause{1, 2}));
  BOOST_TEST(read[0].type == "task.assigned.v1");
  BOOST_TEST(nlohmann::json::parse(read[0].data) == nlohmann::json({{"task_id", "x"}}));
  BOOST_TEST(read[0].reason == "it cannot take it");
  BOOST_TEST((read[0].account == w.account.id));
  BOOST_TEST((read[0].at == noon()));
  BOOST_TEST(w.world.loader().parked_for(home, w.account.id, 1).size() == 1u);
  BOOST_TEST(w.world.loader().find_parked(home, read[1].id)->from.target_seq == 3);
  BOOST_TEST(!w.world.loader().find_parked(1, read[1].id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_parked_event_is_settled_once, World, worlds) {
  troubled<World> w;
  BOOST_REQUIRE(w.d.commits({w.parking(2)}));
  const auto id = parked_id(home, {1, 2});
  BOOST_REQUIRE(w.d.commits({w.settling(id, parked_status::dropped)}));
  BOOST_TEST(!w.d.commits({w.settling(id, parked_status::replayed)}));
  BOOST_TEST(static_cast<int>(w.world.loader().find_parked(home, id)->status) ==
             static_cast<int>(parked_status::dropped));
  BOOST_TEST(w.world.loader().parked_for(home, w.account.id, 10).empty());
  BOOST_TEST(!w.d.commits({w.settling(parked_id(home, {1, 9}), parked_status::dropped)}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_event_that_was_parked_cannot_have_another_effect, World, worlds) {
  troubled<World> w;
  BOOST_REQUIRE(w.d.commits({w.parking(2)}));
  BOOST_TEST(!w.d.commits({w.parking(2)}));
  BOOST_TEST(!w.d.commits({reward_record(w.d.epochs[home], w.account, 1, 2)}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_quarantine_is_told_of_with_its_shard_and_its_entity_until_it_is_released,
                              World, worlds) {
  troubled<World> w;
  const entity_ref account{entity_kind::account, w.account.id.value};
  auto in = w.empty();
  in.quarantined.push_back({account, "it crashed"});
  BOOST_REQUIRE(w.d.commits({in}));
  BOOST_REQUIRE(w.d.commits({in})); // found out twice
  BOOST_TEST(w.load().refused == "it crashed");
  const auto loaded = w.world.loader().load_shards({&home, 1}).at(0).quarantined;
  BOOST_REQUIRE(loaded.size() == 1u);
  BOOST_TEST((loaded[0].entity == account));
  BOOST_TEST(loaded[0].reason == "it crashed");
  auto out = w.empty();
  out.released.push_back(account);
  BOOST_REQUIRE(w.d.commits({out}));
  BOOST_TEST(w.load().refused.empty());
  BOOST_TEST(w.world.loader().load_shards({&home, 1}).at(0).quarantined.empty());
}

using postgres_troubled = troubled<postgres_world>;

BOOST_FIXTURE_TEST_CASE(an_account_that_does_not_agree_with_its_last_entry_is_damaged_and_no_other,
                        postgres_troubled) {
  auto other = new_account(account_in(home, 1));
  record directory;
  directory.epoch = d.epochs[0];
  directory.entity = {entity_kind::directory, {}};
  directory.at = noon();
  directory.employees.push_back(sample_employee(other.id, 2, "bert"));
  BOOST_REQUIRE(d.commits({directory}));
  BOOST_REQUIRE(d.commits({reward_record(d.epochs[home], other, 1, 2)}));
  world.sql("update account set balance = balance + 1 where id = '" + to_string(account.id) + "'");
  const entity_place both[] = {{home, {entity_kind::account, account.id.value}},
                               {home, {entity_kind::account, other.id.value}}};
  const auto loaded = world.loader().load(both);
  BOOST_TEST(loaded.at(0).refused.find("damaged") != std::string::npos);
  BOOST_TEST(loaded.at(1).refused.empty());
  BOOST_TEST((std::get<domain::account>(loaded.at(1).snapshot).id == other.id));
}

BOOST_FIXTURE_TEST_CASE(the_third_process_that_dies_with_it_in_hand_brings_an_entity_into_quarantine,
                        postgres_troubled) {
  const entity_place fatal{home, {entity_kind::account, account.id.value}};
  const auto die = [&] { count_deaths(world.url(database_role::app), {&fatal, 1}, true); };
  for (int deaths = 1; deaths < deaths_budget; ++deaths) {
    die();
    BOOST_TEST(load().refused.empty());
  }
  die();
  BOOST_TEST(load().refused.find("3 processes died") != std::string::npos);
  auto out = empty();
  out.released.push_back(fatal.entity);
  BOOST_REQUIRE(d.commits({out}));
  die();
  BOOST_TEST(load().refused.empty()); // it starts from one again
}

BOOST_FIXTURE_TEST_CASE(deaths_of_long_ago_do_not_count, postgres_troubled) {
  const entity_place fatal{home, {entity_kind::account, account.id.value}};
  for (int deaths = 0; deaths < 2 * deaths_budget; ++deaths) {
    count_deaths(world.url(database_role::app), {&fatal, 1}, true);
    world.sql("update death set last = last - interval '1 hour'");
  }
  BOOST_TEST(load().refused.empty());
}

BOOST_AUTO_TEST_SUITE_END()
