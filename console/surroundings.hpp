#pragma once
/// Everything a command touches besides HTTP and its files, so that a test can stand in for the person and
/// the clock.

#include <chrono>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>

namespace ates::console {

/// Time that passes while a command waits.
class pace {
public:
  virtual ~pace() = default;
  virtual std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }
  virtual void wait(std::chrono::milliseconds time);
};

/// Lives as long as the command runs; owns nothing.
struct surroundings {
  std::istream& in;
  std::ostream& out; ///< results
  std::ostream& err; ///< errors, notices, progress
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::map<std::string, std::string> environment;
  std::filesystem::path own_binary; ///< `atesd` is looked for beside it
  pace& clock;

  /// Value of an environment variable; empty when it is not set.
  [[nodiscard]] std::string variable(const std::string& name) const {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string{} : found->second;
  }
};

/// One line for the person on `err`, over a progress bar that may stand there.
void notice(surroundings& around, const std::string& line);

/// A secret typed without echo when `in` is a terminal, else the next line of `in` (without its line end).
/// Throws failure when there is none or the person gives up with Ctrl-C.
std::string ask_secret(surroundings& around, const std::string& prompt);

} // namespace ates::console
