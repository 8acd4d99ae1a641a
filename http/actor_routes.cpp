#include "http/json_out.hpp"
#include "http/operation.hpp"
#include "http/routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

namespace ates::http::routes {

namespace {

using storage::entity_kind;
using storage::entity_ref;

constexpr std::array<std::pair<entity_kind, std::string_view>, 5> kinds{
    {{entity_kind::task, "task"},
     {entity_kind::account, "account"},
     {entity_kind::directory, "directory"},
     {entity_kind::shuffles, "shuffle"},
     {entity_kind::payouts, "payout"}}};
constexpr std::array<std::pair<actors::actor_state, std::string_view>, 4> states{
    {{actors::actor_state::active, "active"},
     {actors::actor_state::quarantined, "quarantined"},
     {actors::actor_state::stopping, "stopping"},
     {actors::actor_state::passive, "passive"}}};
constexpr std::array<std::pair<actors::actor_order, std::string_view>, 3> orders{
    {{actors::actor_order::mailbox, "mailbox"},
     {actors::actor_order::messages, "messages"},
     {actors::actor_order::age, "age"}}};

template <class Names, class T> std::string_view name_in(const Names& names, T value) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == value; });
  return found == names.end() ? "" : found->second;
}
template <class T, std::size_t N>
std::optional<T> named(const std::array<std::pair<T, std::string_view>, N>& names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.second == name; });
  return found == names.end() ? std::nullopt : std::optional(found->first);
}

bool is_supervisor(entity_kind kind) {
  return kind != entity_kind::task && kind != entity_kind::account;
}

/// There is one supervisor of each kind. So that no two actors show the same id, theirs end in 3, 4 and 5.
domain::uuid shown_id(const entity_ref& of) {
  auto id = of.id;
  if (is_supervisor(of.kind))
    id.bytes.back() = static_cast<std::uint8_t>(of.kind);
  return id;
}

/// What the path's kind and id name; nullopt: nothing can be there.
std::optional<entity_ref> named_actor(const call& c) {
  const auto kind = named(kinds, c.args.at(0));
  const auto id = domain::parse_uuid(c.args.at(1));
  if (!kind || !id)
    return std::nullopt;
  const entity_ref of{*kind, is_supervisor(*kind) ? domain::uuid{} : *id};
  return shown_id(of) == *id ? std::optional(of) : std::nullopt;
}

json milliseconds(std::int64_t us) {
  return static_cast<double>(us) / 1000;
}

json to_json(const actors::actor_row& a) {
  return {{"kind", name_in(kinds, a.of.kind)},
          {"id", to_string(shown_id(a.of))},
          {"node", a.node},
          {"shard", a.shard},
          {"state", name_in(states, a.state)},
          {"mailbox", a.mailbox},
          {"oldest_ms", a.oldest_ms},
          {"messages", a.messages},
          {"handled_ms", milliseconds(a.handled_us)},
          {"version", a.version},
          {"durable_version", a.durable_version}};
}

json to_json(const actors::actor_detail& a) {
  auto out = to_json(a.row);
  out["epoch"] = a.epoch;
  out["value"] = a.value.empty() ? json(nullptr) : json::parse(a.value);
  out["pending"] = a.pending;
  out["recent"] = json::array();
  for (const auto& one : a.recent)
    out["recent"].push_back(
        {{"at", domain::to_rfc3339(one.at)}, {"kind", one.kind}, {"ms", milliseconds(one.us)}});
  out["last_error"] = a.last_error.empty() ? json(nullptr) : json(a.last_error);
  return out;
}

/// A filter by name; throws bad_request for one that is none of `names`.
template <class Names> auto choice(const call& c, const std::string& param, const Names& names) {
  const auto text = text_param(c.query, param);
  auto value = text ? named(names, *text) : std::nullopt;
  if (text && !value) {
    std::string legal;
    for (const auto& [_, name] : names)
      legal += (legal.empty() ? "" : ", ") + std::string(name);
    throw problem(code::bad_request, param + " is one of " + legal + ".");
  }
  return value;
}

std::optional<domain::shard_number> shard_param(const call& c) {
  const auto text = text_param(c.query, "shard");
  return text ? parse_shard(*text) : std::nullopt;
}

/// The shards that `node` and `shard` leave to be asked.
std::vector<domain::shard_number> chosen_shards(const call& c, std::optional<domain::shard_number> shard,
                                                const std::optional<std::string>& node) {
  const auto view = c.with.operations.view(c.read_deadline());
  std::vector<domain::shard_number> out;
  for (const auto& lease : view.shards) {
    const auto owner = std::find_if(view.nodes.begin(), view.nodes.end(),
                                    [&](const auto& n) { return n.row.number == lease.owner; });
    const bool of_node = !node || (owner != view.nodes.end() && owner->row.name == *node);
    if (of_node && (!shard || *shard == lease.shard))
      out.push_back(lease.shard);
  }
  return out;
}

actors::actor_detail find(const call& c, const entity_ref& of) {
  return value_of(c.with.facade.inspect_actor(c.caller(), of));
}

} // namespace

std::optional<domain::shard_number> parse_shard(std::string_view text) {
  domain::shard_number number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

reply actors(call& c) {
  actors::actor_query what;
  what.kind = choice(c, "kind", kinds);
  what.state = choice(c, "state", states);
  if (what.state == actors::actor_state::passive)
    throw problem(code::bad_request, "Only actors in memory are listed.");
  what.order = choice(c, "sort", orders).value_or(actors::actor_order::none);
  const auto shard = shard_param(c);
  if (c.query.contains("shard") && !shard)
    throw problem(code::bad_request, "shard is a number.");
  const auto at = c.with.cursors.open("/actors", c.query);
  const auto node = text_param(c.query, "node");
  if (shard || node)
    what.shards = chosen_shards(c, shard, node);
  const auto found = c.with.facade.list_actors(c.caller(), what, at);
  return list_reply(c.with.cursors, "/actors", c.query, value_of(found),
                    [](const auto& row) { return to_json(row); });
}

reply actor(call& c) {
  const auto of = named_actor(c);
  if (!of)
    throw problem(code::not_found);
  return json_reply(200, to_json(find(c, *of)));
}

namespace {

/// The actor that an operation names; supervisors end with their shard only.
entity_ref operated_actor(const call& c) {
  const auto of = named_actor(c);
  if (!of || c.with.facade.inspect_actor(c.caller(), *of).what == actors::outcome::not_found)
    throw problem(code::not_found);
  return *of;
}

json operated(const entity_ref& of, const actors::actor_detail& before, const operation& asked) {
  return {{"kind", name_in(kinds, of.kind)},
          {"id", to_string(shown_id(of))},
          {"was", name_in(states, before.row.state)},
          {"dry_run", asked.dry_run()}};
}

/// `act` gets the actor and the record of the operation.
template <class Act> reply operate(call& c, const char* action, Act act) {
  operation asked(c, action, c.args.at(0) + " " + c.args.at(1));
  return asked.run([&] {
    const auto of = operated_actor(c);
    asked.read();
    if (is_supervisor(of.kind))
      throw problem(code::validation_failed,
                    "A supervisor lives as long as shard 0 is where it is: move that shard instead.");
    const auto answer = operated(of, find(c, of), asked);
    if (asked.dry_run())
      asked.only_record(answer);
    else
      act(of, asked.row(answer));
    return answer;
  });
}

} // namespace

reply passivate_actor(call& c) {
  return operate(c, "passivate", [&](const entity_ref& of, const storage::audit_row& why) {
    expect_done(c.with.facade.passivate_actor(c.caller(), of));
    c.with.operations.record(why, c.read_deadline());
  });
}

reply release_actor(call& c) {
  return operate(c, "release", [&](const entity_ref& of, storage::audit_row why) {
    expect_done(c.with.facade.release_actor(c.caller(), of, std::move(why)));
  });
}

bool actor_exists(const call& c) {
  const auto of = named_actor(c);
  return of && c.with.facade.inspect_actor(c.caller(), *of).what != actors::outcome::not_found;
}

} // namespace ates::http::routes
