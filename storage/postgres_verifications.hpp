#pragma once
/// Verifications on PostgreSQL, and the thread that runs those of this node.

#include "storage/read_pool.hpp"
#include "storage/verifications.hpp"
#include "storage/verify.hpp"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace ates::storage {

class postgres_verifications final : public verifications {
public:
  /// Rows that are kept.
  static constexpr std::size_t kept_max = 100;
  /// Tries of one that begins, storage being there, and fails. Then it ends with a difference that says so.
  static constexpr int tries_max = 5;

  /// Connects on demand. `self`: the incarnation this node is now; none: it is none yet.
  postgres_verifications(std::string url, std::function<std::optional<incarnation>()> self,
                         bool allow_unsafe_server = false);
  /// Stops.
  ~postgres_verifications() override;

  uuid start(const uuid& id, const recorder& record, deadline by) override;
  std::optional<verification_run> find(const uuid& id, deadline by) override;

  /// Tells the thread to end; it does so within 6 s. What runs or waits here stays as it is, for the next
  /// node that is asked about it.
  void ask_to_stop();
  /// Returns when the thread has ended.
  void stop();

private:
  /// A row that says `running`, and whose runner it says that is.
  struct job {
    uuid id;
    incarnation runner = 0;
  };
  struct stored;

  // ── rows ──
  bool insert(const job& what, const audit_row& why, deadline by);
  void record(const audit_row& why, deadline by);
  bool take_over(const uuid& id, incarnation from, incarnation to, deadline by);
  /// False: there is no such row, it is done, or somebody else runs it.
  bool note(const job& what, std::string_view progress);
  void finish(const job& what, const std::string& result);

  // ── this node's own ──
  void adopt(const stored& found, deadline by);
  [[nodiscard]] std::optional<uuid> waiting();
  [[nodiscard]] bool has_room_for(const uuid& id);
  void enqueue(const job& what);
  void work(const std::stop_token& stop);
  void see_through(const job& what, const std::stop_token& stop);
  /// Throws when somebody else runs it.
  void tell(const job& what, std::string_view progress);
  void pause(const std::stop_token& stop);

  const std::string url_;
  const std::function<std::optional<incarnation>()> self_;
  read_pool pool_;
  std::timed_mutex asking_; ///< held by whoever may give the thread something to do
  std::mutex mutex_;
  std::condition_variable_any given_;
  std::optional<job> running_; ///< the thread's
  std::optional<job> waiting_;
  std::jthread thread_; // last: it uses the others
};

} // namespace ates::storage
