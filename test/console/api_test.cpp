#include "console/api.hpp"

#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <set>

using namespace ates::console;
using namespace ates::console::test;
using namespace std::chrono_literals;

namespace {

/// A listener that takes one connection per entry, reads its request, sends the entry as it is and closes.
class raw_node {
public:
  explicit raw_node(std::vector<std::string> replies)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, generic, size) != 0 || listen(socket_, 8) != 0 ||
        getsockname(socket_, generic, &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, replies = std::move(replies)] {
      for (const auto& reply : replies)
        serve(reply);
    });
  }
  ~raw_node() {
    shutdown(socket_, SHUT_RDWR); // wakes accept(), should the test have failed early
    thread_.join();
    close(socket_);
  }
  raw_node(const raw_node&) = delete;
  raw_node& operator=(const raw_node&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

private:
  void serve(const std::string& reply) {
    const int connection = accept(socket_, nullptr, nullptr);
    if (connection < 0)
      return;
    std::string head;
    char c = 0;
    while (!head.ends_with("\r\n\r\n") && read(connection, &c, 1) == 1)
      head += c;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(head);
    }
    if (!reply.empty() && write(connection, reply.data(), reply.size()) < 0)
      throw std::runtime_error("cannot answer");
    close(connection);
  }

  int socket_;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

void make_session(const person& who, const std::string& url, std::chrono::seconds lifetime) {
  const session_store store(session_file(who.around));
  const session_store::lock held(store);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  store.save(url, {"boss", "token-0", now + lifetime, "again-0"}, held);
}

std::string header_of(const std::string& head, const std::string& name) {
  const auto begin = head.find(name + ": ");
  return begin == std::string::npos ? "" : head.substr(begin, head.find("\r\n", begin) - begin);
}

} // namespace

BOOST_AUTO_TEST_SUITE(node_api)

BOOST_AUTO_TEST_CASE(urls_are_told_apart_by_scheme_host_and_port_only) {
  BOOST_TEST(normalise_url("HTTP://LocalHost:8080/") == "http://localhost:8080");
  BOOST_TEST(normalise_url("https://a.example") == "https://a.example");
  for (const auto* wrong :
       {"", "localhost:8080", "http://", "ftp://a", "http://a/v1", "http://u@a", "http://a b"})
    BOOST_CHECK_EXCEPTION(normalise_url(wrong), failure,
                          [](const failure& f) { return f.exit == exit_code::usage; });
}

BOOST_AUTO_TEST_CASE(a_path_segment_cannot_leave_its_place) {
  BOOST_TEST(path_segment("a/../b?c#d%") == "a%2F..%2Fb%3Fc%23d%25");
  BOOST_TEST(path_segment("3f0c2f1e-7f5e") == "3f0c2f1e-7f5e");
  BOOST_TEST(path_segment("é") == "%C3%A9");
}

BOOST_AUTO_TEST_CASE(a_request_answered_503_is_repeated_with_its_key_after_the_time_the_node_asked_for) {
  int answers = 0;
  stub_node node([&](const auto&, auto& response) {
    if (++answers < 3) {
      response.set_header("Retry-After", "2");
      return refuse(response, 503, "outcome_unknown");
    }
    give(response, 201, {{"id", "t"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 0);
  const auto seen = node.requests();
  BOOST_TEST_REQUIRE(seen.size() == 3U);
  BOOST_TEST(!seen[0].key.empty());
  BOOST_TEST(seen[1].key == seen[0].key);
  BOOST_TEST(seen[2].key == seen[0].key);
  BOOST_TEST((boss.clock.waited >= 4s && boss.clock.waited < 10s));
  BOOST_TEST(boss.err.str().find("trying again for up to 30 s") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_command_has_another_key) {
  stub_node node([&](const auto&, auto& response) { give(response, 201, {{"id", "t"}}); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 0);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 0);
  const auto seen = node.requests();
  BOOST_TEST_REQUIRE(seen.size() == 2U);
  BOOST_TEST(seen[0].key != seen[1].key);
}

BOOST_AUTO_TEST_CASE(a_node_that_stays_away_is_given_up_after_30_s_with_exit_code_7) {
  stub_node node([](const auto&, auto& response) { refuse(response, 503, "unavailable"); });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 7);
  BOOST_TEST((boss.clock.waited > 20s && boss.clock.waited <= 30s));
  std::set<std::string> keys;
  for (const auto& request : node.requests())
    keys.insert(request.key);
  BOOST_TEST(keys.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_node_that_wants_an_hour_is_given_up_at_once) {
  stub_node node([](const auto&, auto& response) {
    response.set_header("Retry-After", "3600");
    refuse(response, 503, "unavailable");
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"shuffle"}) == 7);
  BOOST_TEST((boss.clock.waited == 0s));
}

BOOST_AUTO_TEST_CASE(nothing_listening_ends_with_exit_code_7_and_says_what_to_do) {
  std::string url;
  {
    const raw_node gone({});
    url = gone.url();
  }
  const scratch_folder home;
  person boss(home);
  boss.around.environment["ATES_PASSWORD"] = "correct horse battery";
  BOOST_TEST(boss.run({"--url", url, "login", "boss"}) == 7);
  BOOST_TEST(boss.err.str().find("next: is a node running there?") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_connection_that_breaks_before_the_answer_is_no_reason_to_do_a_thing_twice) {
  raw_node node(
      {"", "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"});
  const scratch_folder home;
  person boss(home);
  make_session(boss, node.url(), 300s);
  BOOST_TEST(boss.run({"--url", node.url(), "tasks", "add", "Do it"}) == 0);
  const auto seen = node.requests();
  BOOST_TEST_REQUIRE(seen.size() == 2U);
  BOOST_TEST(!header_of(seen[0], "Idempotency-Key").empty());
  BOOST_TEST(header_of(seen[0], "Idempotency-Key") == header_of(seen[1], "Idempotency-Key"));
}

BOOST_AUTO_TEST_CASE(a_request_whose_key_is_still_busy_is_asked_again) {
  int answers = 0;
  stub_node node([&](const auto&, auto& response) {
    if (++answers == 1)
      return refuse(response, 409, "idempotency_in_progress");
    give(response, 201, {{"id", "t"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 0);
  BOOST_TEST(node.requests().size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_token_about_to_end_is_refreshed_before_it_is_used) {
  stub_node node([](const auto&, auto& response) { give(response, 200, {{"id", "t"}}); });
  const scratch_folder home;
  person boss(home);
  node.token_lifetime_s = 10;
  node.sign_in(boss);
  node.token_lifetime_s = 300;
  BOOST_TEST(boss.run({"tasks", "show", "t"}) == 0);
  BOOST_TEST(boss.run({"tasks", "show", "t"}) == 0);
  BOOST_TEST(node.refreshes == 1);
  for (const auto& request : node.requests())
    BOOST_TEST(request.authorization == "Bearer token-1");
}

BOOST_AUTO_TEST_CASE(a_token_the_node_calls_expired_is_refreshed_and_the_request_sent_again_with_its_key) {
  stub_node node([](const auto& request, auto& response) {
    if (request.get_header_value("Authorization") == "Bearer token-0")
      return refuse(response, 401, "token_expired");
    give(response, 201, {{"id", "t"}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "add", "Do it"}) == 0);
  const auto seen = node.requests();
  BOOST_TEST_REQUIRE(seen.size() == 2U);
  BOOST_TEST(seen[0].key == seen[1].key);
  BOOST_TEST(seen[1].authorization == "Bearer token-1");
}

BOOST_AUTO_TEST_CASE(a_session_that_is_over_ends_with_exit_code_3_and_says_how_to_sign_in) {
  stub_node node([](const auto&, auto& response) { give(response, 200, {{"id", "t"}}); });
  const scratch_folder home;
  person boss(home);
  node.token_lifetime_s = 0;
  node.sign_in(boss);
  node.refuse_refresh = true;
  BOOST_TEST(boss.run({"tasks", "show", "t"}) == 3);
  BOOST_TEST(boss.err.str().find("login NAME") != std::string::npos);
  BOOST_TEST(node.requests().empty());
}

BOOST_AUTO_TEST_CASE(of_several_atesctl_only_one_rotates_the_tokens) {
  stub_node node([](const auto&, auto& response) { give(response, 200, {{"id", "t"}}); });
  const scratch_folder home;
  person boss(home);
  node.token_lifetime_s = 0;
  node.sign_in(boss);
  node.token_lifetime_s = 300;
  std::atomic<int> failures = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 8; ++i)
    others.emplace_back([&] {
      person one(home);
      if (one.run({"--url", node.url(), "tasks", "show", "t"}) != 0)
        ++failures;
    });
  for (auto& other : others)
    other.join();
  BOOST_TEST(failures == 0);
  BOOST_TEST(node.refreshes == 1);
}

BOOST_AUTO_TEST_CASE(a_list_is_walked_over_its_pages) {
  stub_node node([](const auto& request, auto& response) {
    const auto limit = std::stoul(request.get_param_value("limit"));
    const auto from = request.has_param("cursor") ? std::stoul(request.get_param_value("cursor")) : 0UL;
    json data = json::array();
    for (auto i = from; i < from + limit && i < 1203; ++i)
      data.push_back({{"id", i}});
    const bool more = from + limit < 1203;
    give(response, 200,
         {{"data", data},
          {"has_more", more},
          {"next_cursor", more ? json(std::to_string(from + limit)) : json(nullptr)}});
  });
  const scratch_folder home;
  person boss(home);
  node.sign_in(boss);
  BOOST_TEST(boss.run({"tasks", "list", "--all", "--q", "a&b c", "--json"}) == 0);
  const auto all = boss.document();
  BOOST_TEST_REQUIRE(all.at("data").size() == 1203U);
  for (std::size_t i = 0; i < 1203; ++i)
    BOOST_TEST(all.at("data")[i].at("id") == i);
  BOOST_TEST(all.at("has_more") == false);
  BOOST_TEST(node.requests().size() == 3U);
  for (const auto& request : node.requests())
    BOOST_TEST(request.parameters.find("q")->second == "a&b c");

  BOOST_TEST(boss.run({"tasks", "list", "--limit", "700", "--json"}) == 0);
  BOOST_TEST(boss.document().at("data").size() == 700U);
  BOOST_TEST(boss.document().at("has_more") == true);
}

BOOST_AUTO_TEST_SUITE_END()
