#pragma once
/// The facade on the actor system: checks credit and health at the door, sends, waits, never beyond the
/// deadline.

#include "actors/facade.hpp"
#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace ates::actors {

class facade_impl final : public facade {
public:
  /// `send` passes a request on to one of several askers, chosen by the number.
  facade_impl(std::shared_ptr<node> home, std::function<void(std::size_t, outside_request)> send);

  std::optional<employee> find_employee(const domain::account_id& id) override;
  std::optional<credentials> find_login(const std::string& login) override;
  answer<employee> create_employee(const caller& who, new_employee what,
                                   std::optional<idempotency> key) override;
  answer<domain::uuid> sign_in(const caller& who, const std::string& secret_hash) override;
  answer<domain::uuid> refresh(const caller& who, const domain::uuid& family, const std::string& secret_hash,
                               const std::string& new_secret_hash) override;
  answer<domain::uuid> sign_out(const caller& who, const domain::uuid& family,
                                const std::string& secret_hash) override;
  answer<domain::task> create_task(const caller& who, new_task what) override;
  std::vector<answer<domain::task>> create_tasks(const caller& who, std::vector<new_task> what) override;
  answer<domain::task> read_task(const caller& who, const domain::task_id& id) override;
  answer<domain::task> complete_task(const caller& who, const domain::task_id& id,
                                     std::optional<idempotency> key) override;
  answer<storage::shuffle_row> request_shuffle(const caller& who, std::optional<idempotency> key) override;
  answer<payout_summary> close_day(const caller& who, std::optional<idempotency> key) override;
  domain::instant business_now() override;
  domain::day today() override;
  health check() override;

  bool ensure_admin(const std::function<std::string()>& password_hash,
                    std::chrono::steady_clock::time_point deadline);

private:
  class pending;
  using ticket = std::shared_ptr<pending>;

  /// Sends if there is credit and storage is well; else the ticket is answered already.
  ticket send(const caller& who, entity_ref to, command what, std::optional<idempotency> key,
              std::size_t bytes);
  /// Waits for the answer, at the longest until the deadline; with storage away at the longest
  /// `storage_patience`.
  reply wait(const ticket& t, const caller& who);
  reply ask(const caller& who, entity_ref to, command what, std::optional<idempotency> key = std::nullopt);
  ticket send_new_task(const caller& who, new_task what);

  std::shared_ptr<node> home_;
  std::function<void(std::size_t, outside_request)> send_;
  std::atomic<std::size_t> turn_{0};
  std::atomic<bool> loaded_once_{false};
};

} // namespace ates::actors
