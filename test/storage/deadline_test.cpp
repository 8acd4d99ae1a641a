#include "storage/deadline.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <unistd.h>

using ates::storage::deadline_guard;
using namespace std::chrono_literals;

namespace {

struct socket_pair {
  socket_pair() { BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0); }
  ~socket_pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::array<int, 2> ends{};
};

/// How many bytes come; 0: the socket was shut down.
ssize_t receive(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, 0);
}

} // namespace

BOOST_AUTO_TEST_SUITE(deadlines)

BOOST_AUTO_TEST_CASE(a_call_that_exceeds_its_limit_is_ended) {
  socket_pair pair;
  const deadline_guard guard{pair.ends[0], 20ms};
  BOOST_TEST(receive(pair.ends[0]) == 0);
  BOOST_TEST(guard.expired());
}

BOOST_AUTO_TEST_CASE(an_earlier_limit_set_later_is_kept) {
  socket_pair slow;
  socket_pair quick;
  const deadline_guard patient{slow.ends[0], 1h};
  const deadline_guard hasty{quick.ends[0], 20ms};
  BOOST_TEST(receive(quick.ends[0]) == 0);
  BOOST_TEST(!patient.expired());
}

BOOST_AUTO_TEST_CASE(a_call_within_its_limit_is_left_alone) {
  socket_pair pair;
  { const deadline_guard guard{pair.ends[0], 20ms}; }
  socket_pair later;
  const deadline_guard guard{later.ends[0], 60ms};
  BOOST_TEST(receive(later.ends[0]) == 0); // by now the first limit has passed too
  BOOST_TEST(::send(pair.ends[1], "x", 1, 0) == 1);
  BOOST_TEST(receive(pair.ends[0]) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
