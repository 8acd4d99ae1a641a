#include "actors/wire.hpp"

#include "actors/json_types.hpp"

#include <array>
#include <string>
#include <string_view>

namespace ates::actors {

using nlohmann::json;

namespace {

/// A variant as {"is": its kind, "as": its value}. Kinds are named: their order may change.
template <class Variant, std::size_t N>
json named(const Variant& v, const std::array<std::string_view, N>& kinds) {
  static_assert(N == std::variant_size_v<Variant>);
  return std::visit(
      [&](const auto& x) {
        json j{{"is", kinds[v.index()]}};
        j["as"] = x;
        return j;
      },
      v);
}

template <class Variant, std::size_t I = 0, std::size_t N>
Variant read_named(const json& j, const std::array<std::string_view, N>& kinds) {
  if constexpr (I == N) {
    throw wire::wire_error("unknown kind " + j.at("is").dump());
  } else {
    if (j.at("is").get_ref<const std::string&>() == kinds[I])
      return j.at("as").get<std::variant_alternative_t<I, Variant>>();
    return read_named<Variant, I + 1>(j, kinds);
  }
}

constexpr std::array<std::string_view, 22> command_kinds{
    "read",          "create_task",     "complete_task", "shuffle_task",    "close_account",
    "open_session",  "refresh_session", "close_session", "create_employee", "request_shuffle",
    "close_day",     "inspect_shard",   "list_actors",   "inspect_actor",   "change_employee",
    "release_task",  "settle_draws",    "edit_task",     "passivate",       "release_actor",
    "settle_parked", "apply_parked"};
constexpr std::array<std::string_view, 10> value_kinds{
    "nothing", "task",      "employee",     "shuffle",    "payout_run",
    "family",  "placement", "shard_status", "actor_list", "actor_detail"};
constexpr std::array<std::string_view, 8> notice_kinds{"inbox_push", "inbox_ack",     "inbox_look",
                                                       "bulk_order", "bulk_report",   "roster_look",
                                                       "roster_ack", "leases_changed"};
constexpr std::array<std::string_view, 2> bulk_kinds{"shuffle", "payout"};

} // namespace

#define ATES_WIRE(type, ...) NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(type, __VA_ARGS__)
#define ATES_WIRE_EMPTY(type)                                                                                \
  inline void to_json(json& j, const type&) {                                                                \
    j = json::object();                                                                                      \
  }                                                                                                          \
  inline void from_json(const json&, type&) {}

ATES_WIRE_EMPTY(read_entity)
ATES_WIRE(create_task_command, title, jira_id, description, external_ref)
ATES_WIRE(edit_task_command, title, jira_id, description)
ATES_WIRE_EMPTY(complete_task_command)
ATES_WIRE(shuffle_task_command, run, shuffle, assignee)
ATES_WIRE_EMPTY(close_account_command)
ATES_WIRE(open_session_command, secret_hash)
ATES_WIRE(refresh_session_command, family, secret_hash, new_secret_hash)
ATES_WIRE(close_session_command, family, secret_hash)
ATES_WIRE(create_employee_command, what, id)
ATES_WIRE(change_employee_command, id, what)
ATES_WIRE(release_task_command, from, roster)
ATES_WIRE(settle_draws_command, roster)
ATES_WIRE(passivate_command, of)
ATES_WIRE(release_actor_command, of, why)
ATES_WIRE(settle_parked_command, id, drop, why)
ATES_WIRE(apply_parked_command, event, why)
ATES_WIRE_EMPTY(request_shuffle_command)
ATES_WIRE_EMPTY(close_day_command)
ATES_WIRE_EMPTY(inspect_shard_command)
inline void to_json(json& j, const list_actors_command::position& p) {
  j = {{"rank", p.rank}, {"of", p.of}};
}
inline void from_json(const json& j, list_actors_command::position& p) {
  j.at("rank").get_to(p.rank);
  j.at("of").get_to(p.of);
}
ATES_WIRE(list_actors_command, kind, state, order, limit, after)
ATES_WIRE(inspect_actor_command, of)
ATES_WIRE(shard_status, shard, epoch, serving, stopping, active, supervisors, held, inflight, last_seq,
          queue_depth, gate_depth, lag)
ATES_WIRE(actor_row, of, shard, node, state, mailbox, oldest_ms, messages, handled_us, version,
          durable_version)
ATES_WIRE(actor_list, rows)
ATES_WIRE(handled_message, at, kind, us)
ATES_WIRE(actor_detail, row, epoch, value, pending, recent, last_error)
ATES_WIRE(placement, shard, owner, epoch)
ATES_WIRE(inbox_push, source, target, events)
ATES_WIRE(inbox_ack, source, target, position)
ATES_WIRE(inbox_look, source, target, head)
ATES_WIRE(roster_look, version)
ATES_WIRE(roster_ack, from, version)
ATES_WIRE_EMPTY(leases_changed)

ATES_WIRE(shuffle_order, run, id, started_at, seed)
ATES_WIRE(payout_order, on)
ATES_WIRE(shuffle_report, run, open_tasks, reassigned, done)
ATES_WIRE(payout_report, on, done)

inline void to_json(json& j, const bulk_order& o) {
  j = {{"shard", o.shard}, {"what", named(o.what, bulk_kinds)}};
}
inline void from_json(const json& j, bulk_order& o) {
  j.at("shard").get_to(o.shard);
  o.what = read_named<decltype(o.what)>(j.at("what"), bulk_kinds);
}
inline void to_json(json& j, const bulk_report& r) {
  j = {{"shard", r.shard}, {"what", named(r.what, bulk_kinds)}};
}
inline void from_json(const json& j, bulk_report& r) {
  j.at("shard").get_to(r.shard);
  r.what = read_named<decltype(r.what)>(j.at("what"), bulk_kinds);
}

inline void to_json(json& j, const envelope& e) {
  j = {{"to", e.to},
       {"by", e.by},
       {"what", named(e.what, command_kinds)},
       {"lease", e.lease},
       {"hops", e.hops}};
  if (e.key)
    j["key"] = *e.key;
}
inline void from_json(const json& j, envelope& e) {
  j.at("to").get_to(e.to);
  j.at("by").get_to(e.by);
  e.what = read_named<command>(j.at("what"), command_kinds);
  e.lease = j.value("lease", e.lease);
  e.hops = j.value("hops", e.hops);
  e.key = j.value("key", e.key);
}

inline void to_json(json& j, const reply& r) {
  j = {{"what", r.what}};
  if (r.replayed)
    j["replayed"] = true;
  if (r.value.index() != 0)
    j["value"] = named(r.value, value_kinds);
}
inline void from_json(const json& j, reply& r) {
  j.at("what").get_to(r.what);
  r.replayed = j.value("replayed", false);
  if (const auto value = j.find("value"); value != j.end())
    r.value = read_named<decltype(r.value)>(*value, value_kinds);
}

std::string_view name_of(const command& c) {
  return command_kinds[c.index()];
}

namespace wire {

ATES_WIRE(request, id, left_us, command)
ATES_WIRE(response, id, reply)

std::vector<char> encode(const frame& f) {
  json j = json::object();
  if (!f.requests.empty())
    j["requests"] = f.requests;
  if (!f.responses.empty())
    j["responses"] = f.responses;
  for (const auto& n : f.notices)
    j["notices"].push_back(named(n, notice_kinds));
  std::vector<char> bytes;
  json::to_cbor(j, bytes);
  return bytes;
}

namespace {

/// Hands each item of a list to `take`; `otherwise` gets those that cannot be read.
template <class Take, class Otherwise>
void each(const json& j, const char* list, Take take, Otherwise otherwise) {
  const auto items = j.find(list);
  if (items == j.end())
    return;
  for (const auto& item : *items) {
    try {
      take(item);
    } catch (const std::exception&) {
      otherwise(item);
    }
  }
}

/// One item of a newer peer must not spoil the others.
frame read(const json& j) {
  frame f;
  each(
      j, "requests", [&](const json& item) { f.requests.push_back(item.get<request>()); },
      [&](const json& item) { f.unreadable_requests.push_back(item.at("id").get<std::uint64_t>()); });
  each(
      j, "responses", [&](const json& item) { f.responses.push_back(item.get<response>()); },
      [&](const json& item) {
        response r;
        item.at("id").get_to(r.id);
        r.reply.what = outcome::outcome_unknown;
        f.responses.push_back(std::move(r));
      });
  each(
      j, "notices", [&](const json& item) { f.notices.push_back(read_named<notice>(item, notice_kinds)); },
      [](const json&) {}); // all of them may be lost
  return f;
}

} // namespace

frame decode(const std::vector<char>& bytes) {
  try {
    return read(json::from_cbor(bytes));
  } catch (const wire_error&) {
    throw;
  } catch (const std::exception& e) {
    throw wire_error(e.what());
  }
}

} // namespace wire
} // namespace ates::actors
