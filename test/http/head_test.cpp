#include "http/head.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ates::http;

namespace {

struct head_case {
  std::string what, lines;
  int status; ///< 0: good
};

std::string head(const std::string& lines) {
  return "POST /v1/tasks HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
}

int status_of(const std::string& bytes) {
  static const wire_limits limits;
  head_scanner scanner(limits);
  const auto found = scanner.scan(bytes);
  if (const auto* refused = std::get_if<refusal>(&found))
    return info(refused->why).status;
  BOOST_REQUIRE_MESSAGE(std::get<bool>(found), "the head is not whole");
  const auto parsed = parse_head(std::string_view(bytes).substr(0, scanner.size()), limits);
  if (const auto* refused = std::get_if<refusal>(&parsed))
    return info(refused->why).status;
  if (const auto refused = check_framing(std::get<request>(parsed)))
    return info(refused->why).status;
  return 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(heads)

BOOST_AUTO_TEST_CASE(what_two_readers_could_understand_differently_is_refused) {
  const std::string long_line = "X: " + std::string(8 * 1024 - 3, 'a');
  std::string many;
  for (int i = 0; i < 63; ++i)
    many += "X-" + std::to_string(i) + ": 1\r\n";
  const head_case cases[] = {
      {"a plain head", head("Content-Length: 2\r\n"), 0},
      {"64 headers", head(many), 0},
      {"65 headers", head(many + "X-Last: 1\r\n"), 431},
      {"a line of 8 KiB", head(long_line + "\r\n"), 0},
      {"a line over 8 KiB", head(long_line + "a\r\n"), 431},
      {"a target of 8 KiB", "GET /" + std::string(8 * 1024 - 1, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 0},
      {"a target over 8 KiB", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"length and chunks", head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), 411},
      {"chunks", head("Transfer-Encoding: chunked\r\n"), 411},
      {"chunks in disguise", head("Transfer-Encoding: xchunked\r\n"), 411},
      {"two lengths", head("Content-Length: 2\r\nContent-Length: 3\r\n"), 400},
      {"two equal lengths", head("Content-Length: 2\r\ncontent-length: 2\r\n"), 400},
      {"a list of lengths", head("Content-Length: 2, 2\r\n"), 400},
      {"a signed length", head("Content-Length: +2\r\n"), 400},
      {"a negative length", head("Content-Length: -2\r\n"), 400},
      {"a hexadecimal length", head("Content-Length: 0x2\r\n"), 400},
      {"an empty length", head("Content-Length: \r\n"), 400},
      {"a folded line", head("X: a\r\n b\r\n"), 400},
      {"a blank before the colon", head("Content-Length : 2\r\n"), 400},
      {"a header without a name", head(": 2\r\n"), 400},
      {"a header without a colon", head("Nothing\r\n"), 400},
      {"a bare line feed", head("X: a\nContent-Length: 2\r\n"), 400},
      {"a bare carriage return", head("X: a\rb\r\n"), 400},
      {"a NUL", head(std::string("X: a\0b\r\n", 8)), 400},
      {"an escaped line break stays text", head("X: a%0d%0aContent-Length: 2\r\n"), 0},
      {"bytes that are no UTF-8", head("X: \xff\xfe\r\n"), 0},
      {"two hosts", head("Host: other\r\n"), 400},
      {"two tokens", head("Authorization: a\r\nAuthorization: b\r\n"), 400},
      {"compression", head("Content-Encoding: gzip\r\n"), 415},
      {"a form", head("Content-Type: Multipart/Form-Data; boundary=x\r\n"), 415},
      {"an expectation", head("Expect: 100-continue\r\n"), 0},
      {"another expectation", head("Expect: money\r\n"), 400},
      {"a body on GET", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", 400},
      {"a body on HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", 400},
      {"a body on DELETE", "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", 400},
      {"no body on GET", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 0},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"no host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
      {"two blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a control in the target", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a relative target", "GET v1/me HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"an absolute target", "GET http://h/v1/me HTTP/1.1\r\nHost: h\r\n\r\n", 0},
      {"an empty line before", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
      {"another protocol, at its first byte", "\x16\x03\x01", 400},
      {"another protocol, behind an empty line", "\r\n\x05\x01", 400},
      {"a blank first", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"many empty lines before", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
  };
  for (const auto& one : cases)
    BOOST_TEST_CONTEXT(one.what) {
      BOOST_TEST(status_of(one.lines) == one.status);
    }
}

BOOST_AUTO_TEST_CASE(a_head_is_found_in_whatever_pieces_it_comes) {
  const wire_limits limits;
  const auto bytes = head("Content-Length: 2\r\n") + "{}";
  head_scanner scanner(limits);
  std::size_t found_at = 0;
  for (std::size_t n = 1; n <= bytes.size() && found_at == 0; ++n)
    if (std::get<bool>(scanner.scan(std::string_view(bytes).substr(0, n))))
      found_at = n;
  BOOST_TEST(found_at == bytes.size() - 2);
  BOOST_TEST(scanner.size() == bytes.size() - 2);
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_refused_before_it_ends) {
  const wire_limits limits;
  head_scanner target(limits);
  BOOST_TEST(std::holds_alternative<refusal>(target.scan("GET /" + std::string(9000, 'a'))));
  head_scanner header(limits);
  BOOST_TEST(std::holds_alternative<refusal>(header.scan("GET / HTTP/1.1\r\nX: " + std::string(9000, 'a'))));
}

BOOST_AUTO_TEST_CASE(connection_options_are_a_list_without_case) {
  const wire_limits limits;
  const auto keeps = [&](const std::string& version, const std::string& lines) {
    return std::get<request>(parse_head("GET / " + version + "\r\nHost: h\r\n" + lines + "\r\n", limits))
        .keep_alive;
  };
  BOOST_TEST(keeps("HTTP/1.1", ""));
  BOOST_TEST(!keeps("HTTP/1.1", "Connection: TE, Close\r\n"));
  BOOST_TEST(!keeps("HTTP/1.0", ""));
  BOOST_TEST(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

BOOST_AUTO_TEST_CASE(escapes_decode_or_are_refused) {
  BOOST_TEST(percent_decode("a%20b+c", true).value() == "a b c");
  BOOST_TEST(percent_decode("a+b", false).value() == "a+b");
  for (const std::string bad : {"%", "%2", "%zz", "%+1", "%-1"})
    BOOST_TEST(!percent_decode(bad, true).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
