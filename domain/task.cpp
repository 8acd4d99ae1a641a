#include "domain/task.hpp"

#include "domain/overload.hpp"

namespace ates::domain {

namespace {

task_verdict refuse(task_outcome outcome) {
  return {outcome, {}};
}

} // namespace

std::string_view to_string(task_status s) noexcept {
  switch (s) {
  case task_status::open:
    return "open";
  case task_status::done:
    return "done";
  }
  return "?";
}

std::string_view to_string(assign_reason r) noexcept {
  switch (r) {
  case assign_reason::created:
    return "created";
  case assign_reason::shuffled:
    return "shuffled";
  case assign_reason::released:
    return "released";
  }
  return "?";
}

std::optional<task_status> parse_task_status(std::string_view text) noexcept {
  for (const auto s : {task_status::open, task_status::done})
    if (text == to_string(s))
      return s;
  return std::nullopt;
}

std::optional<assign_reason> parse_assign_reason(std::string_view text) noexcept {
  using enum assign_reason;
  for (const auto r : {created, shuffled, released})
    if (text == to_string(r))
      return r;
  return std::nullopt;
}

task_verdict decide(const task& t, const create_task& command) {
  if (t.exists())
    return refuse(task_outcome::exists);
  task_verdict verdict;
  verdict.events.reserve(3);
  verdict.events.emplace_back(task_created{t.id, command.title, command.jira_id, command.description,
                                           command.external_ref, command.by});
  verdict.events.emplace_back(task_estimated{t.id, command.prices});
  verdict.events.emplace_back(task_assigned{.task = t.id,
                                            .account = command.assignee,
                                            .previous = std::nullopt,
                                            .reason = assign_reason::created,
                                            .shuffle = std::nullopt,
                                            .run = 0,
                                            .fee = command.prices.fee});
  return verdict;
}

task_verdict decide(const task& t, const edit_task& command) {
  if (!t.exists())
    return refuse(task_outcome::not_found);
  if (t.status == task_status::done)
    return refuse(task_outcome::already_done);
  task_edited edited{t.id, command.title.value_or(t.title), command.jira_id.value_or(t.jira_id),
                     command.description.value_or(t.description), command.by};
  if (edited.title == t.title && edited.jira_id == t.jira_id && edited.description == t.description)
    return refuse(task_outcome::unchanged);
  task_verdict verdict;
  verdict.events.emplace_back(std::move(edited));
  return verdict;
}

task_verdict decide(const task& t, const complete_task& command) {
  if (!t.exists())
    return refuse(task_outcome::not_found);
  const bool by_assignee = command.by == t.assignee;
  if (t.status == task_status::done)
    return refuse(by_assignee ? task_outcome::unchanged : task_outcome::already_done);
  if (!by_assignee)
    return refuse(task_outcome::not_assignee);
  task_verdict verdict;
  verdict.events.emplace_back(task_completed{
      .task = t.id, .account = t.assignee, .reward = t.prices.reward, .fees = t.prices.fee * t.assignments});
  return verdict;
}

namespace {

task_verdict give_to(const task& t, const account_id& assignee, assign_reason reason,
                     const std::optional<shuffle_id>& shuffle, std::uint64_t run) {
  task_verdict verdict;
  verdict.events.emplace_back(task_assigned{.task = t.id,
                                            .account = assignee,
                                            .previous = t.assignee,
                                            .reason = reason,
                                            .shuffle = shuffle,
                                            .run = run,
                                            .fee = t.prices.fee});
  return verdict;
}

} // namespace

task_verdict decide(const task& t, const shuffle_task& command) {
  if (!t.exists())
    return refuse(task_outcome::not_found);
  if (t.status == task_status::done || t.last_run >= command.run)
    return refuse(task_outcome::unchanged);
  return give_to(t, command.assignee, assign_reason::shuffled, command.shuffle, command.run);
}

task_verdict decide(const task& t, const release_task& command) {
  if (!t.exists())
    return refuse(task_outcome::not_found);
  if (t.status == task_status::done || t.assignee != command.from)
    return refuse(task_outcome::unchanged);
  return give_to(t, command.assignee, assign_reason::released, std::nullopt, 0);
}

void apply(task& t, const std::vector<task_event>& events, instant at) {
  const overload change{
      [&](const task_created& e) {
        t.id = e.task;
        t.title = e.title;
        t.jira_id = e.jira_id;
        t.description = e.description;
        t.external_ref = e.external_ref;
        t.created_by = e.by;
        t.created_at = at;
        t.status = task_status::open;
      },
      [&](const task_estimated& e) { t.prices = e.prices; },
      [&](const task_assigned& e) {
        t.assignee = e.account;
        t.assigned_at = at;
        ++t.assignments;
        if (e.reason == assign_reason::shuffled)
          t.last_run = e.run;
      },
      [&](const task_edited& e) {
        t.title = e.title;
        t.jira_id = e.jira_id;
        t.description = e.description;
      },
      [&](const task_completed&) {
        t.status = task_status::done;
        t.completed_at = at;
      },
  };
  for (const auto& event : events)
    std::visit(change, event);
  if (!events.empty())
    ++t.version;
}

} // namespace ates::domain
