#include "mail/letter.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace ates;
using namespace std::string_literals;

namespace {

constexpr auto crlf = "\r\n";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const auto to = text.find(crlf, from);
    BOOST_REQUIRE_MESSAGE(to != std::string::npos, "the last line has no end");
    lines.push_back(text.substr(from, to - from));
    from = to + 2;
  }
  return lines;
}

/// The header lines of a message, continuations joined; what stands behind the first empty line is the body.
std::vector<std::string> headers_of(const std::string& text) {
  std::vector<std::string> headers;
  for (const auto& line : lines_of(text.substr(0, text.find("\r\n\r\n") + 2))) {
    if (line.starts_with(' '))
      headers.back() += line;
    else
      headers.push_back(line);
  }
  return headers;
}

std::string names_of(const std::vector<std::string>& headers) {
  std::string names;
  for (const auto& h : headers)
    names += h.substr(0, h.find(':')) + " ";
  return names;
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    group = group << 6U | static_cast<std::uint32_t>(digits.find(c));
    if ((bits += 6) >= 8)
      bytes += static_cast<char>(group >> (bits -= 8) & 0xffU);
  }
  return bytes;
}

/// What a reader makes of encoded words: white space between them vanishes.
std::string decoded(const std::string& words) {
  constexpr std::string_view begin = "=?UTF-8?B?";
  std::string text;
  for (auto at = words.find(begin); at != std::string::npos; at = words.find(begin, at)) {
    at += begin.size();
    text += from_base64(words.substr(at, words.find("?=", at) - at));
  }
  return text;
}

std::string from_quoted_printable(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else if (text.compare(i, 2, "\r\n") == 0) {
      bytes += '\n';
      ++i;
    } else if (text[i] == '=') {
      bytes += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

std::string times(std::size_t n, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i)
    all += text;
  return all;
}

mail::letter letter_to(const std::string& name, const std::string& address = "polly@example.org") {
  return {.account = {*domain::parse_uuid("11111111-2222-4333-8444-555555555555")},
          .on = *domain::parse_day("2026-11-21"),
          .amount = {123'405},
          .address = address,
          .name = name,
          .queued_at = domain::instant{*domain::parse_day("2026-11-22")} + std::chrono::seconds{3'723}};
}

std::string composed(const mail::letter& l) {
  const auto text = mail::compose(l, "ates@example.org", "parrots");
  BOOST_REQUIRE(text.has_value());
  return *text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(letter)

BOOST_AUTO_TEST_CASE(a_letter_says_what_was_paid_to_whom) {
  const auto text = composed(letter_to("Polly"));
  const std::vector<std::string> expected{
      "Date: Sun, 22 Nov 2026 01:02:03 +0000",
      "From: aTES <ates@example.org>",
      "To: \"Polly\" <polly@example.org>",
      "Message-ID: <2026-11-21.11111111-2222-4333-8444-555555555555@parrots.ates>",
      "Subject: Your payout of 2026-11-21: 1234.05",
      "Auto-Submitted: auto-generated",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable"};
  BOOST_TEST(headers_of(text) == expected, boost::test_tools::per_element());
  const auto body = from_quoted_printable(text.substr(text.find("\r\n\r\n") + 4));
  BOOST_TEST(body.starts_with("Dear Polly,\n\nfor 2026-11-21 you are paid 1234.05.\n"));
}

BOOST_AUTO_TEST_CASE(the_same_letter_is_the_same_text) {
  BOOST_TEST(composed(letter_to("Polly")) == composed(letter_to("Polly")));
}

BOOST_AUTO_TEST_CASE(message_ids_differ_by_day_account_and_cluster) {
  const auto one = letter_to("Polly");
  auto other_day = one;
  other_day.on += std::chrono::days{1};
  auto other_account = one;
  other_account.account.value.bytes[15] ^= 1U;
  const auto id = mail::message_id(one, "parrots");
  BOOST_TEST(id != mail::message_id(other_day, "parrots"));
  BOOST_TEST(id != mail::message_id(other_account, "parrots"));
  BOOST_TEST(id != mail::message_id(one, "popugs"));
  BOOST_TEST(id == mail::message_id(letter_to("Coco", "coco@example.org"), "parrots"));
}

BOOST_AUTO_TEST_CASE(a_cluster_named_by_dots_leaves_the_message_id_legal) {
  BOOST_TEST(mail::message_id(letter_to("Polly"), ".a..b.").ends_with("@-a--b-.ates>"));
}

BOOST_AUTO_TEST_CASE(no_name_adds_a_header_or_an_address) {
  const std::vector<std::string> names{"Polly\r\nBcc: all@example.org",
                                       "Polly\nBcc: all@example.org",
                                       "Polly\rBcc: all@example.org",
                                       "Polly\r\n\r\nAnother body",
                                       "Polly\0Bcc: all@example.org"s,
                                       "Pölly\r\nBcc: all@example.org",
                                       "Polly\xe2\x80\xa8"
                                       "Bcc: all@example.org",
                                       "Polly\x0b\x0c\x1b\x7f\xc2\x85",
                                       "Polly\" <all@example.org>, \"",
                                       "Polly\\\" <all@example.org>, \\\"",
                                       "Polly\\",
                                       "Polly, Coco; Rio: <all@example.org>",
                                       "=?UTF-8?Q?Polly=0D=0ABcc:?=",
                                       "\xff\xfe not UTF-8 \xc3",
                                       ""};
  const auto expected = names_of(headers_of(composed(letter_to("Polly"))));
  for (const auto& name : names) {
    const auto text = composed(letter_to(name));
    BOOST_TEST(names_of(headers_of(text)) == expected, "of " << name);
    const auto headers = headers_of(text);
    BOOST_TEST(headers[2].ends_with(" <polly@example.org>"), "of " << name);
    for (const auto& line : lines_of(text))
      BOOST_TEST(line.find_first_of("\r\n\0"s) == std::string::npos, "of " << name);
    BOOST_TEST(text.find("\r\n\r\n") == text.find("Content-Transfer-Encoding: quoted-printable\r\n\r\n") + 43,
               "of " << name);
  }
}

BOOST_AUTO_TEST_CASE(an_ascii_name_is_a_quoted_string) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"Polly", R"("Polly")"},
      {"Parrot, Polly", R"("Parrot, Polly")"},
      {"Polly \"the Beak\" P.", R"("Polly \"the Beak\" P.")"},
      {"back\\slash", R"("back\\slash")"},
      {"Polly (worker) <x@y>;:", R"("Polly (worker) <x@y>;:")"},
      {"", R"("")"},
      {"one\ttwo", R"("one two")"}};
  for (const auto& [name, expected] : table)
    BOOST_TEST(mail::phrase(name) == expected);
}

BOOST_AUTO_TEST_CASE(any_other_name_is_encoded_words_that_say_the_same) {
  const std::vector<std::string> names{"Pölly",
                                       "Пётр Попугай, старший",
                                       "インコ",
                                       "🦜",
                                       "=?UTF-8?B?UG9sbHk=?=",
                                       times(200, "ä"),
                                       times(200, "インコ"),
                                       times(200, "🦜"),
                                       "a" + times(100, "🦜"),
                                       "aa" + times(100, "🦜"),
                                       "aaa" + times(100, "🦜")};
  for (const auto& name : names) {
    const auto words = mail::phrase(name);
    BOOST_TEST(decoded(words) == name);
    for (const auto& line : lines_of(words + crlf))
      BOOST_TEST(line.size() <= 76U, "with the space that begins it"); // 75 and a space
  }
}

BOOST_AUTO_TEST_CASE(an_encoded_word_never_ends_inside_a_character) {
  for (std::size_t before = 0; before < 50; ++before) {
    for (const auto& line : lines_of(mail::phrase(times(before, "a") + times(40, "🦜")) + crlf)) {
      const auto part = decoded(line);
      BOOST_TEST((static_cast<unsigned char>(part.front()) & 0xc0U) != 0x80U);
      BOOST_TEST(line.size() - (line.starts_with(' ') ? 1 : 0) <= 75U);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_line_is_too_long_whatever_the_name_and_the_address) {
  const auto name = times(200, "\"");
  const auto address = times(240, "\"") + "@example.org";
  for (const auto& line : lines_of(composed(letter_to(name, address))))
    BOOST_TEST(line.size() <= 998U);
  for (const auto& line : lines_of(composed(letter_to(times(200, "🦜"), times(200, "ä") + "@example.org"))))
    BOOST_TEST(line.size() <= 998U);
}

BOOST_AUTO_TEST_CASE(a_local_part_is_quoted_if_need_be) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"polly@example.org", "polly@example.org"},
      {"p.o+l_l-y@example.org", "p.o+l_l-y@example.org"},
      {"polly,coco@example.org", R"("polly,coco"@example.org)"},
      {"polly coco@example.org", R"("polly coco"@example.org)"},
      {"po\"lly@example.org", R"("po\"lly"@example.org)"},
      {"po\\lly@example.org", R"("po\\lly"@example.org)"},
      {"polly>, <all@example.org", R"("polly>, <all"@example.org)"},
      {".polly@example.org", R"(".polly"@example.org)"},
      {"po..lly@example.org", R"("po..lly"@example.org)"},
      {"polly@[127.0.0.1]", "polly@[127.0.0.1]"},
      {"pölly@exämple.org", "pölly@exämple.org"},
      {"polly@localhost", "polly@localhost"}};
  for (const auto& [address, expected] : table) {
    const auto usable = mail::mailbox(address);
    BOOST_TEST_REQUIRE(usable.has_value(), address);
    BOOST_TEST(*usable == expected);
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_no_header_can_hold_is_refused) {
  const std::vector<std::string> addresses{"polly",
                                           "@example.org",
                                           "polly@",
                                           "polly@exa mple.org",
                                           "polly@example.org>",
                                           "polly@example.org,all",
                                           "polly@example.org\r\nBcc: all",
                                           "polly\r\nRCPT TO:<all>@example.org",
                                           "polly\0@example.org"s,
                                           "po\xc2\x85lly@example.org",
                                           "polly@\xff.org",
                                           "polly@a..b",
                                           "polly@[a]b]",
                                           times(500, "\"") + "@example.org",
                                           times(901, "a") + "@example.org"};
  for (const auto& address : addresses) {
    BOOST_TEST(!mail::mailbox(address).has_value(), address);
    BOOST_TEST(!mail::compose(letter_to("Polly", address), "ates@example.org", "parrots").has_value(),
               address);
  }
}

BOOST_AUTO_TEST_CASE(a_body_comes_back_as_it_was_on_short_lines) {
  const std::vector<std::string> texts{"",
                                       "\n",
                                       "one\ntwo\n",
                                       "a = b\n",
                                       "ends with a space \nand a tab\t\n",
                                       times(200, "ä") + "\n",
                                       times(75, "a") + "\n",
                                       times(76, "a") + "\n",
                                       times(77, "a") + "\n",
                                       times(74, "a") + "ä\n",
                                       times(73, "a") + " \n",
                                       ".\n..\nFrom me\n"};
  for (const auto& text : texts) {
    const auto encoded = mail::quoted_printable(text);
    BOOST_TEST(from_quoted_printable(encoded) == text);
    for (const auto& line : lines_of(encoded)) {
      BOOST_TEST(line.size() <= 76U);
      BOOST_TEST(!line.ends_with(' '));
    }
  }
}

BOOST_AUTO_TEST_CASE(amounts_have_two_decimals) {
  const std::vector<std::pair<std::int64_t, std::string>> table{
      {1, "0.01"}, {99, "0.99"}, {100, "1.00"}, {12'305, "123.05"}, {INT64_MAX, "92233720368547758.07"}};
  for (const auto& [cents, expected] : table)
    BOOST_TEST(mail::decimal({cents}) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
