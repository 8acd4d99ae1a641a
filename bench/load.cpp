#include "bench/load.hpp"

#include "bench/http_client.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace ates::bench {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds glance_interval{50};
constexpr std::chrono::seconds patience_at_end{10};
/// An idle connection is not used again after this: the node hangs up on it after 5 s.
constexpr std::chrono::seconds idle_max{3};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// What stands behind `name` up to `end`; empty: it is not there.
std::string_view word_behind(std::string_view text, std::string_view name, char end) {
  const auto at = text.find(name);
  if (at == std::string_view::npos)
    return {};
  text.remove_prefix(at + name.size());
  return text.substr(0, text.find(end));
}

} // namespace

struct load::line {
  enum class state : std::uint8_t { closed, idle, busy };
  int fd = -1;
  line::state state = state::closed;
  bool connecting = false;
  load_request request;
  std::size_t sent = 0;
  std::string heard;
  tally* of = nullptr;
  time_point due{};
  time_point asked{};
  time_point answered{};
};

load::load(const std::string& address, std::size_t connections_max, workload& work,
           std::function<void()> glance)
    : peer_(parse_address(address)), connections_max_(connections_max), work_(work),
      glance_(std::move(glance)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (poll_ < 0)
    fail("epoll_create1");
}

load::~load() {
  for (const auto& one : lines_)
    if (one->fd >= 0)
      ::close(one->fd);
  ::close(poll_);
}

tally& load::begin_phase() {
  phase_began_ = steady::now();
  return *phases_.emplace_back(std::make_unique<tally>());
}

const tally& load::run_closed(std::size_t under_way, std::chrono::milliseconds length) {
  auto& mine = begin_phase();
  const auto until = phase_began_ + length;
  while (steady::now() < until) {
    while (under_way_ < under_way && ask(mine, steady::now())) {
    }
    turn(std::chrono::milliseconds{1});
  }
  mine.seconds = std::chrono::duration<double>(steady::now() - phase_began_).count();
  return mine;
}

const tally& load::run_open(double per_second, std::chrono::milliseconds length) {
  auto& mine = begin_phase();
  const std::chrono::duration<double, std::nano> between{1e9 / per_second};
  const auto due_of = [&](std::uint64_t n) {
    return phase_began_ + std::chrono::duration_cast<std::chrono::nanoseconds>(between * double(n));
  };
  const auto until = phase_began_ + length;
  // So many at a time, so that answers are read in between also when the client is behind.
  constexpr int at_once = 32;
  for (auto due = phase_began_; due < until;) {
    for (int i = 0; i < at_once && due < until; ++i) {
      const auto now = steady::now();
      if (due > now)
        break;
      mine.behind = std::max<std::chrono::nanoseconds>(mine.behind, now - due);
      if (!ask(mine, due))
        ++mine.without_connection;
      due = due_of(++mine.arrivals);
    }
    const auto left = std::chrono::floor<std::chrono::microseconds>(due - steady::now());
    turn(std::clamp(left, std::chrono::microseconds{0}, std::chrono::microseconds{1'000}));
  }
  mine.seconds = std::chrono::duration<double>(steady::now() - phase_began_).count();
  return mine;
}

void load::finish() {
  for (const auto until = steady::now() + patience_at_end; under_way_ > 0 && steady::now() < until;)
    turn(std::chrono::milliseconds{1});
  for (const auto& one : lines_)
    if (one->state == line::state::busy)
      ++one->of->unanswered;
}

load::line* load::take_line() {
  while (!idle_.empty()) {
    auto* one = idle_.back();
    if (steady::now() - one->answered > idle_max) {
      hang_up(*one);
      continue;
    }
    idle_.pop_back();
    return one;
  }
  line* fresh = nullptr;
  if (!closed_.empty()) {
    fresh = closed_.back();
    closed_.pop_back();
  } else if (lines_.size() < connections_max_) {
    fresh = lines_.emplace_back(std::make_unique<line>()).get();
  } else {
    return nullptr;
  }
  fresh->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  if (fresh->fd < 0 || ::setsockopt(fresh->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
    fail("socket");
  if (::connect(fresh->fd, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_) != 0 &&
      errno != EINPROGRESS)
    fail("connect");
  fresh->connecting = true;
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLET;
  wanted.data.ptr = fresh;
  if (::epoll_ctl(poll_, EPOLL_CTL_ADD, fresh->fd, &wanted) != 0)
    fail("epoll_ctl");
  return fresh;
}

bool load::ask(tally& of, time_point due) {
  auto* on = take_line();
  if (on == nullptr)
    return false;
  of.connections = std::max(of.connections, lines_.size() - closed_.size());
  on->state = line::state::busy;
  on->request = work_.next();
  on->sent = 0;
  on->heard.clear();
  on->of = &of;
  on->due = due;
  on->asked = steady::now();
  ++under_way_;
  if (!on->connecting)
    flush(*on);
  return true;
}

void load::turn(std::chrono::microseconds patience) {
  std::array<epoll_event, 128> events;
  // epoll counts in milliseconds: a shorter wait is made by asking again.
  const int wait_ms = patience >= std::chrono::milliseconds{1} ? 1 : 0;
  const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), wait_ms);
  if (count < 0 && errno != EINTR)
    fail("epoll_wait");
  for (int i = 0; i < count; ++i)
    act(*static_cast<line*>(events.at(static_cast<std::size_t>(i)).data.ptr),
        events.at(static_cast<std::size_t>(i)).events);
  if (const auto now = steady::now(); now >= next_glance_) {
    next_glance_ = now + glance_interval;
    glance_();
  }
}

void load::act(line& on, std::uint32_t events) {
  if (on.state == line::state::closed)
    return;
  if (on.connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
    on.connecting = false;
  if (on.state == line::state::busy && on.sent < on.request.bytes.size() && !on.connecting)
    flush(on);
  if (on.state != line::state::closed && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
    hear(on);
}

void load::flush(line& on) {
  const auto& bytes = on.request.bytes;
  while (on.sent < bytes.size()) {
    const auto count = ::send(on.fd, bytes.data() + on.sent, bytes.size() - on.sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return; // no room: the poll tells; broken: what was said before it broke is still to be read
    on.sent += static_cast<std::size_t>(count);
  }
}

void load::hear(line& on) {
  std::array<char, 16 * 1024> bytes;
  bool over = false;
  for (;;) {
    const auto count = ::recv(on.fd, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR)
      continue;
    over = count == 0 || (count < 0 && errno != EAGAIN);
    if (count <= 0)
      break;
    on.heard.append(bytes.data(), static_cast<std::size_t>(count));
    if (static_cast<std::size_t>(count) < bytes.size())
      break; // no more for now; an end is told by another event
  }
  const auto status = on.state == line::state::busy ? whole_answer(on.heard) : std::nullopt;
  const bool closes = status && on.heard.find("\r\nConnection: close\r\n") != std::string::npos;
  if (status)
    settle(on, *status);
  else if (over && on.state == line::state::busy)
    settle(on, 0);
  if (over || closes)
    hang_up(on);
}

void load::hang_up(line& on) {
  ::close(on.fd);
  on.fd = -1;
  on.state = line::state::closed;
  on.connecting = false;
  std::erase(idle_, &on);
  closed_.push_back(&on);
}

void load::settle(line& on, int status) {
  --under_way_;
  auto& of = *on.of;
  const auto now = steady::now();
  const auto took = std::chrono::duration<float, std::milli>(now - on.due).count();
  const auto slice = static_cast<std::size_t>((now - phase_began_) / tally::slice);
  const bool current = &of == phases_.back().get();
  const auto count_in = [&](std::vector<std::uint32_t>& slices) {
    if (!current)
      return;
    slices.resize(std::max(slices.size(), slice + 1));
    ++slices[slice];
  };
  const auto code = status < 300 ? std::string_view{} : word_behind(on.heard, R"("code":")", '"');
  if (status == 0)
    ++of.hung_up;
  else
    ++of.answers[std::to_string(status) + (code.empty() ? "" : " ") + std::string(code)];
  if (status >= 200 && status < 300) {
    of.accepted_ms.push_back(took);
    of.accepted_node_ms.push_back(std::chrono::duration<float, std::milli>(now - on.asked).count());
    count_in(of.accepted_in);
  } else if (status == 503) {
    of.refused_ms.push_back(took);
    count_in(of.refused_in);
    of.malformed += code.empty() || word_behind(on.heard, "\r\nRetry-After: ", '\r').empty() ||
                    word_behind(on.heard, "\r\nX-Request-Id: ", '\r').empty();
  }
  work_.answered(on.request, status, on.heard);
  on.state = line::state::idle;
  on.answered = now;
  idle_.push_back(&on);
}

} // namespace ates::bench
