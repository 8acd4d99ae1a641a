#pragma once
/// Rows that must agree with each other before an entity lives by them. Damage in the rows of one entity is
/// that entity's: it is refused, and loads beside it are not.

#include "storage/journal.hpp"
#include "storage/rows.hpp"

#include <stdexcept>
#include <string>

namespace ates::storage {

/// Runs `read`, which fills `entity` in; what it throws becomes the reason to refuse it.
template <class Read> void use(loaded_entity& entity, Read read) {
  try {
    read();
  } catch (const pqxx::broken_connection&) {
    throw;
  } catch (const std::exception& e) {
    if (entity.refused.empty())
      entity.refused = std::string{"its rows are damaged: "} + e.what();
  }
}

/// Columns as task_columns(). Throws std::runtime_error.
inline domain::task sound_task(const pqxx::row& row) {
  auto task = task_of(row);
  const bool known = task.status == domain::task_status::open || task.status == domain::task_status::done;
  if (!known || task.completed_at.has_value() != (task.status == domain::task_status::done))
    throw std::runtime_error("its status does not agree with when it was completed");
  return task;
}

/// Columns as account_columns(), and number and balance of its last entry, null for none. Throws
/// std::runtime_error.
inline domain::account sound_account(const pqxx::row& row) {
  const auto account = account_of(row);
  const auto entries = row[8].is_null() ? 0 : row[8].as<std::uint64_t>();
  const auto balance = row[9].is_null() ? cents{} : cents_of(row[9]);
  if (account.entries != entries || account.balance != balance)
    throw std::runtime_error("it says " + std::to_string(account.entries) + " entries and a balance of " +
                             std::to_string(account.balance.count) + ", its last entry " +
                             std::to_string(entries) + " and " + std::to_string(balance.count));
  return account;
}

} // namespace ates::storage
