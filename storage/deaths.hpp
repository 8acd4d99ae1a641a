#pragma once
/// Processes that died while an entity had a message in hand (design.md §7): counted in the database before
/// any node loads that entity again, so that a poisonous command ends the service of one entity only.

#include "storage/journal.hpp"

#include <span>
#include <string>

namespace ates::storage {

/// Deaths of processes that one entity may cause within `death_window`. Then it is quarantined. A process
/// that is killed from outside leaves the same trace: so not after one or two.
inline constexpr int deaths_budget = 3;
/// Deaths longer ago do not count.
inline constexpr std::chrono::minutes death_window{10};

/// Counts one death for each of `had_in_hand`, and quarantines those whose budget is used up. Throws
/// storage_error.
void count_deaths(const std::string& url, std::span<const entity_place> had_in_hand,
                  bool allow_unsafe_server = false);

} // namespace ates::storage
