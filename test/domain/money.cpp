#include "domain/money.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::domain;

BOOST_AUTO_TEST_SUITE(money)

BOOST_AUTO_TEST_CASE(amounts_are_added_subtracted_negated_and_multiplied_exactly) {
  BOOST_TEST((cents{1} + cents{2} == cents{3}));
  BOOST_TEST((cents{1} - cents{2} == cents{-1}));
  BOOST_TEST((-cents{5} == cents{-5}));
  BOOST_TEST((cents{-7} * 3 == cents{-21}));
  cents sum{10};
  sum += cents{5};
  sum -= cents{1};
  BOOST_TEST((sum == cents{14}));
  BOOST_TEST((cents{INT64_MAX - 1} + cents{1} == cents{INT64_MAX}));
}

BOOST_AUTO_TEST_CASE(a_result_beyond_64_bits_is_an_error_and_changes_nothing) {
  BOOST_CHECK_THROW(cents{INT64_MAX} + cents{1}, std::overflow_error);
  BOOST_CHECK_THROW(cents{INT64_MIN} - cents{1}, std::overflow_error);
  BOOST_CHECK_THROW(-cents{INT64_MIN}, std::overflow_error);
  BOOST_CHECK_THROW(cents{INT64_MAX} * 2, std::overflow_error);
  cents sum{INT64_MAX};
  BOOST_CHECK_THROW(sum += cents{1}, std::overflow_error);
  BOOST_TEST(sum.count == INT64_MAX);
}

BOOST_AUTO_TEST_SUITE_END()
