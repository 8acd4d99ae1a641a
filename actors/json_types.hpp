#pragma once
/// Our value types as JSON: for kept answers (answers.hpp) and for what nodes say to each other (wire.hpp). A
/// field that is missing keeps its default and one that is not known is passed over, so that programs of two
/// versions read each other's.

#include "actors/facade.hpp"
#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/task.hpp"
#include "domain/time.hpp"
#include "storage/journal.hpp"
#include "storage/record.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <variant>

namespace nlohmann {

template <class T> struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& x) {
    if (x)
      j = *x;
    else
      j = nullptr;
  }
  static void from_json(const json& j, std::optional<T>& x) {
    if (j.is_null())
      x.reset();
    else
      x = j.get<T>();
  }
};

template <> struct adl_serializer<std::monostate> {
  static void to_json(json& j, const std::monostate&) { j = nullptr; }
  static void from_json(const json&, std::monostate&) {}
};

template <> struct adl_serializer<ates::domain::instant> {
  static void to_json(json& j, const ates::domain::instant& at) { j = at.time_since_epoch().count(); }
  static void from_json(const json& j, ates::domain::instant& at) {
    at = ates::domain::instant{std::chrono::microseconds{j.get<std::int64_t>()}};
  }
};

template <> struct adl_serializer<ates::domain::day> {
  static void to_json(json& j, const ates::domain::day& d) { j = d.time_since_epoch().count(); }
  static void from_json(const json& j, ates::domain::day& d) {
    d = ates::domain::day{std::chrono::days{j.get<std::int32_t>()}};
  }
};

} // namespace nlohmann

namespace ates::domain {

inline void to_json(nlohmann::json& j, const uuid& id) {
  j = to_string(id);
}
inline void from_json(const nlohmann::json& j, uuid& id) {
  const auto parsed = parse_uuid(j.get_ref<const std::string&>());
  if (!parsed)
    throw std::runtime_error("no UUID: " + j.dump());
  id = *parsed;
}
template <class Tag> void to_json(nlohmann::json& j, const strong_id<Tag>& id) {
  to_json(j, id.value);
}
template <class Tag> void from_json(const nlohmann::json& j, strong_id<Tag>& id) {
  from_json(j, id.value);
}
inline void to_json(nlohmann::json& j, const cents& c) {
  j = c.count;
}
inline void from_json(const nlohmann::json& j, cents& c) {
  c.count = j.get<std::int64_t>();
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(price, fee, reward)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(task, id, title, jira_id, description, external_ref, prices,
                                                created_by, created_at, status, assignee, assigned_at,
                                                completed_at, assignments, last_run, version)

} // namespace ates::domain

namespace ates::storage {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(entity_ref, kind, id)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(cause, source, target_seq)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(parked_row, id, shard, from, account, type, subject, at, data,
                                                reason, parked_at, status)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(audit_row, id, at, by, action, target, reason, dry_run,
                                                result)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(delivery, source, target, target_seq, type, subject, at, data)
/// Without the hashes of secrets: they stay where they are checked.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(employee_row, id, number, login, email, name, role, active,
                                                created_at, version, changed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(shuffle_row, run, id, status, requested_by, requested_at,
                                                started_at, finished_at, open_tasks, reassigned, seed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(payout_row, on, status, requested_by, started_at, finished_at,
                                                accounts_paid, total_paid)

} // namespace ates::storage

namespace ates::actors {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(idempotency, scope, request_hash)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(new_employee, name, login, email, role, password_hash,
                                                beak_hash)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(employee_change, name, login, email, role, active,
                                                password_hash, beak_hash, checked_against, keep_session)

} // namespace ates::actors
