#include "actors/task.hpp"

#include "actors/answers.hpp"
#include "actors/house_rules.hpp"
#include "actors/inspection.hpp"
#include "domain/draw.hpp"
#include "storage/event_json.hpp"

namespace ates::actors {

namespace {

outcome outcome_of(domain::task_outcome o) {
  using domain::task_outcome;
  switch (o) {
  case task_outcome::done:
    return outcome::ok;
  case task_outcome::unchanged:
  case task_outcome::exists:
    return outcome::known;
  case task_outcome::not_found:
    return outcome::not_found;
  case task_outcome::not_assignee:
    return outcome::not_assignee;
  case task_outcome::already_done:
    return outcome::already_done;
  }
  return outcome::internal;
}

} // namespace

void task_state::open(entity_actor::pointer self, entity_home home, task_id id,
                      storage::loaded_entity loaded) {
  self_ = self;
  home_ = std::move(home);
  if (auto* t = std::get_if<domain::task>(&loaded.snapshot))
    task_ = std::move(*t);
  task_.id = id;
  kept_.load(loaded.kept);
}

caf::result<reply> task_state::handle(envelope& e) {
  return std::visit([&](auto& c) { return on(e, c); }, e.what);
}

template <class Other> caf::result<reply> task_state::on(envelope&, Other&) {
  return refusal(outcome::internal); // no task understands it: a mistake of the sender
}

std::optional<reply> task_state::replay(const envelope& e) const {
  const auto found = kept_.look_up(e.key);
  if (!found)
    return std::nullopt;
  if (found->mismatch)
    return refusal(outcome::idempotency_mismatch);
  auto r = success(outcome::ok, task_of(found->answer));
  r.replayed = true;
  return r;
}

caf::result<reply> task_state::answer(const envelope& e, reply r) {
  return answer_when_durable(self_, home_, e, task_.version, std::move(r));
}

caf::result<reply> task_state::on(envelope& e, read_entity&) {
  return answer(e, task_.exists() ? success(outcome::ok, task_) : refusal(outcome::not_found));
}

std::optional<account_id> task_state::draw() const {
  const auto roster = home_.node->current_roster();
  const auto& assignable = *roster->assignable;
  if (assignable.empty())
    return std::nullopt;
  return assignable[domain::uniform_below(thread_dice(), assignable.size())];
}

caf::result<reply> task_state::on(envelope& e, create_task_command& c) {
  if (task_.exists() && !c.external_ref.empty())
    return answer(e, success(outcome::known, task_));
  if (auto r = replay(e))
    return answer(e, std::move(*r));
  if (task_.exists()) { // made with this key so long ago that the answer is kept no more
    auto r = success(outcome::ok, task_);
    r.replayed = true;
    return answer(e, std::move(r));
  }
  const draw_in_hand drawing(*home_.node);
  if (!home_.node->current_roster()->known)
    return refusal(outcome::unavailable); // a node that does not know its people yet is not one without
  const auto assignee = draw();
  if (!assignee)
    return answer(e, refusal(outcome::no_assignable_account));
  domain::create_task create{.title = std::move(c.title),
                             .jira_id = std::move(c.jira_id),
                             .description = std::move(c.description),
                             .external_ref = std::move(c.external_ref),
                             .by = e.by,
                             .prices =
                                 domain::draw_price(home_.node->settings.exchange.prices, thread_dice()),
                             .assignee = *assignee};
  return change(e, domain::decide(task_, create));
}

caf::result<reply> task_state::on(envelope& e, edit_task_command& c) {
  return change(e, domain::decide(task_, domain::edit_task{e.by, std::move(c.title), std::move(c.jira_id),
                                                           std::move(c.description)}));
}

caf::result<reply> task_state::on(envelope& e, complete_task_command&) {
  if (auto r = replay(e))
    return answer(e, std::move(*r));
  return change(e, domain::decide(task_, domain::complete_task{e.by}));
}

caf::result<reply> task_state::on(envelope& e, shuffle_task_command& c) {
  return change(e, domain::decide(task_, domain::shuffle_task{c.run, c.shuffle, c.assignee}));
}

caf::result<reply> task_state::on(envelope& e, release_task_command& c) {
  const draw_in_hand drawing(*home_.node);
  if (home_.node->current_roster()->version < c.roster)
    return refusal(outcome::unavailable); // it might draw the one who left
  const auto assignee = draw();
  if (!assignee)
    return answer(e, refusal(outcome::no_assignable_account));
  return change(e, domain::decide(task_, domain::release_task{c.from, *assignee}));
}

caf::result<reply> task_state::on(envelope& e, inspect_actor_command&) {
  if (!task_.exists())
    return answer(e, refusal(outcome::not_found)); // somebody has asked for a task that there is not
  return answer(e, inside(home_, shown(task_)));
}

caf::result<reply> task_state::change(const envelope& e, const domain::task_verdict& verdict) {
  if (verdict.events.empty()) {
    if (verdict.outcome == domain::task_outcome::unchanged && e.key)
      return answer_and_keep(self_, home_, kept_, e, task_.version, to_answer(task_),
                             success(outcome::known, task_));
    if (verdict.outcome == domain::task_outcome::unchanged)
      return answer(e, success(outcome::known, task_));
    return answer(e, refusal(outcome_of(verdict.outcome)));
  }
  auto record = begin_record(home_, {entity_kind::task, task_.id.value}, task_.version, e.now);
  domain::apply(task_, verdict.events, e.now);
  for (const auto& event : verdict.events) {
    record.events.push_back(storage::task_event_row(event, task_, e.now, home_.node->shards));
    record.new_words = record.new_words || std::holds_alternative<domain::task_edited>(event);
    const auto* created = std::get_if<domain::task_created>(&event);
    if (created != nullptr && home_.node->settings.events_legacy_v1)
      record.events.push_back(storage::legacy_task_created_event_row(*created, e.now));
  }
  if (e.key && !std::holds_alternative<shuffle_task_command>(e.what)) {
    record.kept = make_kept(*e.key, to_answer(task_));
    kept_.keep(*record.kept);
  }
  record.snapshot = task_;
  return write(self_, home_, std::move(record), success(outcome::ok, task_));
}

entity_actor::behavior_type task(entity_actor::stateful_pointer<task_state> self, entity_home home,
                                 task_id id, storage::loaded_entity loaded) {
  set_house_rules(self, task_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), id, std::move(loaded));
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->quit();
        return self->state.version();
      },
  };
}

} // namespace ates::actors
