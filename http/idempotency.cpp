#include "http/idempotency.hpp"

#include "http/crypto.hpp"
#include "http/limits.hpp"
#include "http/problem.hpp"

#include <algorithm>

namespace ates::http {

namespace {

// Made once at random; changing one loses every kept answer.
constexpr domain::uuid key_name_space{
    {0x6d, 0x0f, 0x5c, 0x8e, 0x91, 0x3a, 0x4b, 0x27, 0xa4, 0x58, 0x1c, 0xd0, 0x7e, 0x33, 0x92, 0xb5}};
constexpr domain::uuid external_ref_name_space{
    {0xb8, 0x24, 0xe7, 0x10, 0x4f, 0xc6, 0x43, 0x9d, 0x8b, 0x6e, 0x52, 0xaf, 0x09, 0xd1, 0x7c, 0x68}};

} // namespace

std::optional<std::string> idempotency_key_of(const request& in) {
  const auto* key = in.header("idempotency-key");
  if (key == nullptr)
    return std::nullopt;
  const auto is_visible = [](char c) { return c >= '!' && c <= '~'; };
  if (key->empty() || key->size() > idempotency_key_length_max ||
      !std::all_of(key->begin(), key->end(), is_visible))
    throw problem(code::bad_request, "An Idempotency-Key has 1 to 255 visible characters.");
  return *key;
}

domain::uuid idempotency_scope(const domain::account_id& who, std::string_view method, std::string_view path,
                               std::string_view key) {
  auto name = to_string(who);
  for (const auto part : {method, path, key})
    name.append("\n").append(part);
  return domain::uuid_v5(key_name_space, name);
}

domain::uuid external_ref_scope(std::string_view external_ref) {
  return domain::uuid_v5(external_ref_name_space, "external_ref\n" + std::string(external_ref));
}

std::string request_hash(std::string_view secret, const std::map<std::string, std::string>& query,
                         const nlohmann::json& body) {
  return hex(hmac_sha256(secret, nlohmann::json(query).dump() + "\n" + body.dump()));
}

running_keys::hold running_keys::acquire(const domain::uuid& scope,
                                         std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_until(lock, deadline, [&] { return !running_.contains(scope); }))
    throw problem(code::idempotency_in_progress);
  running_.insert(scope);
  return {*this, scope};
}

running_keys::hold::~hold() {
  if (of_ == nullptr)
    return;
  {
    const std::lock_guard lock(of_->mutex_);
    of_->running_.erase(scope_);
  }
  of_->ended_.notify_all();
}

} // namespace ates::http
