#pragma once
/// Made-up books for benchmarks and for tests with a million tasks: employees and open tasks, each created,
/// priced, assigned and charged for, just as the daemon would have left them; `atesd --verify` finds nothing.

#include "bench/copy_session.hpp"
#include "domain/account.hpp"
#include "domain/ids.hpp"
#include "domain/task.hpp"
#include "storage/record.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace ates::bench {

struct books_options {
  std::int64_t tasks = 1000;
  std::int64_t accounts = 100;
  bool hot = false;      ///< every task is the first account's
  bool baseline = false; ///< also table bench_task: the completions that bench/baseline/*.sql carry out
};

/// Fills a database that holds no task and no transfer yet and that no node is working on: all or nothing.
/// Throws std::runtime_error with a sentence. The same database and options give the same ids.
class books {
public:
  books(copy_session& session, const books_options& options);

  void write();

private:
  struct held_account {
    domain::shard_number shard = 0;
    domain::account money;
  };
  struct completion {
    domain::shard_number shard = 0;
    domain::shard_number account_shard = 0;
    domain::task_id task;
    domain::account_id account;
    domain::cents reward, fees;
  };
  struct shard_figures {
    std::int64_t epoch = 0;
    std::int64_t last_seq = 0;
    domain::day open_day{};
    domain::cents fees;
    bool stored = false; ///< it has a row in shard_state
  };
  using line = std::pair<domain::shard_number, domain::shard_number>; // source, target

  void read_positions();
  void write_employees();
  void write_tasks();
  void add_task(std::int64_t number);
  domain::create_task draw_task(std::int64_t number, const domain::account_id& assignee);
  void charge(held_account& account, const domain::task& task, domain::instant at,
              const storage::cause& because);
  void write_figures();
  void write_completions();
  void flush();

  copy_session& session_;
  const books_options options_;
  std::mt19937_64 random_{1};
  domain::shard_number shards_ = 0;
  domain::instant first_at_{};
  bool log_is_new_ = false;            ///< no event was there before
  std::vector<shard_figures> figures_; ///< by shard
  std::map<line, std::int64_t> heads_;
  std::vector<held_account> accounts_;
  copy_rows events_, tasks_, states_, transfers_;
  std::vector<completion> completions_; ///< of the baseline
};

} // namespace ates::bench
