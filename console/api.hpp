#pragma once
/// A node's REST interface (contract.md §3) as the commands see it: JSON in, JSON out, everything else a
/// `failure`.

#include "console/failure.hpp"
#include "console/session.hpp"
#include "console/surroundings.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace httplib {
class Client;
struct Request;
struct Response;
} // namespace httplib

namespace ates::console {

inline constexpr std::string_view default_url = "http://127.0.0.1:8080";

/// For how long a request is repeated while no node takes it.
inline constexpr std::chrono::seconds short_patience{30};
inline constexpr std::chrono::seconds long_patience{600};

using query = std::map<std::string, std::string>;

/// Scheme and host in lower case, no slash at the end. Throws failure (usage) for anything but
/// http(s)://host[:port].
std::string normalise_url(std::string_view url);

/// One segment of a path: all but unreserved characters percent-encoded.
std::string path_segment(std::string_view text);

/// A new random UUID: a key under which a request can be repeated without a second effect.
std::string new_idempotency_key();

/// The exit code that belongs to an HTTP status of a refusal.
exit_code exit_code_of(int status) noexcept;

/// What a problem document says, for people: its field errors, else its detail, else its title or code.
std::string sentence_of(const nlohmann::json& problem);

/// How long to wait before the next try: doubles from 100 ms to 5 s, less a random quarter; never less than
/// the node's Retry-After.
class back_off {
public:
  std::chrono::milliseconds next(std::chrono::seconds retry_after);

private:
  std::chrono::milliseconds pause_{100};
};

/// One keep-alive connection to one node. Not for two threads.
///
/// Requests are repeated, a POST with the same Idempotency-Key, while the connection fails or the answer is
/// 408, 502, 503, 504 or 409 idempotency_in_progress, until `patience` is over: then failure (unavailable). A
/// Retry-After longer than what is left ends it at once. The access token is refreshed when it is about to
/// end or is refused as ended; of several processes only one refreshes.
class api {
public:
  api(surroundings& around, std::string_view url);
  ~api();

  /// Signs in and stores the session. Gives the account object. Throws failure (not_allowed) for a wrong
  /// password.
  nlohmann::json login(const std::string& name, const std::string& password);

  /// `path` below /v1, e.g. "/tasks". Gives the body of a 2xx answer. Throws failure for any other.
  nlohmann::json get(const std::string& path, const query& parameters = {});
  nlohmann::json post(const std::string& path, std::optional<std::string> body = std::nullopt,
                      std::chrono::seconds patience = short_patience);

  /// What it changes is the same however often it is sent, so it is repeated like the others, without a key.
  nlohmann::json patch(const std::string& path, const std::string& body);

  /// At most `limit` items of a list, in the list's order, over as many pages as it takes: {"data",
  /// "has_more"}.
  nlohmann::json list(const std::string& path, query parameters, std::size_t limit);

  /// Whether a session is stored for this URL. Asks no node.
  [[nodiscard]] bool signed_in() const;

  [[nodiscard]] const std::string& url() const noexcept { return url_; }

private:
  nlohmann::json call(httplib::Request request, std::chrono::seconds patience);
  httplib::Response send(const httplib::Request& request, std::chrono::seconds patience);
  std::string access_token(std::chrono::seconds patience);
  std::string refresh(std::string refused_token, std::chrono::seconds patience);
  session store_session(const std::string& login, const nlohmann::json& tokens,
                        const session_store::lock& held);

  surroundings& around_;
  std::string url_;
  session_store store_;
  std::unique_ptr<httplib::Client> client_;
  std::optional<session> session_;
};

/// The text of a JSON value on its way into a request. Throws failure (usage) when it holds text that is no
/// UTF-8.
std::string to_body(const nlohmann::json& value);

} // namespace ates::console
