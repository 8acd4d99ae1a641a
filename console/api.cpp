#include "console/api.hpp"

#include "domain/ids.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <httplib.h>
#include <random>

namespace ates::console {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds connect_limit{5};
constexpr seconds answer_limit{15};     // a node answers within its deadline, 5 s unless set higher
constexpr seconds quiet_trouble{1};     // shorter trouble is not worth a line
constexpr seconds token_margin{30};     // a token that ends sooner is refreshed before it is used
constexpr std::size_t page_limit = 500; // the most a list gives at once

/// Empty object when the body is not a JSON object.
json problem_in(const httplib::Response& response) {
  auto body = json::parse(response.body, nullptr, false);
  return body.is_object() ? body : json::object();
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

seconds retry_after(const httplib::Result& result) {
  if (!result)
    return seconds{0};
  const auto text = result->get_header_value("Retry-After");
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value); // the other form, a date, counts as absent
  return seconds{value};
}

bool worth_repeating(const httplib::Response& response) {
  switch (response.status) {
  case 408:
  case 502:
  case 503:
  case 504:
    return true;
  case 409:
    return text_of(problem_in(response), "code") == "idempotency_in_progress";
  default:
    return false;
  }
}

std::string trouble_of(const httplib::Result& result) {
  if (result) {
    const auto said = sentence_of(problem_in(*result));
    return "it answers " + std::to_string(result->status) + (said.empty() ? "" : ": " + said);
  }
  switch (result.error()) {
  case httplib::Error::Connection:
    return "no connection";
  case httplib::Error::ConnectionTimeout:
    return "no connection within " + std::to_string(connect_limit.count()) + " s";
  case httplib::Error::SSLServerVerification:
    return "its certificate is not trusted";
  default:
    return "the connection broke (" + httplib::to_string(result.error()) + ")";
  }
}

std::string next_step(const failure& refusal, const std::string& url) {
  if (refusal.code == "account_inactive")
    return "ask an admin to activate the account";
  if (refusal.status == 401)
    return "sign in: atesctl --url " + url + " login NAME";
  if (refusal.status == 403)
    return "sign in as somebody with the right: atesctl --url " + url + " login NAME";
  if (refusal.code == "no_assignable_account" || refusal.code == "last_assignee")
    return "add somebody who can be given tasks: atesctl employees add --role worker …";
  if (refusal.status >= 500)
    return "look for the request id in the node's log";
  return {};
}

failure refusal_of(const httplib::Response& response, const std::string& url) {
  const auto problem = problem_in(response);
  auto what = sentence_of(problem);
  if (what.empty())
    what = url + " answered " + std::to_string(response.status) + " without saying why; is it an aTES node?";
  failure refusal(exit_code_of(response.status), what);
  refusal.status = response.status;
  refusal.code = text_of(problem, "code");
  refusal.request_id = text_of(problem, "request_id");
  refusal.next = next_step(refusal, url);
  return refusal;
}

json body_of(const httplib::Response& response, const std::string& url) {
  if (response.status < 200 || response.status > 299)
    throw refusal_of(response, url);
  auto body = json::parse(response.body, nullptr, false);
  if (body.is_discarded())
    throw failure(exit_code::failed, url + " answered something that is not JSON",
                  "is --url the URL of an aTES node?");
  return body;
}

bool about_to_end(const session& entry) {
  return std::chrono::system_clock::now() + token_margin >= entry.access_ends_at;
}

httplib::Request make_request(const char* method, const std::string& path,
                              const std::optional<std::string>& body) {
  httplib::Request request;
  request.method = method;
  request.path = "/v1" + path;
  request.headers = {{"Accept", "application/json"}};
  if (body) {
    request.body = *body;
    request.set_header("Content-Type", "application/json");
  }
  return request;
}

} // namespace

std::string normalise_url(std::string_view url) {
  std::string result(url);
  for (auto& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  while (!result.empty() && result.back() == '/')
    result.pop_back();
  const auto host = result.starts_with("http://") ? 7U : result.starts_with("https://") ? 8U : 0U;
  if (host == 0 || host == result.size() || result.find_first_of("/?#@ ", host) != std::string::npos)
    throw failure(exit_code::usage, "not a URL of a node: " + std::string(url),
                  "give scheme, host and port only, e.g. " + std::string(default_url));
  return result;
}

std::string path_segment(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~')
      result += c;
    else
      result.append({'%', hex[byte >> 4U], hex[byte & 15U]});
  }
  return result;
}

std::string new_idempotency_key() {
  std::random_device source;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>(source());
  return domain::to_string(domain::uuid_v4(bytes));
}

exit_code exit_code_of(int status) noexcept {
  switch (status) {
  case 401:
  case 403:
  case 429: // too many failed sign-ins
    return exit_code::not_allowed;
  case 404:
    return exit_code::not_found;
  case 409:
    return exit_code::conflict;
  case 408:
  case 502:
  case 503:
  case 504:
    return exit_code::unavailable;
  default:
    return exit_code::failed;
  }
}

std::string sentence_of(const json& problem) {
  std::string faults;
  if (const auto errors = problem.find("errors"); errors != problem.end() && errors->is_array())
    for (const auto& error : *errors) {
      const auto pointer = text_of(error, "pointer");
      faults += (faults.empty() ? "" : "; ") +
                (pointer.empty() ? "" : pointer.substr(pointer.rfind('/') + 1) + ": ") +
                text_of(error, "detail");
    }
  for (const auto& said :
       {faults, text_of(problem, "detail"), text_of(problem, "title"), text_of(problem, "code")})
    if (!said.empty())
      return said;
  return {};
}

milliseconds back_off::next(seconds retry_after) {
  constexpr milliseconds longest{5000};
  thread_local std::minstd_rand dice{std::random_device{}()};
  const auto whole = pause_.count();
  const milliseconds pause{whole - std::uniform_int_distribution<milliseconds::rep>(0, whole / 4)(dice)};
  pause_ = std::min(pause_ * 2, longest);
  return std::max<milliseconds>(pause, retry_after);
}

std::string to_body(const json& value) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    throw failure(exit_code::usage, "the text given is not UTF-8");
  }
}

api::api(surroundings& around, std::string_view url)
    : around_(around), url_(normalise_url(url)), store_(session_file(around)),
      client_(std::make_unique<httplib::Client>(url_)) {
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(true);
  client_->set_url_encode(false); // paths are encoded here
  client_->set_connection_timeout(connect_limit);
  client_->set_read_timeout(answer_limit);
  client_->set_write_timeout(answer_limit);
}

api::~api() = default;

httplib::Response api::send(const httplib::Request& request, seconds patience) {
  const auto began = around_.clock.now();
  back_off pauses;
  bool told = false;
  for (;;) {
    const auto result = client_->send(request);
    if (result && !worth_repeating(*result)) {
      if (told)
        notice(around_, url_ + " answers again");
      return *result;
    }
    const auto trouble = trouble_of(result);
    const auto waited = around_.clock.now() - began;
    const auto pause = pauses.next(retry_after(result));
    if (waited + pause > patience || (!result && result.error() == httplib::Error::SSLServerVerification)) {
      failure gone(exit_code::unavailable, url_ + " is not available: " + trouble,
                   "is a node running there? scripts/run starts one; --url names another");
      gone.status = result ? result->status : 0;
      gone.code = result ? text_of(problem_in(*result), "code") : "";
      throw gone;
    }
    if (!told && waited + pause > quiet_trouble) {
      told = true;
      notice(around_,
             url_ + ": " + trouble + "; trying again for up to " + std::to_string(patience.count()) + " s");
    }
    around_.clock.wait(pause);
  }
}

session api::store_session(const std::string& login, const json& tokens, const session_store::lock& held) {
  const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  session entry;
  try {
    entry = {login, tokens.at("access_token"), now + seconds(tokens.at("expires_in").get<std::int64_t>()),
             tokens.at("refresh_token")};
  } catch (const json::exception&) {
    throw failure(exit_code::failed, url_ + " answered the sign-in without tokens",
                  "is --url the URL of an aTES node?");
  }
  store_.save(url_, entry, held);
  return entry;
}

json api::login(const std::string& name, const std::string& password) {
  const auto body = to_body({{"login", name}, {"password", password}});
  const auto tokens = body_of(send(make_request("POST", "/auth", body), short_patience), url_);
  const session_store::lock held(store_);
  session_ = store_session(name, tokens, held);
  return tokens.value("account", json::object());
}

bool api::signed_in() const {
  return session_ || store_.load(url_);
}

/// A token that is good for a while. Throws failure (not_allowed) when nobody is signed in.
std::string api::access_token(seconds patience) {
  if (!session_)
    session_ = store_.load(url_);
  if (!session_)
    throw failure(exit_code::not_allowed, "not signed in at " + url_,
                  "sign in: atesctl --url " + url_ + " login NAME");
  if (about_to_end(*session_))
    return refresh(session_->access_token, patience);
  return session_->access_token;
}

std::string api::refresh(std::string refused_token, seconds patience) {
  const session_store::lock held(store_);
  session_ = store_.load(url_);
  if (!session_)
    throw failure(exit_code::not_allowed, "not signed in at " + url_,
                  "sign in: atesctl --url " + url_ + " login NAME");
  // Another process may have refreshed it while this one waited for the lock.
  if (session_->access_token != refused_token && !about_to_end(*session_))
    return session_->access_token;
  const auto body = to_body({{"refresh_token", session_->refresh_token}});
  const auto response = send(make_request("POST", "/auth/refresh", body), patience);
  if (response.status == 401) {
    auto over = refusal_of(response, url_);
    throw failure(exit_code::not_allowed, "the session at " + url_ + " is over: " + over.what(), over.next);
  }
  session_ = store_session(session_->login, body_of(response, url_), held);
  return session_->access_token;
}

json api::call(httplib::Request request, seconds patience) {
  const auto token = access_token(patience);
  request.set_header("Authorization", "Bearer " + token);
  auto response = send(request, patience);
  if (response.status == 401) {
    const auto code = text_of(problem_in(response), "code");
    if (code == "token_expired" || code == "unauthenticated") {
      request.headers.erase("Authorization");
      request.set_header("Authorization", "Bearer " + refresh(token, patience));
      response = send(request, patience);
    }
  }
  return body_of(response, url_);
}

json api::get(const std::string& path, const query& parameters) {
  std::string target = path;
  for (const auto& [name, value] : parameters)
    target += (target.size() == path.size() ? "?" : "&") + name + "=" + path_segment(value);
  return call(make_request("GET", target, std::nullopt), short_patience);
}

json api::post(const std::string& path, std::optional<std::string> body, seconds patience) {
  auto request = make_request("POST", path, body);
  request.set_header("Idempotency-Key", new_idempotency_key());
  return call(std::move(request), patience);
}

json api::patch(const std::string& path, const std::string& body) {
  return call(make_request("PATCH", path, body), short_patience);
}

json api::list(const std::string& path, query parameters, std::size_t limit) {
  json items = json::array();
  for (;;) {
    parameters["limit"] = std::to_string(std::min(page_limit, limit - items.size()));
    auto page = get(path, parameters);
    for (auto& item : page.at("data"))
      items.push_back(std::move(item));
    const bool more = page.at("has_more").get<bool>();
    if (!more || items.size() >= limit)
      return {{"data", std::move(items)}, {"has_more", more}};
    const auto cursor = page.at("next_cursor").get<std::string>();
    if (cursor == parameters["cursor"])
      throw failure(exit_code::failed, url_ + " gives the same page of the list again");
    parameters["cursor"] = cursor;
  }
}

} // namespace ates::console
