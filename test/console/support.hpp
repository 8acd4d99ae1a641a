#pragma once
/// A person at a terminal that is none, and a node that says what the test wants, on a real socket.

#include "console/app.hpp"
#include "console/surroundings.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <httplib.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ates::console::test {

using nlohmann::json;

/// A folder that is gone afterwards.
class scratch_folder {
public:
  scratch_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "ates-console-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~scratch_folder() { std::filesystem::remove_all(path_); }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }

private:
  std::filesystem::path path_;
};

/// Waiting takes no time, but the clock moves as if it had.
class fast_clock : public pace {
public:
  std::chrono::steady_clock::time_point now() override { return now_; }
  void wait(std::chrono::milliseconds time) override {
    now_ += time;
    waited += time;
  }
  std::chrono::milliseconds waited{0};

private:
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
};

/// Somebody who runs atesctl; `home` outlives them, so that two people can share a session file.
class person {
public:
  explicit person(const scratch_folder& home) {
    around.environment["XDG_CONFIG_HOME"] = home.path().string();
  }

  int run(const std::vector<std::string>& arguments) {
    out.str("");
    err.str("");
    return console::run(arguments, around);
  }
  [[nodiscard]] json document() const { return json::parse(out.str()); }

  std::istringstream in;
  std::ostringstream out, err;
  fast_clock clock;
  surroundings around{.in = in, .out = out, .err = err, .environment = {}, .own_binary = {}, .clock = clock};
};

/// One request as the node saw it.
struct seen_request {
  std::string method, path, key, authorization, body;
  httplib::Params parameters;
};

/// A node whose every answer is made by `answer`. Signing in and refreshing work by themselves.
class stub_node {
public:
  using answerer = std::function<void(const httplib::Request&, httplib::Response&)>;

  explicit stub_node(answerer answer) : answer_(std::move(answer)) {
    const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      if (request.path == "/v1/auth" || request.path == "/v1/auth/refresh")
        return give_tokens(request, response);
      requests_.push_back({request.method, request.path, request.get_header_value("Idempotency-Key"),
                           request.get_header_value("Authorization"), request.body, request.params});
      answer_(request, response);
    };
    server_.Get(".*", handle);
    server_.Post(".*", handle);
    server_.Patch(".*", handle);
    server_.set_keep_alive_timeout(1);
    server_.set_tcp_nodelay(true);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~stub_node() {
    // stop() before the loop runs would be forgotten by it.
    while (!server_.is_running())
      std::this_thread::yield();
    server_.stop();
    thread_.join();
  }
  stub_node(const stub_node&) = delete;
  stub_node& operator=(const stub_node&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::vector<seen_request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  /// Somebody is signed in here, with the token "token-0".
  void sign_in(person& who, const std::string& login = "boss") {
    who.around.environment["ATES_URL"] = url();
    who.around.environment["ATES_PASSWORD"] = "correct horse battery";
    if (who.run({"login", login}) != 0)
      throw std::runtime_error("sign-in failed: " + who.err.str());
  }

  std::atomic<int> refreshes = 0;
  std::atomic<int> token_lifetime_s = 300;
  std::atomic<bool> refuse_refresh = false;

private:
  void give_tokens(const httplib::Request& request, httplib::Response& response) {
    const auto body = json::parse(request.body);
    const bool first = request.path == "/v1/auth";
    if (!first)
      ++refreshes;
    if ((first && body.at("password") != "correct horse battery") || (!first && refuse_refresh)) {
      response.status = 401;
      response.set_content(
          json{{"code", first ? "bad_credentials" : "token_reused"}, {"detail", "No."}}.dump(),
          "application/problem+json");
      return;
    }
    const json tokens = {{"access_token", "token-" + std::to_string(refreshes.load())},
                         {"token_type", "Bearer"},
                         {"expires_in", token_lifetime_s.load()},
                         {"refresh_token", "again-" + std::to_string(refreshes.load())},
                         {"account", {{"id", "i"}, {"name", "Boss"}, {"role", "admin"}}}};
    response.set_content(tokens.dump(), "application/json");
  }

  answerer answer_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<seen_request> requests_;
};

inline void give(httplib::Response& response, int status, const json& body) {
  response.status = status;
  response.set_content(body.dump(), status < 400 ? "application/json" : "application/problem+json");
}

inline void refuse(httplib::Response& response, int status, const std::string& code,
                   const std::string& detail = "Because.") {
  give(response, status, {{"status", status}, {"code", code}, {"detail", detail}, {"request_id", "r-1"}});
}

} // namespace ates::console::test
