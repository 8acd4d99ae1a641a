// Quarantine and parked events: what fails again and again stops nothing else, survives its node, and is
// settled once (design.md §7).
#include "actors/hand_notes.hpp"
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using storage::parked_status;

constexpr shard_number work = 0; ///< where the tasks are
constexpr shard_number money = 1;

storage::audit_row reason(std::uint8_t number) {
  storage::audit_row why;
  why.id.bytes.back() = number;
  why.action = "test";
  why.result = "{}";
  return why;
}

/// Ann's balance is so low that no fee can be charged any more.
struct overdrawn_world : world {
  overdrawn_world() : ann(hire("ann", money)) {
    pass(1s);
    new_task(work);
    set_balance(std::numeric_limits<std::int64_t>::min() + 1);
  }
  void set_balance(std::int64_t cents) {
    BOOST_REQUIRE(answer(actors::shard_ref(money), actors::passivate_command{ref(ann)}).what() !=
                  outcome::internal);
    pass(1s);
    state.change([&](auto& t) { t.accounts.at({money, ann.value}).balance.count = cents; });
  }
  std::vector<storage::parked_row> parked() { return tables().parked; }
  question settle(const domain::uuid& id, bool drop) {
    return answer(actors::shard_ref(money), actors::settle_parked_command{id, drop, reason(1)});
  }
  question release() {
    return answer(actors::shard_ref(money), actors::release_actor_command{ref(ann), reason(2)});
  }
  question read(const account_id& id) {
    return answer(actors::shard_ref(money), actors::inspect_actor_command{ref(id)});
  }
  account_id ann;
};

/// Ann is in quarantine, because the database refused her record, and something came for her since.
struct quarantined_world : world {
  quarantined_world() : ann(hire("ann", money)) {
    pass(1s);
    state.refuse(ref(ann));
    new_task(work);
    pass(2s);
    state.refuse(std::nullopt);
  }
  question release() {
    return answer(actors::shard_ref(money), actors::release_actor_command{ref(ann), reason(2)});
  }
  account_id ann;
};

} // namespace

BOOST_AUTO_TEST_SUITE(parked_events)

BOOST_AUTO_TEST_CASE(an_event_that_its_account_cannot_take_is_parked_and_the_account_goes_on) {
  overdrawn_world w;
  const auto task = w.new_task(work);
  w.pass(2s);
  BOOST_REQUIRE_EQUAL(w.parked().size(), 1U);
  const auto parked = w.parked().front();
  BOOST_CHECK(parked.account == w.ann);
  BOOST_CHECK_EQUAL(parked.type, "task.assigned.v1");
  BOOST_CHECK(!parked.reason.empty());
  BOOST_CHECK(w.read(w.ann).what() == outcome::ok);
  // A reward can be taken: its line goes on behind what is parked.
  BOOST_CHECK(w.answer(ref(task), actors::complete_task_command{}, {}, w.ann).what() == outcome::ok);
  w.pass(1s);
  BOOST_CHECK_EQUAL(count_entries(w.tables(), domain::entry_kind::completion_reward), 1);
}

BOOST_AUTO_TEST_CASE(a_parked_event_is_replayed_once_however_often_it_is_asked) {
  overdrawn_world w;
  w.new_task(work);
  w.pass(2s);
  const auto id = w.parked().at(0).id;
  BOOST_CHECK(w.settle(id, false).what() == outcome::quarantined); // still not
  w.set_balance(-1000);
  const auto first = w.ask(actors::shard_ref(money), actors::settle_parked_command{id, false, reason(3)});
  const auto second = w.ask(actors::shard_ref(money), actors::settle_parked_command{id, false, reason(4)});
  w.run();
  BOOST_CHECK(first.what() == outcome::ok);
  BOOST_CHECK(second.what() == outcome::unavailable);
  BOOST_CHECK(w.settle(id, false).what() == outcome::known);
  BOOST_CHECK(w.settle(id, true).what() == outcome::known);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -2000);
  BOOST_CHECK(w.parked().at(0).status == parked_status::replayed);
  BOOST_CHECK(differences(w.tables()).empty());
  const auto audit = w.tables().audit;
  BOOST_REQUIRE_EQUAL(audit.size(), 1U);
  BOOST_CHECK_EQUAL(audit[0].id.bytes.back(), 3);
}

BOOST_AUTO_TEST_CASE(a_parked_event_that_is_dropped_has_no_effect_and_says_why) {
  overdrawn_world w;
  w.new_task(work);
  w.pass(2s);
  const auto id = w.parked().at(0).id;
  w.set_balance(-1000);
  BOOST_CHECK(w.settle(id, true).what() == outcome::ok);
  BOOST_CHECK(w.parked().at(0).status == parked_status::dropped);
  BOOST_CHECK(w.settle(id, false).what() == outcome::known);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -1000);
  BOOST_CHECK_EQUAL(w.tables().audit.size(), 1U);
}

BOOST_AUTO_TEST_CASE(what_nobody_parked_cannot_be_settled) {
  overdrawn_world w;
  BOOST_CHECK(w.settle(w.id_in(money), false).what() == outcome::not_found);
  BOOST_CHECK(w.tables().audit.empty());
}

BOOST_AUTO_TEST_CASE(an_event_that_nobody_can_read_is_parked_and_its_line_goes_on) {
  world w;
  const auto ann = w.hire("ann", money);
  w.pass(1s);
  w.road.copies_of_push = [](const auto&) { return 0; };
  w.new_task(work);
  w.state.change([](auto& t) {
    for (auto& event : t.events[work])
      if (event.row.type == "task.assigned.v1")
        event.row.data = R"({"account_id":7})";
  });
  w.pass(1s); // read from the log
  w.road.copies_of_push = {};
  BOOST_REQUIRE_EQUAL(w.tables().parked.size(), 1U);
  BOOST_CHECK(!w.tables().parked[0].account);
  w.new_task(work);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(ann).balance.count, -1000);
}

/// Whichever commit of the way into the parking place fails, the event is parked once.
BOOST_AUTO_TEST_CASE(whichever_commit_fails_an_event_is_parked_once) {
  using next = storage::memory_state::next_commit;
  for (const auto fault : {next::unknown_written, next::unknown_not_written, next::retry}) {
    for (int nth = 1; nth <= 4; ++nth) {
      BOOST_TEST_CONTEXT("fault " << static_cast<int>(fault) << " at commit " << nth) {
        overdrawn_world w;
        w.watch.before_commit = [&w, fault, left = nth](auto) mutable {
          if (--left == 0)
            w.state.arrange(fault);
        };
        const task_id id{w.id_in(work)};
        const auto created = w.ask(ref(id), actors::create_task_command{"t", {}, {}, {}});
        w.pass(5s);
        const bool kept = w.tables().tasks.contains({work, id.value});
        BOOST_CHECK_EQUAL(w.parked().size(), kept ? 1U : 0U);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(quarantine)

BOOST_AUTO_TEST_CASE(what_comes_for_an_account_in_quarantine_is_parked_and_applied_when_it_is_released) {
  quarantined_world w;
  w.new_task(work);
  w.pass(2s);
  BOOST_CHECK_EQUAL(w.tables().parked.size(), 2U);
  BOOST_CHECK(!w.tables().accounts.contains({money, w.ann.value}) || w.stored(w.ann).balance.count == 0);
  BOOST_CHECK(w.release().what() == outcome::ok);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -2000);
  BOOST_CHECK(w.tables().quarantined.empty());
  BOOST_CHECK(differences(w.tables()).empty());
  w.new_task(work);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -3000);
  BOOST_CHECK_EQUAL(w.tables().parked.size(), 2U);
}

BOOST_AUTO_TEST_CASE(a_quarantine_outlives_the_node) {
  quarantined_world w;
  BOOST_REQUIRE_EQUAL(w.tables().quarantined.size(), 1U);
  w.crash();
  w.start();
  const auto seen = w.answer(actors::shard_ref(money), actors::inspect_actor_command{ref(w.ann)});
  BOOST_CHECK(std::get<actors::actor_detail>(seen.reply().value).row.state ==
              actors::actor_state::quarantined);
  BOOST_CHECK(w.answer(ref(w.ann), actors::open_session_command{"hash"}).what() == outcome::quarantined);
  BOOST_CHECK(w.release().what() == outcome::ok);
  w.pass(1s);
  BOOST_CHECK_EQUAL(w.stored(w.ann).balance.count, -1000);
}

BOOST_AUTO_TEST_CASE(a_quarantine_that_could_not_be_stored_is_stored_when_storage_is_back) {
  world w;
  w.hire("ann", money);
  w.pass(1s);
  const auto task = w.new_task(work);
  // Its snapshot is another one than the actor's: the database refuses what it writes next.
  w.state.change([&](auto& t) { t.tasks.at({work, task.value}).version = 9; });
  bool away = false;
  w.watch.before_commit = [&](auto records) {
    for (const auto* r : records)
      if (!r->quarantined.empty() && !std::exchange(away, true))
        w.state.arrange(storage::memory_state::next_commit::unknown_not_written);
  };
  w.complete(task);
  w.pass(3s);
  BOOST_CHECK(away);
  BOOST_CHECK_EQUAL(w.tables().quarantined.size(), 1U);
}

BOOST_AUTO_TEST_CASE(damaged_rows_bring_one_entity_into_quarantine_and_no_other) {
  world w;
  w.hire("ann", money);
  w.pass(1s);
  const auto damaged = w.new_task(work);
  const auto sound = w.new_task(work);
  w.crash();
  w.state.change([&](auto& t) { t.quarantined[{work, ref(damaged)}] = "its rows are damaged"; });
  w.start();
  const auto bad = w.ask(ref(damaged), actors::read_entity{});
  const auto good = w.ask(ref(sound), actors::read_entity{});
  w.run();
  BOOST_CHECK(bad.what() == outcome::quarantined);
  BOOST_CHECK(good.what() == outcome::ok);
}

BOOST_AUTO_TEST_CASE(an_actor_that_is_told_to_end_is_loaded_again_when_it_is_asked_for) {
  world w;
  w.hire("ann", money);
  w.pass(1s);
  const auto task = w.new_task(work);
  const auto passivate = [&] {
    return w.answer(actors::shard_ref(work), actors::passivate_command{ref(task)});
  };
  BOOST_CHECK(passivate().what() == outcome::ok);
  BOOST_CHECK(passivate().what() == outcome::known);
  w.watch.loads.clear();
  BOOST_CHECK(w.answer(ref(task), actors::read_entity{}).what() == outcome::ok);
  BOOST_CHECK_EQUAL(w.watch.loads.size(), 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(notes_of_what_is_in_hand)

BOOST_AUTO_TEST_CASE(a_process_that_dies_leaves_behind_what_it_had_in_hand) {
  const auto file = std::filesystem::temp_directory_path() / ("ates-in-hand-" + std::to_string(::getpid()));
  const storage::entity_place finished{3, {entity_kind::task, {{1}}}},
      fatal{4, {entity_kind::account, {{2}}}};
  const auto child = ::fork();
  BOOST_REQUIRE_GE(child, 0);
  if (child == 0) {
    actors::hand_notes notes{file};
    notes.begin(finished);
    notes.done();
    notes.begin(fatal);
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_CHECK(WIFSIGNALED(status));
  {
    actors::hand_notes notes{file};
    const auto left = notes.left_behind();
    BOOST_REQUIRE_EQUAL(left.size(), 1U);
    BOOST_CHECK_EQUAL(left[0].shard, fatal.shard);
    BOOST_CHECK(left[0].entity == fatal.entity);
    notes.forget();
  }
  BOOST_CHECK(actors::hand_notes{file}.left_behind().empty());
  std::filesystem::remove(file);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_length_is_taken_for_empty) {
  const auto file = std::filesystem::temp_directory_path() / ("ates-in-hand-" + std::to_string(::getpid()));
  for (const auto length : {0, 1, 100'000}) {
    {
      std::FILE* f = std::fopen(file.c_str(), "w");
      for (int i = 0; i < length; ++i)
        std::fputc(0xff, f);
      std::fclose(f);
    }
    BOOST_CHECK(actors::hand_notes{file}.left_behind().empty());
  }
  std::filesystem::remove(file);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
