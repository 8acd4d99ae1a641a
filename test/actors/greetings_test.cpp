// Who may become a peer, and the words for those who may not.
#include "actors/greetings.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

namespace ates::actors {

namespace {

storage::node_row peer_row() {
  storage::node_row row;
  row.number = 7;
  row.name = "node2";
  row.boot_nonce.bytes.fill(9);
  return row;
}

greeting ours() {
  greeting g;
  g.cluster = "ates";
  g.node = "node1";
  g.number = 5;
  return g;
}

greeting theirs() {
  greeting g;
  g.cluster = "ates";
  g.node = "node2";
  g.number = 7;
  g.boot_nonce = domain::to_string(peer_row().boot_nonce);
  g.expects = 5;
  return g;
}

struct stranger {
  const char* what;
  std::function<void(greeting&)> change;
  const char* said;
};

} // namespace

BOOST_AUTO_TEST_SUITE(greetings_)

BOOST_AUTO_TEST_CASE(the_process_of_the_row_is_welcome) {
  const auto row = peer_row();
  BOOST_TEST(!why_not(ours(), theirs(), &row).has_value());
}

BOOST_AUTO_TEST_CASE(nobody_else_is) {
  const auto row = peer_row();
  const std::vector<stranger> strangers{
      {"another cluster", [](greeting& g) { g.cluster = "other"; }, "cluster 'other'"},
      {"only newer protocols", [](greeting& g) { g.oldest = g.newest = newest_protocol + 1; }, "protocol"},
      {"only older protocols", [](greeting& g) { g.oldest = g.newest = oldest_protocol - 1; }, "protocol"},
      {"who looks for another life of ours", [](greeting& g) { g.expects = 4; }, "incarnation 4"},
      {"another incarnation", [](greeting& g) { g.number = 8; }, "not in our map"},
      {"another name", [](greeting& g) { g.node = "node3"; }, "not the process"},
      {"another process", [](greeting& g) { g.boot_nonce = domain::to_string(domain::uuid{}); },
       "not the process"}};
  for (const auto& s : strangers) {
    auto g = theirs();
    s.change(g);
    const auto why = why_not(ours(), g, &row);
    BOOST_TEST_CONTEXT(s.what) {
      BOOST_REQUIRE(why);
      BOOST_TEST(why->find(s.said) != std::string::npos, *why);
    }
  }
  BOOST_CHECK(why_not(ours(), theirs(), nullptr));
}

BOOST_AUTO_TEST_CASE(two_versions_of_the_program_with_a_protocol_in_common_are_peers) {
  const auto row = peer_row();
  auto newer = theirs();
  newer.oldest = newest_protocol;
  newer.newest = newest_protocol + 1;
  BOOST_TEST(!why_not(ours(), newer, &row).has_value());
}

BOOST_AUTO_TEST_CASE(addresses) {
  BOOST_CHECK((parse_address("127.0.0.1:4242") == std::pair{std::string{"127.0.0.1"}, std::uint16_t{4242}}));
  BOOST_CHECK((parse_address("[::1]:65535") == std::pair{std::string{"::1"}, std::uint16_t{65535}}));
  BOOST_CHECK((parse_address("host:1") == std::pair{std::string{"host"}, std::uint16_t{1}}));
  for (const auto* bad : {"", "host", ":1", "host:", "host:0", "host:65536", "host:1x", "host:-1"})
    BOOST_TEST(!parse_address(bad).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::actors
