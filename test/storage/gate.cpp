#include "test/storage/gate.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace ates::test {

namespace {

constexpr int look_again_ms = 20; // whether to stop

int checked(int result, const char* what) {
  if (result < 0)
    throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int connect_to(const std::filesystem::path& path) {
  const int fd = checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const auto sent = ::send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

} // namespace

gate::gate(std::filesystem::path server_socket) : server_socket_(std::move(server_socket)) {
  listener_ = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  checked(::bind(listener_, generic, length), "bind");
  checked(::listen(listener_, 16), "listen");
  checked(::getsockname(listener_, generic, &length), "getsockname");
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

gate::~gate() {
  thread_.request_stop();
  thread_.join();
  for (const auto& l : links_) {
    ::close(l.client);
    ::close(l.server);
  }
  ::close(listener_);
}

void gate::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> waits{{listener_, POLLIN, 0}};
    for (const auto& l : links_) {
      waits.push_back({l.client, POLLIN, 0});
      waits.push_back({l.server, POLLIN, 0});
    }
    if (::poll(waits.data(), waits.size(), look_again_ms) <= 0)
      continue;
    std::vector<link> alive;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const auto l = links_[i];
      bool open = true;
      if (waits[1 + 2 * i].revents != 0)
        open = pump(l.client, l.server, plan::lose_request);
      if (open && waits[2 + 2 * i].revents != 0)
        open = pump(l.server, l.client, plan::lose_reply);
      if (open) {
        alive.push_back(l);
        continue;
      }
      ::close(l.client);
      ::close(l.server);
    }
    links_ = std::move(alive);
    if (waits[0].revents != 0)
      accept_one();
  }
}

void gate::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0)
    return;
  const int server = connect_to(server_socket_);
  if (server < 0)
    ::close(client);
  else
    links_.push_back({client, server});
}

bool gate::pump(int from, int to, plan loss) {
  std::array<char, 65536> bytes;
  const auto count = ::recv(from, bytes.data(), bytes.size(), 0);
  if (count <= 0)
    return false;
  auto expected = loss;
  if (plan_.compare_exchange_strong(expected, plan::pass))
    return false;
  return send_all(to, bytes.data(), static_cast<std::size_t>(count));
}

} // namespace ates::test
