#pragma once
/// What tasks, accounts and supervisors share: entities decide, they do no I/O (design.md §4). The output
/// gate of design.md §5 stands here: nothing that rests on undurable state leaves an entity.

#include "actors/entity_load.hpp"
#include "actors/house_rules.hpp"
#include "actors/node.hpp"
#include "actors/protocol.hpp"
#include "actors/wire.hpp"

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
  std::shared_ptr<entity_load> load; ///< of this life of the entity
};

/// Not business time: for what lives for a real while (kept answers, sessions).
domain::instant real_now();

/// The answers an entity keeps for Idempotency-Keys (contract.md §3): those that are too old go when it keeps
/// more, so that an entity that lives for months does not grow with each key.
class kept_answers {
public:
  void load(const std::vector<storage::kept_answer>& rows);
  void keep(const storage::kept_answer& row);
  [[nodiscard]] std::size_t count() const noexcept { return rows_.size(); }

  /// What a request with `key` gets: nullopt when it is new, else the kept answer as text, or a mismatch.
  struct found {
    bool mismatch = false;
    std::string answer;
  };
  [[nodiscard]] std::optional<found> look_up(const std::optional<idempotency>& key) const;

private:
  std::map<domain::uuid, storage::kept_answer> rows_;
  std::size_t sweep_at_ = 1'024; ///< rows; twice what the last sweep has left, so that each costs little
};

/// A row that keeps `answer` under `key`.
storage::kept_answer make_kept(const idempotency& key, std::string answer);

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

/// The entity's part of what is told about it (inspect_actor_command): its state as JSON and what it did
/// last.
inline reply inside(const entity_home& home, std::string value) {
  actor_detail d;
  d.value = std::move(value);
  d.recent = home.load->recent.newest_first();
  return success(outcome::ok, std::move(d));
}

/// Answers `r`, which changes nothing, and keeps `answer` for the key of the request.
template <class Self>
caf::result<reply> answer_and_keep(Self* self, const entity_home& home, kept_answers& kept, const envelope& e,
                                   std::uint64_t version, std::string answer, reply r) {
  auto record = begin_record(home, e.to, version, e.now);
  record.kept = make_kept(*e.key, std::move(answer));
  kept.keep(*record.kept);
  return write(self, home, std::move(record), std::move(r));
}

/// As answer_when_durable, for an entity that counts no versions.
template <class Self> caf::result<reply> answer_behind_all(Self* self, const entity_home& home, reply r) {
  return self->delegate(home.journal,
                        barrier{home.shard, home.generation, !home.node->right.fresh(), std::move(r)});
}

/// Runs the handling of one message, measured. An exception ends the actor; its words are kept.
template <class Self, class Handler>
decltype(auto) measured(Self* self, entity_load& load, std::int64_t handed_on_ns, std::string_view kind,
                        Handler handler, std::optional<storage::cause> event = std::nullopt) {
  const handling measuring{load, self->state, handed_on_ns, kind};
  try {
    return handler();
  } catch (const std::exception& e) {
    load.failed({e.what(), event});
    throw;
  }
}

/// Runs a handler of an entity. An exception leaves the state unusable: the asker hears `internal`, the actor
/// ends and its shard starts it again from what is durable.
template <class Self, class Handler>
caf::result<reply> guarded(Self* self, entity_load& load, const envelope& e, Handler handler) {
  try {
    if (std::holds_alternative<inspect_actor_command>(e.what))
      return handler(); // looking at it is no work of its own
    return measured(self, load, e.handed_on_ns, name_of(e.what), handler);
  } catch (const std::exception& x) {
    spdlog::error("actor={} exception=\"{}\"", self->state.name, x.what());
    self->quit(caf::exit_reason::unhandled_exception);
    return refusal(outcome::internal);
  }
}

} // namespace ates::actors
