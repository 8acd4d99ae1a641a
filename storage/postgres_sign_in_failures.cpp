#include "storage/postgres_sign_in_failures.hpp"

#include "storage/array_text.hpp"

namespace ates::storage {

namespace {

constexpr const char* enter_attempt =
    "select ceil(shut)::bigint"
    " from unnest(sign_in_enter($1::uuid, $2::text[], $3::integer[], make_interval(secs => $4)))"
    " with ordinality as s (shut, place) order by place";
constexpr const char* forget_attempt = "delete from sign_in_failure where attempt = $1::uuid";

} // namespace

postgres_sign_in_failures::postgres_sign_in_failures(std::string url, bool allow_unsafe_server)
    : pool_(std::move(url), seldom_asked("atesd sign-in", allow_unsafe_server)) {}

std::vector<std::chrono::seconds> postgres_sign_in_failures::enter(const domain::uuid& attempt,
                                                                   std::span<const counted> keys,
                                                                   std::chrono::seconds window, deadline by) {
  array_text names;
  array_text most;
  for (const auto& one : keys) {
    names.add(one.key);
    most.add(static_cast<std::int64_t>(one.failures_max));
  }
  std::vector<std::chrono::seconds> shut;
  pool_.read("count a sign-in", by, [&](pqxx::transaction_base& tx) {
    for (const auto& row :
         tx.exec_params(enter_attempt, domain::to_string(attempt), names.text(), most.text(), window.count()))
      shut.emplace_back(row[0].as<std::int64_t>());
  });
  return shut;
}

void postgres_sign_in_failures::forgive(const domain::uuid& attempt, deadline by) {
  pool_.read("forgive a sign-in", by, [&](pqxx::transaction_base& tx) {
    return tx.exec_params(forget_attempt, domain::to_string(attempt));
  });
}

} // namespace ates::storage
