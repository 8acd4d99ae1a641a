#pragma once
/// Where connections are while nobody works for them. One thread reads what they say, however slowly, until a
/// request is whole; only then it costs a thread of the pool. So a crowd that is silent, slow or refused
/// takes nothing but sockets, and what it costs to say no is bounded by one thread's share of the processors.
///
///   admit ──► idle ──bytes──► reading ──whole──► the host's ── keep ──► idle …
///               │ too long,      │ too long: 408     │
///               │ room needed    │ refused           └ release: it has ended, or is somebody else's
///               └──► farewell ◄──┘

#include "http/connection.hpp"
#include "http/farewell.hpp"
#include "http/limits.hpp"
#include "http/request_reader.hpp"
#include "http/waker.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace ates::http {

class reception {
public:
  /// A connection. Belongs to the reception, or, with a whole request, to the host.
  struct guest {
    guest(int socket, const reading_rules& rules)
        : socket(socket), client(socket, rules.limits.write), reader(rules) {}
    const int socket;
    connection client;
    request_reader reader;

  private:
    friend class reception;
    std::list<guest*> apart{this};  ///< where it is while it is the host's: moving never needs memory
    std::list<guest*>* in = &apart; ///< this, idle_ or reading_
    std::list<guest*>::iterator at = apart.begin();
    std::chrono::steady_clock::time_point since{}; ///< when it came into that list
  };

  /// Called from the reception's thread: must not block, but for wait_for_room().
  class host {
  public:
    virtual ~host() = default;
    /// A whole request. True: refused already, the connection goes on. False: the guest is the host's, until
    /// keep() or release().
    virtual bool take(guest& with_request) = 0;
    /// Says no; the connection ends then. `why` is all there is to say when there is no request.
    virtual void refuse(guest& who, const refusal& why) = 0;
    /// There is no room for this connection. The socket is the host's.
    virtual void shed(int socket) = 0;
    /// Somebody had to be refused just now: returns when there is room for more requests, or soon.
    virtual void wait_for_room() = 0;
  };

  /// All of these must outlive it.
  reception(host& behind, const reading_rules& rules, farewell& exit);
  /// Stops. The host has none of the guests any more.
  ~reception();
  reception(const reception&) = delete;
  reception& operator=(const reception&) = delete;

  /// Takes the socket over. From any thread.
  void admit(int socket);
  /// The guest was answered and may ask again. From the host's threads.
  void keep(guest& who);
  /// The guest is gone; its socket is the caller's. For the host's guests only.
  int release(guest& who);
  /// Ends every connection that has no whole request with the host; keep() ends the others. Safe to call
  /// twice.
  void stop();

private:
  using clock = std::chrono::steady_clock;
  void run();
  void welcome(int socket);
  void receive(guest& who);
  void advance(guest& who);
  void end_late();
  void end_all();
  /// False: it has just said something.
  bool end_idle(guest& who);
  void end(guest& who);
  void arm(guest& who);
  void disarm(guest& who);
  void put(guest& who, std::list<guest*>& where);

  host& host_;
  const reading_rules& rules_;
  farewell& exit_;
  int poll_ = -1;
  waker waker_;
  bool had_to_refuse_ = false; ///< the thread's own: since it last paused
  std::mutex mutex_;           // guards all below, and `in`, `at`, `since` of guests
  std::unordered_map<guest*, std::unique_ptr<guest>> guests_;
  std::list<guest*> idle_, reading_; ///< who came first is first
  std::vector<int> arrived_;
  std::vector<guest*> pipelined_; ///< kept, with bytes that no poll tells of
  bool over_ = false;
  std::thread thread_;
};

} // namespace ates::http
