// Letters: each leaves, or is given up, and is marked once; and nothing waits for them (contract.md B9).
#include "test/actors/books.hpp"
#include "test/actors/world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

namespace ates::test {

namespace {

using namespace std::chrono_literals;
using next = storage::memory_state::next_commit;

/// Longer than any back-off.
constexpr auto long_enough = 11min;

/// What reached the post office, and what it answers.
struct post {
  std::vector<mail::parcel> received;
  std::function<mail::attempt(const mail::parcel&)> answer = [](const mail::parcel&) {
    return mail::attempt{mail::outcome::sent, {}};
  };

  world_options options() {
    world_options o;
    o.mail_attempts = 3;
    o.post_office = [this](const mail::parcel& p) {
      received.push_back(p);
      return answer(p);
    };
    return o;
  }
};

/// Four workers have earned something and the day has been closed; letters are queued, and no tick has come
/// since.
struct pay_day : post, world {
  pay_day() : world(options()) {
    for (shard_number shard = 0; shard < 4; ++shard)
      hire("worker" + std::to_string(shard), shard);
    for (int i = 0; i < 12; ++i)
      complete(new_task(static_cast<shard_number>(i % 4)));
    pass(2s);
    today = home->today();
  }

  void close() {
    answer_to(actors::close_day_command{});
    BOOST_REQUIRE(pass_until([this] {
      const auto t = tables();
      return !t.payouts.empty() && t.payouts.begin()->second.status == storage::payout_status::done;
    }));
    due = tables().mails.size();
    BOOST_REQUIRE(due > 0U);
  }
  void answer_to(actors::command what) { world::answer(payouts_ref, std::move(what)); }

  /// Real time passes too: the database's clock says when a letter is due again.
  void much_later() {
    clock += long_enough;
    state.set_clock(clock);
    pass(long_enough);
    pass(2s);
  }
  std::size_t count(storage::letter_status status) {
    const auto t = tables();
    return static_cast<std::size_t>(std::count_if(t.mails.begin(), t.mails.end(),
                                                  [&](const auto& m) { return m.second.status == status; }));
  }
  bool none_queued() { return count(storage::letter_status::queued) == 0; }
  /// Each letter was marked once, with an event, and the books are right.
  void check_all(storage::letter_status status) {
    BOOST_CHECK_EQUAL(count(status), due);
    const auto t = tables();
    const bool sent = status == storage::letter_status::sent;
    BOOST_CHECK_EQUAL(count_events(t, "email.sent.v1"), sent ? static_cast<std::int64_t>(due) : 0);
    BOOST_CHECK_EQUAL(count_events(t, "email.failed.v1"), sent ? 0 : static_cast<std::int64_t>(due));
    for (const auto& difference : differences(t))
      BOOST_ERROR(difference);
  }

  domain::day today{};
  std::size_t due = 0;
  domain::instant clock =
      std::chrono::time_point_cast<domain::instant::duration>(std::chrono::system_clock::now());
};

} // namespace

BOOST_AUTO_TEST_SUITE(letters)

BOOST_AUTO_TEST_CASE(each_letter_leaves_once_for_the_address_the_account_had_when_paid) {
  pay_day w;
  w.close();
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  w.much_later();
  w.check_all(storage::letter_status::sent);
  BOOST_CHECK_EQUAL(w.received.size(), w.due);
  const auto t = w.tables();
  std::set<std::string> accounts;
  for (const auto& p : w.received) {
    accounts.insert(p.account);
    const auto& employee = t.employees.at(*domain::parse_uuid(p.account));
    BOOST_CHECK_EQUAL(p.to, employee.email);
    BOOST_CHECK_EQUAL(p.day, domain::to_string(w.today));
  }
  BOOST_CHECK_EQUAL(accounts.size(), w.due);
  BOOST_CHECK_EQUAL(w.home->counters.mails_sent.load(), w.due);
}

BOOST_AUTO_TEST_CASE(a_letter_that_does_not_leave_is_tried_again_and_then_given_up) {
  pay_day w;
  w.post::answer = [](const auto&) { return mail::attempt{mail::outcome::failed, "550 no"}; };
  w.close();
  for (std::size_t tries = 1; tries <= 3; ++tries) {
    w.much_later();
    BOOST_CHECK_EQUAL(w.received.size(), tries * w.due);
  }
  w.much_later();
  BOOST_CHECK_EQUAL(w.received.size(), 3 * w.due);
  w.check_all(storage::letter_status::failed);
  const auto t = w.tables();
  for (const auto& [key, letter] : t.mails)
    BOOST_CHECK_EQUAL(letter.letter.attempts, 3);
  BOOST_CHECK_EQUAL(w.home->counters.mails_failed.load(), w.due);
  BOOST_CHECK_EQUAL(w.home->counters.mail_tries_failed.load(), 3 * w.due);
}

BOOST_AUTO_TEST_CASE(a_letter_is_not_tried_again_before_its_time) {
  pay_day w;
  w.state.set_clock(w.clock); // stands still
  w.post::answer = [](const auto&) { return mail::attempt{mail::outcome::failed, "421 later"}; };
  w.close();
  w.pass(2s);
  const auto first = w.received.size();
  BOOST_CHECK_EQUAL(first, w.due);
  w.pass(2s);
  BOOST_CHECK_EQUAL(w.received.size(), first);
  w.post::answer = [](const auto&) { return mail::attempt{mail::outcome::sent, {}}; };
  w.much_later();
  w.check_all(storage::letter_status::sent);
}

BOOST_AUTO_TEST_CASE(a_letter_to_an_address_that_cannot_be_is_given_up_at_once) {
  pay_day w;
  w.state.change([](auto& t) {
    for (auto& [id, employee] : t.employees)
      employee.email = "two words@no host\r\nBcc: all";
  });
  w.close();
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  BOOST_CHECK(w.received.empty());
  w.check_all(storage::letter_status::failed);
}

BOOST_AUTO_TEST_CASE(a_day_is_closed_while_the_post_office_sleeps) {
  pay_day w;
  w.post::answer = [&w](const auto&) {
    w.state.set_clock(w.clock += mail::letter_patience);
    return mail::attempt{mail::outcome::failed, "timed out"};
  };
  w.close();
  const auto t = w.tables();
  BOOST_CHECK_EQUAL(t.payouts.begin()->second.accounts_paid, static_cast<std::int64_t>(w.due));
  BOOST_CHECK_EQUAL(count_events(t, "day.closed.v1"), 1);
}

BOOST_AUTO_TEST_CASE(more_letters_than_one_page_all_leave) {
  pay_day w;
  w.close();
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  constexpr int pages = 3;
  w.state.change([&](auto& t) { // as many days were paid out while no mailer worked
    const auto [key, one] = *t.mails.begin();
    for (int i = 1; i <= pages * static_cast<int>(config::limits::letters_page); ++i) {
      auto letter = one;
      letter.letter.on += std::chrono::days{i};
      letter.status = storage::letter_status::queued;
      t.mails[{std::get<0>(key), std::get<1>(key), letter.letter.on}] = letter;
    }
  });
  const auto before = w.received.size();
  w.crash();
  w.start();
  w.pass(2s);
  BOOST_CHECK(w.none_queued());
  BOOST_CHECK_EQUAL(w.received.size() - before, pages * config::limits::letters_page);
}

BOOST_AUTO_TEST_CASE(what_was_sent_and_not_marked_when_the_node_dies_is_sent_again_with_the_same_text) {
  pay_day w;
  w.close();
  w.watch.before_commit = [&w](auto records) {
    if (std::any_of(records.begin(), records.end(), [](const auto* r) { return !r->letters.empty(); }))
      w.state.arrange(next::retry); // no mark becomes durable
  };
  BOOST_REQUIRE(w.step_until([&] { return !w.received.empty(); }));
  w.pass(1s);
  const auto first = w.received.front();
  BOOST_CHECK_EQUAL(w.count(storage::letter_status::sent), 0U);
  w.watch.before_commit = {};
  w.crash();
  w.received.clear();
  w.start();
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  w.check_all(storage::letter_status::sent);
  const auto again = std::find_if(w.received.begin(), w.received.end(),
                                  [&](const auto& p) { return p.account == first.account; });
  BOOST_REQUIRE(again != w.received.end());
  BOOST_CHECK_EQUAL(again->text, first.text); // and so the same Message-ID
}

BOOST_AUTO_TEST_CASE(a_mark_whose_commit_is_lost_in_any_way_is_made_once) {
  for (const auto what : {next::unknown_written, next::unknown_not_written, next::retry, next::fenced}) {
    pay_day w;
    w.close();
    bool arranged = false;
    w.watch.before_commit = [&](auto records) {
      if (!arranged &&
          std::any_of(records.begin(), records.end(), [](const auto* r) { return !r->letters.empty(); })) {
        arranged = true;
        w.state.arrange(what);
      }
    };
    w.pass_until([&] { return arranged; });
    BOOST_REQUIRE(arranged);
    w.pass(1s);
    if (what == next::fenced)
      w.start_lost_shards();
    BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
    w.check_all(storage::letter_status::sent);
  }
}

BOOST_AUTO_TEST_CASE(letters_that_were_queued_when_the_node_died_leave_after_its_start) {
  pay_day w;
  w.close();
  const auto queued = w.count(storage::letter_status::queued);
  BOOST_CHECK_EQUAL(queued + w.count(storage::letter_status::sent), w.due);
  w.crash();
  const auto before = w.received.size();
  w.pass(2s);
  BOOST_CHECK_EQUAL(w.received.size(), before);
  w.start();
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  w.check_all(storage::letter_status::sent);
}

BOOST_AUTO_TEST_CASE(letters_wait_while_storage_is_away) {
  pay_day w;
  w.close();
  w.crash();
  w.received.clear();
  w.start();
  w.state.go_away(true);
  w.pass(1s);
  w.state.go_away(false);
  BOOST_REQUIRE(w.pass_until([&] { return w.none_queued(); }));
  w.check_all(storage::letter_status::sent);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
