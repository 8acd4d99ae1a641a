#pragma once
/// A time limit on a call that blocks in a socket. A frozen PostgreSQL freezes its own time-outs too, so the
/// limit is kept on our side: when it passes, the socket is shut down and the call fails as if the server had
/// gone away.

#include <chrono>
#include <cstdint>

namespace ates::storage {

/// While it lives, the process's watchdog thread shuts `socket` down once `limit` has passed. The socket must
/// stay open for the guard's whole life. Thread-safe; costs a lock, no system call in the usual case.
class deadline_guard {
public:
  deadline_guard(int socket, std::chrono::milliseconds limit);
  ~deadline_guard();
  deadline_guard(const deadline_guard&) = delete;
  deadline_guard& operator=(const deadline_guard&) = delete;

  /// The limit passed and the socket was shut down.
  [[nodiscard]] bool expired() const;

private:
  std::uint64_t ticket_;
};

} // namespace ates::storage
