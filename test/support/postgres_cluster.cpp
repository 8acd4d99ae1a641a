#include "test/support/postgres_cluster.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern char** environ;

namespace ates::test {
namespace {

constexpr const char* keeper_script = ATES_SOURCE_DIR "/scripts/lib/postgres.py";

std::string role_name(database_role role) {
  return role == database_role::owner ? "ates_owner" : "ates_app";
}

/// A pipe whose ends no other child inherits: else the keeper would never see ours close.
std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  return ends;
}

pid_t spawn_keeper(durability how, int input, int output) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  std::array<std::string, 4> words{"/usr/bin/python3", keeper_script, "throwaway", "--not-durable"};
  std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(),
                            how == durability::waived ? words[3].data() : nullptr, nullptr};
  pid_t keeper = -1;
  const int error = ::posix_spawn(&keeper, words[0].c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw std::system_error(error, std::generic_category(), words[0]);
  return keeper;
}

} // namespace

postgres_cluster::postgres_cluster(durability how) {
  const auto there = make_pipe();
  const auto back = make_pipe();
  to_keeper_ = there[1];
  from_keeper_ = back[0];
  keeper_ = spawn_keeper(how, there[0], back[1]);
  ::close(there[0]);
  ::close(back[1]);
  folder_ = hear();
}

postgres_cluster::~postgres_cluster() {
  ::close(to_keeper_);
  ::close(from_keeper_);
  while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string postgres_cluster::url(database_role role, const std::string& database) const {
  return "postgresql://" + role_name(role) + "@/" + database + "?host=" + folder_ + "&port=5432";
}

std::string postgres_cluster::url_through(const std::string& host, int port, database_role role,
                                          const std::string& database) const {
  return "postgresql://" + role_name(role) + "@" + host + ":" + std::to_string(port) + "/" + database;
}

std::filesystem::path postgres_cluster::socket() const {
  return std::filesystem::path(folder_) / ".s.PGSQL.5432";
}

void postgres_cluster::stop() {
  tell("stop");
}
void postgres_cluster::start() {
  tell("start");
}
void postgres_cluster::kill9() {
  tell("kill");
}
void postgres_cluster::freeze() {
  tell("freeze");
}
void postgres_cluster::thaw() {
  tell("thaw");
}

void postgres_cluster::tell(const std::string& verb) {
  const std::string line = verb + "\n";
  if (::write(to_keeper_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::system_error(errno, std::generic_category(), "the keeper of PostgreSQL is gone");
  hear();
}

/// Returns what follows "ok"; throws what follows "error".
std::string postgres_cluster::hear() {
  std::string line;
  char character = 0;
  while (true) {
    const auto count = ::read(from_keeper_, &character, 1);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      throw std::runtime_error("the keeper of PostgreSQL ended without an answer: " + line);
    if (character == '\n')
      break;
    line += character;
  }
  if (!line.starts_with("ok"))
    throw std::runtime_error("PostgreSQL: " + line);
  return line.size() > 3 ? line.substr(3) : std::string{};
}

} // namespace ates::test
