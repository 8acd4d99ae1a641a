#pragma once
/// What tasks, accounts and supervisors share: entities decide, they do no I/O (design.md §4). The output
/// gate of design.md §5 stands here: nothing that rests on undurable state leaves an entity.

#include "actors/house_rules.hpp"
#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ates::actors {

/// Where an entity lives. The shard makes it; a new life of the shard makes a new one.
struct entity_home {
  std::shared_ptr<actors::node> node;
  shard_number shard = 0;
  storage::epoch epoch = 0;
  std::uint64_t generation = 0;
  journal_actor journal;
};

/// The answers an entity keeps for Idempotency-Keys (contract.md §3).
class kept_answers {
public:
  void load(const std::vector<storage::kept_answer>& rows);
  void keep(const storage::kept_answer& row);

  /// What a request with `key` gets: nullopt when it is new, else the kept answer as text, or a mismatch.
  struct found {
    bool mismatch = false;
    std::string answer;
  };
  [[nodiscard]] std::optional<found> look_up(const std::optional<idempotency>& key) const;

private:
  std::map<domain::uuid, storage::kept_answer> rows_;
};

/// A row that keeps `answer` under `key`.
storage::kept_answer make_kept(const idempotency& key, std::string answer);

inline reply refusal(outcome what) {
  reply r;
  r.what = what;
  return r;
}

template <class T> reply success(outcome what, T value) {
  reply r;
  r.what = what;
  r.value = std::move(value);
  return r;
}

/// An empty record of this entity, ready to be filled.
storage::record begin_record(const entity_home& home, const entity_ref& entity, std::uint64_t replaces,
                             domain::instant at);

/// Hands a record to the journal, which answers the asker with `r` once it is durable.
template <class Self>
caf::result<reply> write(Self* self, const entity_home& home, storage::record record, reply r) {
  return self->delegate(home.journal,
                        journal_entry{std::make_shared<const storage::record>(std::move(record)),
                                      home.generation, std::move(r)});
}

/// Answers `r`, which rests on version `version` of the entity: at once when that is durable and our word is
/// good, else behind a barrier in the journal, which asks the database if need be.
template <class Self>
caf::result<reply> answer_when_durable(Self* self, const entity_home& home, const envelope& e,
                                       std::uint64_t version, reply r) {
  const bool fresh = home.node->right.fresh();
  if (version == e.durable_version && fresh)
    return r;
  return self->delegate(home.journal, barrier{home.shard, home.generation, !fresh, std::move(r)});
}

/// Runs a handler of an entity. An exception leaves the state unusable: the asker hears `internal`, the actor
/// ends and its shard starts it again from what is durable.
template <class Self, class Handler> caf::result<reply> guarded(Self* self, Handler handler) {
  try {
    return handler();
  } catch (const std::exception& e) {
    spdlog::error("actor={} exception=\"{}\"", self->state.name, e.what());
    self->quit(caf::exit_reason::unhandled_exception);
    return refusal(outcome::internal);
  }
}

} // namespace ates::actors
