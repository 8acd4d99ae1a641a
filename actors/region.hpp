#pragma once
/// The region: "send this to shard X", wherever X lives. Here: to its actor. Elsewhere: over the link to its
/// node. Nowhere yet, or on the move: it waits, until the map, an attachment or a link says more, or until
/// its deadline.

#include "actors/protocol.hpp"

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace ates::actors {

class region_state {
public:
  region_state() {}

  void open(region_actor::pointer self, shard_number shards);
  caf::result<reply> handle(envelope& e);
  void on_map(const cluster_map& map);
  void on_placement(const placement& p);
  void attach(shard_number shard, const shard_actor& actor);
  void detach(shard_number shard);
  void link_up(storage::incarnation peer, const link_actor& link);
  void link_down(storage::incarnation peer);
  void on_tick();
  void stop();

  /// To the shard's actor or its node; dropped if neither is there.
  template <class Message> void pass_on(shard_number to, Message& message);
  /// To the shard's actor only.
  void on_peer_notice(peer_notice& n);

  static inline const char* name = "region";

private:
  struct parked {
    envelope command;
    caf::typed_response_promise<reply> asker;
  };
  struct place {
    shard_actor local; ///< null: not here, being loaded, or on the move
    std::optional<storage::incarnation> owner;
    storage::epoch epoch = 0;
    std::deque<parked> waiting;
  };
  /// What is to be done with a command now.
  struct way {
    shard_actor shard;           ///< here
    link_actor link;             ///< there
    std::optional<reply> answer; ///< the asker must look elsewhere
    [[nodiscard]] bool none() const { return !shard && !link && !answer; }
  };

  place* place_of(const entity_ref& entity);
  way find_way(const place& p, const envelope& e) const;
  void set_out(envelope& e, const place& p) const;
  void retry(place& p);

  region_actor::pointer self_ = nullptr;
  storage::incarnation number_ = 0; ///< ours
  std::vector<place> places_;
  std::unordered_map<storage::incarnation, link_actor> links_; ///< those that work
  std::size_t waiting_ = 0;
  bool ticking_ = false;
};

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self, shard_number shards);

} // namespace ates::actors
