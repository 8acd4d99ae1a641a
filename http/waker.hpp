#pragma once
/// How other threads end a thread's wait in poll() or epoll_wait().

namespace ates::http {

class waker {
public:
  /// Throws std::system_error when no descriptor is to be had.
  waker();
  ~waker();
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;

  /// To be waited for with the rest; readable from ring() until silence(). Belongs to the waker.
  int descriptor() const { return descriptor_; }
  /// From any thread; never blocks. Many before a silence() are one.
  void ring();
  /// Before what was rung for is looked at, so that nothing that comes meanwhile is missed.
  void silence();

private:
  const int descriptor_;
};

} // namespace ates::http
