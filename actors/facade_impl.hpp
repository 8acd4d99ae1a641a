#pragma once
/// The facade on the actor system: checks credit and health at the door, sends, waits, never beyond the
/// deadline.

#include "actors/facade.hpp"
#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <span>

namespace ates::actors {

class facade_impl final : public facade {
public:
  /// `send` passes a request on to one of several askers, chosen by the number.
  facade_impl(std::shared_ptr<node> home, std::function<void(std::size_t, outside_request)> send);

  std::optional<employee> find_employee(const domain::account_id& id) override;
  std::optional<credentials> find_login(const std::string& login) override;
  answer<employee> create_employee(const caller& who, new_employee what,
                                   std::optional<idempotency> key) override;
  answer<employee> change_employee(const caller& who, const domain::account_id& id,
                                   employee_change what) override;
  answer<domain::uuid> sign_in(const caller& who, const std::string& secret_hash) override;
  answer<domain::uuid> refresh(const caller& who, const domain::uuid& family, const std::string& secret_hash,
                               const std::string& new_secret_hash) override;
  answer<domain::uuid> sign_out(const caller& who, const domain::uuid& family,
                                const std::string& secret_hash) override;
  answer<domain::task> create_task(const caller& who, new_task what) override;
  std::vector<answer<domain::task>> create_tasks(const caller& who, std::vector<new_task> what) override;
  answer<domain::task> read_task(const caller& who, const domain::task_id& id) override;
  answer<domain::task> edit_task(const caller& who, const domain::task_id& id, task_edit what) override;
  answer<domain::task> complete_task(const caller& who, const domain::task_id& id,
                                     std::optional<idempotency> key) override;
  answer<storage::shuffle_row> request_shuffle(const caller& who, std::optional<idempotency> key) override;
  answer<payout_summary> close_day(const caller& who, std::optional<idempotency> key) override;
  std::vector<shard_status> look_at_shards(const caller& who) override;
  answer<storage::page<actor_row>> list_actors(const caller& who, const actor_query& what,
                                               const storage::page_request& at) override;
  answer<actor_detail> inspect_actor(const caller& who, const storage::entity_ref& of) override;
  outcome passivate_actor(const caller& who, const storage::entity_ref& of) override;
  outcome release_actor(const caller& who, const storage::entity_ref& of, storage::audit_row why) override;
  outcome settle_parked(const caller& who, domain::shard_number shard, const domain::uuid& id, bool drop,
                        storage::audit_row why) override;
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
  /// Appends what the shards tell; not `ok`: one of them did not.
  outcome collect_actors(const caller& who, std::span<const shard_number> shards,
                         const list_actors_command& what, std::vector<actor_row>& rows);
  ticket send_new_task(const caller& who, new_task what);

  /// What a command without texts counts for.
  static constexpr std::size_t command_bytes = 512;

  std::shared_ptr<node> home_;
  std::function<void(std::size_t, outside_request)> send_;
  std::atomic<std::size_t> turn_{0};
  std::atomic<bool> loaded_once_{false};
};

} // namespace ates::actors
