#include "http/attempt.hpp"

#include "http/crypto.hpp"
#include "http/limits.hpp"
#include "http/problem.hpp"
#include "storage/errors.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

void refuse_if_shut(std::chrono::seconds opens_in) {
  if (opens_in.count() <= 0)
    return;
  problem p(code::too_many_requests);
  p.retry_after = opens_in;
  throw p;
}

} // namespace

attempt::attempt(const call& c, std::string login) : call_(c), login_(std::move(login)) {
  const auto now = clock::now();
  refuse_if_shut(std::max(call_.with.login_failures.shut_for(login_, now),
                          call_.with.address_failures.shut_for(call_.in.remote_address, now)));
}

void attempt::begin() {
  when_ = clock::now();
  refuse_if_shut(call_.with.login_failures.enter(login_, when_));
  const auto shut = call_.with.address_failures.enter(call_.in.remote_address, when_);
  if (shut.count() > 0)
    call_.with.login_failures.forgive(login_, when_);
  refuse_if_shut(shut);
  refuse_if_shut(count());
}

void attempt::forgive_here() {
  call_.with.login_failures.forgive(login_, when_);
  call_.with.address_failures.forgive(call_.in.remote_address, when_);
}

std::chrono::seconds attempt::count() {
  const auto& with = call_.with;
  // Somebody may have typed a password where the login belongs.
  const auto hidden = [&](const std::string& kind, const std::string& what) {
    return hex(hmac_sha256(with.failure_secret, kind + " " + what));
  };
  id_ = random_uuid();
  const std::array<storage::sign_in_failures::counted, 2> keys{
      {{hidden("login", login_), with.login_failures.failures_max()},
       {hidden("address", call_.in.remote_address), with.address_failures.failures_max()}}};
  std::vector<std::chrono::seconds> shut;
  try {
    shut = with.failures.enter(id_, keys, failure_window, call_.read_deadline());
  } catch (const storage::storage_error&) {
    forgive_here(); // it is not tried
    throw;
  }
  if (std::max(shut.at(0), shut.at(1)).count() > 0)
    forgive_here();
  if (shut[0].count() > 0)
    with.login_failures.shut(login_, when_ + shut[0]);
  if (shut[1].count() > 0)
    with.address_failures.shut(call_.in.remote_address, when_ + shut[1]);
  return std::max(shut[0], shut[1]);
}

void attempt::forgive() {
  forgive_here();
  try {
    call_.with.failures.forgive(id_, call_.read_deadline());
  } catch (const storage::storage_error& e) {
    spdlog::warn("http: request {}: a sign-in counts as failed: {}", call_.request_id, e.what());
  }
}

} // namespace ates::http
