#pragma once
/// A gateway on a free port, with one person of each role.

#include "http/crypto.hpp"
#include "http/gateway.hpp"
#include "http/tokens.hpp"
#include "test/http/fake_event_log.hpp"
#include "test/http/fake_reports.hpp"
#include "test/http/fake_sign_in_failures.hpp"
#include "test/http/fake_verifications.hpp"
#include "test/http/fakes.hpp"
#include "test/http/raw_client.hpp"

#include <boost/test/unit_test.hpp>
#include <prometheus/registry.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace ates::http::test {

/// A folder that goes with its owner.
class scratch_folder {
public:
  scratch_folder() : path_(std::filesystem::temp_directory_path() / ("ates-http-" + hex(random_bytes(8)))) {
    std::filesystem::create_directories(path_);
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

inline wire_limits quick_limits() {
  wire_limits out;
  out.whole_request = std::chrono::milliseconds{300};
  out.idle = std::chrono::milliseconds{2000};
  out.linger = std::chrono::milliseconds{300};
  out.threads = 16;
  return out;
}

struct gateway_fixture {
  gateway_fixture() {
    for (const auto role : domain::all_roles)
      people.add(role, std::string(domain::to_string(role)));
    service.start();
  }

  [[nodiscard]] actors::employee person(domain::role role) {
    return people.people[static_cast<std::size_t>(role) - 1].who;
  }
  std::string token(domain::role role) {
    return "Authorization: Bearer " +
           tokens(signing_key(key)).make(person(role), session, std::chrono::system_clock::now()) + "\r\n";
  }
  raw_answer as(domain::role role, std::string_view method, std::string_view target,
                std::string_view body = "", const std::string& headers = "") {
    return ask(service.port(), method, target, body, token(role) + headers);
  }
  raw_answer plain(std::string_view method, std::string_view target, std::string_view body = "",
                   const std::string& headers = "") {
    return ask(service.port(), method, target, body, headers);
  }

  domain::uuid session = numbered_uuid(7, 200); ///< of all tokens made here
  scratch_folder folder;
  std::filesystem::path key = folder.path() / "keys" / "jwt.pem";
  fake_facade people;
  fake_reports rows{people};
  fake_operations cluster;
  fake_verifications books{cluster};
  fake_event_log log;
  fake_sign_in_failures failures;
  std::shared_ptr<prometheus::Collectable> node_metrics = std::make_shared<prometheus::Registry>();
  gateway service{settings(), people, rows, cluster, books, log, failures, node_metrics};

private:
  [[nodiscard]] gateway_settings settings() const {
    gateway_settings out;
    out.http.port = 0;
    out.http.deadline = std::chrono::milliseconds{1500};
    out.auth.signing_key = key;
    out.auth.scrypt_log2n = 10; // quick; the settings would refuse it
    out.schemas = folder.path() / "schemas";
    out.descriptions = std::filesystem::path(ATES_SOURCE_DIR) / "config" / "openapi";
    out.limits = quick_limits();
    return out;
  }
};

/// The shape that every error has (contract.md §3).
inline void check_problem(const raw_answer& a, int status, const std::string& code) {
  BOOST_TEST(a.status == status);
  BOOST_TEST(a.header("content-type") == "application/problem+json");
  const auto body = a.json();
  for (const auto* member : {"type", "title", "status", "detail", "code", "request_id"})
    BOOST_TEST(body.contains(member), member);
  BOOST_TEST(body["status"] == status);
  BOOST_TEST(body["code"] == code);
  BOOST_TEST(body["request_id"] == a.header("x-request-id"));
  BOOST_TEST((a.header("retry-after").empty()) == (status != 503 && status != 429));
  BOOST_TEST((a.header("www-authenticate").empty()) == (status != 401));
}

} // namespace ates::http::test
