// The part of the facade that looks inside, and acts there: asks shards wherever they live, and puts their
// answers together.

#include "actors/facade_impl.hpp"

#include "actors/inspection.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <tuple>

namespace ates::actors {

namespace {

/// Whoever looks at the cluster wants to see the rest of it while a part does not answer.
constexpr std::chrono::milliseconds glance_patience{1000};
/// Shards asked at once for a page in their order: seldom are more needed, and what is not is thrown away.
constexpr std::size_t shards_at_once = 8;

/// Where a page ended. The shard counts only where the order is none.
struct place {
  shard_number shard = 0;
  list_actors_command::position at;
};

std::string to_text(const place& p) {
  return std::to_string(p.shard) + " " + std::to_string(p.at.rank) + " " +
         std::to_string(static_cast<int>(p.at.of.kind)) + " " + domain::to_string(p.at.of.id);
}

place parse_place(const std::string& text) {
  std::istringstream in{text};
  place p;
  int kind = 0;
  std::string id;
  in >> p.shard >> p.at.rank >> kind >> id;
  const auto parsed = domain::parse_uuid(id);
  if (!in || !parsed || kind < 1 || kind > 5)
    throw std::invalid_argument("no position in a list of actors");
  p.at.of = {static_cast<entity_kind>(kind), *parsed};
  return p;
}

/// A read that nobody answered has changed nothing.
outcome of_a_read(outcome what) {
  return what == outcome::outcome_unknown ? outcome::unavailable : what;
}

} // namespace

std::vector<shard_status> facade_impl::look_at_shards(const caller& who) {
  auto quick = who;
  quick.deadline = std::min(who.deadline, std::chrono::steady_clock::now() + glance_patience);
  std::vector<ticket> tickets;
  for (shard_number n = 0; n < home_->shards; ++n)
    tickets.push_back(send(quick, shard_ref(n), inspect_shard_command{}, std::nullopt, command_bytes));
  std::vector<shard_status> answered;
  for (const auto& t : tickets) {
    auto r = wait(t, quick);
    if (const auto* status = std::get_if<shard_status>(&r.value))
      answered.push_back(*status);
  }
  return answered;
}

outcome facade_impl::collect_actors(const caller& who, std::span<const shard_number> shards,
                                    const list_actors_command& what, std::vector<actor_row>& rows) {
  std::vector<ticket> tickets;
  for (const auto n : shards)
    tickets.push_back(send(who, shard_ref(n), what, std::nullopt, command_bytes));
  auto bad = outcome::ok;
  for (const auto& t : tickets) {
    auto r = wait(t, who);
    if (auto* list = std::get_if<actor_list>(&r.value))
      std::move(list->rows.begin(), list->rows.end(), std::back_inserter(rows));
    else
      bad = of_a_read(r.what);
  }
  return bad;
}

answer<storage::page<actor_row>> facade_impl::list_actors(const caller& who, const actor_query& what,
                                                          const storage::page_request& at) {
  std::vector<shard_number> shards(home_->shards);
  std::iota(shards.begin(), shards.end(), shard_number{0});
  if (what.shards)
    shards = *what.shards;
  const auto wanted = static_cast<std::size_t>(at.limit) + 1; // one more tells whether there is more
  list_actors_command command{.kind = what.kind,
                              .state = what.state,
                              .order = what.order,
                              .limit = static_cast<std::uint32_t>(wanted),
                              .after = std::nullopt};
  std::vector<actor_row> rows;
  auto next = shards.begin();
  const auto ask_more = [&](std::size_t count) {
    const auto n = std::min(count, static_cast<std::size_t>(shards.end() - next));
    const std::span some{&*next, n};
    next += static_cast<std::ptrdiff_t>(n);
    return collect_actors(who, some, command, rows);
  };
  auto result = outcome::ok;
  if (at.after) {
    const auto begin = parse_place(*at.after);
    command.after = begin.at;
    if (what.order == actor_order::none) { // the rest of that shard, then the shards behind it
      next = std::lower_bound(shards.begin(), shards.end(), begin.shard);
      if (next != shards.end() && *next == begin.shard)
        result = ask_more(1);
      command.after.reset();
    }
  }
  while (result == outcome::ok && next != shards.end() &&
         (what.order != actor_order::none || rows.size() < wanted))
    result = ask_more(what.order == actor_order::none ? shards_at_once : shards.size());
  if (result != outcome::ok)
    return {result, {}, false};
  const auto key = [&](const actor_row& row) {
    return std::tuple{-rank_of(row, what.order), what.order == actor_order::none ? row.shard : 0, row.of};
  };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  storage::page<actor_row> page;
  if (rows.size() >= wanted) {
    rows.resize(wanted - 1);
    const auto& last = rows.back();
    page.next = to_text({last.shard, {rank_of(last, what.order), last.of}});
  }
  page.rows = std::move(rows);
  return {outcome::ok, std::move(page), false};
}

answer<actor_detail> facade_impl::inspect_actor(const caller& who, const storage::entity_ref& of) {
  auto r = ask(who, shard_ref(home_of(of, home_->shards)), inspect_actor_command{of});
  answer<actor_detail> a;
  a.what = of_a_read(r.what);
  if (auto* detail = std::get_if<actor_detail>(&r.value))
    a.value = std::move(*detail);
  return a;
}

// ── operations ──

outcome facade_impl::passivate_actor(const caller& who, const storage::entity_ref& of) {
  return ask(who, shard_ref(home_of(of, home_->shards)), passivate_command{of}).what;
}

outcome facade_impl::release_actor(const caller& who, const storage::entity_ref& of, storage::audit_row why) {
  return ask(who, shard_ref(home_of(of, home_->shards)), release_actor_command{of, std::move(why)}).what;
}

outcome facade_impl::settle_parked(const caller& who, domain::shard_number shard, const domain::uuid& id,
                                   bool drop, storage::audit_row why) {
  return ask(who, shard_ref(shard), settle_parked_command{id, drop, std::move(why)}).what;
}

} // namespace ates::actors
