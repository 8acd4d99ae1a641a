// GET /v1/events/stream: what a reader gets, and when it is hung up on.

#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace ates::http;
using namespace ates::http::test;
using namespace std::chrono_literals;
using ates::domain::role;

namespace {

struct frame {
  std::string cursor, event, data;
};

/// One stream, opened.
class stream {
public:
  stream(std::uint16_t port, const std::string& headers, const std::string& query) : client_(port) {
    client_.send("GET /v1/events/stream" + query + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n");
    head = client_.receive(true).value();
  }
  /// The next event; nullopt: closed. Comments are counted.
  std::optional<frame> next() {
    for (;;) {
      const auto block = client_.receive_until("\n\n");
      if (!block)
        return std::nullopt;
      if (block->front() == ':') {
        ++pings;
        continue;
      }
      frame out;
      for (std::string_view left = *block; left != "\n";) {
        const auto line = left.substr(0, left.find('\n'));
        left.remove_prefix(line.size() + 1);
        const auto colon = line.find(": ");
        (line.starts_with("id")      ? out.cursor
         : line.starts_with("event") ? out.event
                                     : out.data) = line.substr(colon + 2);
      }
      return out;
    }
  }
  /// CloudEvents' id of the next event.
  std::string id() { return nlohmann::json::parse(next().value().data).at("id"); }
  void wait_for_ping() { (void)client_.receive_until(": ping\n\n"); }

  raw_answer head;
  int pings = 0;

private:
  raw_client client_;
};

/// Waits for a condition, 10 s at most.
bool becomes_true(const std::function<bool()>& holds) {
  for (const auto until = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < until;
       std::this_thread::sleep_for(2ms))
    if (holds())
      return true;
  return false;
}

/// A gateway with three places for streams, and times that pass quickly.
struct streams_fixture {
  explicit streams_fixture(stream_limits limits = quick())
      : service(settings(limits), people, rows, cluster, log, metrics) {
    for (const auto role : ates::domain::all_roles)
      people.add(role, std::string(to_string(role)));
    service.start();
  }
  static stream_limits quick() {
    stream_limits out;
    out.ping = 20s; // only where a test waits for one
    out.look = 5ms;
    out.check = 10ms;
    out.page_events = 4; // so that there are many pages
    return out;
  }
  std::string token() {
    return "Authorization: Bearer " +
           tokens(signing_key(key)).make(people.people.front().who, numbered_uuid(7, 1), now()) + "\r\n";
  }
  stream open(const std::string& query = "", const std::string& headers = "") {
    return {service.port(), token() + headers, query};
  }
  raw_answer refused(const std::string& query = "", const std::string& headers = "") {
    return ask(service.port(), "GET", "/v1/events/stream" + query, "", token() + headers);
  }
  [[nodiscard]] std::chrono::system_clock::time_point now() const { return real_time + passed.load(); }
  [[nodiscard]] std::string metric(const std::string& name) {
    const auto text = ask(service.port(), "GET", "/metrics").body;
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos
               ? ""
               : text.substr(at + name.size() + 2, text.find('\n', at + 1) - at - name.size() - 2);
  }

  const std::chrono::system_clock::time_point real_time = std::chrono::system_clock::now();
  std::atomic<std::chrono::seconds> passed{0s};
  scratch_folder folder;
  std::filesystem::path key = folder.path() / "keys" / "jwt.pem";
  fake_facade people;
  fake_reports rows{people};
  fake_operations cluster;
  fake_event_log log;
  std::shared_ptr<prometheus::Collectable> metrics = std::make_shared<prometheus::Registry>();
  gateway service;

private:
  gateway_settings settings(const stream_limits& limits) {
    gateway_settings out;
    out.http.port = 0;
    out.http.max_streams = 3;
    out.auth.signing_key = key;
    out.auth.scrypt_log2n = 10;
    out.schemas = folder.path();
    out.descriptions = std::filesystem::path(ATES_SOURCE_DIR) / "config" / "openapi";
    out.limits = quick_limits();
    out.streams = limits;
    out.now = [this] { return now(); };
    return out;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(event_streams_of_a_node)

BOOST_AUTO_TEST_CASE(a_stream_gives_what_is_there_and_then_what_comes) {
  streams_fixture f;
  for (int i = 0; i < 10; ++i)
    f.log.add(static_cast<ates::domain::shard_number>(i % 3), "task.updated.v1");
  auto s = f.open();
  BOOST_TEST(s.head.status == 200);
  BOOST_TEST(s.head.header("content-type") == "text/event-stream");
  BOOST_TEST(s.head.header("cache-control") == "no-store");
  BOOST_TEST(s.head.header("connection") == "close");
  BOOST_TEST(!s.head.header("x-request-id").empty());
  for (int i = 0; i < 10; ++i)
    BOOST_TEST(s.id() == std::to_string(i % 3) + "-" + std::to_string(i / 3 + 1));
  for (int i = 1; i <= 9; ++i) {
    f.log.add(3, "task.completed.v1", R"({"n":1})");
    const auto got = s.next().value();
    BOOST_TEST(got.event == "task.completed.v1");
    BOOST_TEST(nlohmann::json::parse(got.data).at("id") == "3-" + std::to_string(i));
    BOOST_TEST(nlohmann::json::parse(got.data).at("data").at("n") == 1);
  }
}

BOOST_AUTO_TEST_CASE(whoever_comes_back_with_its_last_id_goes_on_behind_it_and_pages_take_the_same_cursor) {
  streams_fixture f;
  for (int i = 0; i < 12; ++i)
    f.log.add(static_cast<ates::domain::shard_number>(i % 4),
              i % 2 == 0 ? "task.updated.v1" : "day.closed.v1");
  const std::string query = "?type=task.*";
  std::string last;
  for (int i = 0; i < 6; ++i) {
    auto s = i == 0 ? f.open(query) : f.open(query + "&after=now", "Last-Event-ID: " + last + "\r\n");
    const auto got = s.next().value();
    last = got.cursor;
    BOOST_TEST(nlohmann::json::parse(got.data).at("id") ==
               std::to_string(2 * i % 4) + "-" + std::to_string(2 * i / 4 + 1));
    BOOST_REQUIRE(becomes_true([&] {
      const auto page =
          ask(f.service.port(), "GET", "/v1/events" + query + "&limit=500&after=" + last, "", f.token());
      return page.status == 200 && page.json().at("data").size() == static_cast<std::size_t>(5 - i);
    }));
  }
}

BOOST_AUTO_TEST_CASE(after_now_gives_only_what_comes_and_only_of_the_chosen_types) {
  streams_fixture f;
  f.log.add(0, "task.updated.v1");
  auto s = f.open("?after=now&type=shuffle.*&type=task.completed.v1");
  for (const auto* type : {"task.updated.v1", "task.completed.v1", "task.updated.v1", "shuffle.finished.v1"})
    f.log.add(0, type);
  BOOST_TEST(s.id() == "0-3");
  BOOST_TEST(s.id() == "0-5");
}

BOOST_AUTO_TEST_CASE(a_reader_that_has_seen_more_elsewhere_than_this_node_gets_nothing_twice) {
  auto limits = streams_fixture::quick();
  limits.look = 300ms; // so long this node does not know what the other reader has seen
  streams_fixture f(limits);
  auto first = f.open();
  f.log.add(0, "task.updated.v1");
  BOOST_TEST(first.id() == "0-1");
  f.log.add(0, "task.updated.v1");
  f.log.add(1, "task.updated.v1");
  auto second = f.open("?after=now");
  auto third = f.open();
  f.log.add(0, "task.updated.v1");
  BOOST_TEST(second.id() == "0-3");
  BOOST_TEST(first.id() == "0-2");
  for (const auto* id : {"0-1", "0-2", "1-1", "0-3"})
    BOOST_TEST(third.id() == id);
}

BOOST_AUTO_TEST_CASE(an_idle_stream_is_kept_alive_and_holds_no_thread) {
  auto limits = streams_fixture::quick();
  limits.ping = 20ms;
  streams_fixture f(limits);
  auto a = f.open(), b = f.open(), c = f.open();
  for (auto* one : {&a, &b, &c}) {
    one->wait_for_ping();
    one->wait_for_ping();
  }
  BOOST_TEST(
      becomes_true([&] { return f.metric("ates_http_requests_in_flight") == "1"; })); // that one itself
  BOOST_TEST(f.metric("ates_http_streams") == "3");
}

BOOST_AUTO_TEST_CASE(one_stream_too_many_is_refused_until_another_ends) {
  streams_fixture f;
  auto a = f.open(), b = f.open();
  {
    auto c = f.open();
    const auto refused = f.refused();
    BOOST_TEST(refused.status == 503);
    BOOST_TEST(refused.code() == "overloaded");
    BOOST_TEST(!refused.header("retry-after").empty());
    BOOST_TEST(ask(f.service.port(), "HEAD", "/v1/events/stream", "", f.token()).status == 200);
  }
  BOOST_TEST(becomes_true([&] { return f.open().head.status == 200; }));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_refused_before_it_takes_a_place) {
  streams_fixture f;
  for (const auto* bad : {"?type=x", "?after=x", "?limit=5"})
    BOOST_TEST(f.refused(bad).status == 400);
  BOOST_TEST(f.refused("", "Last-Event-ID: x\r\n").status == 400);
  BOOST_TEST(f.refused("", "Last-Event-ID: now\r\n").status == 400);
  f.log.away = true;
  BOOST_TEST(f.refused("?after=now").status == 503);
  f.log.away = false;
  auto a = f.open(), b = f.open(), c = f.open();
  BOOST_TEST(c.head.status == 200);
}

BOOST_AUTO_TEST_CASE(a_stream_ends_with_its_token) {
  streams_fixture f;
  auto s = f.open();
  f.log.add(0, "task.updated.v1");
  BOOST_TEST(s.id() == "0-1");
  f.passed = 299s;
  f.log.add(0, "task.updated.v1");
  BOOST_TEST(s.id() == "0-2");
  f.passed = 300s;
  const auto last = s.next().value();
  BOOST_TEST(last.event == "token_expired");
  BOOST_TEST(last.cursor == "");
  BOOST_TEST(nlohmann::json::parse(last.data).at("code") == "token_expired");
  BOOST_TEST(!s.next().has_value());
  BOOST_TEST(becomes_true([&] { return f.metric("ates_http_streams_closed_total{why=\"right\"}") == "1"; }));
}

BOOST_AUTO_TEST_CASE(a_stream_ends_when_its_account_does_or_gets_another_role) {
  streams_fixture f;
  for (const bool active : {false, true}) {
    auto s = f.open("?after=now");
    const auto change = [&](bool is_active, role is_role) {
      const std::lock_guard lock(f.people.mutex);
      f.people.people.front().who.active = is_active;
      f.people.people.front().who.role = is_role;
    };
    change(active, active ? role::worker : role::admin);
    const auto last = s.next().value();
    BOOST_TEST(last.event == "token_expired");
    BOOST_TEST(nlohmann::json::parse(last.data).at("code") == (active ? "forbidden" : "account_inactive"));
    BOOST_TEST(!s.next().has_value());
    change(true, role::admin);
  }
}

BOOST_AUTO_TEST_CASE(a_reader_that_falls_behind_is_hung_up_on_and_the_others_are_not) {
  auto limits = streams_fixture::quick();
  limits.behind_bytes = 64 * 1024;
  limits.socket_bytes = 4 * 1024;
  streams_fixture f(limits);
  auto slow = f.open("?after=now"), good = f.open("?after=now");
  const std::string data = R"({"text":")" + std::string(16 * 1024, 'x') + "\"}";
  int sent = 0;
  while (f.metric("ates_http_streams_closed_total{why=\"slow\"}").empty()) {
    BOOST_REQUIRE(++sent < 5000);
    f.log.add(0, "task.updated.v1", data);
    BOOST_TEST(good.id() == "0-" + std::to_string(sent));
  }
  BOOST_TEST(f.metric("ates_http_streams") == "1");
  int got = 0;
  while (slow.next())
    ++got; // what was on its way; then the end
  BOOST_TEST(got < sent);
  f.log.add(0, "task.updated.v1");
  BOOST_TEST(good.id() == "0-" + std::to_string(sent + 1));
}

BOOST_AUTO_TEST_CASE(a_reader_that_catches_up_gets_its_pages_as_it_takes_them_and_none_if_it_takes_none) {
  auto limits = streams_fixture::quick();
  limits.behind_bytes = 256 * 1024;
  limits.refill_bytes = 32 * 1024;
  limits.socket_bytes = 4 * 1024;
  limits.stall = 2000ms;
  streams_fixture f(limits);
  const std::string data = R"({"text":")" + std::string(16 * 1024, 'x') + "\"}";
  constexpr int events = 2000;
  for (int i = 0; i < events; ++i)
    f.log.add(0, "task.updated.v1", data);
  auto idle = f.open(); // takes what its own socket holds, and then nothing
  auto good = f.open();
  for (int i = 1; i <= events; ++i)
    BOOST_REQUIRE(good.id() == "0-" + std::to_string(i));
  BOOST_TEST(becomes_true([&] { return f.metric("ates_http_streams_closed_total{why=\"slow\"}") == "1"; }));
  int got = 0;
  while (idle.next())
    ++got;
  BOOST_TEST(got < events);
}

BOOST_AUTO_TEST_CASE(while_storage_is_away_streams_wait_for_it) {
  streams_fixture f;
  f.log.add(0, "task.updated.v1");
  auto live = f.open();
  BOOST_TEST(live.id() == "0-1");
  f.log.away = true;
  auto behind = f.open();
  f.log.add(0, "task.updated.v1");
  f.log.away = false;
  BOOST_TEST(live.id() == "0-2");
  BOOST_TEST(behind.id() == "0-1");
  BOOST_TEST(behind.id() == "0-2");
}

BOOST_AUTO_TEST_CASE(without_readers_nothing_is_read) {
  streams_fixture f;
  {
    auto s = f.open();
    f.log.add(0, "task.updated.v1");
    BOOST_TEST(s.id() == "0-1");
  }
  // The looks end soon after the last reader has left.
  BOOST_TEST(becomes_true([&] {
    const int before = f.log.reads;
    std::this_thread::sleep_for(50ms);
    return f.log.reads == before;
  }));
  f.log.add(1, "task.updated.v1");
  auto s = f.open("?type=task.*");
  BOOST_TEST(s.id() == "0-1");
  BOOST_TEST(s.id() == "1-1");
}

BOOST_AUTO_TEST_CASE(stopping_ends_all_streams_at_once) {
  streams_fixture f;
  auto a = f.open(), b = f.open("?after=now");
  f.service.stop();
  BOOST_TEST(!a.next().has_value());
  BOOST_TEST(!b.next().has_value());
}

BOOST_AUTO_TEST_CASE(readers_cut_anywhere_see_every_event_once_while_events_come) {
  streams_fixture f;
  constexpr int events = 3000;
  auto writer = std::async(std::launch::async, [&] {
    for (int i = 0; i < events; ++i) {
      f.log.add(static_cast<ates::domain::shard_number>(i * 7 % 4), "task.updated.v1");
      if (i % 20 == 0)
        std::this_thread::sleep_for(1ms);
    }
  });
  const auto follow = [&](unsigned seed) {
    std::mt19937 dice(seed);
    std::string last;
    std::multiset<std::string> seen;
    while (seen.size() < events) {
      auto s = f.open("", last.empty() ? "" : "Last-Event-ID: " + last + "\r\n");
      for (auto left = dice() % 200; left > 0 && seen.size() < events; --left) {
        const auto got = s.next();
        if (!got)
          break; // refused: the node has not noticed yet that the stream before was cut
        last = got->cursor;
        seen.insert(nlohmann::json::parse(got->data).at("id").get<std::string>());
      }
    }
    return std::set<std::string>(seen.begin(), seen.end()).size();
  };
  auto first = std::async(std::launch::async, follow, 1U);
  auto second = std::async(std::launch::async, follow, 2U);
  writer.get();
  BOOST_TEST(first.get() == static_cast<std::size_t>(events));
  BOOST_TEST(second.get() == static_cast<std::size_t>(events));
}

BOOST_AUTO_TEST_SUITE_END()
