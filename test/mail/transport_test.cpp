#include "mail/transport.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace ates;
namespace fs = std::filesystem;

namespace {

/// A folder that is gone when the test is over.
class temporary_folder {
public:
  temporary_folder() {
    auto pattern = (fs::temp_directory_path() / "ates_mail_XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~temporary_folder() { fs::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

std::string text_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder})
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

mail::parcel parcel_with(std::string text) {
  return {"2026-11-21", "an-account", "ates@example.org", "polly@example.org", std::move(text)};
}

const auto wanted = [] { return true; };

} // namespace

BOOST_AUTO_TEST_SUITE(transport)

BOOST_AUTO_TEST_CASE(a_letter_becomes_a_file_of_its_day) {
  const temporary_folder var;
  const auto files = mail::open_file_transport(var.path() / "deep" / "mail");
  BOOST_TEST((files->send(parcel_with("a letter\r\n"), wanted).what == mail::outcome::sent));
  const auto day = var.path() / "deep" / "mail" / "2026-11-21";
  BOOST_TEST(names_in(day) == std::vector<std::string>{"an-account.eml"}, boost::test_tools::per_element());
  BOOST_TEST(text_of(day / "an-account.eml") == "a letter\r\n");
}

BOOST_AUTO_TEST_CASE(a_letter_sent_again_replaces_the_file_and_what_a_dead_writer_left) {
  const temporary_folder var;
  const auto day = var.path() / "2026-11-21";
  fs::create_directory(day);
  std::ofstream{day / ".an-account.eml.new"} << "a letter that is longer and was never finish";
  const auto files = mail::open_file_transport(var.path());
  for (const auto* text : {"first\r\n", "second\r\n"})
    BOOST_TEST((files->send(parcel_with(text), wanted).what == mail::outcome::sent));
  BOOST_TEST(names_in(day) == std::vector<std::string>{"an-account.eml"}, boost::test_tools::per_element());
  BOOST_TEST(text_of(day / "an-account.eml") == "second\r\n");
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_a_failed_try) {
  const temporary_folder var;
  std::ofstream{var.path() / "mail"} << "a file in the way";
  const auto files = mail::open_file_transport(var.path() / "mail");
  const auto result = files->send(parcel_with("a letter\r\n"), wanted);
  BOOST_TEST((result.what == mail::outcome::failed));
  BOOST_TEST(!result.why.empty());
}

BOOST_AUTO_TEST_CASE(tls_is_demanded_where_a_password_would_leave_the_machine) {
  const auto demanded = [](const char* url, const char* user) {
    config::mail_settings s;
    s.smtp_url = url;
    s.smtp_user = user;
    return mail::tls_demanded(s);
  };
  BOOST_TEST(demanded("smtps://mail.example.org:465", ""));
  BOOST_TEST(demanded("smtps://localhost:465", ""));
  BOOST_TEST(demanded("smtp://mail.example.org:587", "ates"));
  BOOST_TEST(demanded("smtp://localhost.example.org:587", "ates"));
  BOOST_TEST(demanded("smtp://localhost@mail.example.org", "ates"));
  BOOST_TEST(!demanded("smtp://mail.example.org:25", ""));
  BOOST_TEST(!demanded("smtp://localhost", "ates"));
  BOOST_TEST(!demanded("smtp://127.0.0.1:2525/parrots", "ates"));
  BOOST_TEST(!demanded("smtp://[::1]:2525", "ates"));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_there_is_a_failed_try) {
  config::mail_settings s;
  s.smtp_url = "smtp://127.0.0.1:1";
  const auto result = mail::open_smtp_transport(s)->send(parcel_with("a letter\r\n"), wanted);
  BOOST_TEST((result.what == mail::outcome::failed));
  BOOST_TEST(!result.why.empty());
}

BOOST_AUTO_TEST_CASE(a_password_file_that_is_not_there_is_a_failed_try) {
  const temporary_folder var;
  config::mail_settings s;
  s.smtp_url = "smtp://127.0.0.1:1";
  s.smtp_user = "ates";
  s.smtp_password_file = var.path() / "none";
  const auto result = mail::open_smtp_transport(s)->send(parcel_with("a letter\r\n"), wanted);
  BOOST_TEST((result.what == mail::outcome::failed));
  BOOST_TEST(result.why == "mail.smtp_password_file cannot be read");
}

BOOST_AUTO_TEST_SUITE_END()
