#include "domain/text.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <optional>
#include <string>

using namespace ates::domain;
using namespace std::string_literals;

namespace {

/// `n` times the two bytes of U+00E4.
std::string umlauts(std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i)
    text += "\xc3\xa4";
  return text;
}

using check = std::optional<std::string> (*)(std::string_view);

/// `accepted` keep the rule, `refused` break it with a sentence.
void check_rule(check rule, const std::vector<std::string>& accepted,
                const std::vector<std::string>& refused) {
  for (const auto& text : accepted)
    BOOST_TEST(!rule(text), "refused: " << text.substr(0, 60));
  for (const auto& text : refused) {
    const auto fault = rule(text);
    BOOST_TEST(fault.has_value(), "accepted: " << text.substr(0, 60));
    BOOST_TEST(fault.value_or("").size() > 10U);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(well_formed_utf8_is_recognised) {
  for (const auto& good :
       {""s, "a"s, "\0"s, "a\0b"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xec\xbf\xbf"s,
        "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf3\xbf\xbf\xbf"s,
        "\xf4\x8f\xbf\xbf"s, "eight by\xe2\x82\xac eight bytes"s})
    BOOST_TEST(is_utf8(good));
}

BOOST_AUTO_TEST_CASE(ill_formed_utf8_is_refused_wherever_it_stands) {
  const std::array bad{
      "\x80"s,             // continuation without a lead
      "\xbf"s,             //
      "\xc0\x80"s,         // overlong
      "\xc1\xbf"s,         //
      "\xe0\x80\x80"s,     //
      "\xe0\x9f\xbf"s,     //
      "\xf0\x80\x80\x80"s, //
      "\xf0\x8f\xbf\xbf"s, //
      "\xed\xa0\x80"s,     // surrogates
      "\xed\xbf\xbf"s,     //
      "\xf4\x90\x80\x80"s, // above U+10FFFF
      "\xf5\x80\x80\x80"s, //
      "\xfe"s,             //
      "\xff"s,             //
      "\xc3"s,             // cut off
      "\xe2\x82"s,         //
      "\xf0\x90\x80"s,     //
      "\xc3\x28"s,         // no continuation
      "\xe2\x28\xac"s,     //
      "\xe2\x82\x28"s,     //
      "\xf0\x90\x28\x80"s, //
      "\xf0\x90\x80\xc0"s  //
  };
  for (std::size_t i = 0; i < bad.size(); ++i)
    for (std::size_t before = 0; before < 17; ++before)
      for (const std::size_t after : {0U, 1U, 9U})
        BOOST_TEST(!is_utf8(std::string(before, 'a') + bad[i] + std::string(after, 'z')),
                   "row " << i << " at " << before);
}

BOOST_AUTO_TEST_CASE(lengths_count_code_points) {
  BOOST_TEST(code_points("") == 0U);
  BOOST_TEST(code_points("abc") == 3U);
  BOOST_TEST(code_points("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") == 4U);
}

BOOST_AUTO_TEST_CASE(all_of_unicodes_white_space_is_trimmed_at_both_ends_and_nothing_else) {
  for (const auto& space : {"\t"s, "\n"s, "\v"s, "\f"s, "\r"s, " "s, "\xc2\x85"s, "\xc2\xa0"s,
                            "\xe1\x9a\x80"s, "\xe2\x80\x80"s, "\xe2\x80\x8a"s, "\xe2\x80\xa8"s,
                            "\xe2\x80\xa9"s, "\xe2\x80\xaf"s, "\xe2\x81\x9f"s, "\xe3\x80\x80"s}) {
    BOOST_TEST(trim(space).empty());
    BOOST_TEST(trim(space + " a" + space + "b " + space) == "a" + space + "b");
    BOOST_TEST(trim(space + "\xc3\xa4" + space) == "\xc3\xa4");
  }
  for (const auto& kept :
       {"\0"s, "\x1c"s, "\xe2\x80\x8b"s, "\xef\xbb\xbf"s, "\xe1\xa0\x8e"s, "-"s, "\xf0\x9f\x98\x80"s})
    BOOST_TEST(trim(kept) == kept);
  BOOST_TEST(trim("") == "");
}

BOOST_AUTO_TEST_CASE(controls_are_c0_del_and_c1) {
  for (const auto& control : {"\0"s, "\x01"s, "\n"s, "\t"s, "\x1f"s, "\x7f"s, "\xc2\x80"s, "\xc2\x9f"s}) {
    BOOST_TEST(has_control("a" + control + "b"));
    BOOST_TEST(has_control_but_lf_tab("a" + control + "b") == (control != "\n" && control != "\t"));
  }
  for (const auto& plain : {" "s, "~"s, "\xc2\xa0"s, "\xe2\x80\xa8"s, "\xc4\x80"s}) {
    BOOST_TEST(!has_control(plain));
    BOOST_TEST(!has_control_but_lf_tab(plain));
  }
}

BOOST_AUTO_TEST_CASE(logins_and_addresses_are_compared_without_case) {
  struct row {
    const char* text;
    const char* folded;
  };
  for (const row& r : {row{"Alice@Example.COM", "alice@example.com"}, row{"@[`{", "@[`{"},
                       row{"\xc3\x84\xc3\x96\xc3\x9c\xc3\x9f", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"}, // ÄÖÜß
                       row{"\xc3\x97\xc3\xb7", "\xc3\x97\xc3\xb7"}, // × ÷ are no letters
                       row{"\xc4\x80\xc4\xb9\xc5\xbd\xc5\xb8", "\xc4\x81\xc4\xba\xc5\xbe\xc3\xbf"}, // ĀĹŽŸ
                       row{"\xc4\xb0\xc4\xb1", "\xc4\xb0\xc4\xb1"},                 // İı fold to themselves
                       row{"\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"},                 // Σς: both σ
                       row{"\xce\x86\xce\x8f", "\xce\xac\xcf\x8e"},                 // ΆΏ
                       row{"\xd0\x81\xd0\x96\xd0\xaf", "\xd1\x91\xd0\xb6\xd1\x8f"}, // ЁЖЯ
                       row{"\xd2\x90\xd3\x80\xd3\x81", "\xd2\x91\xd3\x8f\xd3\x82"}, // ҐӀӁ
                       row{"\xc5\xbf", "s"},                                        // long s
                       row{"\xe1\xba\x9e\xf0\x9f\x98\x80", "\xe1\xba\x9e\xf0\x9f\x98\x80"}}) {
    BOOST_TEST(fold_case(r.text) == r.folded);
    BOOST_TEST(fold_case(r.folded) == r.folded);
  }
}

BOOST_AUTO_TEST_CASE(a_title_has_1_to_500_characters_and_no_controls) {
  check_rule(check_title, {"a", std::string(500, 'a'), umlauts(500)},
             {"", std::string(501, 'a'), umlauts(501), "a\nb", "a\tb", "a\0b"s,
              "a\xc2\x85"
              "b"});
}

BOOST_AUTO_TEST_CASE(a_description_has_up_to_10000_characters_and_only_lf_and_tab_of_the_controls) {
  check_rule(check_description, {"", "two\n\tlines [with] brackets", umlauts(10'000)},
             {umlauts(10'001), "a\rb", "a\0b"s, "a\x7f", "\xc2\x80"});
}

BOOST_AUTO_TEST_CASE(a_name_has_1_to_200_characters_and_no_controls) {
  check_rule(check_name, {"A", "Zo\xc3\xab [B]", umlauts(200)}, {"", umlauts(201), "a\nb"});
}

BOOST_AUTO_TEST_CASE(a_login_has_1_to_100_characters_without_controls_or_outer_spaces) {
  check_rule(check_login, {"a", "a b", umlauts(100)},
             {"", umlauts(101), " a", "a ",
              "\xc2\xa0"
              "a",
              "a\tb", "a\n"});
}

BOOST_AUTO_TEST_CASE(an_email_has_3_to_254_characters_and_one_at_sign_inside) {
  check_rule(check_email, {"a@b", "Ann.Lee@example.com", std::string(252, 'a') + "@b", umlauts(252) + "@b"},
             {"", "a@", "@b", "ab", "abc", "@ab", "ab@", "a@b@c", "a@@b", std::string(253, 'a') + "@b",
              " a@b", "a@b ", "a\n@b"});
}

BOOST_AUTO_TEST_CASE(a_password_has_12_to_1024_bytes) {
  check_rule(check_password,
             {std::string(12, 'a'), std::string(1024, 'a'), umlauts(6), std::string(12, '\0')},
             {"", std::string(11, 'a'), std::string(1025, 'a')});
}

BOOST_AUTO_TEST_CASE(a_jira_id_is_a_project_a_dash_and_a_number) {
  check_rule(check_jira_id, {"A-1", "ABC-1234567890", "A" + std::string(19, '9') + "-1", "A_B2-007"},
             {"", "A", "A-", "-1", "a-1", "1A-1", "_A-1", "A-x", "A-1x", "A-1 ", " A-1", "A--1",
              "A-12345678901", "A" + std::string(20, 'B') + "-1", "[A-1]", "A-1\n", "A-1-2"});
}

BOOST_AUTO_TEST_CASE(an_external_ref_has_1_to_200_visible_characters) {
  check_rule(check_external_ref, {"a", "!~", std::string(200, 'x')},
             {"", std::string(201, 'x'), "a b", " a", "a\t", "a\x7f", "\xc3\xa4", "a\0"s});
}

BOOST_AUTO_TEST_CASE(a_title_is_taken_apart_as_the_contract_says) {
  struct row {
    std::string title;
    std::optional<std::string> jira_id;
    task_name expected;
  };
  for (const row& r : {
           row{"Do it", {}, {"Do it", ""}},
           row{"  Do it \t", {}, {"Do it", ""}},
           row{"Do it", "ABC-1", {"Do it", "ABC-1"}},
           row{"[ABC-1] - Do it", {}, {"Do it", "ABC-1"}},
           row{"[ABC-1] Do it", {}, {"Do it", "ABC-1"}},
           row{"[ABC-1]Do it", {}, {"Do it", "ABC-1"}},
           row{"[ABC-1]-Do it", {}, {"Do it", "ABC-1"}},
           row{"[ABC-1] -  Do it ", {}, {"Do it", "ABC-1"}},
           row{" \t[ABC-1]\t-\tDo it", {}, {"Do it", "ABC-1"}},
           row{"\xc2\xa0[ABC-1]\u3000Do it", {}, {"Do it", "ABC-1"}},
           row{"[ABC-1] -- Do it", {}, {"- Do it", "ABC-1"}},
           row{"[ABC-1] - - Do it", {}, {"- Do it", "ABC-1"}},
           row{"[ABC-1] -", {}, {"-", "ABC-1"}},
           row{"[ABC-1]-", {}, {"-", "ABC-1"}},
           row{"[ABC-1] - Do it", "ABC-1", {"Do it", "ABC-1"}},
           row{"[A_9-0000000001] x", {}, {"x", "A_9-0000000001"}},
           row{"ABC-1 Do it", {}, {"ABC-1 Do it", ""}},
           row{"ABC-1: Do it", "ABC-2", {"ABC-1: Do it", "ABC-2"}},
           row{"- Do it", {}, {"- Do it", ""}},
           row{"[ABC-1] " + umlauts(500), {}, {umlauts(500), "ABC-1"}},
       }) {
    const auto name = parse_task_name(r.title, r.jira_id);
    BOOST_REQUIRE_MESSAGE(std::holds_alternative<task_name>(name), r.title);
    BOOST_TEST(std::get<task_name>(name).title == r.expected.title);
    BOOST_TEST(std::get<task_name>(name).jira_id == r.expected.jira_id);
  }
}

BOOST_AUTO_TEST_CASE(a_title_that_breaks_a_rule_is_refused_with_the_field_at_fault) {
  struct row {
    std::string title;
    std::optional<std::string> jira_id;
    std::string field;
  };
  for (const row& r : {
           row{"", {}, "title"},
           row{" \t ", {}, "title"},
           row{"[ABC-1]", {}, "title"},
           row{"[ABC-1] ", {}, "title"},
           row{"[ABC-1] - ", {}, "title"}, // the pattern leaves a space for the title
           row{"[abc-1] Do it", {}, "title"},
           row{"[ABC-] Do it", {}, "title"},
           row{"[ABC-12345678901] Do it", {}, "title"},
           row{"[A23456789012345678901-1] Do it", {}, "title"},
           row{"[ABC-1 Do it", {}, "title"},
           row{"[ABC-1 ] Do it", {}, "title"},
           row{"[ADDENDUM] Do it", "ABC-1", "title"},
           row{"[ABC-1] [DEF-2] Do it", {}, "title"},
           row{"[ABC-1] Do [it]", {}, "title"},
           row{"Do [it", {}, "title"},
           row{"Do it]", {}, "title"},
           row{"x [ABC-1] Do it", {}, "title"},
           row{"Do\nit", {}, "title"},
           row{umlauts(501), {}, "title"},
           row{"[ABC-1] " + umlauts(501), {}, "title"},
           row{"Do it", "", "jira_id"},
           row{"Do it", "abc-1", "jira_id"},
           row{"Do it", "ABC-1 ", "jira_id"},
           row{"[ABC-1] Do it", "ABC-2", "jira_id"},
           row{"[ABC-1] Do it", "ABC-01", "jira_id"},
       }) {
    const auto name = parse_task_name(r.title, r.jira_id);
    BOOST_REQUIRE_MESSAGE(std::holds_alternative<name_fault>(name), r.title);
    BOOST_TEST(std::get<name_fault>(name).field == r.field, r.title);
    BOOST_TEST(std::get<name_fault>(name).detail.size() > 10U);
  }
}

BOOST_AUTO_TEST_CASE(a_very_long_title_is_refused_without_harm) {
  BOOST_TEST(
      std::holds_alternative<name_fault>(parse_task_name("[ABC-1]" + std::string(1'000'000, ' ') + "]", {})));
  BOOST_TEST(std::holds_alternative<name_fault>(parse_task_name(std::string(1'000'000, '['), {})));
}

BOOST_AUTO_TEST_SUITE_END()
