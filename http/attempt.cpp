#include "http/attempt.hpp"

#include "http/problem.hpp"

#include <algorithm>
#include <utility>

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
}

void attempt::forgive() {
  call_.with.login_failures.forgive(login_, when_);
  call_.with.address_failures.forgive(call_.in.remote_address, when_);
}

} // namespace ates::http
