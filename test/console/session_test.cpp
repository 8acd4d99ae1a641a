#include "console/session.hpp"

#include "console/failure.hpp"
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

using namespace ates::console;
using namespace ates::console::test;

namespace {

session entry_of(const std::string& login) {
  return {login, "access", std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000)), "refresh"};
}

void save(const session_store& store, const std::string& url, const session& entry) {
  const session_store::lock held(store);
  store.save(url, entry, held);
}

} // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_AUTO_TEST_CASE(a_session_comes_back_as_it_was_stored_and_only_its_owner_can_read_it) {
  const scratch_folder folder;
  const auto file = folder.path() / "deep" / "ates" / "session.json";
  const session_store store(file);
  BOOST_TEST(!store.load("http://a:1").has_value());
  save(store, "http://a:1", entry_of("ann"));
  BOOST_TEST((store.load("http://a:1") == entry_of("ann")));
  struct stat found {};
  BOOST_TEST_REQUIRE(stat(file.c_str(), &found) == 0);
  BOOST_TEST((found.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(each_url_has_its_own_session) {
  const scratch_folder folder;
  const session_store store(folder.path() / "session.json");
  save(store, "http://a:1", entry_of("ann"));
  save(store, "http://b:1", entry_of("bob"));
  save(store, "http://b:1", entry_of("ben"));
  BOOST_TEST((store.load("http://a:1") == entry_of("ann")));
  BOOST_TEST((store.load("http://b:1") == entry_of("ben")));
}

BOOST_AUTO_TEST_CASE(a_session_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it) {
  const scratch_folder folder;
  const auto file = folder.write("session.json", "{}");
  const session_store store(file);
  std::ifstream reader(file); // opened before: sees the old file to its end
  save(store, "http://a:1", entry_of("ann"));
  std::string old;
  std::getline(reader, old);
  BOOST_TEST(old == "{}");
  std::vector<std::string> names;
  for (const auto& one : std::filesystem::directory_iterator(folder.path()))
    names.push_back(one.path().filename());
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected{"session.json", "session.json.lock"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_damaged_session_file_is_an_error_that_says_what_to_do) {
  const scratch_folder folder;
  for (const auto* text : {"", "not json", "[]", R"({"http://a:1": {"login": 5}})"}) {
    const session_store store(folder.write("session.json", text));
    BOOST_CHECK_EXCEPTION(store.load("http://a:1"), failure,
                          [](const failure& f) { return !f.next.empty(); });
  }
}

BOOST_AUTO_TEST_CASE(the_file_is_where_the_environment_says) {
  const scratch_folder folder;
  person who(folder);
  auto& variables = who.around.environment;
  BOOST_TEST(session_file(who.around) == folder.path() / "ates" / "session.json");
  variables = {{"XDG_CONFIG_HOME", "relative"}, {"HOME", "/home/ann"}};
  BOOST_TEST(session_file(who.around) == "/home/ann/.config/ates/session.json");
  variables = {};
  BOOST_CHECK_THROW(session_file(who.around), failure);
}

BOOST_AUTO_TEST_SUITE_END()
