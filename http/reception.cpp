#include "http/reception.hpp"

#include <spdlog/spdlog.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

namespace ates::http {

namespace {

/// Between looks for connections that are late: how much later than its limit one may end.
constexpr int late_check_ms = 50;
/// Connections that are looked at before those that have just come, and those that are late.
constexpr std::size_t events_at_once = 256;
/// What goes wrong with one connection is the end of that one, and of nobody else.
template <class Act, class End> void attend(Act act, End end) {
  try {
    act();
  } catch (const std::exception& e) {
    spdlog::error("http: a connection ended by an error of ours: {}", e.what());
    end();
  }
}

} // namespace

reception::reception(host& behind, const reading_rules& rules, farewell& exit)
    : host_(behind), rules_(rules), exit_(exit), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET; // each time somebody rings, and nobody has to stop it
  if (poll_ < 0 || ::epoll_ctl(poll_, EPOLL_CTL_ADD, waker_.descriptor(), &wanted) != 0)
    throw std::system_error(errno, std::generic_category(), "reception");
  thread_ = std::thread([this] { run(); });
}

reception::~reception() {
  stop();
  ::close(poll_);
}

void reception::stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  waker_.ring();
  if (thread_.joinable())
    thread_.join();
}

void reception::admit(int socket) {
  bool over = false;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    over = over_;
    first = arrived_.empty();
    if (!over)
      arrived_.push_back(socket);
  }
  if (over)
    exit_.close(socket);
  else if (first)
    waker_.ring();
}

void reception::keep(guest& who) {
  const bool more = !who.client.buffered().empty();
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    over = over_;
    if (!over && more)
      pipelined_.push_back(&who);
    if (!over && !more) {
      put(who, idle_);
      arm(who); // from here on the guest may be gone
    }
  }
  if (over)
    exit_.close(release(who));
  else if (more)
    waker_.ring();
}

int reception::release(guest& who) {
  std::unique_ptr<guest> gone;
  const std::lock_guard lock(mutex_);
  ::epoll_ctl(poll_, EPOLL_CTL_DEL, who.socket, nullptr);
  put(who, who.apart);
  const auto found = guests_.find(&who);
  gone = std::move(found->second);
  guests_.erase(found);
  return gone->socket;
}

void reception::end(guest& who) {
  exit_.close(release(who));
}

void reception::put(guest& who, std::list<guest*>& where) {
  where.splice(where.end(), *who.in, who.at);
  who.in = &where;
  who.since = clock::now();
}

void reception::arm(guest& who) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLONESHOT;
  wanted.data.ptr = &who;
  if (::epoll_ctl(poll_, EPOLL_CTL_MOD, who.socket, &wanted) != 0 && errno == ENOENT)
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, who.socket, &wanted);
}

void reception::disarm(guest& who) {
  ::epoll_ctl(poll_, EPOLL_CTL_DEL, who.socket, nullptr); // what is only changed still tells of hang-ups
}

void reception::run() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr); // signals are for the main thread
  std::array<epoll_event, events_at_once> events;
  for (bool over = false; !over;) {
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), late_check_ms);
    std::vector<int> arrived;
    std::vector<guest*> pipelined;
    {
      // Also: what a host's thread did to a guest before it armed it is seen from here on.
      const std::lock_guard lock(mutex_);
      over = over_;
      arrived.swap(arrived_);
      pipelined.swap(pipelined_);
    }
    for (int i = 0; i < count; ++i)
      if (auto* who = static_cast<guest*>(events.at(static_cast<std::size_t>(i)).data.ptr); who != nullptr)
        attend([&] { receive(*who); }, [&] { end(*who); });
    for (auto* who : pipelined)
      attend([&] { advance(*who); }, [&] { end(*who); });
    for (const auto socket : arrived)
      attend([&] { welcome(socket); }, [&] { exit_.close(socket); });
    end_late();
    // There is work enough for everybody else, and looking at what comes next could only mean to say no:
    // that is done later, to many at once, so that it does not take the processors from the work.
    if (std::exchange(had_to_refuse_, false))
      host_.wait_for_room();
  }
  end_all();
}

/// The last thing that the thread does: whoever is kept from now on ends.
void reception::end_all() {
  std::vector<guest*> ours;
  std::vector<int> sockets;
  {
    const std::lock_guard lock(mutex_);
    ours.insert(ours.end(), idle_.begin(), idle_.end());
    ours.insert(ours.end(), reading_.begin(), reading_.end());
    ours.insert(ours.end(), pipelined_.begin(), pipelined_.end());
    sockets.swap(arrived_);
  }
  for (auto* who : ours)
    end(*who);
  for (const auto socket : sockets)
    exit_.close(socket);
}

void reception::welcome(int socket) {
  guest* oldest = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (guests_.size() < rules_.limits.connections) {
      auto fresh = std::make_unique<guest>(socket, rules_);
      auto& who = *fresh;
      guests_.emplace(&who, std::move(fresh));
      put(who, idle_);
      arm(who);
      return;
    }
    if (!idle_.empty())
      oldest = idle_.front();
  }
  if (oldest != nullptr && end_idle(*oldest))
    return welcome(socket);
  host_.shed(socket);
  had_to_refuse_ = true;
}

bool reception::end_idle(guest& who) {
  disarm(who);
  bool over = true;
  const auto look = [&] {
    if (who.client.receive() != connection::got::bytes)
      return;
    over = false; // what it has said and nobody has looked at yet must not be lost
    advance(who);
  };
  attend(look, [&] { over = true; });
  if (over)
    end(who);
  return over;
}

void reception::receive(guest& who) {
  switch (who.client.receive()) {
  case connection::got::bytes:
    return advance(who);
  case connection::got::nothing:
    return arm(who);
  case connection::got::closed:
    ::close(release(who));
  }
}

void reception::advance(guest& who) {
  for (;;) {
    if (who.in != &reading_) {
      const std::lock_guard lock(mutex_);
      put(who, reading_);
    }
    const auto found = who.reader.look(who.client);
    if (found == request_reader::step::more)
      return arm(who);
    if (found == request_reader::step::refused) {
      host_.refuse(who, who.reader.why());
      return end(who);
    }
    {
      const std::lock_guard lock(mutex_);
      put(who, who.apart);
    }
    if (!host_.take(who))
      return;
    had_to_refuse_ = true;
    who.reader.reset();
    if (who.client.buffered().empty())
      return keep(who);
  }
}

void reception::end_late() {
  const auto oldest_of = [this](const std::list<guest*>& of, std::chrono::milliseconds limit) -> guest* {
    const std::lock_guard lock(mutex_);
    return !of.empty() && clock::now() - of.front()->since > limit ? of.front() : nullptr;
  };
  while (auto* who = oldest_of(idle_, rules_.limits.idle))
    end_idle(*who);
  while (auto* who = oldest_of(reading_, rules_.limits.whole_request)) {
    attend([&] { host_.refuse(*who, who->reader.why_late()); }, [] {});
    end(*who);
  }
}

} // namespace ates::http
