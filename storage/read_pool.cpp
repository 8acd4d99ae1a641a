#include "storage/read_pool.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

using namespace std::chrono_literals;

constexpr auto first_back_off = 50ms;
constexpr auto longest_back_off = 500ms; // nobody waits for it: while it lasts, callers hear `away` at once

} // namespace

read_pool_options seldom_asked(const char* name, bool allow_unsafe_server) {
  read_pool_options options;
  options.size = 2;
  options.read_only = false;
  options.application_name = name;
  options.allow_unsafe_server = allow_unsafe_server;
  return options;
}

read_pool::read_pool(std::string url, const read_pool_options& options)
    : url_(std::move(url)), options_(options),
      connector_([this](const std::stop_token& stop) { keep_connecting(stop); }) {}

std::unique_ptr<connection> read_pool::take(const char* operation, clock::time_point until) {
  std::unique_lock lock{mutex_};
  ++waiting_;
  struct leaving {
    std::size_t& waiting;
    ~leaving() { --waiting; }
  } const leaves{waiting_};
  while (true) {
    while (!idle_.empty()) {
      auto found = std::move(idle_.back());
      idle_.pop_back();
      if (found->usable())
        return found;
      --open_;
    }
    if (open_ == 0 && !last_error_.empty() && clock::now() < retry_at_)
      throw storage_error(storage_error::kind::away, operation, {}, last_error_);
    if (open_ < options_.size)
      wanted_.notify_one();
    if (freed_.wait_until(lock, until) == std::cv_status::timeout && idle_.empty())
      throw storage_error(storage_error::kind::away, operation, {},
                          "no connection became free in time" +
                              (last_error_.empty() ? "" : ": " + last_error_));
  }
}

void read_pool::give_back(std::unique_ptr<connection> back) {
  const bool usable = back->usable();
  if (!usable)
    back.reset(); // closing may take a moment: not under the lock
  {
    const std::lock_guard lock{mutex_};
    if (usable)
      idle_.push_back(std::move(back));
    else
      --open_;
  }
  freed_.notify_all();
}

std::unique_ptr<connection> read_pool::connect() const {
  session_options session;
  session.application_name = options_.application_name;
  session.allow_unsafe_server = options_.allow_unsafe_server;
  session.limits.connect = 2000ms;
  session.limits.statement = options_.statement;
  session.limits.call = options_.patience;
  auto made = std::make_unique<connection>(url_, session);
  if (options_.read_only)
    made->run("make read-only", [](pqxx::connection& pq) {
      pqxx::nontransaction{pq}.exec0("set default_transaction_read_only = on");
    });
  return made;
}

void read_pool::keep_connecting(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    const auto wanted = [this] { return waiting_ > idle_.size() && open_ < options_.size; };
    if (!wanted_.wait(lock, stop, wanted))
      return;
    if (clock::now() < retry_at_)
      wanted_.wait_until(lock, stop, retry_at_, [] { return false; });
    else
      connect_one(lock);
  }
}

void read_pool::connect_one(std::unique_lock<std::mutex>& lock) {
  ++open_;
  lock.unlock();
  std::unique_ptr<connection> made;
  std::string error;
  try {
    made = connect();
  } catch (const std::exception& e) {
    error = e.what();
  }
  lock.lock();
  last_error_ = error;
  if (made) {
    idle_.push_back(std::move(made));
    back_off_ = {};
  } else {
    --open_;
    back_off_ = std::clamp<clock::duration>(back_off_ * 2, first_back_off, longest_back_off);
    retry_at_ = clock::now() + back_off_;
  }
  freed_.notify_all();
}

} // namespace ates::storage
