#include "storage/postgres_lease.hpp"

#include "storage/rows.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

// Advisory locks of our incarnations: the class spells "ates", the object is the incarnation.
constexpr const char* try_lock = "select pg_try_advisory_lock(1635018099, $1::int)";
constexpr const char* unlock = "select pg_advisory_unlock(1635018099, $1::int)";

constexpr const char* insert_node =
    "insert into node (name, http, caf, version, pid, lease_until)"
    " values ($1, $2, $3, $4, $5, clock_timestamp() + $6::bigint * interval '1 ms') returning incarnation";
const std::string update_beat = "update node set last_beat = clock_timestamp(),"
                                " lease_until = clock_timestamp() + $2::bigint * interval '1 ms'"
                                " where incarnation = $1 and not dead returning " +
                                micros("last_beat");
const std::string select_clock = "select " + micros("clock_timestamp()");
constexpr const char* select_other_lives =
    "select incarnation, lease_until < clock_timestamp() as expired from node"
    " where name = $1 and not dead and incarnation <> $2 order by incarnation";
constexpr const char* declare_dead = "update node set dead = true where incarnation = $1 and not dead";
constexpr const char* declare_expired_dead =
    "update node set dead = true where not dead and incarnation <> $1 and lease_until < clock_timestamp()";

// design.md §6: the rows are locked FOR UPDATE, ascending, before anything changes: a plain UPDATE would not
// wait for a batch that holds them FOR KEY SHARE.
constexpr const char* lock_free_shards = "select s.shard from shard s where s.owner is null"
                                         " or exists (select from node n where n.incarnation = s.owner and "
                                         "n.dead) order by s.shard for update of s";
constexpr const char* take_shards =
    "update shard s set owner = $1, epoch = epoch + 1 where (s.owner is null"
    " or exists (select from node n where n.incarnation = s.owner and n.dead))"
    " and exists (select from node n where n.incarnation = $1 and not n.dead) returning s.shard, s.owner, "
    "s.epoch";
constexpr const char* lock_own_shards = "select shard from shard where owner = $1 order by shard for update";
constexpr const char* release_shards = "update shard set owner = null, epoch = epoch + 1 where owner = $1";
constexpr const char* select_leases = "select shard, owner, epoch from shard order by shard";

shard_lease lease_of(const pqxx::row& row) {
  const auto number = [](const pqxx::field& f) { return f.as<incarnation>(); };
  return {row[0].as<shard_number>(), optional_of(row[1], number), row[2].as<epoch>()};
}

} // namespace

postgres_lease::postgres_lease(std::string url, const time_limits& limits, bool allow_unsafe_server)
    : url_(std::move(url)) {
  options_.application_name = "atesd lease";
  options_.allow_unsafe_server = allow_unsafe_server;
  options_.limits = limits;
}

void postgres_lease::connect() {
  if (connection_ && connection_->usable())
    return;
  connection_.reset();
  connection_.emplace(url_, options_);
  connection_->run("hold lock", [&](pqxx::connection& pq) { hold_lock(pq); });
}

/// After a loss the old backend may still hold it for a moment; then the next connection has it.
void postgres_lease::hold_lock(pqxx::connection& pq) {
  if (!self_)
    return;
  pqxx::nontransaction tx{pq};
  tx.exec_params1(try_lock, *self_);
}

template <class F> auto postgres_lease::run(const char* operation, F&& f) {
  try {
    connect();
    return connection_->run(operation, std::forward<F>(f));
  } catch (const storage_error&) {
    beating_since_.reset();
    throw;
  }
}

incarnation postgres_lease::join(const node_row& self, std::chrono::milliseconds ttl) {
  if (self_) // the lock of an earlier life of this process must not outlive it
    connection_.reset();
  self_.reset();
  beating_since_.reset();
  name_ = self.name;
  ttl_ = ttl;
  return run("join", [&](pqxx::connection& pq) {
    incarnation number = 0;
    {
      pqxx::work tx{pq};
      number =
          tx.exec_params1(insert_node, self.name, self.http, self.caf, self.version, self.pid, ttl.count())[0]
              .as<incarnation>();
      tx.exec_params1(try_lock, number); // before anybody can see the incarnation
      tx.commit();
    }
    self_ = number;
    bury_other_lives(pq, number);
    return number;
  });
}

void postgres_lease::bury_other_lives(pqxx::connection& pq, incarnation self) {
  pqxx::nontransaction tx{pq};
  for (const auto& row : tx.exec_params(select_other_lives, name_, self)) {
    const auto other = row[0].as<incarnation>();
    const bool lock_is_free = tx.exec_params1(try_lock, other)[0].as<bool>();
    if (lock_is_free)
      tx.exec_params1(unlock, other);
    if (lock_is_free || row[1].as<bool>())
      tx.exec_params0(declare_dead, other);
  }
}

void postgres_lease::bury_expired(pqxx::connection& pq, incarnation self) {
  if (!beating_since_ || std::chrono::steady_clock::now() - *beating_since_ < ttl_)
    return; // after an outage everybody beats before anybody judges
  pqxx::nontransaction tx{pq};
  tx.exec_params0(declare_expired_dead, self);
}

beat postgres_lease::heartbeat(incarnation self, std::chrono::milliseconds ttl) {
  return run("heartbeat", [&](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    const auto beaten = tx.exec_params(update_beat, self, ttl.count());
    if (beaten.empty()) {
      beating_since_.reset();
      return beat{false, instant_of(tx.exec1(select_clock)[0])};
    }
    if (!beating_since_)
      beating_since_ = std::chrono::steady_clock::now();
    return beat{true, instant_of(beaten[0][0])};
  });
}

std::vector<shard_lease> postgres_lease::take_free(incarnation self) {
  return run("take free shards", [&](pqxx::connection& pq) {
    bury_other_lives(pq, self);
    bury_expired(pq, self);
    std::vector<shard_lease> taken;
    pqxx::work tx{pq};
    tx.exec(lock_free_shards);
    for (const auto& row : tx.exec_params(take_shards, self))
      taken.push_back(lease_of(row));
    tx.commit();
    std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.shard < b.shard; });
    return taken;
  });
}

std::vector<shard_lease> postgres_lease::leases() {
  return run("read leases", [](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    std::vector<shard_lease> all;
    for (const auto& row : tx.exec(select_leases))
      all.push_back(lease_of(row));
    return all;
  });
}

void postgres_lease::leave(incarnation self) {
  run("leave", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    tx.exec_params(lock_own_shards, self);
    tx.exec_params0(release_shards, self);
    tx.exec_params0(declare_dead, self);
    tx.commit();
  });
  self_.reset();
  connection_.reset(); // and with it the lock
}

} // namespace ates::storage
