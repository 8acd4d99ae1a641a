// Letters by SMTP. The connection is kept for the next letter; after a failure a new one is made.

#include "mail/transport.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <curl/curl.h>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace ates::mail {

namespace {

/// Of letter_patience, for finding and reaching the server.
constexpr std::chrono::seconds connect_patience{10};

/// libcurl wants this once, before any thread uses it.
void start_curl() {
  static const auto started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK)
    throw std::runtime_error("libcurl does not start");
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::string line;
  if (!file || !std::getline(file, line))
    throw std::runtime_error("mail.smtp_password_file cannot be read");
  return line;
}

struct give_back {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// What libcurl's callbacks see of one letter.
struct transfer {
  std::string_view rest;
  const std::function<bool()>* wanted;
};

std::size_t read_more(char* into, std::size_t size, std::size_t count, void* data) {
  auto& rest = static_cast<transfer*>(data)->rest;
  const auto length = std::min(size * count, rest.size());
  std::memcpy(into, rest.data(), length);
  rest.remove_prefix(length);
  return length;
}

/// Called about once a second at least, and more often while something moves. Not 0: give up.
int look_whether_wanted(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<transfer*>(data)->wanted)() ? 0 : 1;
}

class smtp_transport final : public transport {
public:
  explicit smtp_transport(config::mail_settings settings) : settings_(std::move(settings)) { start_curl(); }

  attempt send(const parcel& p, const std::function<bool()>& wanted) override {
    try {
      const auto result = try_to_send(p, wanted);
      if (result.what != outcome::sent)
        handle_.reset();
      return result;
    } catch (const std::exception& e) {
      handle_.reset();
      return {outcome::failed, e.what()};
    }
  }

private:
  template <class Value> void set(CURLoption option, Value value) {
    if (curl_easy_setopt(handle_.get(), option, value) != CURLE_OK)
      throw std::runtime_error("libcurl refuses an option");
  }

  void open() {
    handle_.reset(curl_easy_init());
    if (!handle_)
      throw std::runtime_error("libcurl gives no handle");
    const bool demanded = tls_demanded(settings_);
    set(CURLOPT_URL, settings_.smtp_url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_PROXY, "");      // not by the environment's word
    set(CURLOPT_NOSIGNAL, 1L);   // other threads live here
    set(CURLOPT_QUICK_EXIT, 1L); // a name that is not found holds up nobody
    set(CURLOPT_TIMEOUT, static_cast<long>(letter_patience.count()));
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(connect_patience.count()));
    set(CURLOPT_USE_SSL, static_cast<long>(demanded ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    // Where TLS is not demanded anybody in between could take it away: a certificate would prove nothing.
    set(CURLOPT_SSL_VERIFYPEER, demanded ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, demanded ? 2L : 0L);
    if (!settings_.smtp_user.empty()) {
      set(CURLOPT_USERNAME, settings_.smtp_user.c_str());
      set(CURLOPT_PASSWORD, first_line(settings_.smtp_password_file).c_str());
    }
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &read_more);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &look_whether_wanted);
  }

  attempt try_to_send(const parcel& p, const std::function<bool()>& wanted) {
    if (!handle_)
      open();
    const std::unique_ptr<curl_slist, give_back> recipients{
        curl_slist_append(nullptr, ("<" + p.to + ">").c_str())};
    if (!recipients)
      throw std::runtime_error("no memory for an address");
    transfer letter{p.text, &wanted};
    std::array<char, CURL_ERROR_SIZE> error{};
    set(CURLOPT_MAIL_FROM, ("<" + p.from + ">").c_str());
    set(CURLOPT_MAIL_RCPT, recipients.get());
    set(CURLOPT_READDATA, &letter);
    set(CURLOPT_XFERINFODATA, &letter);
    set(CURLOPT_ERRORBUFFER, error.data());
    const auto result = curl_easy_perform(handle_.get());
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
    set(CURLOPT_MAIL_RCPT, static_cast<curl_slist*>(nullptr));
    if (result == CURLE_OK)
      return {outcome::sent, {}};
    if (result == CURLE_ABORTED_BY_CALLBACK)
      return {outcome::dropped, "not wanted any more"};
    return {outcome::failed, error[0] != '\0' ? error.data() : curl_easy_strerror(result)};
  }

  config::mail_settings settings_;
  std::unique_ptr<CURL, give_back> handle_;
};

/// The host of smtp[s]://[user@]host[:port][/…].
std::string_view host_of(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  url = url.substr(0, url.find('/'));
  if (const auto at = url.rfind('@'); at != std::string_view::npos)
    url.remove_prefix(at + 1);
  return url.starts_with('[') ? url.substr(0, url.find(']') + 1) : url.substr(0, url.find(':'));
}

} // namespace

bool tls_demanded(const config::mail_settings& settings) {
  if (settings.smtp_url.starts_with("smtps://"))
    return true;
  const auto host = host_of(settings.smtp_url);
  return !settings.smtp_user.empty() && host != "localhost" && host != "127.0.0.1" && host != "[::1]";
}

std::unique_ptr<transport> open_smtp_transport(config::mail_settings settings) {
  return std::make_unique<smtp_transport>(std::move(settings));
}

} // namespace ates::mail
