#pragma once
/// Kept answers as text: what an entity stores for an Idempotency-Key and reads back when the request comes
/// again.

#include "domain/task.hpp"
#include "storage/record.hpp"

#include <string>

namespace ates::actors {

std::string to_answer(const domain::task& t);
domain::task task_of(const std::string& answer);

std::string to_answer(const storage::employee_row& e); ///< without its secret hashes
storage::employee_row employee_of(const std::string& answer);

std::string to_answer(const storage::shuffle_row& s);
storage::shuffle_row shuffle_of(const std::string& answer);

/// `known`: the run had been made before it was asked for.
std::string to_answer(const storage::payout_row& p, bool known = false);
storage::payout_row payout_of(const std::string& answer);
bool was_known(const std::string& payout_answer);

} // namespace ates::actors
