// The program itself: what only a real process can show.
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/wait.h>

using namespace ates::console::test;

namespace {

struct outcome {
  int exit = 0;
  std::string out;
};

outcome run_shell(const std::string& command) {
  outcome result;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr)
    throw std::runtime_error("popen");
  char buffer[4096];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.out.append(buffer, got);
  const int status = pclose(pipe);
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// A folder with atesctl and an atesd that tells how it was started and ends with 42.
struct installation {
  installation() {
    std::filesystem::copy_file(ATESCTL_BINARY, folder.path() / "atesctl");
    const auto daemon = folder.write("atesd", "#!/bin/sh\necho \"$@\"\nenv | grep ^ATES_ | sort\nexit 42\n");
    std::filesystem::permissions(daemon, std::filesystem::perms::owner_all);
    std::filesystem::create_directories(folder.path() / "var" / "run");
    folder.write("var/run/database-url", "postgresql://from-var\n");
  }

  [[nodiscard]] outcome run(const std::string& environment, const std::string& arguments) const {
    const auto home = folder.path().string();
    return run_shell("cd " + home + " && env -i PATH=/usr/bin:/bin HOME=" + home + " " + environment +
                     " ./atesctl " + arguments + " 2>/dev/null");
  }

  scratch_folder folder;
};

} // namespace

BOOST_AUTO_TEST_SUITE(binary)

BOOST_AUTO_TEST_CASE(verify_becomes_the_daemon_beside_it_with_the_database_of_the_state_folder) {
  const installation here;
  const auto found = here.run("", "verify");
  BOOST_TEST(found.exit == 42);
  BOOST_TEST(found.out == "--verify\nATES_DATABASE_URL=postgresql://from-var\n");
}

BOOST_AUTO_TEST_CASE(verify_takes_the_database_of_the_environment_unless_a_state_folder_is_named) {
  const installation here;
  const std::string environment = "ATES_DATABASE_URL=postgresql://given";
  BOOST_TEST(here.run(environment, "verify --json").out ==
             "--verify --json\nATES_DATABASE_URL=postgresql://given\n");
  BOOST_TEST(here.run(environment, "verify --var var").out ==
             "--verify\nATES_DATABASE_URL=postgresql://from-var\n");
}

BOOST_AUTO_TEST_CASE(verify_keeps_atesctl_s_own_variables_from_the_daemon) {
  const installation here;
  BOOST_TEST(
      here.run("ATES_URL=http://a ATES_PASSWORD=b ATES_NEW_PASSWORD=c ATES_LOG_LEVEL=debug", "verify").out ==
      "--verify\nATES_DATABASE_URL=postgresql://from-var\nATES_LOG_LEVEL=debug\n");
}

BOOST_AUTO_TEST_CASE(verify_without_a_database_or_a_daemon_fails) {
  const installation here;
  std::filesystem::remove(here.folder.path() / "var/run/database-url");
  BOOST_TEST(here.run("", "verify --var var").exit == 1);
  BOOST_TEST(here.run("", "verify --var /no/such/folder").exit == 2);
  std::filesystem::remove(here.folder.path() / "atesd");
  BOOST_TEST(here.run("ATES_DATABASE_URL=postgresql://given", "verify").exit == 1);
}

BOOST_AUTO_TEST_CASE(verify_without_a_session_and_without_a_database_wants_somebody_signed_in) {
  const installation here;
  std::filesystem::remove(here.folder.path() / "var/run/database-url");
  BOOST_TEST(here.run("", "verify").exit == 3);
}

BOOST_AUTO_TEST_CASE(the_process_ends_with_the_command_s_exit_code) {
  const installation here;
  BOOST_TEST(here.run("", "--version").exit == 0);
  BOOST_TEST(here.run("", "frobnicate").exit == 2);
  BOOST_TEST(here.run("", "tasks list").exit == 3);
}

BOOST_AUTO_TEST_SUITE_END()
