#pragma once
/// The loader on PostgreSQL: committed rows by index probes, whatever the statistics say.

#include "storage/connection.hpp"
#include "storage/journal.hpp"

#include <optional>
#include <string>

namespace ates::storage {

/// Connects when it is first needed, and again after a loss: the call that meets the loss throws.
class postgres_loader final : public loader {
public:
  explicit postgres_loader(std::string url, const time_limits& limits = {}, bool allow_unsafe_server = false);

  std::vector<loaded_entity> load(std::span<const entity_place> wanted) override;
  std::vector<loaded_shard> load_shards(std::span<const shard_number> shards) override;
  loaded_supervisors load_supervisors() override;
  std::vector<delivery> inbox(shard_number target, shard_number source, std::int64_t after,
                              std::size_t limit) override;
  std::map<shard_number, std::int64_t> inbox_heads(shard_number target) override;
  std::vector<domain::task> open_tasks(shard_number shard, instant before, std::int64_t run,
                                       const std::optional<domain::task_id>& after,
                                       std::size_t limit) override;
  std::int64_t count_open_tasks(shard_number shard, instant before, std::int64_t run) override;
  std::int64_t count_reassigned(shard_number shard, std::int64_t run) override;
  std::vector<domain::account> accounts_behind(shard_number shard, day shard_day,
                                               const std::optional<account_id>& after,
                                               std::size_t limit) override;
  day_figures figures_of(day on) override;
  std::vector<account_id> roster_of(std::int64_t run) override;
  held_tasks open_tasks_of(std::span<const account_id> accounts, std::size_t limit) override;
  bool any_open_task() override;
  std::vector<employee_row> employees_changed_after(std::int64_t version) override;
  due_letters letters_due(shard_number shard, std::size_t limit) override;
  std::vector<parked_row> parked_for(shard_number shard, const account_id& account,
                                     std::size_t limit) override;
  std::optional<parked_row> find_parked(shard_number shard, const uuid& id) override;
  std::size_t forget_old(shard_number shard, instant before, std::size_t limit) override;

private:
  void connect();
  /// Runs f(pqxx::transaction_base&) in one repeatable-read snapshot.
  template <class F> auto read(const char* operation, F&& f);
  template <class F> auto read(const char* operation, std::chrono::milliseconds limit, F&& f);

  std::string url_;
  session_options options_;
  std::optional<connection> connection_;
};

} // namespace ates::storage
