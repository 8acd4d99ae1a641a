#include "http/json_in.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ates::http;

namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

code refusal_of(const std::string& text) {
  try {
    (void)parse_json(text);
  } catch (const problem& p) {
    return p.why;
  }
  return code::internal;
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_from_outside)

BOOST_AUTO_TEST_CASE(what_is_not_readable_is_refused) {
  const std::string bad[] = {
      "",
      " ",
      "{",
      "{}x",
      "{} {}",
      "{\"a\":1,}",
      "{a:1}",
      "{'a':1}",
      "// no\n{}",
      "/* no */ {}",
      "NaN",
      "Infinity",
      "01",
      "1.",
      "+1",
      "1e400",
      "{\"a\":1,\"a\":1}",
      "{\"a\":{\"b\":1,\"b\":2}}",
      "[{\"a\":1,\"\\u0061\":2}]",
      "9223372036854775808",
      "-9223372036854775809",
      "123456789012345678901234567890",
      nested(33),
      "\xEF\xBB\xBF{}",
      "\"\xff\"",
      "\"\xc0\xaf\"",
      "\"\xed\xa0\x80\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud800\\u0041\"",
      "{\"\\ud800\":1}",
      "\"a\nb\"",
      std::string("{}\0", 3),
      std::string("{}\0{}", 5),
      std::string("\"\0\"", 3),
  };
  for (const auto& text : bad)
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST((refusal_of(text) == code::bad_request));
    }
}

BOOST_AUTO_TEST_CASE(what_is_readable_comes_through_unchanged) {
  BOOST_TEST(parse_json("9223372036854775807").get<std::int64_t>() == INT64_MAX);
  BOOST_TEST(parse_json("-9223372036854775808").get<std::int64_t>() == INT64_MIN);
  BOOST_TEST(parse_json("\"\\ud83d\\ude00 \\u0000\"").get<std::string>() ==
             std::string("\xF0\x9F\x98\x80 \0", 6));
  BOOST_TEST(parse_json(nested(32)).is_array());
  const std::string text = R"({"a":[1,2.5,{"b":null,"c":[true,false]},"x"],"d":{}})";
  BOOST_TEST(parse_json(text).dump() == text);
  BOOST_TEST(parse_json("[{\"a\":1},{\"a\":2}]").dump() == "[{\"a\":1},{\"a\":2}]");
}

BOOST_AUTO_TEST_CASE(an_unknown_field_is_not_readable) {
  field_faults faults;
  const auto body = parse_json(R"({"title":"x","extra":1})");
  BOOST_CHECK_THROW(object_reader(body, "", {"title"}, faults), problem);
  const auto list = parse_json("[]");
  BOOST_CHECK_THROW(object_reader(list, "", {}, faults), problem);
}

BOOST_AUTO_TEST_CASE(a_wrong_type_is_not_readable) {
  field_faults faults;
  const auto body = parse_json(R"({"a":1,"b":null,"c":"x"})");
  object_reader in(body, "", {"a", "b", "c", "d"}, faults);
  BOOST_CHECK_THROW(in.text("a"), problem);
  BOOST_CHECK_THROW(in.required_text("a"), problem);
  BOOST_CHECK_THROW(in.required_text("b"), problem);
  BOOST_CHECK_THROW(in.required_array("c"), problem);
  BOOST_TEST(!in.text("b").has_value());
  BOOST_TEST(in.text("c").value() == "x");
  BOOST_TEST(faults.empty());
}

BOOST_AUTO_TEST_CASE(all_faults_of_a_body_come_together) {
  field_faults faults;
  const auto body = parse_json("{}");
  object_reader in(body, "/tasks/3", {"a", "b"}, faults);
  in.required_text("a");
  in.fault("b", "is odd");
  try {
    faults.check();
    BOOST_FAIL("not refused");
  } catch (const problem& p) {
    BOOST_TEST((p.why == code::validation_failed));
    BOOST_REQUIRE(p.errors.size() == 2U);
    BOOST_TEST(p.errors[0].pointer == "/tasks/3/a");
    BOOST_TEST(p.errors[1].detail == "is odd");
  }
}

BOOST_AUTO_TEST_SUITE_END()
