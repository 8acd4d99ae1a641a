#pragma once
/// Trying a secret: each try counts as failed until it is forgiven, per login and per address (contract.md
/// §3, POST /auth).

#include "http/call.hpp"
#include "http/throttle.hpp"

#include <string>

namespace ates::http {

class attempt {
public:
  /// Throws problem too_many_requests when this login, folded, or the caller's address has failed too often.
  /// Keeps a reference to `c`.
  attempt(const call& c, std::string login);
  /// The secret is about to be looked at. Throws as above.
  void begin();
  /// It was the right one.
  void forgive();

private:
  const call& call_;
  const std::string login_;
  throttle::time_point when_{};
};

} // namespace ates::http
