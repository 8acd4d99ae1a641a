#pragma once
/// Trying a secret: each try counts as failed until it is forgiven, per login and per address (contract.md
/// §3, POST /auth), on all nodes together.

#include "http/call.hpp"
#include "http/throttle.hpp"

#include <string>

namespace ates::http {

class attempt {
public:
  /// Throws problem too_many_requests when this login, folded, or the caller's address has failed too often.
  /// Keeps a reference to `c`.
  attempt(const call& c, std::string login);
  /// The secret is about to be looked at. Throws as above, and storage_error when it cannot be counted.
  void begin();
  /// It was the right one.
  void forgive();

private:
  /// For the whole cluster: how long the login, or the address, stays shut; 0: neither, and it was counted.
  std::chrono::seconds count();
  void forgive_here();

  const call& call_;
  const std::string login_;
  throttle::time_point when_{};
  domain::uuid id_;
};

} // namespace ates::http
