#pragma once
/// The connection to one other incarnation of a node (design.md §10). Of two nodes the younger one connects.
///
///                 ┌────────────── back-off, jitter ◄─────────────┐
///                 ▼                                              │ fails
///   younger: unconnected ──► connecting ──► verifying ───────────┤
///                 ▲                             │ greeted        │
///                 └──────── lost ◄── running ◄──┘                │
///   older:   unconnected ──── greeted by the peer ──► running ── lost ──► unconnected
///
/// A running link that hears nothing for limits::link_silence is silent: the region looks for another way
/// until something is heard again. Commands and their deadlines stand in a table here; a lost link answers
/// all of them at once.

#include "actors/node.hpp"
#include "actors/wire.hpp"

#include <chrono>
#include <map>
#include <set>
#include <string>

namespace ates::actors {

/// Where a link hands on what comes over it and tells what becomes of it.
struct link_surroundings {
  std::shared_ptr<actors::node> node;
  region_actor region;
  roster_actor roster;
  membership_actor membership;
  caf::io::middleman_actor middleman; ///< connects: plain or TLS
};

class peer_link_state {
public:
  peer_link_state() {}

  void open(link_actor::pointer self, link_surroundings around, greeting us, storage::node_row peer);
  void connect();
  caf::result<greeting, peer_port> welcome(const greeting& theirs, const peer_port& port);
  caf::result<reply> route(envelope& e);
  void carry(notice& n);
  void on_packet(const packet& p);
  void on_down(const caf::down_msg& d);
  void flush();
  void on_tick();
  void stop();

  static inline const char* name = "peer_link";

private:
  enum class phase : std::uint8_t { unconnected, connecting, verifying, running };

  struct pending {
    envelope command;
    caf::typed_response_promise<reply> asker;
    std::chrono::steady_clock::time_point deadline;
  };

  void greet(const caf::strong_actor_ptr& door);
  void connect_later(const std::string& why);
  void run(const peer_port& port);
  void lost(const char* why);
  void heard();
  void fail_pending();
  void answer_in_doubt(pending& p);
  void quit_when_all_are_answered();
  void serve(wire::request& r);
  void on_response(wire::response& r);
  void on_notice(notice& n);
  void send_soon();
  void set_audible(bool audible);

  link_actor::pointer self_ = nullptr;
  link_surroundings around_;
  greeting us_;
  storage::node_row peer_;
  bool younger_ = false; ///< we are, and connect
  phase phase_ = phase::unconnected;
  peer_port remote_;
  bool audible_ = false; ///< the region knows of us
  std::chrono::steady_clock::time_point last_heard_{}, last_sent_{};
  std::chrono::milliseconds back_off_{0};
  std::string last_trouble_; ///< logged once, not with every try

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, pending> pending_;
  std::set<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> deadlines_;
  wire::frame out_;
  bool flush_pending_ = false;
  std::size_t asked_again_ = 0; ///< commands whose first try was lost
  bool stopping_ = false;       ///< ends when the last of them is answered
};

link_actor::behavior_type peer_link(link_actor::stateful_pointer<peer_link_state> self,
                                    link_surroundings around, greeting us, storage::node_row peer);

} // namespace ates::actors
