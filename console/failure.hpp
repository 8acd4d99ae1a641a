#pragma once
/// How a command ends badly: a sentence for people, what to do next, and the exit code (contract.md §5).

#include <stdexcept>
#include <string>
#include <utility>

namespace ates::console {

enum class exit_code : int {
  ok = 0,
  failed = 1,
  usage = 2,
  not_allowed = 3, ///< not signed in, or without the right
  not_found = 4,
  conflict = 5,
  unavailable = 7
};

/// what() says what is wrong; `next` what the person can do about it (may be empty). The rest is there when a
/// node said so.
class failure : public std::runtime_error {
public:
  failure(exit_code exit, const std::string& what, std::string next = {})
      : std::runtime_error(what), exit(exit), next(std::move(next)) {}

  exit_code exit;
  std::string next;
  int status = 0;         ///< HTTP status; 0: no answer was the reason
  std::string code;       ///< the problem's code, e.g. "not_assignee"
  std::string request_id; ///< to find the request in the node's log
};

} // namespace ates::console
