/// atesctl's front door: the real terminal, environment and clock.

#include "console/app.hpp"

#include <csignal>
#include <iostream>
#include <string_view>
#include <system_error>
#include <unistd.h>

int main(int argc, char** argv) {
  // A node that goes away in the middle of a request is an error to handle, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  ates::console::pace clock;
  std::error_code unknown;
  ates::console::surroundings around{.in = std::cin,
                                     .out = std::cout,
                                     .err = std::cerr,
                                     .in_is_terminal = isatty(STDIN_FILENO) == 1,
                                     .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                                     .err_is_terminal = isatty(STDERR_FILENO) == 1,
                                     .environment = {},
                                     .own_binary = std::filesystem::read_symlink("/proc/self/exe", unknown),
                                     .clock = clock};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    if (const auto equals = pair.find('='); equals != std::string_view::npos)
      around.environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return ates::console::run({argv + 1, argv + argc}, around);
}
