#pragma once
/// The handlers behind the policy table, one file per subject. Each answers, or throws a problem.

#include "http/call.hpp"

namespace ates::http::routes {

// auth_routes.cpp
reply sign_in(call& c);
reply refresh(call& c);
reply sign_out(call& c);
reply jwks(call& c);

// employee_routes.cpp
reply me(call& c);
reply employees(call& c);
reply employee(call& c);
reply create_employee(call& c);
reply change_employee(call& c);
bool employee_exists(const call& c);

// task_routes.cpp
reply tasks(call& c);
reply task(call& c);
reply create_task(call& c);
reply create_tasks(call& c);
reply edit_task(call& c);
reply complete_task(call& c);
reply task_history(call& c);
bool task_exists(const call& c);
/// Whether the task exists; throws problem forbidden when it does but is not the caller's to edit.
bool task_is_editable(const call& c);

// shuffle_routes.cpp
reply request_shuffle(call& c);
reply shuffles(call& c);
reply shuffle(call& c);
reply roster(call& c);
bool shuffle_exists(const call& c);

// account_routes.cpp
reply accounts(call& c);
reply account(call& c);
reply account_log(call& c);
reply account_days(call& c);
bool account_exists(const call& c);

// payout_routes.cpp
reply close_day(call& c);
reply payouts(call& c);
reply payout(call& c);
reply payees(call& c);
bool payout_exists(const call& c);

// accounting_routes.cpp
reply accounting_log(call& c);
reply earnings(call& c);

// analytics_routes.cpp
reply analytics_today(call& c);
reply most_expensive(call& c);
reply closed_days(call& c);

// event_routes.cpp
reply events(call& c);
reply event_stream(call& c);

// cluster_routes.cpp
reply cluster(call& c);
reply cluster_shards(call& c);
reply drain(call& c);
reply move_shard(call& c);
reply audit(call& c);
bool node_exists(const call& c);
bool shard_exists(const call& c);

// actor_routes.cpp
reply actors(call& c);
reply actor(call& c);
reply passivate_actor(call& c);
reply release_actor(call& c);
bool actor_exists(const call& c);
/// A shard's number as paths and filters write it.
std::optional<domain::shard_number> parse_shard(std::string_view text);

// parked_routes.cpp
reply parked_events(call& c);
reply replay_parked(call& c);
reply drop_parked(call& c);
bool parked_exists(const call& c);

// verification_routes.cpp
reply start_verification(call& c);
reply verification(call& c);
bool verification_exists(const call& c);

// system_routes.cpp
reply live(call& c);
reply ready(call& c);
reply metrics(call& c);
reply schema(call& c);
bool schema_exists(const call& c);
reply openapi(call& c);

} // namespace ates::http::routes
