#pragma once
/// One task, alive: decides commands by domain::decide and hands the record to the journal.

#include "actors/entity.hpp"
#include "domain/task.hpp"

namespace ates::actors {

class task_state {
public:
  task_state() {}

  void open(entity_actor::pointer self, entity_home home, task_id id, storage::loaded_entity loaded);
  caf::result<reply> handle(envelope& e);
  [[nodiscard]] std::uint64_t version() const { return task_.version; }

  static inline const char* name = "task";

private:
  caf::result<reply> on(envelope& e, read_entity&);
  caf::result<reply> on(envelope& e, create_task_command& c);
  caf::result<reply> on(envelope& e, edit_task_command& c);
  caf::result<reply> on(envelope& e, complete_task_command&);
  caf::result<reply> on(envelope& e, shuffle_task_command& c);
  caf::result<reply> on(envelope& e, release_task_command& c);
  caf::result<reply> on(envelope& e, inspect_actor_command&);
  template <class Other> caf::result<reply> on(envelope&, Other&);

  /// Anybody assignable, by chance; nullopt: nobody is. Only with a draw_in_hand.
  [[nodiscard]] std::optional<account_id> draw() const;
  /// A kept answer to the same request, if there is one.
  std::optional<reply> replay(const envelope& e) const;
  caf::result<reply> answer(const envelope& e, reply r);
  /// Applies the events and writes them; the reply is the task as it is then.
  caf::result<reply> change(const envelope& e, const domain::task_verdict& verdict);

  entity_actor::pointer self_ = nullptr;
  entity_home home_;
  domain::task task_;
  kept_answers kept_;
};

/// `loaded.snapshot` is the task, or nothing when it does not exist yet.
entity_actor::behavior_type task(entity_actor::stateful_pointer<task_state> self, entity_home home,
                                 task_id id, storage::loaded_entity loaded);

} // namespace ates::actors
