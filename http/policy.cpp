#include "http/policy.hpp"

#include "http/routes.hpp"

#include <array>

namespace ates::http {

namespace {

using domain::role;
using domain::role_set;

template <class... Roles> constexpr right only(Roles... roles) {
  role_set set;
  (set.add(roles), ...);
  return {true, set, false};
}
template <class... Roles> constexpr right own_or(Roles... roles) {
  auto r = only(roles...);
  r.own = true;
  return r;
}
constexpr right anybody{false, {}, false};
constexpr right everyone = only(role::admin, role::manager, role::accountant, role::worker);
constexpr right admins = only(role::admin);
constexpr right shufflers = only(role::admin, role::manager);
constexpr right bookkeepers = only(role::admin, role::accountant);
constexpr right own_books = own_or(role::admin, role::accountant);

constexpr auto none = body_kind::none;
constexpr auto empty = body_kind::empty;
constexpr auto optional = body_kind::optional;
constexpr auto fields = body_kind::fields;

// clang-format off
constexpr std::array table{
    policy{"POST", "/v1/auth",                  anybody,     fields, body_bytes_max, "", routes::sign_in, nullptr},
    policy{"POST", "/v1/auth/refresh",          anybody,     fields, body_bytes_max, "", routes::refresh, nullptr},
    policy{"POST", "/v1/auth/logout",           anybody,     fields, body_bytes_max, "", routes::sign_out, nullptr},
    policy{"GET",  "/v1/me",                    everyone,    none, 0, "", routes::me, nullptr},
    policy{"GET",  "/v1/employees",             everyone,    none, 0, "role active q limit cursor", routes::employees, nullptr},
    policy{"POST", "/v1/employees",             admins,      fields, body_bytes_max, "", routes::create_employee, nullptr},
    policy{"GET",  "/v1/employees/{id}",        everyone,    none, 0, "", routes::employee, routes::employee_exists},
    policy{"PATCH", "/v1/employees/{id}",       own_or(role::admin), optional, body_bytes_max, "", routes::change_employee, routes::employee_exists},
    policy{"GET",  "/v1/tasks",                 everyone,    none, 0, "status assignee jira_id q limit cursor", routes::tasks, nullptr},
    policy{"POST", "/v1/tasks",                 everyone,    fields, body_bytes_max, "", routes::create_task, nullptr},
    policy{"POST", "/v1/tasks/batch",           everyone,    fields, batch_body_bytes_max, "", routes::create_tasks, nullptr},
    policy{"POST", "/v1/tasks/assign",          shufflers,   empty, body_bytes_max, "", routes::request_shuffle, nullptr},
    policy{"GET",  "/v1/tasks/{id}",            everyone,    none, 0, "", routes::task, routes::task_exists},
    policy{"PATCH", "/v1/tasks/{id}",           everyone,    optional, body_bytes_max, "", routes::edit_task, routes::task_is_editable},
    policy{"GET",  "/v1/tasks/{id}/history",    everyone,    none, 0, "limit cursor", routes::task_history, routes::task_exists},
    policy{"POST", "/v1/tasks/{id}/complete",   everyone,    empty, body_bytes_max, "", routes::complete_task, routes::task_exists},
    policy{"GET",  "/v1/shuffles",              shufflers,   none, 0, "limit cursor", routes::shuffles, nullptr},
    policy{"GET",  "/v1/shuffles/{id}",         shufflers,   none, 0, "", routes::shuffle, routes::shuffle_exists},
    policy{"GET",  "/v1/shuffles/{id}/roster",  shufflers,   none, 0, "limit cursor", routes::roster, routes::shuffle_exists},
    policy{"GET",  "/v1/accounts",              bookkeepers, none, 0, "negative limit cursor", routes::accounts, nullptr},
    policy{"GET",  "/v1/accounts/{id}",         own_books,   none, 0, "", routes::account, routes::account_exists},
    policy{"GET",  "/v1/accounts/{id}/log",     own_books,   none, 0, "day limit cursor", routes::account_log, routes::account_exists},
    policy{"GET",  "/v1/accounts/{id}/days",    own_books,   none, 0, "from to", routes::account_days, routes::account_exists},
    policy{"GET",  "/v1/accounting/log",        bookkeepers, none, 0, "day kind account limit cursor", routes::accounting_log, nullptr},
    policy{"GET",  "/v1/accounting/earnings",   bookkeepers, none, 0, "from to", routes::earnings, nullptr},
    policy{"POST", "/v1/payouts",               admins,      empty, body_bytes_max, "", routes::close_day, nullptr},
    policy{"GET",  "/v1/payouts",               bookkeepers, none, 0, "limit cursor", routes::payouts, nullptr},
    policy{"GET",  "/v1/payouts/{day}",         bookkeepers, none, 0, "", routes::payout, routes::payout_exists},
    policy{"GET",  "/v1/payouts/{day}/accounts", bookkeepers, none, 0, "limit cursor", routes::payees, routes::payout_exists},
    policy{"GET",  "/v1/analytics/today",       admins,      none, 0, "", routes::analytics_today, nullptr},
    policy{"GET",  "/v1/analytics/most-expensive", admins,   none, 0, "period from to", routes::most_expensive, nullptr},
    policy{"GET",  "/v1/analytics/days",        admins,      none, 0, "from to limit cursor", routes::closed_days, nullptr},
    policy{"GET",  "/v1/events",                admins,      none, 0, "after type+ limit", routes::events, nullptr},
    policy{"GET",  "/v1/events/stream",         admins,      none, 0, "after type+", routes::event_stream, nullptr},
    policy{"GET",  "/v1/cluster",               admins,      none, 0, "", routes::cluster, nullptr},
    policy{"GET",  "/v1/cluster/shards",        admins,      none, 0, "limit cursor", routes::cluster_shards, nullptr},
    policy{"POST", "/v1/cluster/nodes/{name}/drain", admins, fields, body_bytes_max, "", routes::drain, routes::node_exists},
    policy{"POST", "/v1/cluster/shards/{n}/move", admins,    fields, body_bytes_max, "", routes::move_shard, routes::shard_exists},
    policy{"GET",  "/v1/actors",                admins,      none, 0, "kind node shard state sort limit cursor", routes::actors, nullptr},
    policy{"GET",  "/v1/actors/{kind}/{id}",    admins,      none, 0, "", routes::actor, routes::actor_exists},
    policy{"POST", "/v1/actors/{kind}/{id}/passivate", admins, fields, body_bytes_max, "", routes::passivate_actor, routes::actor_exists},
    policy{"POST", "/v1/actors/{kind}/{id}/release", admins, fields, body_bytes_max, "", routes::release_actor, routes::actor_exists},
    policy{"GET",  "/v1/ops/parked",            admins,      none, 0, "limit cursor", routes::parked_events, nullptr},
    policy{"POST", "/v1/ops/parked/{id}/replay", admins,     fields, body_bytes_max, "", routes::replay_parked, routes::parked_exists},
    policy{"POST", "/v1/ops/parked/{id}/drop",  admins,      fields, body_bytes_max, "", routes::drop_parked, routes::parked_exists},
    policy{"GET",  "/v1/ops/audit",             admins,      none, 0, "limit cursor", routes::audit, nullptr},
    policy{"POST", "/v1/ops/verify",            admins,      empty, body_bytes_max, "", routes::start_verification, nullptr},
    policy{"GET",  "/v1/ops/verifications/{id}", admins,     none, 0, "", routes::verification, routes::verification_exists},
    policy{"GET",  "/livez",                    anybody,     none, 0, "", routes::live, nullptr},
    policy{"GET",  "/readyz",                   anybody,     none, 0, "verbose", routes::ready, nullptr},
    policy{"GET",  "/metrics",                  anybody,     none, 0, "", routes::metrics, nullptr},
    policy{"GET",  "/.well-known/jwks.json",    anybody,     none, 0, "", routes::jwks, nullptr},
    policy{"GET",  "/schemas/{file...}",        anybody,     none, 0, "", routes::schema, routes::schema_exists},
    policy{"GET",  "/openapi.json",             anybody,     none, 0, "", routes::openapi, nullptr},
};
// clang-format on

} // namespace

std::span<const policy> policies() noexcept {
  return table;
}

} // namespace ates::http
