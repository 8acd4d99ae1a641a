// What shards and actors tell of themselves: counters, lists, one actor at a time (design.md §10).
#include "test/actors/world.hpp"

#include "actors/facade_impl.hpp"
#include "actors/inspection.hpp"
#include "actors/wire.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using actors::actor_state;
using nlohmann::json;

actors::list_actors_command listing(std::uint32_t limit, std::optional<entity_kind> kind = {}) {
  actors::list_actors_command what;
  what.limit = limit;
  what.kind = kind;
  return what;
}

template <class Member, class Value> actors::actor_query only(Member member, Value value) {
  actors::actor_query what;
  what.*member = value;
  return what;
}
using query = actors::actor_query;
using shard_list = std::vector<shard_number>;

actors::actor_row row_of(world& w, const entity_ref& of) {
  const auto shard = actors::home_of(of, w.home->shards);
  const auto q = w.answer(actors::shard_ref(shard), listing(500));
  for (const auto& row : std::get<actors::actor_list>(q.reply().value).rows)
    if (row.of == of)
      return row;
  throw std::runtime_error("it is not listed");
}

question inspect(world& w, const entity_ref& of) {
  return w.ask(actors::shard_ref(actors::home_of(of, w.home->shards)), actors::inspect_actor_command{of});
}

actors::actor_detail detail_of(const question& q) {
  return std::get<actors::actor_detail>(q.reply().value);
}

actors::actor_detail detail_of(world& w, const entity_ref& of) {
  const auto q = inspect(w, of);
  w.run();
  return detail_of(q);
}

actors::shard_status shard_of(world& w, shard_number shard) {
  return std::get<actors::shard_status>(
      w.answer(actors::shard_ref(shard), actors::inspect_shard_command{}).reply().value);
}

/// The facade, asked by a thread that lets everything happen instead of waiting.
struct front {
  explicit front(world& w)
      : world_(w), facade(w.home, [&w](std::size_t, actors::outside_request r) {
          const auto q = w.ask(std::move(r.command));
          w.run();
          auto answer = q.reply();
          r.hear(answer);
        }) {}
  static actors::caller who() { return {{}, std::chrono::steady_clock::now() + 5s, "r"}; }

  /// The whole list, page by page.
  std::vector<actors::actor_row> all(const actors::actor_query& what, std::int32_t limit) {
    world_.home->storage.heartbeat(true);
    std::vector<actors::actor_row> rows;
    storage::page_request at{limit, std::nullopt};
    do {
      const auto page = facade.list_actors(who(), what, at);
      BOOST_REQUIRE(page.what == outcome::ok);
      BOOST_TEST(page.value.rows.size() <= static_cast<std::size_t>(limit));
      rows.insert(rows.end(), page.value.rows.begin(), page.value.rows.end());
      at.after = page.value.next;
    } while (at.after);
    return rows;
  }

private:
  world& world_;

public:
  actors::facade_impl facade;
};

} // namespace

BOOST_AUTO_TEST_SUITE(looking_inside)

BOOST_AUTO_TEST_CASE(an_actor_is_counted_for_what_it_was_given_and_what_it_did) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.answer(ref(task), actors::read_entity{});
  w.complete(task);
  w.pass(1s);
  const auto row = row_of(w, ref(task));
  BOOST_CHECK(row.state == actor_state::active);
  BOOST_TEST(row.messages == 3U);
  BOOST_TEST(row.mailbox == 0U);
  BOOST_TEST(row.oldest_ms == 0);
  BOOST_TEST(row.version == w.stored(task).version);
  BOOST_TEST(row.durable_version == row.version);
  BOOST_TEST(row_of(w, ref(ann)).messages == 3U); // the news of itself, a fee, a reward
}

BOOST_AUTO_TEST_CASE(what_waits_for_an_actor_and_for_the_disk_is_seen) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.pass(1s);
  BOOST_TEST(shard_of(w, 0).queue_depth == 0U);
  BOOST_TEST(shard_of(w, 0).gate_depth == 0U);
  w.complete(task);
  w.run_without_journal();
  const auto status = w.ask(actors::shard_ref(0), actors::inspect_shard_command{});
  w.run_without_journal();
  BOOST_TEST(std::get<actors::shard_status>(status.reply().value).gate_depth == 1U);
  const auto list = w.ask(actors::shard_ref(0), listing(9, entity_kind::task));
  w.run_without_journal();
  const auto row = std::get<actors::actor_list>(list.reply().value).rows.at(0);
  BOOST_TEST(row.version == row.durable_version + 1);
  // Handed on and not looked at: the shard has run, its task has not.
  w.run();
  actors::entity_load load;
  load.handed_on(5'000'000);
  load.handed_on(6'000'000);
  BOOST_TEST(load.mailbox() == 2U);
  BOOST_TEST(load.oldest_ns(9'000'000) == 4'000'000);
  load.began(5'000'000);
  load.ended(1'000, 1);
  load.began(6'000'000);
  BOOST_TEST(load.mailbox() == 1U);
  BOOST_TEST(load.oldest_ns(9'000'000) == 3'000'000);
  load.ended(1'000, 2);
  BOOST_TEST(load.oldest_ns(9'000'000) == 0);
  BOOST_TEST(load.handled_ns() == 2'000);
}

BOOST_AUTO_TEST_CASE(a_shard_counts_its_log_as_the_database_does) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.complete(task);
  w.pass(1s);
  const auto stored = [&w](shard_number shard) { return w.tables().events[shard].size(); };
  for (shard_number shard = 0; shard < w.home->shards; ++shard)
    BOOST_TEST(static_cast<std::size_t>(shard_of(w, shard).last_seq) == stored(shard));
  w.crash();
  w.start();
  BOOST_TEST(static_cast<std::size_t>(shard_of(w, 0).last_seq) == stored(0));
}

BOOST_AUTO_TEST_CASE(events_that_have_no_effect_yet_are_the_lag_of_their_target) {
  world w;
  w.hire("ann", 1);
  w.pass(1s);
  const auto before = w.home->counters.records.load();
  w.ask({entity_kind::task, w.id_in(0)}, actors::create_task_command{"mow", "", "", ""});
  BOOST_REQUIRE(w.step_until([&] { return w.home->counters.records.load() != before; }));
  w.run_without_journal(); // the fee is posted, and not durable
  const auto status = w.ask(actors::shard_ref(1), actors::inspect_shard_command{});
  w.run_without_journal();
  BOOST_TEST(std::get<actors::shard_status>(status.reply().value).lag == 1U);
  w.run();
  BOOST_TEST(shard_of(w, 1).lag == 0U);
}

BOOST_AUTO_TEST_CASE(an_active_actor_tells_its_state_and_what_it_did_last) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0, "paint the fence");
  for (int i = 0; i < 20; ++i)
    w.answer(ref(task), actors::read_entity{});
  w.complete(task);
  w.run();
  const auto d = detail_of(w, ref(task));
  BOOST_CHECK(d.row.state == actor_state::active);
  BOOST_TEST(d.epoch > 0);
  const auto value = json::parse(d.value);
  BOOST_TEST(value.at("title") == "paint the fence");
  BOOST_TEST(value.at("status") == "done");
  BOOST_REQUIRE(d.recent.size() == 16U);
  BOOST_TEST(d.recent[0].kind == "complete_task");
  BOOST_TEST(d.recent[1].kind == "read");
  BOOST_CHECK(d.recent[0].at >= d.recent[15].at);
  BOOST_TEST(d.row.messages == 22U); // being looked at is no work
}

BOOST_AUTO_TEST_CASE(a_state_that_is_not_durable_is_not_shown) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.complete(task);
  w.run_without_journal();
  const auto q = inspect(w, ref(task));
  w.run_without_journal();
  BOOST_CHECK(!q.answered());
  w.run();
  BOOST_TEST(json::parse(detail_of(q).value).at("status") == "done");
}

BOOST_AUTO_TEST_CASE(an_actor_that_does_not_answer_in_time_is_shown_without_its_state) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.complete(task);
  w.run_without_journal();
  const auto q = inspect(w, ref(task));
  w.run_without_journal();
  w.scheduler.advance_time(600ms);
  w.run_without_journal();
  BOOST_REQUIRE(q.answered());
  BOOST_TEST(detail_of(q).value.empty());
  BOOST_TEST(detail_of(q).row.version == detail_of(q).row.durable_version + 1);
}

BOOST_AUTO_TEST_CASE(a_passive_actor_is_shown_from_its_snapshot_and_stays_passive) {
  world w;
  const auto ann = w.hire("ann", 1);
  const auto task = w.new_task(0);
  w.pass(1s);
  w.crash();
  w.start();
  const auto d = detail_of(w, ref(task));
  BOOST_CHECK(d.row.state == actor_state::passive);
  BOOST_TEST(json::parse(d.value).at("status") == "open");
  BOOST_TEST(d.row.version == w.stored(task).version);
  BOOST_TEST(json::parse(detail_of(w, ref(ann)).value).at("balance") == -1000);
  BOOST_TEST(shard_of(w, 0).active == 0U);
  const auto nobody = inspect(w, ref(task_id{w.id_in(2)}));
  w.run();
  BOOST_CHECK(nobody.what() == outcome::not_found);
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_has_no_actor_even_when_somebody_has_asked_for_it) {
  world w;
  w.hire("ann", 1);
  const auto nothing = ref(task_id{w.id_in(2)});
  w.answer(nothing, actors::read_entity{});
  const auto q = inspect(w, nothing);
  w.run();
  BOOST_CHECK(q.what() == outcome::not_found);
}

BOOST_AUTO_TEST_CASE(a_quarantined_actor_says_why) {
  world w;
  w.hire("ann", 1);
  const auto task = w.new_task(0);
  auto key = key_of("poison");
  w.state.change([&](auto& t) {
    t.kept[{0, ref(task)}][key.scope] = {key.scope, key.request_hash, "{", {}};
  });
  w.crash();
  w.start();
  w.answer(ref(task), actors::complete_task_command{}, key);
  const auto crashed = detail_of(w, ref(task));
  BOOST_TEST(crashed.last_error.find("parse error") != std::string::npos, crashed.last_error);
  BOOST_CHECK(crashed.row.state != actor_state::quarantined);
  for (std::uint32_t i = 0; i <= config::limits::restart_budget; ++i)
    w.answer(ref(task), actors::complete_task_command{}, key);
  const auto d = detail_of(w, ref(task));
  BOOST_CHECK(d.row.state == actor_state::quarantined);
  BOOST_TEST(d.last_error.find("crashed too often") != std::string::npos, d.last_error);
  BOOST_TEST(json::parse(d.value).at("status") == "open");
  BOOST_CHECK(row_of(w, ref(task)).state == actor_state::quarantined);
}

BOOST_AUTO_TEST_CASE(supervisors_are_actors_of_shard_0) {
  world w;
  w.hire("ann", 1);
  BOOST_TEST(shard_of(w, 0).supervisors == 3U);
  BOOST_TEST(shard_of(w, 1).supervisors == 0U);
  BOOST_TEST(json::parse(detail_of(w, directory_ref).value).at("employees") == 1);
  BOOST_TEST(json::parse(detail_of(w, shuffles_ref).value).at("running").is_null());
  BOOST_TEST(json::parse(detail_of(w, payouts_ref).value).contains("next_day"));
  BOOST_TEST(row_of(w, directory_ref).messages == 1U);
}

BOOST_AUTO_TEST_CASE(a_shard_that_there_is_not_is_not_found) {
  world w;
  BOOST_CHECK(w.answer(actors::shard_ref(4), actors::inspect_shard_command{}).what() == outcome::not_found);
  BOOST_CHECK(w.answer(actors::shard_ref(3), actors::read_entity{}).what() == outcome::internal);
}

BOOST_AUTO_TEST_CASE(the_list_of_actors_paged_to_the_end_shows_each_once) {
  world w;
  std::set<entity_ref> expected{directory_ref, shuffles_ref, payouts_ref};
  expected.insert(ref(w.hire("ann", 1)));
  for (shard_number shard = 0; shard < 4; ++shard) {
    for (int i = 0; i < 3; ++i)
      expected.insert(ref(w.new_task(shard)));
  }
  w.answer(*std::prev(expected.end()), actors::read_entity{});
  w.pass(1s);
  front f{w};
  using order = actors::actor_order;
  for (const auto by : {order::none, order::mailbox, order::messages, order::age}) {
    for (const std::int32_t limit : {1, 2, 3, 5, 500}) {
      const auto rows = f.all(only(&query::order, by), limit);
      std::set<entity_ref> seen;
      for (const auto& row : rows)
        BOOST_TEST(seen.insert(row.of).second);
      BOOST_TEST((seen == expected));
      BOOST_TEST(std::is_sorted(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
        return actors::rank_of(a, by) > actors::rank_of(b, by);
      }));
      if (by == order::none)
        BOOST_TEST(std::is_sorted(rows.begin(), rows.end(),
                                  [](const auto& a, const auto& b) { return a.shard < b.shard; }));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_list_holds_what_was_asked_for) {
  world w;
  const auto ann = w.hire("ann", 1);
  w.new_task(2);
  w.pass(1s);
  front f{w};
  const auto accounts = f.all(only(&query::kind, entity_kind::account), 50);
  BOOST_REQUIRE(accounts.size() == 1U);
  BOOST_CHECK(accounts[0].of == ref(ann));
  BOOST_TEST(f.all(only(&query::state, actor_state::quarantined), 50).empty());
  BOOST_TEST(f.all(only(&query::shards, shard_list{2}), 50).size() == 1U);
  BOOST_TEST(f.all(only(&query::shards, shard_list{2, 3}), 1).size() == 1U);
  BOOST_TEST(f.all(only(&query::shards, shard_list{}), 50).empty());
  BOOST_CHECK_THROW(f.facade.list_actors(front::who(), {}, {50, "nonsense"}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_shard_that_does_not_answer_is_left_out_of_a_glance_and_spoils_a_list) {
  world w;
  w.hire("ann", 1);
  w.pass(1s);
  w.home->storage.heartbeat(true);
  actors::facade_impl deaf{w.home, [&w](std::size_t, actors::outside_request r) {
                             auto answer = actors::refusal(outcome::unavailable);
                             if (actors::shard_named_by(r.command.to) != 2) {
                               const auto q = w.ask(std::move(r.command));
                               w.run();
                               answer = q.reply();
                             }
                             r.hear(answer);
                           }};
  const auto seen = deaf.look_at_shards(front::who());
  BOOST_REQUIRE(seen.size() == 3U);
  BOOST_TEST(seen[2].shard == 3);
  BOOST_CHECK(deaf.list_actors(front::who(), {}, {}).what == outcome::unavailable);
  BOOST_CHECK(deaf.list_actors(front::who(), only(&query::shards, shard_list{0, 1}), {}).what == outcome::ok);
}

BOOST_AUTO_TEST_CASE(what_is_told_of_actors_travels_to_other_nodes) {
  actors::wire::frame f;
  actors::list_actors_command wanted{.kind = entity_kind::account,
                                     .state = actor_state::stopping,
                                     .order = actors::actor_order::age,
                                     .limit = 7,
                                     .after = {{-3, directory_ref}}};
  actors::envelope e;
  e.to = actors::shard_ref(300);
  e.what = wanted;
  f.requests.push_back({1, 5, e});
  actors::actor_detail d;
  d.row = {.of = shuffles_ref,
           .shard = 9,
           .node = "node3",
           .state = actor_state::quarantined,
           .mailbox = 1,
           .oldest_ms = 2,
           .messages = 3,
           .handled_us = 4,
           .version = 5,
           .durable_version = 6};
  d.epoch = 7;
  d.value = "{}";
  d.pending = 8;
  d.recent = {{domain::instant{1us}, "read", 10}};
  d.last_error = "oh";
  const auto answer = [](auto value) {
    return actors::wire::response{1, actors::success(outcome::ok, value)};
  };
  f.responses = {answer(d), answer(actors::actor_list{{d.row, d.row}}),
                 answer(actors::shard_status{.shard = 1,
                                             .epoch = 2,
                                             .serving = true,
                                             .stopping = true,
                                             .active = 3,
                                             .supervisors = 4,
                                             .held = 5,
                                             .inflight = 6,
                                             .last_seq = 7,
                                             .queue_depth = 8,
                                             .gate_depth = 9,
                                             .lag = 10})};
  const auto got = actors::wire::decode(actors::wire::encode(f));
  BOOST_TEST(actors::shard_named_by(got.requests.at(0).command.to) == 300);
  const auto& list = std::get<actors::list_actors_command>(got.requests[0].command.what);
  BOOST_CHECK(list.kind == wanted.kind && list.state == wanted.state && list.order == wanted.order);
  BOOST_CHECK(list.limit == 7 && list.after->rank == -3 && list.after->of == directory_ref);
  // What is read is written again as it was.
  BOOST_CHECK(actors::wire::encode(got) == actors::wire::encode(f));
  const auto& detail = std::get<actors::actor_detail>(got.responses.at(0).reply.value);
  BOOST_CHECK(detail.row.of == shuffles_ref && detail.row.node == "node3" &&
              detail.row.durable_version == 6U);
  BOOST_CHECK(detail.recent.at(0).kind == "read" && detail.recent[0].us == 10 && detail.last_error == "oh");
  BOOST_TEST(std::get<actors::actor_list>(got.responses.at(1).reply.value).rows.size() == 2U);
  const auto& status = std::get<actors::shard_status>(got.responses.at(2).reply.value);
  BOOST_CHECK(status.stopping && status.lag == 10U && status.gate_depth == 9U && status.last_seq == 7);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
