#include "domain/role.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ates::domain;

BOOST_AUTO_TEST_SUITE(roles)

BOOST_AUTO_TEST_CASE(a_role_is_one_of_four_words) {
  BOOST_TEST((parse_role("admin") == role::admin));
  BOOST_TEST((parse_role("manager") == role::manager));
  BOOST_TEST((parse_role("accountant") == role::accountant));
  BOOST_TEST((parse_role("worker") == role::worker));
  for (const auto r : all_roles)
    BOOST_TEST((parse_role(to_string(r)) == r));
  for (const std::string text : {"", "Admin", "ADMIN", "admin ", " admin", "boss", "workers", "?"})
    BOOST_TEST(!parse_role(text), text);
}

BOOST_AUTO_TEST_CASE(a_set_of_roles_holds_what_was_added_and_nothing_else) {
  role_set set;
  BOOST_TEST(set.empty());
  set.add(role::worker).add(role::admin).add(role::worker);
  BOOST_TEST(!set.empty());
  BOOST_TEST(set.contains(role::worker));
  BOOST_TEST(set.contains(role::admin));
  BOOST_TEST(!set.contains(role::manager));
  BOOST_TEST(!set.contains(role::accountant));
  BOOST_TEST((set == role_set{}.add(role::admin).add(role::worker)));
}

BOOST_AUTO_TEST_SUITE_END()
