#include "bench/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace ates::bench {

namespace {

using steady = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int number(std::string_view text) {
  int value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// One connection and the request under way on it.
struct line {
  client_socket socket;
  steady::time_point asked{};
  std::string heard;
};

class closed_loop {
public:
  closed_loop(const std::string& address, std::size_t connections, const request_source& next,
              const answer_sink& answered)
      : next_(next), answered_(answered), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (poll_ < 0)
      fail("epoll_create1");
    lines_.reserve(connections);
    for (std::size_t i = 0; i < connections; ++i)
      lines_.push_back({client_socket(address), {}, {}});
  }
  ~closed_loop() { ::close(poll_); }
  closed_loop(const closed_loop&) = delete;
  closed_loop& operator=(const closed_loop&) = delete;

  void run() {
    for (auto& one : lines_) {
      epoll_event wanted{};
      wanted.events = EPOLLIN;
      wanted.data.ptr = &one;
      if (::epoll_ctl(poll_, EPOLL_CTL_ADD, one.socket.fd(), &wanted) != 0)
        fail("epoll_ctl");
      ask(one);
    }
    std::array<epoll_event, 64> events{};
    while (under_way_ > 0) {
      const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR)
        fail("epoll_wait");
      for (int i = 0; i < count; ++i)
        hear(*static_cast<line*>(events.at(static_cast<std::size_t>(i)).data.ptr));
    }
  }

private:
  void ask(line& on) {
    const auto request = next_();
    if (request.empty())
      return;
    ++under_way_;
    on.asked = steady::now();
    on.socket.send(request);
  }

  void hear(line& on) {
    on.socket.receive(on.heard);
    const auto status = whole_answer(on.heard);
    if (!status)
      return;
    on.heard.clear();
    --under_way_;
    answered_(*status, steady::now() - on.asked);
    ask(on);
  }

  const request_source& next_;
  const answer_sink& answered_;
  int poll_;
  std::vector<line> lines_;
  std::size_t under_way_ = 0;
};

} // namespace

sockaddr_in parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1)
    throw std::runtime_error(text + " is not an IPv4 address with a port");
  address.sin_port = htons(static_cast<std::uint16_t>(number(std::string_view(text).substr(colon + 1))));
  return address;
}

std::optional<int> whole_answer(std::string_view bytes) {
  constexpr std::string_view version = "HTTP/1.1 ";
  constexpr std::array<std::string_view, 2> length_names{
      "\r\nContent-Length: ", "\r\ncontent-length: "}; // the edge makes names small
  const auto head = bytes.substr(0, bytes.find("\r\n\r\n"));
  if (head.size() == bytes.size())
    return std::nullopt;
  const auto length = std::min(head.find(length_names[0]), head.find(length_names[1]));
  if (!head.starts_with(version) || length == std::string_view::npos)
    throw std::runtime_error("not an answer that is understood here: " + std::string(head));
  const auto body = static_cast<std::size_t>(number(head.substr(length + length_names[0].size())));
  if (bytes.size() < head.size() + 4 + body)
    return std::nullopt;
  return number(head.substr(version.size()));
}

client_socket::client_socket(const std::string& address)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto peer = parse_address(address);
  const int yes = 1;
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 ||
      ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
    fail(address.c_str());
}

client_socket::~client_socket() {
  if (fd_ >= 0)
    ::close(fd_);
}

client_socket::client_socket(client_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

void client_socket::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR)
      fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
}

void client_socket::receive(std::string& to) const {
  constexpr std::size_t piece = 64 * 1024;
  thread_local std::array<char, piece> bytes;
  const auto count = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (count < 0)
    fail("recv");
  if (count == 0)
    throw std::runtime_error("the node has hung up");
  to.append(bytes.data(), static_cast<std::size_t>(count));
}

std::string request_head(std::string_view method, std::string_view target, std::string_view token,
                         std::size_t length) {
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ");
  out.append(token);
  if (method == "POST")
    out += "\r\nContent-Length: " + std::to_string(length);
  return out + "\r\n\r\n";
}

void run_closed_loop(const std::string& address, std::size_t connections, const request_source& next,
                     const answer_sink& answered) {
  closed_loop(address, connections, next, answered).run();
}

} // namespace ates::bench
