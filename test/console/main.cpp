#define BOOST_TEST_MODULE console
#include <boost/test/unit_test.hpp>

#include <csignal>

namespace {

/// As atesctl's main does: a peer that goes away is an error, not the end.
struct ignore_broken_pipes {
  ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }
};

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(ignore_broken_pipes);
