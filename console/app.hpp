#pragma once
/// atesctl as a function: arguments and surroundings in, exit code out.

#include "console/surroundings.hpp"

#include <string>
#include <vector>

namespace ates::console {

/// `arguments` without the program's name. Gives the process's exit code (contract.md §5). Does not throw.
int run(const std::vector<std::string>& arguments, surroundings& around);

} // namespace ates::console
