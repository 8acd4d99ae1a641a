#include "actors/spread.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>

namespace ates::actors {

namespace {

using storage::incarnation;
using storage::shard_number;

/// How much a shard likes a node (rendezvous hashing): the same everywhere, for ever, whoever else is there.
std::uint64_t weight(shard_number shard, std::string_view node) {
  std::uint64_t h = 0xcbf29ce484222325ULL ^ shard;
  for (const char c : node)
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  h ^= h >> 31; // the last character must reach the high bits
  h *= 0x9e3779b97f4a7c15ULL;
  return h ^ (h >> 29);
}

struct candidate {
  incarnation number = 0;
  std::string_view name;
  std::vector<const storage::shard_lease*> owned;
  std::size_t quota = 0;
  std::size_t room = 0;
};

class planner {
public:
  planner(const storage::cluster_view& cluster, incarnation self) : cluster_(cluster), self_(self) {
    for (const auto& n : cluster.nodes) {
      if (!n.dead)
        living_.insert(n.row.number);
      if (takes_shards(n))
        candidates_[n.row.number] = {n.row.number, n.row.name, {}, 0, 0};
    }
  }

  spread_plan plan() {
    if (candidates_.empty())
      return {};
    count_owned();
    set_quotas();
    for (auto& [_, c] : candidates_)
      release_surplus(c);
    std::sort(pool_.begin(), pool_.end(), [](auto* a, auto* b) { return a->shard < b->shard; });
    for (const auto* lease : pool_)
      place(*lease);
    return std::move(plan_);
  }

private:
  void count_owned() {
    for (const auto& lease : cluster_.shards) {
      const bool free = !lease.owner || !living_.contains(*lease.owner);
      const auto wish = lease.move_to ? candidates_.find(*lease.move_to) : candidates_.end();
      if (!free && wish != candidates_.end()) {
        wish->second.owned.push_back(&lease);
        if (lease.owner == self_ && wish->first != self_)
          plan_.give.emplace_back(lease.shard, wish->first);
        continue;
      }
      const auto owner = free ? candidates_.end() : candidates_.find(*lease.owner);
      if (owner != candidates_.end())
        owner->second.owned.push_back(&lease);
      else
        pool_.push_back(&lease);
    }
  }

  /// Whoever has most may keep one more than the others.
  void set_quotas() {
    std::vector<candidate*> by_size;
    for (auto& [_, c] : candidates_)
      by_size.push_back(&c);
    std::stable_sort(by_size.begin(), by_size.end(),
                     [](auto* a, auto* b) { return a->owned.size() > b->owned.size(); });
    const auto shards = cluster_.shards.size();
    for (std::size_t i = 0; i < by_size.size(); ++i)
      by_size[i]->quota = shards / by_size.size() + (i < shards % by_size.size() ? 1 : 0);
  }

  void release_surplus(candidate& c) {
    if (c.owned.size() <= c.quota) {
      c.room = c.quota - c.owned.size();
      return;
    }
    std::sort(c.owned.begin(), c.owned.end(), [&](auto* a, auto* b) {
      const auto key = [&](auto* l) {
        return std::tuple{l->move_to.has_value(), l->moved_by_hand, weight(l->shard, c.name), l->shard};
      };
      return key(a) < key(b);
    });
    const auto surplus = static_cast<std::ptrdiff_t>(c.owned.size() - c.quota);
    pool_.insert(pool_.end(), c.owned.begin(), c.owned.begin() + surplus);
  }

  void place(const storage::shard_lease& lease) {
    candidate* best = nullptr;
    for (auto& [_, c] : candidates_) {
      if (c.room > 0 && (best == nullptr || weight(lease.shard, c.name) > weight(lease.shard, best->name)))
        best = &c;
    }
    if (best == nullptr)
      return;
    --best->room;
    const bool free = !lease.owner || !living_.contains(*lease.owner);
    if (free && best->number == self_)
      plan_.take.push_back(lease.shard);
    else if (!free && lease.owner == self_ && best->number != self_)
      plan_.give.emplace_back(lease.shard, best->number);
  }

  const storage::cluster_view& cluster_;
  const incarnation self_;
  std::set<incarnation> living_;
  std::map<incarnation, candidate> candidates_;
  std::vector<const storage::shard_lease*> pool_;
  spread_plan plan_;
};

} // namespace

bool takes_shards(const storage::node_view& n) {
  return n.state == storage::node_state::serving && !n.dead && !n.expired && !n.drain_asked;
}

spread_plan plan_spread(const storage::cluster_view& cluster, storage::incarnation self) {
  return planner{cluster, self}.plan();
}

} // namespace ates::actors
