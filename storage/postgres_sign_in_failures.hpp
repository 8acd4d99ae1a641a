#pragma once
/// Failed tries of secrets, on PostgreSQL: each call is one statement, so one transaction.

#include "storage/read_pool.hpp"
#include "storage/sign_in_failures.hpp"

#include <string>

namespace ates::storage {

class postgres_sign_in_failures final : public sign_in_failures {
public:
  /// Connects on demand, with two connections at most: secrets are looked at few at a time.
  explicit postgres_sign_in_failures(std::string url, bool allow_unsafe_server = false);

  std::vector<std::chrono::seconds> enter(const domain::uuid& attempt, std::span<const counted> keys,
                                          std::chrono::seconds window, deadline by) override;
  void forgive(const domain::uuid& attempt, deadline by) override;

private:
  read_pool pool_;
};

} // namespace ates::storage
