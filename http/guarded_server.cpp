#include "http/guarded_server.hpp"

#include "http/problem.hpp"

#include <spdlog/spdlog.h>

#include <csignal>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr int backlog = 1024; // httplib compiles 5 in
constexpr auto start_patience = std::chrono::seconds{5};
constexpr auto rebind_pause = std::chrono::milliseconds{100};

/// What httplib is fed for every request: method, path, header and body reach the service directly, so that
/// nothing of the client's is parsed, percent-decoded or ranged over a second time.
constexpr std::string_view inner_head = "GET / HTTP/1.1\r\n\r\n";

/// httplib's handlers get no context of ours; a connection is one thread, so this is it.
thread_local const request* current = nullptr;
thread_local reply* prepared = nullptr;
/// Set while a task that found the line full runs in the accepting thread.
thread_local bool shedding = false;

/// Signals are for the main thread: an accept() that one interrupts ends httplib's loop.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

private:
  sigset_t before_{};
};

/// Gives memory back to the system when it goes: what a large body was parsed into would otherwise stay with
/// the allocator, once for each thread that ever had one.
struct memory_returned {
  bool due = false;
  memory_returned() = default;
  ~memory_returned() {
    if (due)
      ::malloc_trim(0);
  }
  memory_returned(const memory_returned&) = delete;
  memory_returned& operator=(const memory_returned&) = delete;
};

/// Bytes of a budget, given back at the end of the request.
struct share {
  share(std::atomic<std::size_t>& of, std::size_t count)
      : budget(of), bytes(count), total(count == 0 ? 0 : budget.fetch_add(count) + count) {}
  ~share() { budget -= bytes; }
  share(const share&) = delete;
  share& operator=(const share&) = delete;

  std::atomic<std::size_t>& budget;
  const std::size_t bytes;
  const std::size_t total; ///< promised to everybody, this one included
};

/// Tells an edge to end the client's connection, too: `Connection` is between the edge and us only.
constexpr std::string_view to_edge = "X-Ates-Refused: yes\r\n"; // config/haproxy.cfg takes it out

/// A refusal as bytes: it never goes through httplib, because after it the connection ends.
std::string refusal_bytes(code why, std::string_view detail, const std::string& request_id,
                          bool behind_edge) {
  const auto r = to_reply(problem(why, std::string(detail)), request_id);
  auto out = "HTTP/1.1 " + std::to_string(r.status) + " Refused\r\nContent-Type: " + r.content_type +
             "\r\nContent-Length: " + std::to_string(r.body.size()) +
             "\r\nConnection: close\r\nX-Request-Id: " + request_id + "\r\n";
  if (behind_edge)
    out += to_edge;
  for (const auto& [name, value] : r.headers)
    out += name + ": " + value + "\r\n";
  return out + "\r\n" + r.body;
}

/// The head of an answer without an end: the connection's end is its end.
std::string endless_head(const reply& r) {
  auto out = "HTTP/1.1 " + std::to_string(r.status) + " OK\r\nContent-Type: " + r.content_type +
             "\r\nConnection: close\r\n";
  for (const auto& [name, value] : r.headers)
    out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

void copy_reply(reply&& from, httplib::Response& to) {
  to.status = from.status;
  to.body = std::move(from.body);
  if (!to.body.empty())
    to.set_header("Content-Type", from.content_type);
  for (const auto& [name, value] : from.headers)
    to.set_header(name, value);
}

/// After httplib has set its own headers: what RFC 9110 forbids, and what is not so.
void tidy_headers(httplib::Response& out) {
  out.headers.erase("Accept-Ranges");
  out.headers.erase("Keep-Alive");
  if (out.status == 204)
    out.headers.erase("Content-Length");
}

} // namespace

guarded_server::guarded_server(service& behind, wire_limits limits, bool behind_edge)
    : behind_(behind), limits_(limits), behind_edge_(behind_edge),
      farewell_(limits.linger, limits.lingering_connections) {
  new_task_queue = [this] {
    pool_ = new worker_pool(
        limits_.threads, limits_.waiting_connections, [this] { make_room(); },
        [](const std::function<void()>& task) {
          shedding = true;
          task();
          shedding = false;
        });
    return pool_;
  };
  set_tcp_nodelay(true);
  set_socket_options([this](socket_t socket) {
    const int yes = 1;
    // Not httplib's SO_REUSEPORT: two daemons on one port must be an error.
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    listening_ = socket;
  });
  set_pre_routing_handler([](const httplib::Request&, httplib::Response& out) {
    copy_reply(std::move(*prepared), out);
    return HandlerResponse::Handled;
  });
  set_post_routing_handler([](const httplib::Request&, httplib::Response& out) { tidy_headers(out); });
  // Nothing of ours throws; httplib's own way would put the text into a header.
  set_exception_handler([](const httplib::Request&, httplib::Response& out, std::exception_ptr) {
    copy_reply(to_reply(problem(code::internal), request_id_of(*current)), out);
  });
}

guarded_server::~guarded_server() {
  stop();
}

bool guarded_server::bind(const std::string& address, std::uint16_t port) {
  const int bound =
      port == 0 ? bind_to_any_port(address) : (bind_to_port(address, port) ? static_cast<int>(port) : -1);
  if (bound <= 0 || ::listen(listening_, backlog) != 0)
    return false;
  port_ = static_cast<std::uint16_t>(bound);
  return true;
}

void guarded_server::start(const std::string& address, std::uint16_t port) {
  address_ = address;
  if (!bind(address, port))
    throw std::runtime_error("http: cannot listen on " + address + ":" + std::to_string(port));
  const signals_blocked blocked;
  listener_ = std::thread([this] { listen(); });
  // Before it runs, httplib's stop() does nothing.
  for (const auto until = clock::now() + start_patience; !is_running();) {
    if (clock::now() > until)
      throw std::runtime_error("http: the listener does not start");
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

void guarded_server::listen() {
  // httplib gives up when accept() fails for lack of memory or descriptors; a server does not.
  while (!stopping_) {
    listen_after_bind();
    while (!stopping_ && !bind(address_, port_))
      std::this_thread::sleep_for(rebind_pause);
  }
  listener_over_ = true;
}

void guarded_server::stop() {
  stopping_ = true;
  if (!listener_.joinable())
    return;
  // Again and again: a stop between two of its loops is lost on httplib.
  while (!listener_over_) {
    Server::stop();
    end_reading();
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  listener_.join();
}

/// Idle connections end, answers under way still go out.
void guarded_server::end_reading() {
  const std::lock_guard lock(slots_mutex_);
  for (const auto* one : slots_)
    ::shutdown(one->socket, SHUT_RD);
}

void guarded_server::make_room() {
  const std::lock_guard lock(slots_mutex_);
  slot* oldest = nullptr;
  for (auto* one : slots_)
    if (one->idle_since != 0 && (oldest == nullptr || one->idle_since < oldest->idle_since))
      oldest = one;
  if (oldest == nullptr)
    return;
  ::shutdown(oldest->socket, SHUT_RD);
  oldest->idle_since = 0; // until its thread has noticed, the next one who waits is given another's place
}

void guarded_server::shed(socket_t socket) {
  behind_.refused(503);
  const auto answer =
      refusal_bytes(code::overloaded, "Too many connections.", request_id_of({}), behind_edge_);
  // A new connection's buffer is empty: this fits, or the client is gone.
  [[maybe_unused]] const auto sent =
      ::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  farewell_.close(socket);
}

bool guarded_server::process_and_close_socket(socket_t socket) {
  if (shedding) {
    shed(socket);
    return false;
  }
  slot mine{socket};
  {
    const std::lock_guard lock(slots_mutex_);
    slots_.insert(&mine);
  }
  try {
    connection client(socket, limits_.write);
    while (!stopping_ && serve_request(client, mine)) {
    }
  } catch (const std::exception& e) {
    spdlog::error("http: a connection ended by an error of ours: {}", e.what());
  }
  {
    const std::lock_guard lock(slots_mutex_);
    slots_.erase(&mine);
  }
  if (mine.give_away)
    mine.give_away();
  else
    farewell_.close(socket);
  return true;
}

bool guarded_server::wait_for_request(connection& client, slot& mine) {
  if (!client.buffered().empty())
    return true;
  mine.idle_since = clock::now().time_since_epoch().count();
  const auto patience = pool_->is_pressed() ? limits_.idle_while_others_wait : limits_.idle;
  const auto got = stopping_ ? connection::got::closed : client.receive(clock::now() + patience);
  mine.idle_since = 0;
  return got == connection::got::bytes;
}

/// True: the connection may go on.
bool guarded_server::serve_request(connection& client, slot& mine) {
  if (!wait_for_request(client, mine))
    return false;
  memory_returned after; // the request is gone by then
  const auto deadline = clock::now() + limits_.whole_request;
  head_scanner scanner(limits_);
  for (;;) {
    const auto found = scanner.scan(client.buffered());
    if (const auto* refused = std::get_if<refusal>(&found))
      return refuse(client, {}, *refused), false;
    if (std::get<bool>(found))
      break;
    const auto got = client.receive(deadline);
    if (got == connection::got::late)
      refuse(client, {}, {code::request_timeout, "The header was not whole in time."});
    if (got != connection::got::bytes)
      return false;
  }
  auto parsed = parse_head(client.take(scanner.size()), limits_);
  if (const auto* refused = std::get_if<refusal>(&parsed))
    return refuse(client, {}, *refused), false;
  auto& in = std::get<request>(parsed);
  if (const auto refused = check_body(client, in))
    return refuse(client, in, *refused), false;
  const auto length = in.content_length.value_or(0);
  after.due = length > body_bytes_max;
  const share large(large_bodies_, after.due ? length : 0);
  if (large.total > limits_.large_body_bytes)
    return refuse(client, in, {code::overloaded, "Too many large bodies at once."}), false;
  if (const auto refused = receive_body(client, in, deadline))
    return refuse(client, in, *refused), false;
  in.remote_address = client.remote_address();
  if (const auto* forwarded = in.header("x-forwarded-for"); behind_edge_ && forwarded != nullptr)
    in.remote_address = forwarded->substr(0, address_length_max);
  in.received = clock::now();
  auto out = behind_.serve(in);
  if (!out.take_over)
    return answer(client, in, std::move(out));
  mine.give_away = [socket = mine.socket, take_over = std::move(out.take_over), head = endless_head(out)] {
    take_over(socket, head);
  };
  return false;
}

std::optional<refusal> guarded_server::check_body(const connection& client, request& in) {
  if (auto refused = check_framing(in))
    return refused;
  const auto rule = behind_.rule_of(in);
  if (in.content_length.value_or(0) > rule.bytes_max)
    return refusal{code::too_large, "The body is larger than this operation takes."};
  const bool bodiless =
      in.method == "GET" || in.method == "HEAD" || in.method == "DELETE" || in.method == "OPTIONS";
  if (in.content_length || bodiless)
    return std::nullopt;
  if (rule.required || in.header("content-type") != nullptr || !client.buffered().empty())
    return refusal{code::length_required, "A body needs a Content-Length."};
  // What may still come could be a body: it must never be read as a request.
  in.keep_alive = false;
  return std::nullopt;
}

/// The bytes behind the body stay in the buffer: the next request.
std::optional<refusal> guarded_server::receive_body(connection& client, request& in,
                                                    connection::time_point deadline) {
  const auto length = in.content_length.value_or(0);
  if (in.header("expect") != nullptr && client.buffered().size() < length)
    client.send("HTTP/1.1 100 Continue\r\n\r\n");
  while (client.buffered().size() < length)
    if (client.receive(deadline) != connection::got::bytes)
      return refusal{code::request_timeout, "The body was not whole in time."};
  in.body = client.take(length);
  return std::nullopt;
}

bool guarded_server::answer(connection& client, const request& in, reply out) {
  const bool close = !in.keep_alive || stopping_;
  current = &in;
  prepared = &out;
  client.feed(inner_head);
  bool wants_close = close;
  const bool written = process_request(client, close, wants_close, [&](httplib::Request& inner) {
    // HEAD is a GET whose body stays here: httplib counts it and leaves it out.
    if (in.method == "HEAD")
      inner.method = "HEAD";
  });
  current = nullptr;
  prepared = nullptr;
  // Who waits for a thread comes before a connection that might ask again.
  return client.flush() && written && !close && !pool_->is_pressed();
}

void guarded_server::refuse(connection& client, const request& in, const refusal& why) {
  behind_.refused(info(why.why).status);
  client.send(refusal_bytes(why.why, why.detail, request_id_of(in), behind_edge_));
}

} // namespace ates::http
