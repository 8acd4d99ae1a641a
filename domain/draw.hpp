#pragma once
/// Who gets a task in a shuffle (contract.md §3, GET /shuffles/{id}/roster): a formula that anybody can
/// recompute.

#include "domain/ids.hpp"

#include <cstdint>

namespace ates::domain {

/// Index into the run's roster (account ids ascending): H mod n, H = the first 8 bytes, big-endian, of
/// SHA-256(seed as 8 bytes big-endian ‖ task id, 16 bytes ‖ k, 1 byte), for the smallest k = 0,1,… with
/// H < n·⌊2^64/n⌋. `roster_size` must be > 0.
std::uint64_t draw(std::uint64_t seed, const task_id& task, std::uint64_t roster_size);

} // namespace ates::domain
