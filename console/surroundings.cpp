#include "console/surroundings.hpp"

#include "console/failure.hpp"

#include <cerrno>
#include <csignal>
#include <iostream>
#include <termios.h>
#include <thread>
#include <unistd.h>

namespace ates::console {
namespace {

volatile std::sig_atomic_t interrupted = 0;

/// Switches the terminal's echo off for as long as it lives. Ctrl-C then only interrupts read(), so that the
/// echo is always switched on again.
class silent_terminal {
public:
  silent_terminal() {
    tcgetattr(STDIN_FILENO, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    interrupted = 0;
    sigaction(SIGINT, &action, &sigint_before_);
    sigaction(SIGTERM, &action, &sigterm_before_);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~silent_terminal() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    sigaction(SIGINT, &sigint_before_, nullptr);
    sigaction(SIGTERM, &sigterm_before_, nullptr);
  }
  silent_terminal(const silent_terminal&) = delete;
  silent_terminal& operator=(const silent_terminal&) = delete;

private:
  termios before_{};
  struct sigaction sigint_before_ {};
  struct sigaction sigterm_before_ {};
};

/// False at the end of input, or when interrupted.
bool read_terminal_line(std::string& line) {
  char c = 0;
  for (;;) {
    const auto got = read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR && !interrupted)
      continue;
    if (got <= 0)
      return false;
    if (c == '\n')
      return true;
    line.push_back(c);
  }
}

} // namespace

void pace::wait(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

void notice(surroundings& around, const std::string& line) {
  around.err << (around.err_is_terminal ? "\r\033[K" : "") << line << std::endl;
}

std::string ask_secret(surroundings& around, const std::string& prompt) {
  std::string line;
  bool complete = false;
  if (around.in_is_terminal) {
    around.err << prompt << ": " << std::flush;
    const silent_terminal silence;
    complete = read_terminal_line(line);
    around.err << std::endl;
  } else {
    complete = static_cast<bool>(std::getline(around.in, line));
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
  }
  if (!complete)
    throw failure(exit_code::failed, "no answer to: " + prompt,
                  "type it, or give it by the environment (--help says how)");
  return line;
}

} // namespace ates::console
