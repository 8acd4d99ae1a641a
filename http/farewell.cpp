#include "http/farewell.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace ates::http {

using clock = std::chrono::steady_clock;

farewell::farewell(std::chrono::milliseconds linger, std::size_t connections_max)
    : linger_(linger), connections_max_(connections_max) {
  arrived_.reserve(connections_max_);
  thread_ = std::thread([this] { run(); });
}

farewell::~farewell() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  waker_.ring();
  thread_.join();
}

void farewell::close(int socket) noexcept {
  ::shutdown(socket, SHUT_WR);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (!over_ && count_ < connections_max_) {
      ++count_;
      first = arrived_.empty();
      arrived_.push_back({socket, clock::now() + linger_});
      socket = -1;
    }
  }
  if (socket >= 0)
    ::close(socket);
  else if (first)
    waker_.ring();
}

/// True: this one is over.
bool farewell::drain(const lingering& one, short events) {
  std::array<char, 16 * 1024> rubbish;
  if (events != 0) {
    const auto got = ::recv(one.socket, rubbish.data(), rubbish.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
      return true;
  }
  return clock::now() >= one.until;
}

void farewell::run() {
  std::vector<lingering> all;
  std::vector<pollfd> watched;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      all.insert(all.end(), arrived_.begin(), arrived_.end());
      arrived_.clear();
      count_ = all.size();
      if (over_)
        break;
    }
    watched.assign(1, pollfd{waker_.descriptor(), POLLIN, 0});
    for (const auto& one : all)
      watched.push_back({one.socket, POLLIN, 0});
    constexpr int check_times_ms = 50;
    if (::poll(watched.data(), watched.size(), all.empty() ? -1 : check_times_ms) < 0)
      continue; // EINTR; nothing to look at
    waker_.silence();
    std::vector<lingering> left;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (drain(all[i], watched[i + 1].revents))
        ::close(all[i].socket);
      else
        left.push_back(all[i]);
    all.swap(left);
  }
  for (const auto& one : all)
    ::close(one.socket);
}

} // namespace ates::http
