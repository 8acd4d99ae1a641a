#include "http/head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ates::http {

namespace {

constexpr std::size_t method_length_max = 32;
constexpr std::size_t empty_lines_before_head_max = 2; // RFC 9112 §2.2 asks to forgive at least one

constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// By byte: looking at every byte of every head is what costs most of it.
constexpr auto token_chars = [] {
  std::array<bool, 256> out{};
  for (std::size_t c = 0; c < out.size(); ++c)
    out[c] = is_alphanumeric(static_cast<char>(c));
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    out[static_cast<unsigned char>(c)] = true;
  return out;
}();

bool is_token_char(char c) {
  return token_chars[static_cast<unsigned char>(c)];
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return is_token_char(c); });
}

bool is_field_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// The next line, without its CRLF; `rest` goes behind it.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

/// Origin form, or absolute form reduced to it (RFC 9112 §3.2.2).
bool set_target(request& out, std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (target.starts_with(scheme)) {
      target.remove_prefix(std::min(target.size(), target.find('/', scheme.size())));
      break;
    }
  if (!target.starts_with('/') ||
      !std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    return false;
  const auto question = target.find('?');
  out.path = target.substr(0, question);
  if (question != std::string_view::npos)
    out.query = target.substr(question + 1);
  return true;
}

std::optional<refusal> parse_request_line(request& out, std::string_view line, const wire_limits& limits) {
  const refusal malformed{code::bad_request, "The request line is malformed."};
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first)
    return malformed;
  const auto target = line.substr(first + 1, last - first - 1);
  if (target.size() > limits.target_bytes)
    return refusal{code::uri_too_long, "The target is longer than 8 KiB."};
  const auto method = line.substr(0, first);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || method.size() > method_length_max || !set_target(out, target))
    return malformed;
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refusal{code::bad_request, "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
  out.method = method;
  out.keep_alive = version == "HTTP/1.1";
  return std::nullopt;
}

std::optional<refusal> parse_header_line(request& out, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refusal{code::bad_request, "A header line is malformed."};
  const auto value = trim_blanks(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), [](char c) { return is_field_char(c); }))
    return refusal{code::bad_request, "A header value contains control characters."};
  out.headers.emplace_back(lower(line.substr(0, colon)), value);
  return std::nullopt;
}

bool is_single(std::string_view name) {
  return name == "host" || name == "authorization" || name == "content-type" || name == "content-length" ||
         name == "idempotency-key" || name == "expect";
}

std::optional<refusal> set_content_length(request& out) {
  const auto* text = out.header("content-length");
  if (text == nullptr)
    return std::nullopt;
  std::size_t length = 0;
  const auto* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, length);
  // A number too large to count is a length like any other: the limit refuses it.
  if (parsed.ec == std::errc::result_out_of_range && parsed.ptr == end)
    length = SIZE_MAX;
  else if (parsed.ec != std::errc{} || parsed.ptr != end)
    return refusal{code::bad_request, "Content-Length is malformed."};
  out.content_length = length;
  return std::nullopt;
}

void set_keep_alive(request& out, bool is_1_1) {
  const auto* connection = out.header("connection");
  if (connection == nullptr)
    return;
  auto rest = std::string_view(*connection);
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto option = lower(trim_blanks(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (option == "close") {
      out.keep_alive = false;
      return;
    }
    if (option == "keep-alive" && !is_1_1)
      out.keep_alive = true;
  }
}

} // namespace

std::variant<bool, refusal> head_scanner::scan(std::string_view bytes) {
  for (;;) {
    const auto newline = bytes.find('\n', looked_at_);
    looked_at_ = newline == std::string_view::npos ? bytes.size() : newline + 1;
    const auto line = bytes.substr(line_begin_, looked_at_ - line_begin_);
    if (auto over = check_line(line))
      return *over;
    if (newline == std::string_view::npos)
      return false;
    line_begin_ = looked_at_;
    if (!line.ends_with("\r\n"))
      return refusal{code::bad_request, "A line must end with CR LF."};
    if (line.size() > 2)
      ++lines_;
    else if (lines_ > 0)
      return true;
    else if (line_begin_ > 2 * empty_lines_before_head_max)
      return refusal{code::bad_request, "The request line is malformed."};
  }
}

std::optional<refusal> head_scanner::check_line(std::string_view line) const {
  constexpr std::size_t around_target = method_length_max + sizeof(" HTTP/1.1\r\n");
  if (lines_ == 0) {
    // What speaks another protocol (TLS, SOCKS) may never send a line end.
    if (!line.empty() && line.front() != '\r' && !is_token_char(line.front()))
      return refusal{code::bad_request, "The request line is malformed."};
    if (line.size() > limits_.target_bytes + around_target)
      return refusal{code::uri_too_long, "The target is longer than 8 KiB."};
    return std::nullopt;
  }
  const auto length = line.size() - (line.ends_with("\r\n") ? 2 : line.ends_with('\r') ? 1 : 0);
  if (length > limits_.header_line_bytes)
    return refusal{code::headers_too_large, "A header line is longer than 8 KiB."};
  if (length > 0 && lines_ > limits_.header_lines)
    return refusal{code::headers_too_large, "There are more than 64 headers."};
  return std::nullopt;
}

std::variant<request, refusal> parse_head(std::string_view head, const wire_limits& limits) {
  request out;
  while (head.starts_with("\r\n"))
    head.remove_prefix(2);
  if (auto refused = parse_request_line(out, take_line(head), limits))
    return *refused;
  const bool is_1_1 = out.keep_alive;
  out.headers.reserve(static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n')));
  for (auto line = take_line(head); !line.empty(); line = take_line(head))
    if (auto refused = parse_header_line(out, line))
      return *refused;
  for (auto at = out.headers.begin(); at != out.headers.end(); ++at)
    if (is_single(at->first) &&
        std::any_of(out.headers.begin(), at, [&](const auto& other) { return other.first == at->first; }))
      return refusal{code::bad_request, "A header that may come once came twice."};
  if (is_1_1 && out.header("host") == nullptr)
    return refusal{code::bad_request, "The Host header is missing."};
  if (auto refused = set_content_length(out))
    return *refused;
  set_keep_alive(out, is_1_1);
  return out;
}

std::optional<refusal> check_framing(const request& in) {
  if (in.header("transfer-encoding") != nullptr)
    return refusal{code::length_required, "Transfer-Encoding is not taken; send a Content-Length."};
  if (const auto* expect = in.header("expect"); expect != nullptr && lower(*expect) != "100-continue")
    return refusal{code::bad_request, "Expect may only be 100-continue."};
  if (in.header("content-encoding") != nullptr)
    return refusal{code::unsupported_media_type, "Content-Encoding is not taken."};
  if (const auto* type = in.header("content-type"); type != nullptr && lower(*type).starts_with("multipart/"))
    return refusal{code::unsupported_media_type, "The body must be application/json."};
  const bool bodiless = in.method == "GET" || in.method == "HEAD" || in.method == "DELETE";
  if (bodiless && in.content_length.value_or(0) > 0)
    return refusal{code::bad_request, "GET, HEAD and DELETE take no body."};
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || parsed.ptr != digits.data() + 2)
      return std::nullopt;
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

} // namespace ates::http
