#include "actors/region.hpp"

#include "actors/entity.hpp"
#include "actors/house_rules.hpp"

namespace ates::actors {

namespace {

shard_number shard_of(const region_state& state, const entity_ref& entity) {
  const bool spread = entity.kind == entity_kind::task || entity.kind == entity_kind::account;
  return spread ? domain::shard_of(entity.id, static_cast<shard_number>(state.shards.size()))
                : shard_number{0};
}

} // namespace

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self, shard_number shards) {
  set_house_rules(self, region_state::name);
  self->state.shards.resize(shards);
  auto& at = self->state.shards;
  // What finds no shard is dropped: lines are read from the log, orders come again.
  const auto pass_on = [self, &at](shard_number to, auto& message) {
    if (to < at.size() && at[to])
      self->send(at[to], std::move(message));
  };
  return {
      [self, &at](envelope& e) -> caf::result<reply> {
        const auto& shard = at[shard_of(self->state, e.to)];
        if (!shard)
          return refusal(outcome::unavailable);
        return self->delegate(shard, std::move(e));
      },
      [pass_on](inbox_push& p) { pass_on(p.target, p); },
      [pass_on](inbox_ack& a) { pass_on(a.source, a); },
      [pass_on](inbox_look& l) { pass_on(l.target, l); },
      [pass_on](bulk_order& o) { pass_on(o.shard, o); },
      [pass_on](bulk_report& r) { pass_on(0, r); },
      [&at](atom::attach, shard_number number, const shard_actor& shard) { at.at(number) = shard; },
      [&at](atom::detach, shard_number number) { at.at(number) = nullptr; },
      [self](atom::stop) { self->quit(); },
  };
}

} // namespace ates::actors
