#include "http/guarded_server.hpp"

#include "http/problem.hpp"

#include <spdlog/spdlog.h>

#include <csignal>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <thread>
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

/// httplib's handlers get no context of ours; a request is one thread, so this is it.
thread_local const request* current = nullptr;
thread_local reply* prepared = nullptr;

/// httplib's queue of connections: what it takes from the line goes to the reception at once.
class no_queue : public httplib::TaskQueue {
public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

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

/// What those hear who find the line full. Made once but for the request's id: it has to be cheap.
class overload_words {
public:
  overload_words() {
    const std::string id = "?"; // in no other word of it
    const auto r = to_reply(problem(code::overloaded, "Too many requests at once."), id);
    const auto at = r.body.find(id);
    body_ = {r.body.substr(0, at), r.body.substr(at + id.size())};
    head_ = "HTTP/1.1 " + std::to_string(r.status) + " Refused\r\nContent-Type: " + r.content_type + "\r\n";
    for (const auto& [name, value] : r.headers)
      head_ += name + ": " + value + "\r\n";
  }

  [[nodiscard]] std::string bytes(const std::string& request_id, bool close, bool with_body) const {
    auto out = head_ + "Content-Length: " +
               std::to_string(body_.first.size() + request_id.size() + body_.second.size()) +
               (close ? "\r\nConnection: close" : "") + "\r\nX-Request-Id: " + request_id + "\r\n\r\n";
    if (with_body)
      out.append(body_.first).append(request_id).append(body_.second);
    return out;
  }

private:
  std::string head_;
  std::pair<std::string, std::string> body_;
};

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
    : behind_(behind), limits_(limits), farewell_(limits.linger, limits.lingering_connections),
      budget_(limits.large_body_bytes, limits.small_request_bytes), rules_{limits_,
                                                                           [this](const request& head) {
                                                                             return behind_.rule_of(head);
                                                                           },
                                                                           budget_, behind_edge},
      reception_(*this, rules_, farewell_), pool_(limits.threads, limits.waiting_requests),
      node_pool_(limits.node_threads, limits.node_waiting_requests) {
  new_task_queue = [] { return new no_queue; };
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
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  listener_.join();
  // Idle connections end, answers under way still go out.
  reception_.stop();
  pool_.shutdown();
  node_pool_.shutdown();
}

bool guarded_server::process_and_close_socket(socket_t socket) {
  reception_.admit(socket);
  return true;
}

void guarded_server::shed(int socket) {
  behind_.refused(503);
  const auto answer =
      refusal_bytes(code::overloaded, "Too many connections.", request_id_of({}), rules_.behind_edge);
  // What it has said already would, unread, reset the connection where the farewell has no place for it.
  std::array<char, 4'096> rubbish;
  [[maybe_unused]] const auto read = ::recv(socket, rubbish.data(), rubbish.size(), MSG_DONTWAIT);
  // A new connection's buffer is empty: this fits, or the client is gone.
  [[maybe_unused]] const auto sent =
      ::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  farewell_.close(socket);
}

void guarded_server::refuse(reception::guest& who, const refusal& why) {
  behind_.refused(info(why.why).status);
  who.client.send_now(refusal_bytes(why.why, why.detail, request_id_of(who.reader.in()), rules_.behind_edge));
}

bool guarded_server::take(reception::guest& with_request) {
  auto& pool = with_request.reader.always_served() ? node_pool_ : pool_;
  if (pool.enqueue([this, &with_request] { serve(with_request); }))
    return false;
  if (refuse_overloaded(with_request))
    return true;
  farewell_.close(reception_.release(with_request));
  return false;
}

void guarded_server::wait_for_room() {
  std::this_thread::sleep_for(limits_.pause_after_refusal);
  pool_.wait_for_room(limits_.pause_while_full);
}

bool guarded_server::refuse_overloaded(reception::guest& who) {
  behind_.refused(503);
  const auto& in = who.reader.in();
  const bool close = !in.keep_alive || stopping_;
  static const overload_words words;
  return who.client.send_now(words.bytes(request_id_of(in), close, in.method != "HEAD")) && !close;
}

void guarded_server::serve(reception::guest& who) {
  const auto& in = who.reader.in();
  memory_returned after; // the request is gone by then
  after.due = in.content_length.value_or(0) > body_bytes_max;
  bool goes_on = false;
  try {
    auto out = behind_.serve(in);
    if (out.take_over) {
      const auto head = endless_head(out);
      out.take_over(reception_.release(who), head);
      return;
    }
    goes_on = answer(who.client, in, std::move(out));
  } catch (const std::exception& e) {
    spdlog::error("http: a connection ended by an error of ours: {}", e.what());
  }
  who.reader.reset();
  if (goes_on)
    reception_.keep(who);
  else
    farewell_.close(reception_.release(who));
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
  return client.flush() && written && !close;
}

} // namespace ates::http
