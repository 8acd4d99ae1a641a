#include "http/event_streams.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

/// A comment: it keeps the connection alive and means nothing.
const shared_bytes& ping_bytes() {
  static const shared_bytes bytes = std::make_shared<const std::string>(": ping\n\n");
  return bytes;
}

/// Reads and throws away what a client says on a stream. False: it is gone.
bool is_there(int socket) {
  std::array<char, 4096> rubbish;
  const auto got = ::recv(socket, rubbish.data(), rubbish.size(), MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/// How long the thread may sleep without being late for anything.
int tick_ms(const stream_limits& limits) {
  constexpr int ticks = 4; // in the shortest of the times
  return std::max(1, static_cast<int>(std::min({limits.ping, limits.check, limits.stall}).count()) / ticks);
}

} // namespace

event_streams::event_streams(storage::event_log& log, std::size_t streams_max, const stream_limits& limits,
                             prometheus::Registry& registry)
    : streams_max_(streams_max), limits_(limits), open_(prometheus::BuildGauge()
                                                            .Name("ates_http_streams")
                                                            .Help("Event streams open now")
                                                            .Register(registry)
                                                            .Add({})),
      closed_(
          prometheus::BuildCounter()
              .Name("ates_http_streams_closed_total")
              .Help("Event streams that ended: the client left, was slow, lost its right; the node stopped")
              .Register(registry)),
      feed_(log, limits, [this] { waker_.ring(); }), thread_([this] { run(); }) {}

event_streams::~event_streams() {
  stop();
}

void event_streams::stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  waker_.ring();
  if (thread_.joinable())
    thread_.join();
  feed_.stop();
}

event_streams::place event_streams::reserve() {
  if (taken_->fetch_add(1) >= streams_max_) {
    --*taken_;
    return nullptr;
  }
  return {taken_.get(), [taken = taken_](void*) { --*taken; }};
}

void event_streams::add(int socket, std::string head, place held, event_choice choice,
                        storage::log_position from, ending ended) {
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &limits_.socket_bytes, sizeof limits_.socket_bytes);
  auto out = std::make_shared<event_outbox>();
  out->put(std::make_shared<const std::string>(std::move(head)));
  {
    const std::lock_guard lock(mutex_);
    if (over_) {
      ::close(socket);
      return;
    }
    const auto now = clock::now();
    arrived_.push_back(
        {socket, out, std::move(held), std::move(ended), now + limits_.ping, now + limits_.check, now});
  }
  feed_.add(std::move(choice), std::move(from), std::move(out));
  waker_.ring();
}

void event_streams::tell_end(stream& one, const std::string& why) {
  one.out->finish(
      std::make_shared<const std::string>("event: token_expired\ndata: {\"code\":\"" + why + "\"}\n\n"));
  one.closing = true;
}

event_streams::fate event_streams::serve(stream& one, short events) {
  const auto now = clock::now();
  if (events != 0 && (events & ~POLLOUT) != 0 && !is_there(one.socket))
    return fate::left;
  if (!one.closing && now >= one.next_check) {
    one.next_check = now + limits_.check;
    if (const auto why = one.ended())
      tell_end(one, *why);
  }
  if (now >= one.next_ping) {
    one.next_ping = now + limits_.ping;
    one.out->put(ping_bytes());
  }
  const auto sent = one.out->send_to(one.socket);
  if (sent.broken)
    return fate::left;
  const auto waiting = one.out->waiting();
  if (sent.bytes > 0 || waiting == 0)
    one.moved = now;
  if (one.closing && waiting == 0)
    return fate::ended;
  if (waiting > limits_.behind_bytes || now > one.moved + limits_.stall)
    return fate::slow;
  if (one.out->awaits_room && waiting < limits_.refill_bytes)
    feed_.refill(*one.out);
  return fate::lives;
}

void event_streams::close(stream& one, const char* why) {
  one.out->close();
  ::close(one.socket);
  closed_.Add({{"why", why}}).Increment();
}

void event_streams::run() {
  std::vector<pollfd> watched;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      std::move(arrived_.begin(), arrived_.end(), std::back_inserter(streams_));
      arrived_.clear();
      if (over_)
        break;
    }
    open_.Set(static_cast<double>(streams_.size()));
    watched.assign(1, pollfd{waker_.descriptor(), POLLIN, 0});
    for (const auto& one : streams_)
      watched.push_back(
          {one.socket, static_cast<short>(one.out->waiting() > 0 ? POLLIN | POLLOUT : POLLIN), 0});
    if (::poll(watched.data(), watched.size(), streams_.empty() ? -1 : tick_ms(limits_)) < 0)
      continue; // EINTR; nothing to look at
    waker_.silence();
    std::size_t index = 0;
    std::erase_if(streams_, [&](stream& one) {
      constexpr std::array why{"", "left", "slow", "right"};
      const auto is = serve(one, watched[++index].revents);
      if (is != fate::lives)
        close(one, why.at(static_cast<std::size_t>(is)));
      return is != fate::lives;
    });
  }
  for (auto& one : streams_)
    close(one, "stop");
  streams_.clear();
  open_.Set(0);
}

} // namespace ates::http
