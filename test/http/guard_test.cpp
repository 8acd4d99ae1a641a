#include "http/guarded_server.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

using namespace ates::http;
using namespace ates::http::test;

namespace {

/// Counts what reaches it: nothing that was refused may.
class counting_service : public service {
public:
  std::atomic<int> served{0}, refusals{0};
  std::atomic<bool> holding{false};
  std::promise<void> entered, leave;

  body_rule rule_of(const request& head) override {
    return {head.path == "/large" ? batch_body_bytes_max : body_bytes_max, head.path == "/needs-body",
            head.path == "/node"};
  }
  reply serve(const request& in) override {
    ++served;
    if (in.path == "/hold" && !holding.exchange(true)) {
      entered.set_value();
      leave.get_future().wait();
    }
    return {200, in.method + " " + in.path + " " + std::to_string(in.body.size()), "text/plain", {}};
  }
  void refused(int) override { ++refusals; }
};

struct guard_fixture {
  explicit guard_fixture(wire_limits limits = quick_limits()) : server(behind, limits) {
    server.start("127.0.0.1", 0);
  }
  counting_service behind;
  guarded_server server;
};

std::string request_text(const std::string& line, const std::string& headers, const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";

} // namespace

BOOST_AUTO_TEST_SUITE(guard)

BOOST_AUTO_TEST_CASE(a_refused_request_is_answered_and_nothing_behind_it_is_executed) {
  const struct {
    std::string what, bytes;
    int status;
  } attacks[] = {
      {"length and chunks",
       request_text("POST /", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
       411},
      {"chunks", request_text("POST /", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden), 411},
      {"two lengths", request_text("POST /", "Content-Length: 0\r\nContent-Length: 9\r\n", hidden), 400},
      {"a malformed length", request_text("POST /", "Content-Length: 0x0\r\n", hidden), 400},
      {"a body on GET",
       request_text("GET /", "Content-Length: " + std::to_string(hidden.size()) + "\r\n", hidden), 400},
      {"a body on HEAD", request_text("HEAD /", "Content-Length: 5\r\n", hidden), 400},
      {"a body on DELETE", request_text("DELETE /", "Content-Length: 5\r\n", hidden), 400},
      {"a body without a length", request_text("POST /", "", hidden), 411},
      {"a required body without a length", request_text("POST /needs-body", ""), 411},
      {"a type without a length", request_text("POST /", "Content-Type: application/json\r\n"), 411},
      {"too large", request_text("POST /", "Content-Length: 1048577\r\n", hidden), 413},
      {"far too large", request_text("POST /large", "Content-Length: 99999999999999999999999\r\n", hidden),
       413},
      {"compressed",
       request_text("POST /", "Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc" + hidden), 415},
      {"a form",
       request_text("POST /", "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n",
                    "abc" + hidden),
       415},
      {"a header flood",
       "GET / HTTP/1.1\r\n" +
           [] {
             std::string lines;
             for (int i = 0; i < 20'000; ++i)
               lines += "X: 1\r\n";
             return lines;
           }() +
           "\r\n" + hidden,
       431},
      {"an endless header", "GET / HTTP/1.1\r\nX: " + std::string(1'000'000, 'a'), 431},
      {"an endless target", "GET /" + std::string(1'000'000, 'a'), 414},
      {"rubbish", "\x16\x03\x01\r\n\r\n", 400},
  };
  guard_fixture f;
  int refusals = 0;
  for (const auto& attack : attacks)
    BOOST_TEST_CONTEXT(attack.what) {
      raw_client client(f.server.port());
      client.send(attack.bytes);
      const auto answer = client.receive();
      BOOST_REQUIRE(answer.has_value());
      BOOST_TEST(answer->status == attack.status);
      BOOST_TEST(answer->header("content-type") == "application/problem+json");
      BOOST_TEST(answer->header("connection") == "close");
      BOOST_TEST(answer->json()["status"] == attack.status);
      BOOST_TEST(!answer->json()["request_id"].get<std::string>().empty());
      BOOST_TEST(client.is_closed());
      BOOST_TEST(f.behind.refusals == ++refusals);
    }
  BOOST_TEST(f.behind.served == 0);
}

BOOST_AUTO_TEST_CASE(a_slow_head_and_a_slow_body_are_refused_in_time) {
  guard_fixture f;
  for (const auto& part : {std::string("GET / HTT"), std::string("GET / HTTP/1.1\r\nHost: h\r\n"),
                           request_text("POST /", "Content-Length: 10\r\n", "half")}) {
    const auto begin = std::chrono::steady_clock::now();
    raw_client client(f.server.port());
    client.send(part);
    const auto answer = client.receive();
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 408);
    BOOST_TEST(answer->code() == "request_timeout");
    BOOST_TEST(client.is_closed());
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= quick_limits().whole_request));
  }
  BOOST_TEST(f.behind.served == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_is_kept_for_more_requests) {
  guard_fixture f;
  raw_client client(f.server.port());
  for (int i = 0; i < 20; ++i) {
    client.send(request_text("POST /a", "Content-Length: 3\r\n", "abc"));
    BOOST_TEST(client.receive()->body == "POST /a 3");
  }
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order) {
  guard_fixture f;
  raw_client client(f.server.port());
  client.send(request_text("POST /a", "Content-Length: 3\r\n", "abc") + request_text("GET /b", "") +
              request_text("POST /c", "Content-Length: 0\r\n"));
  BOOST_TEST(client.receive()->body == "POST /a 3");
  BOOST_TEST(client.receive()->body == "GET /b 0");
  BOOST_TEST(client.receive()->body == "POST /c 0");
}

BOOST_AUTO_TEST_CASE(a_post_without_body_and_length_is_served_and_closes) {
  guard_fixture f;
  raw_client client(f.server.port());
  client.send(request_text("POST /a", ""));
  const auto answer = client.receive();
  BOOST_TEST(answer->status == 200);
  BOOST_TEST(answer->header("connection") == "close");
  client.send(hidden); // a body that came late
  BOOST_TEST(client.is_closed());
  BOOST_TEST(f.behind.served == 1);
}

BOOST_AUTO_TEST_CASE(a_range_and_an_encoding_asked_for_change_nothing) {
  guard_fixture f;
  raw_client client(f.server.port());
  client.send(request_text("GET /a", "Range: bytes=0-0,0-0,0-0\r\nAccept-Encoding: gzip, br\r\n"));
  const auto answer = client.receive();
  BOOST_TEST(answer->status == 200);
  BOOST_TEST(answer->body == "GET /a 0");
  BOOST_TEST(answer->header("content-encoding") == "");
}

BOOST_AUTO_TEST_CASE(head_is_a_get_without_its_body) {
  guard_fixture f;
  raw_client client(f.server.port());
  client.send(request_text("HEAD /a", "") + request_text("GET /b", ""));
  const auto answer = client.receive(true);
  BOOST_TEST(answer->status == 200);
  BOOST_TEST(answer->header("content-length") == "9");
  BOOST_TEST(client.receive()->body == "GET /b 0");
}

BOOST_AUTO_TEST_CASE(a_large_body_is_asked_for_when_the_client_wants_to_be_asked) {
  guard_fixture f;
  raw_client client(f.server.port());
  const std::string body(2 * 1024 * 1024, 'x');
  client.send(request_text(
      "POST /large", "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"));
  BOOST_TEST(client.receive(true)->status == 100);
  client.send(body);
  BOOST_TEST(client.receive()->body == "POST /large " + std::to_string(body.size()));
  client.send(request_text("POST /a", "Expect: 100-continue\r\nContent-Length: 1048577\r\n"));
  BOOST_TEST(client.receive()->status == 413); // not even asked for
}

BOOST_AUTO_TEST_CASE(a_refusal_is_seen_by_a_client_that_is_still_sending) {
  guard_fixture f;
  raw_client client(f.server.port());
  client.send(request_text("POST /a", "Content-Length: 33554432\r\n"));
  client.send(std::string(4 * 1024 * 1024, 'x'));
  const auto answer = client.receive();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->code() == "too_large");
}

BOOST_AUTO_TEST_CASE(large_bodies_share_a_budget) {
  auto limits = quick_limits();
  limits.whole_request = std::chrono::seconds{5};
  limits.large_body_bytes = 3 * 1024 * 1024;
  guard_fixture f(limits);
  const auto head = request_text("POST /large", "Expect: 100-continue\r\nContent-Length: 2097152\r\n");
  raw_client first(f.server.port());
  first.send(head);
  BOOST_TEST(first.receive(true)->status == 100);
  raw_client second(f.server.port());
  second.send(head);
  const auto refused = second.receive();
  BOOST_TEST(refused->status == 503);
  BOOST_TEST(refused->code() == "overloaded");
  BOOST_TEST(refused->header("retry-after") == "1");
  first.send(std::string(2'097'152, 'x'));
  BOOST_TEST(first.receive()->status == 200);
  first.send(request_text("GET /a", ""));
  BOOST_TEST(first.receive()->status == 200); // by now the last request is over
  raw_client third(f.server.port());
  third.send(head);
  BOOST_TEST(third.receive(true)->status == 100); // given back
}

BOOST_AUTO_TEST_CASE(idle_connections_make_room_for_new_ones) {
  auto limits = quick_limits();
  limits.connections = 2;
  limits.idle = std::chrono::seconds{8};
  guard_fixture f(limits);
  std::vector<std::unique_ptr<raw_client>> idle;
  const auto begin = std::chrono::steady_clock::now();
  // The server may not know yet that those who have their answer are idle: who is refused comes again.
  while (idle.size() < 6) {
    auto fresh = std::make_unique<raw_client>(f.server.port());
    fresh->send(request_text("GET /a", ""));
    if (fresh->receive()->status == 200)
      idle.push_back(std::move(fresh));
    BOOST_REQUIRE((std::chrono::steady_clock::now() - begin < limits.idle));
  }
  BOOST_TEST(idle.front()->is_closed());
}

BOOST_AUTO_TEST_CASE(a_crowd_that_says_nothing_keeps_nobody_waiting) {
  auto limits = quick_limits();
  limits.threads = 1;
  limits.connections = 20;
  limits.idle = std::chrono::seconds{60}; // longer than anybody here would wait
  guard_fixture f(limits);
  std::vector<std::unique_ptr<raw_client>> silent;
  for (int i = 0; i < 40; ++i)
    silent.push_back(std::make_unique<raw_client>(f.server.port()));
  raw_client asks(f.server.port());
  asks.send(request_text("GET /a", ""));
  const auto answer = asks.receive();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->status == 200);
}

BOOST_AUTO_TEST_CASE(a_crowd_that_never_ends_its_request_keeps_nobody_waiting) {
  auto limits = quick_limits();
  limits.threads = 1;
  limits.whole_request = std::chrono::seconds{60};
  guard_fixture f(limits);
  std::vector<std::unique_ptr<raw_client>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<raw_client>(f.server.port()));
    slow.back()->send(i % 2 == 0 ? "GET /a HT" : request_text("POST /a", "Content-Length: 3\r\n", "ab"));
  }
  raw_client asks(f.server.port());
  asks.send(request_text("GET /a", ""));
  BOOST_TEST(asks.receive()->status == 200);
  slow[1]->send("c");
  BOOST_TEST(slow[1]->receive()->body == "POST /a 3");
}

namespace {

/// One request has the only thread, one more waits.
struct full_house : guard_fixture {
  static wire_limits narrow() {
    auto limits = quick_limits();
    limits.threads = 1;
    limits.waiting_requests = 1;
    limits.idle = std::chrono::seconds{60};
    return limits;
  }
  full_house() : guard_fixture(narrow()), holder(server.port()), waiting(server.port()) {
    holder.send(request_text("GET /hold", ""));
    behind.entered.get_future().wait();
    waiting.send(request_text("GET /a", ""));
  }
  void end() {
    behind.leave.set_value();
    BOOST_TEST(holder.receive()->status == 200);
    BOOST_TEST(waiting.receive()->status == 200);
  }
  raw_client holder, waiting;
};

} // namespace

BOOST_AUTO_TEST_CASE(what_cannot_wait_is_told_so_as_the_contract_says_and_may_ask_again) {
  full_house f;
  raw_client asks(f.server.port());
  const struct {
    std::string request;
    bool head;
  } asked[] = {{request_text("GET /a", "X-Request-Id: mine\r\n"), false},
               {request_text("HEAD /a", "X-Request-Id: mine\r\n"), true},
               {request_text("POST /a", "X-Request-Id: mine\r\nContent-Length: 3\r\n", "abc"), false}};
  for (const auto& one : asked) {
    asks.send(one.request);
    const auto answer = asks.receive(one.head);
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 503);
    BOOST_TEST(answer->header("content-type") == "application/problem+json");
    BOOST_TEST(answer->header("retry-after") == "1");
    BOOST_TEST(answer->header("x-request-id") == "mine");
    BOOST_TEST(answer->header("connection") == "");
    if (one.head)
      continue;
    const auto said = answer->json();
    BOOST_TEST(said["type"] == "urn:ates:problem:overloaded");
    BOOST_TEST(said["title"] == "Overloaded; nothing was executed");
    BOOST_TEST(said["status"] == 503);
    BOOST_TEST(said["detail"] == "Too many requests at once.");
    BOOST_TEST(said["code"] == "overloaded");
    BOOST_TEST(said["request_id"] == "mine");
  }
  f.end();
  BOOST_TEST(f.behind.served == 2); // nothing of what was refused
  BOOST_TEST(f.behind.refusals == 3);
  asks.send(request_text("GET /a", ""));
  BOOST_TEST(asks.receive()->status == 200);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_that_cannot_wait_are_each_refused_in_order) {
  full_house f;
  raw_client asks(f.server.port());
  std::string all;
  for (int i = 0; i < 20; ++i)
    all +=
        request_text("POST /a", "X-Request-Id: n" + std::to_string(i) + "\r\nContent-Length: 3\r\n", "abc");
  asks.send(all);
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(asks.receive()->header("x-request-id") == "n" + std::to_string(i));
  f.end();
  BOOST_TEST(f.behind.served == 2);
}

BOOST_AUTO_TEST_CASE(who_wants_the_connection_to_end_is_refused_and_it_ends) {
  full_house f;
  raw_client asks(f.server.port());
  asks.send(request_text("GET /a", "Connection: close\r\n"));
  const auto answer = asks.receive();
  BOOST_TEST(answer->code() == "overloaded");
  BOOST_TEST(answer->header("connection") == "close");
  BOOST_TEST(asks.is_closed());
  f.end();
}

BOOST_AUTO_TEST_CASE(what_asks_about_the_node_is_answered_also_when_nothing_else_is) {
  full_house f;
  raw_client asks(f.server.port());
  asks.send(request_text("GET /node", ""));
  BOOST_TEST(asks.receive()->status == 200);
  f.end();
}

BOOST_AUTO_TEST_CASE(a_connection_without_a_place_is_told_so) {
  auto limits = quick_limits();
  limits.connections = 1;
  limits.idle = std::chrono::seconds{60};
  guard_fixture f(limits);
  raw_client holder(f.server.port());
  holder.send(request_text("GET /hold", ""));
  f.behind.entered.get_future().wait();
  raw_client shed(f.server.port());
  shed.send(request_text("GET /a", ""));
  const auto answer = shed.receive();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->status == 503);
  BOOST_TEST(answer->code() == "overloaded");
  BOOST_TEST(answer->header("retry-after") == "1");
  BOOST_TEST(shed.is_closed());
  f.behind.leave.set_value();
  BOOST_TEST(holder.receive()->status == 200);
}

BOOST_AUTO_TEST_CASE(heads_that_never_end_share_the_budget_of_large_requests) {
  auto limits = quick_limits();
  limits.whole_request = std::chrono::seconds{60};
  limits.large_body_bytes = 64 * 1024;
  guard_fixture f(limits);
  std::string head = "GET /a HTTP/1.1\r\n";
  for (int i = 0; i < 6; ++i)
    head += "X: " + std::string(8'000, 'x') + "\r\n"; // 48 KiB
  raw_client first(f.server.port());
  first.send(head);
  raw_client small(f.server.port());
  small.send(request_text("GET /a", ""));
  BOOST_TEST(small.receive()->status == 200); // by then the first one was read
  raw_client second(f.server.port());
  second.send(head);
  BOOST_TEST(second.receive()->code() == "overloaded");
  first.send("Host: h\r\n\r\n");
  BOOST_TEST(first.receive()->status == 200);
}

BOOST_AUTO_TEST_CASE(stopping_ends_idle_connections_at_once_and_answers_what_is_under_way) {
  auto limits = quick_limits();
  limits.idle = std::chrono::seconds{60};
  limits.whole_request = std::chrono::seconds{60};
  guard_fixture f(limits);
  raw_client idle(f.server.port()), fresh(f.server.port()), slow(f.server.port()), busy(f.server.port());
  idle.send(request_text("GET /a", ""));
  BOOST_TEST(idle.receive()->status == 200);
  slow.send("GET /a HT");
  busy.send(request_text("GET /hold", ""));
  f.behind.entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { f.server.stop(); });
  BOOST_TEST(idle.is_closed());
  BOOST_TEST(slow.is_closed());
  BOOST_TEST(fresh.is_closed());
  BOOST_TEST((stopped.wait_for(std::chrono::milliseconds{1}) == std::future_status::timeout));
  f.behind.leave.set_value();
  BOOST_TEST(busy.receive()->status == 200);
  BOOST_TEST(busy.is_closed());
  BOOST_TEST((stopped.wait_for(std::chrono::seconds{5}) == std::future_status::ready));
  f.server.stop(); // twice is as good as once
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_an_error) {
  guard_fixture f;
  counting_service other;
  guarded_server second(other, quick_limits());
  BOOST_CHECK_THROW(second.start("127.0.0.1", f.server.port()), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
