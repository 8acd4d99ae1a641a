// The door between threads that serve requests and the actors.
#include "test/actors/world.hpp"

#include "actors/facade_impl.hpp"

#include <boost/test/unit_test.hpp>

namespace ates::test {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(the_door)

BOOST_AUTO_TEST_CASE(a_node_that_has_not_read_the_directory_yet_says_of_no_session_that_it_is_not_there) {
  world w;
  const auto ann = w.hire("ann", 1);
  w.home->publish(std::make_shared<const actors::roster>());
  actors::facade_impl facade{w.home, [](std::size_t, const actors::outside_request&) {
                               BOOST_ERROR("nobody is known: nothing is sent");
                             }};
  const actors::caller who{ann, std::chrono::steady_clock::now() + 5s, "r"};
  BOOST_CHECK(facade.refresh(who, {}, "old", "new").what == outcome::unavailable);
  BOOST_CHECK(facade.sign_out(who, {}, "old").what == outcome::unavailable);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::test
