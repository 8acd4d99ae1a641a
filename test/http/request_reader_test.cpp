#include "http/request_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

using namespace ates::http;

namespace {

/// A reader with the connection it reads from, and the client's end.
struct reader_fixture {
  reader_fixture() = default;
  reader_fixture(const reader_fixture&) = delete;
  reader_fixture& operator=(const reader_fixture&) = delete;
  ~reader_fixture() {
    ::close(ends[0]);
    ::close(ends[1]);
  }

  /// What the reader thinks when all of it has arrived.
  request_reader::step look_at(const std::string& said) {
    std::size_t sent = 0;
    auto found = request_reader::step::more;
    while (sent < said.size() && found == request_reader::step::more) {
      sent +=
          static_cast<std::size_t>(::write(ends[1], said.data() + sent, std::min(said.size() - sent, piece)));
      while (client.receive() == connection::got::bytes) {
      }
      found = reader.look(client);
    }
    return found;
  }

  static constexpr std::size_t piece = 16 * 1024;
  static std::array<int, 2> pair() {
    std::array<int, 2> both{};
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, both.data()) == 0);
    return both;
  }
  std::array<int, 2> ends = pair();
  wire_limits limits;
  byte_budget budget{limits.large_body_bytes, limits.small_request_bytes};
  reading_rules rules{limits, [](const request&) { return body_rule{}; }, budget, false};
  connection client{ends[0], std::chrono::seconds{1}};
  request_reader reader{rules};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reading, reader_fixture)

BOOST_AUTO_TEST_CASE(a_connection_that_goes_on_keeps_nothing_of_a_large_body) {
  const std::string body(body_bytes_max, 'x');
  const auto head =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  BOOST_REQUIRE((look_at(head + body) == request_reader::step::whole));
  BOOST_TEST(reader.in().body.size() == body.size());
  reader.reset();
  BOOST_TEST(reader.in().body.capacity() < piece);
  BOOST_TEST(client.buffered().empty());
  BOOST_REQUIRE((look_at("GET /next HTTP/1.1\r\nHost: h\r\n\r\n") == request_reader::step::whole));
  BOOST_TEST(reader.in().path == "/next");
}

BOOST_AUTO_TEST_SUITE_END()
