#include "http/event_outbox.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace ates::http {

void event_outbox::put(shared_bytes bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || bytes->empty())
    return;
  waiting_ += bytes->size();
  queue_.push_back(std::move(bytes));
}

void event_outbox::finish(shared_bytes bytes) {
  put(std::move(bytes));
  close();
}

void event_outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool event_outbox::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::size_t event_outbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

event_outbox::sent event_outbox::send_to(int socket) {
  const std::lock_guard lock(mutex_);
  sent out;
  while (!queue_.empty()) {
    const auto& first = *queue_.front();
    const auto count = ::send(socket, first.data() + sent_of_first_, first.size() - sent_of_first_,
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      out.broken = errno != EAGAIN;
      return out;
    }
    const auto bytes = static_cast<std::size_t>(count);
    out.bytes += bytes;
    waiting_ -= bytes;
    sent_of_first_ += bytes;
    if (sent_of_first_ == first.size()) {
      queue_.pop_front();
      sent_of_first_ = 0;
    }
  }
  return out;
}

} // namespace ates::http
