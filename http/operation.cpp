#include "http/operation.hpp"

#include "domain/text.hpp"
#include "http/crypto.hpp"
#include "http/json_out.hpp"

#include <algorithm>

namespace ates::http {

namespace {

constexpr std::size_t reason_length_max = 500;
constexpr std::size_t target_length_max = 100;
constexpr const char* hash_member = "request";

} // namespace

operation::operation(const call& c, std::string action, const std::string& target) : call_(c) {
  row_.by = c.who->id;
  row_.action = std::move(action);
  // A name that no node has can be anything; the record takes text only.
  const bool is_text = domain::is_utf8(target) && !domain::has_control(target);
  row_.target =
      is_text && domain::code_points(target) <= target_length_max ? target : std::string{"unreadable"};
}

std::string operation::read(std::string_view also) {
  field_faults faults;
  object_reader in(call_.body, "", {"reason", "dry_run", also.empty() ? "reason" : also}, faults);
  const auto reason = in.required_text("reason");
  const std::string trimmed{domain::trim(reason)};
  const auto length = domain::code_points(trimmed);
  const bool good = length >= 1 && length <= reason_length_max && !domain::has_control_but_lf_tab(trimmed);
  if (call_.body.contains("reason") && !good)
    in.fault("reason", "must have 1 to 500 characters and no control characters");
  row_.dry_run = in.boolean("dry_run").value_or(false);
  auto text = also.empty() ? std::string{} : in.required_text(also);
  if (good)
    row_.reason = trimmed;
  faults.check();
  return text;
}

storage::audit_row operation::row(const json& answer) const {
  auto row = row_;
  json result{{"status", row.dry_run ? 200 : 202}, {"answer", answer}};
  if (!hash_.empty())
    result[hash_member] = hash_;
  row.result = result.dump();
  return row;
}

void operation::only_record(const json& answer) const {
  call_.with.operations.record(row(answer), call_.read_deadline());
}

reply operation::finish(const json& answer) const {
  return json_reply(row_.dry_run ? 200 : 202, answer);
}

std::optional<reply> operation::replay(const std::optional<actors::idempotency>& key) const {
  if (!key)
    return std::nullopt;
  const auto kept = call_.with.operations.find(key->scope, call_.read_deadline());
  if (!kept)
    return std::nullopt;
  const auto result = json::parse(kept->result);
  if (result.value(hash_member, "") != key->request_hash)
    throw problem(code::idempotency_mismatch);
  auto out = json_reply(result.at("status").get<int>(), result.at("answer"));
  out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

/// Under an id of its own: the key runs anew.
void operation::refused(const problem& p) const {
  if (p.why == code::bad_request)
    return;
  auto row = row_;
  row.id = random_id();
  row.result = json{{"status", info(p.why).status},
                    {"code", info(p.why).name},
                    {"detail", p.detail.empty() ? json(nullptr) : json(p.detail)}}
                   .dump();
  call_.with.operations.record(row, call_.read_deadline());
}

domain::uuid operation::random_id() {
  const auto bytes = random_bytes(16);
  std::array<std::uint8_t, 16> id{};
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return domain::uuid_v4(id);
}

json shown_result(const storage::audit_row& row) {
  auto result = json::parse(row.result);
  if (result.is_object())
    result.erase(hash_member);
  return result;
}

} // namespace ates::http
