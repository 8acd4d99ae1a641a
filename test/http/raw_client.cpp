#include "test/http/raw_client.hpp"

#include "test/http/documented.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace ates::http::test {

namespace {

constexpr int patience_ms = 10'000;

} // namespace

raw_client::raw_client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("raw_client: cannot connect");
}

raw_client::~raw_client() {
  ::close(socket_);
}

void raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd ready{socket_, POLLOUT, 0};
    if (::poll(&ready, 1, patience_ms) <= 0)
      throw std::runtime_error("raw_client: cannot send");
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0)
      return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

bool raw_client::fill() {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, patience_ms) <= 0)
    throw std::runtime_error("raw_client: nothing came");
  std::array<char, 65536> bytes{};
  const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count <= 0)
    return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<raw_answer> raw_client::receive(bool head) {
  auto end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!fill())
      return std::nullopt;
  raw_answer out;
  auto lines = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  out.status = std::stoi(lines.substr(9, 3));
  for (auto begin = lines.find("\r\n") + 2; begin < lines.size();) {
    const auto line = lines.substr(begin, lines.find("\r\n", begin) - begin);
    begin += line.size() + 2;
    const auto colon = line.find(": ");
    auto name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out.headers[name] = line.substr(colon + 2);
  }
  const auto length =
      head || out.header("content-length").empty() ? 0 : std::stoul(out.header("content-length"));
  while (buffer_.size() < length)
    if (!fill())
      throw std::runtime_error("raw_client: closed in the middle of a body");
  out.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return out;
}

std::optional<std::string> raw_client::receive_until(std::string_view mark) {
  auto at = std::string::npos;
  while ((at = buffer_.find(mark)) == std::string::npos)
    if (!fill())
      return std::nullopt;
  auto out = buffer_.substr(0, at + mark.size());
  buffer_.erase(0, out.size());
  return out;
}

bool raw_client::is_closed() {
  return buffer_.empty() && !fill();
}

raw_answer ask(std::uint16_t port, std::string_view method, std::string_view target, std::string_view body,
               std::string_view extra_headers) {
  auto request = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" +
                 std::string(extra_headers);
  if (!body.empty())
    request += "Content-Type: application/json\r\n";
  if (!body.empty() || method == "POST")
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  raw_client client(port);
  client.send(request + "\r\n" + std::string(body));
  auto out = client.receive(method == "HEAD");
  if (!out)
    throw std::runtime_error("ask: closed without an answer");
  if (const auto differs = undocumented(method, target, *out); !differs.empty())
    BOOST_ERROR(std::string(method) + " " + std::string(target) + ": " + differs);
  return *out;
}

} // namespace ates::http::test
