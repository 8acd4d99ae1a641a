#include "http/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

/// Whether the socket became ready before `deadline`.
bool wait_for(int socket, short events, connection::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd watched{socket, events, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0)
      return true;
    if (ready == 0 || errno != EINTR)
      return false;
  }
}

std::string address_of(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = nullptr;
  if (peer.ss_family == AF_INET)
    address = &reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
  else if (peer.ss_family == AF_INET6)
    address = &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  if (address == nullptr || ::inet_ntop(peer.ss_family, address, text.data(), text.size()) == nullptr)
    return "unknown";
  return text.data();
}

} // namespace

connection::connection(int socket, std::chrono::milliseconds write_limit)
    : socket_(socket), write_limit_(write_limit) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  ::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size);
  remote_address_ = address_of(peer);
}

connection::got connection::receive() {
  constexpr std::size_t piece = 64 * 1024;
  thread_local std::array<char, piece> bytes;
  for (;;) {
    const auto count = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      buffer_.append(bytes.data(), static_cast<std::size_t>(count));
      return got::bytes;
    }
    if (count < 0 && errno == EAGAIN)
      return got::nothing;
    if (count == 0 || errno != EINTR)
      return got::closed;
  }
}

std::string connection::take(std::size_t count) {
  // A body of 16 MiB is not copied, and what stays has no more memory than it needs.
  std::string taken;
  std::string rest(buffer_, count);
  taken.swap(buffer_);
  taken.resize(count);
  buffer_.swap(rest);
  return taken;
}

bool connection::send(std::string_view bytes) {
  const auto deadline = clock::now() + write_limit_;
  while (!bytes.empty() && !broken_) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0)
      bytes.remove_prefix(static_cast<std::size_t>(count));
    else if (errno == EAGAIN)
      broken_ = !wait_for(socket_, POLLOUT, deadline);
    else if (errno != EINTR)
      broken_ = true;
  }
  return !broken_;
}

bool connection::send_now(std::string_view bytes) {
  const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  broken_ = broken_ || count != static_cast<ssize_t>(bytes.size());
  return !broken_;
}

bool connection::flush() {
  std::string held;
  held.swap(held_);
  return send(held);
}

ssize_t connection::read(char* to, std::size_t size) {
  const auto count = std::min(size, fed_.size());
  std::memcpy(to, fed_.data(), count);
  fed_.remove_prefix(count);
  return static_cast<ssize_t>(count);
}

ssize_t connection::write(const char* from, std::size_t size) {
  const bool first = held_.empty();
  held_.append(from, size);
  return first || flush() ? static_cast<ssize_t>(size) : -1;
}

void connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = remote_address_;
  port = 0;
}

void connection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

} // namespace ates::http
