#pragma once
/// Serialises everything that happens to one account: money by domain::decide, refresh tokens, and what the
/// directory tells about its employee.

#include "actors/entity.hpp"
#include "actors/sessions.hpp"
#include "domain/account.hpp"

namespace ates::actors {

class account_state {
public:
  account_state() {}

  void open(account_actor::pointer self, entity_home home, account_id id, storage::loaded_entity loaded);
  caf::result<reply> handle(envelope& e);
  /// One event of another shard: a fee, a reward, or news of the employee. Its effect carries its cause.
  void apply(inbox_order& order);
  [[nodiscard]] std::uint64_t version() const { return account_.version; }

  static inline const char* name = "account";

private:
  caf::result<reply> on(envelope& e, close_account_command&);
  caf::result<reply> on(envelope& e, open_session_command& c);
  caf::result<reply> on(envelope& e, refresh_session_command& c);
  caf::result<reply> on(envelope& e, close_session_command& c);
  caf::result<reply> on(envelope& e, inspect_actor_command&);
  caf::result<reply> on(envelope& e, apply_parked_command& c);
  template <class Other> caf::result<reply> on(envelope&, Other&);

  storage::record begin(domain::instant now);
  void take(const storage::delivery& event, const std::optional<domain::posting>& posting,
            domain::day open_day, domain::instant now, storage::record& record);
  /// Applies the events and puts their rows into the record.
  void add_money(storage::record& r, const std::vector<domain::account_event>& events, domain::instant now);
  caf::result<reply> store_sessions(const envelope& e, storage::record r,
                                    std::vector<storage::session_row> rows, reply answer);

  account_actor::pointer self_ = nullptr;
  entity_home home_;
  domain::account account_;
  actors::sessions sessions_;
};

/// `loaded.snapshot` is the account's money, or nothing when it never had an entry.
account_actor::behavior_type account(account_actor::stateful_pointer<account_state> self, entity_home home,
                                     account_id id, storage::loaded_entity loaded);

} // namespace ates::actors
