#pragma once
/// The state machine of one task (contract.md B2..B7). Pure: decide looks, apply changes.
///
///   (nothing) --create--> open --complete by its assignee--> done
///                          | ^
///                          +-+ reassign (shuffle, release): the assignee changes, the fee is charged again
///                              edit: the words change, nothing else

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/pricing.hpp"
#include "domain/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ates::domain {

enum class task_status : std::uint8_t { open = 1, done = 2 };
enum class assign_reason : std::uint8_t { created = 1, shuffled = 2, released = 3 };

std::string_view to_string(task_status s) noexcept;
std::string_view to_string(assign_reason r) noexcept;
std::optional<task_status> parse_task_status(std::string_view text) noexcept;
std::optional<assign_reason> parse_assign_reason(std::string_view text) noexcept;

/// Everything known about one task: its snapshot. `version` 0 means that it does not exist.
struct task {
  task_id id;
  std::string title;
  std::string jira_id;      ///< empty: none
  std::string description;  ///< empty: none
  std::string external_ref; ///< empty: none
  price prices;
  account_id created_by;
  instant created_at{};
  task_status status = task_status::open;
  account_id assignee; ///< of a done task: the one who completed it
  instant assigned_at{};
  std::optional<instant> completed_at;
  std::uint32_t assignments = 0; ///< how often a fee was charged for it
  std::uint64_t last_run = 0;    ///< number of the last shuffle run that reached it; 0: none yet
  std::uint64_t version = 0;     ///< +1 with each change

  [[nodiscard]] bool exists() const noexcept { return version != 0; }
  friend bool operator==(const task&, const task&) = default;
};

struct create_task {
  std::string title;
  std::string jira_id;
  std::string description;
  std::string external_ref;
  account_id by;
  price prices;        ///< drawn by the caller (B4)
  account_id assignee; ///< drawn by the caller (B5)
};

/// New words for an open task; what is not given stays. Prices never change (B4).
struct edit_task {
  account_id by;
  std::optional<std::string> title;
  std::optional<std::string> jira_id;     ///< empty: none from now on
  std::optional<std::string> description; ///< empty: none from now on
};

struct complete_task {
  account_id by;
};

/// A shuffle gives the task to `assignee`; `run` numbers runs from 1 (design.md §8).
struct shuffle_task {
  std::uint64_t run = 0;
  shuffle_id shuffle;
  account_id assignee;
};

/// `from` is not to have it any more (contract.md B16): it goes to `assignee`.
struct release_task {
  account_id from;
  account_id assignee;
};

struct task_created {
  task_id task;
  std::string title;
  std::string jira_id;
  std::string description;
  std::string external_ref;
  account_id by;
};
struct task_estimated {
  task_id task;
  price prices;
};
struct task_assigned {
  task_id task;
  account_id account;
  std::optional<account_id> previous; ///< none at creation
  assign_reason reason = assign_reason::created;
  std::optional<shuffle_id> shuffle;
  std::uint64_t run = 0; ///< 0 unless shuffled
  cents fee;
};
/// The words as they are from now on.
struct task_edited {
  task_id task;
  std::string title;
  std::string jira_id;
  std::string description;
  account_id by;
};
struct task_completed {
  task_id task;
  account_id account;
  cents reward;
  cents fees; ///< of the task's whole life
};
using task_event = std::variant<task_created, task_estimated, task_assigned, task_edited, task_completed>;

/// What became of a command.
enum class task_outcome : std::uint8_t {
  done,         ///< events follow
  unchanged,    ///< nothing to do: answered as if done (completed before by the same account; run already
                ///< applied; released, but done or somebody else's; edited to what it is)
  not_found,    ///< there is no such task
  exists,       ///< create: it already exists
  not_assignee, ///< B7
  already_done  ///< B7
};

struct task_verdict {
  task_outcome outcome = task_outcome::done;
  std::vector<task_event> events;
};

/// What `command` means for `t` now. Changes nothing.
task_verdict decide(const task& t, const create_task& command);
task_verdict decide(const task& t, const edit_task& command);
task_verdict decide(const task& t, const complete_task& command);
task_verdict decide(const task& t, const shuffle_task& command);
task_verdict decide(const task& t, const release_task& command);

/// Applies all events of one verdict as one change at business time `at`: version +1 if there is any event.
void apply(task& t, const std::vector<task_event>& events, instant at);

} // namespace ates::domain
