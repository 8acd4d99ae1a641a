#pragma once
/// A small company's books in a database of their own, written through the real journal as the actors would:
/// employees, tasks, shuffles, days closed. What a verification, or a report, should make of them is up to
/// the test.

#include "storage/journal.hpp"
#include "storage/record.hpp"
#include "test/storage/worlds.hpp"

#include <map>
#include <string>
#include <vector>

namespace ates::test {

class sample_books {
public:
  sample_books();

  domain::account_id hire(const std::string& login);
  /// Fee 1500. Delivers.
  domain::task_id create(const std::string& title, const domain::account_id& assignee,
                         const std::string& jira_id = "", std::int64_t reward = 3000);
  /// Its assignee gives it another title and takes its jira_id away.
  void edit(const domain::task_id& id, const std::string& title);
  /// The assignee completes it; the reward is posted by deliver().
  void complete(const domain::task_id& id);
  /// Gives every open task to the account after its assignee, in order of hiring. Delivers.
  void shuffle();
  /// Pays out and begins the next day.
  void close_day();
  /// Posts what is owed.
  void deliver();

  void pass(std::chrono::microseconds time) { now += time; }
  const domain::account& account(const domain::account_id& id) { return accounts_.at(id.value); }
  const domain::task& task(const domain::task_id& id) { return tasks_.at(id.value); }
  [[nodiscard]] std::string url(database_role role = database_role::app) const { return world.url(role); }

  postgres_world world;
  domain::day today = sample_day();
  domain::instant now = noon();

private:
  void write_task(domain::task& t, const std::vector<domain::task_event>& events);
  void write_account(domain::account& a, const std::vector<domain::account_event>& events,
                     const storage::delivery* because);
  /// A record of shard 0, where the supervisors live.
  storage::record supervisors_record(storage::entity_kind kind);
  void commit(storage::record r);

  desk<postgres_world> desk_;
  std::vector<domain::account_id> hired_;
  std::map<domain::uuid, domain::account> accounts_;
  std::map<domain::uuid, domain::task> tasks_;
  std::int64_t runs_ = 0;
};

} // namespace ates::test
