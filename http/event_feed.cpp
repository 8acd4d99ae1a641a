#include "http/event_feed.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

/// How soon it is seen that the readers have taken what waited.
constexpr std::chrono::milliseconds press_check{5};

std::vector<std::string> lines_of(const std::vector<storage::logged_event>& events) {
  std::vector<std::string> out;
  out.reserve(events.size());
  for (const auto& event : events)
    out.push_back(to_cloud_event(event));
  return out;
}

/// The frames of those events that the choice wants; `at`: where the events begin.
shared_bytes frames_of(const event_choice& choice, storage::log_position at,
                       const std::vector<storage::logged_event>& events,
                       const std::vector<std::string>& lines) {
  auto out = std::make_shared<std::string>();
  for (std::size_t i = 0; i < events.size(); ++i) {
    at[events[i].shard] = events[i].seq;
    if (choice.filter().matches(events[i].type))
      *out += to_frame(choice.seal(at), events[i].type, lines[i]);
  }
  return out;
}

/// Whether there is anything between the two for somebody who has everything up to `at`.
bool is_behind(const storage::log_position& at, const storage::log_position& edge) {
  return !std::equal(edge.begin(), edge.end(), at.begin(), std::less_equal<>());
}

} // namespace

event_feed::event_feed(storage::event_log& log, const stream_limits& limits, std::function<void()> on_news)
    : log_(log), limits_(limits), on_news_(std::move(on_news)) {
  threads_.emplace_back([this] { follow(); });
  for (std::size_t i = 0; i < limits_.catching_up; ++i)
    threads_.emplace_back([this] { catch_up(); });
}

event_feed::~event_feed() {
  stop();
}

void event_feed::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  queued_.notify_all();
  for (auto& thread : threads)
    thread.join();
}

void event_feed::add(event_choice choice, storage::log_position from, std::shared_ptr<event_outbox> to) {
  const std::lock_guard lock(mutex_);
  auto one = std::make_shared<reader>(reader{std::move(choice), std::move(from), std::move(to)});
  readers_.push_back(one);
  if (edge_)
    to_queue(one);
  changed_.notify_all();
}

void event_feed::refill(event_outbox& of) {
  const std::lock_guard lock(mutex_);
  of.awaits_room = false;
  for (const auto& one : readers_)
    if (one->out.get() == &of && one->now == phase::parked)
      to_queue(one);
}

void event_feed::to_queue(const reader_ptr& one) {
  one->now = phase::behind;
  behind_.push_back(one);
  queued_.notify_one();
}

/// nullopt: storage is away; whoever asked will ask again.
std::optional<storage::log_page> event_feed::read(const storage::log_request& what) {
  try {
    return log_.read(what, clock::now() + storage_read_max);
  } catch (const std::exception& e) {
    spdlog::debug("events=\"not read\" error=\"{}\"", e.what());
    return std::nullopt;
  }
}

std::optional<storage::log_page> event_feed::head() {
  try {
    return storage::log_page{{}, log_.head(clock::now() + storage_read_max), false};
  } catch (const std::exception& e) {
    spdlog::debug("events=\"not read\" error=\"{}\"", e.what());
    return std::nullopt;
  }
}

// ── the tail ──

void event_feed::follow() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    std::erase_if(readers_, [](const reader_ptr& one) { return one->out->closed(); });
    if (readers_.empty()) {
      edge_.reset();
      changed_.wait(lock, [this] { return over_ || !readers_.empty(); });
      continue;
    }
    const bool more = look(lock);
    // A burst is read as fast as the readers take it; those that do not get a look's time for each page.
    const auto next = clock::now() + limits_.look;
    while (!over_ && (!more || is_pressed()) && clock::now() < next)
      changed_.wait_until(lock, more ? std::min(next, clock::now() + press_check) : next,
                          [this] { return over_; });
  }
}

bool event_feed::is_pressed() const {
  return std::any_of(readers_.begin(), readers_.end(), [this](const reader_ptr& one) {
    return one->now == phase::live && one->out->waiting() > limits_.behind_bytes / 2;
  });
}

/// Moves the edge to what is committed now, or a page towards it. True: there is more.
bool event_feed::look(std::unique_lock<std::mutex>& lock) {
  storage::log_request what;
  what.events_max = limits_.page_events;
  what.bytes_max = limits_.page_bytes;
  const bool first = !edge_;
  if (edge_)
    what.after = *edge_;
  lock.unlock();
  const auto page = first ? head() : read(what);
  lock.lock();
  if (!page)
    return false;
  publish(*page);
  return page->more;
}

void event_feed::publish(const storage::log_page& page) {
  const auto lines = lines_of(page.events);
  std::unordered_map<std::string, shared_bytes> frames; // by choice: most readers have the same one
  for (const auto& one : readers_) {
    if (one->now != phase::live || page.events.empty())
      continue;
    auto& bytes = frames[one->choice.name()];
    if (!bytes)
      bytes = frames_of(one->choice, *edge_, page.events, lines);
    one->out->put(bytes);
  }
  edge_ = page.position;
  for (const auto& one : readers_)
    if (one->now == phase::parked && !one->out->awaits_room)
      to_queue(one);
  if (!frames.empty())
    on_news_();
}

// ── those behind ──

void event_feed::catch_up() {
  std::unique_lock lock(mutex_);
  for (;;) {
    queued_.wait(lock, [this] { return over_ || !behind_.empty(); });
    if (over_)
      return;
    const auto one = std::move(behind_.front());
    behind_.pop_front();
    feed_one(lock, one);
  }
}

void event_feed::feed_one(std::unique_lock<std::mutex>& lock, const reader_ptr& one) {
  one->now = phase::parked;
  if (!edge_ || one->out->closed())
    return;
  if (one->at == *edge_) {
    one->now = phase::live;
    return;
  }
  if (!is_behind(one->at, *edge_))
    return; // ahead of us: the next look will find what it has seen elsewhere
  one->now = phase::behind;
  storage::log_request what;
  what.after = one->at;
  what.until = *edge_;
  what.filter = one->choice.filter();
  what.events_max = limits_.page_events;
  what.bytes_max = limits_.page_bytes;
  lock.unlock();
  const auto page = read(what);
  shared_bytes frames;
  if (page)
    frames = frames_of(one->choice, what.after, page->events, lines_of(page->events));
  lock.lock();
  one->now = phase::parked;
  if (!page)
    return;
  one->at = page->position;
  one->out->put(frames);
  if (one->out->waiting() < limits_.refill_bytes)
    to_queue(one);
  else
    one->out->awaits_room = true;
  on_news_();
}

} // namespace ates::http
