#include "storage/postgres_lease.hpp"

#include "storage/array_text.hpp"
#include "storage/cluster_rows.hpp"
#include "storage/rows.hpp"

#include <algorithm>

namespace ates::storage {

namespace {

constexpr const char* anonymous = "atesd lease"; // until it has an incarnation

// Advisory locks. Of our incarnations: the class spells "ates", the object is the incarnation. Of the drain
// token: the class spells "atdr".
constexpr const char* try_lock = "select pg_try_advisory_lock(1635018099, $1::int)";
constexpr const char* try_token = "select pg_try_advisory_lock(1635017842, 0) from node"
                                  " where incarnation = $1 and not dead";
constexpr const char* unlock_token = "select pg_advisory_unlock(1635017842, 0)";
// Looked up, not tried: a try that succeeds is in the way of its owner for a moment. $2: the incarnation.
const std::string lock_is_free =
    " not exists (select from pg_locks where locktype = 'advisory' and classid = 1635018099"
    " and objid = $2::bigint::oid and granted"
    " and database = (select oid from pg_database where datname = current_database()))";

constexpr const char* insert_node =
    "insert into node (name, http, caf, version, pid, boot_nonce, lease_until)"
    " values ($1, $2, $3, $4, $5, $6::uuid, clock_timestamp() + $7::bigint * interval '1 ms')"
    " returning incarnation";
const std::string update_beat = "update node set last_beat = clock_timestamp(),"
                                " lease_until = clock_timestamp() + $2::bigint * interval '1 ms',"
                                " state = $3, active_actors = $4"
                                " where incarnation = $1 and not dead returning " +
                                micros("last_beat") + ", drain";
const std::string select_clock = "select " + micros("clock_timestamp()");
constexpr const char* beat_name = "lease_beat";
constexpr const char* view_name = "lease_view";

constexpr const char* select_other_lives =
    "select o.incarnation from node o join node n on n.name = o.name and n.incarnation <> o.incarnation"
    " where n.incarnation = $1 and not n.dead and not o.dead order by 1";
// Only who lives may judge. $1 is the judge.
const std::string judge_lives = " exists (select from node j where j.incarnation = $1 and not j.dead)";
const std::string bury_other_life = "update node set dead = true where incarnation = $2 and not dead"
                                    " and (lease_until < clock_timestamp() or" +
                                    lock_is_free + ") and" + judge_lives + " returning incarnation";
const std::string bury_silent = "update node set dead = true where incarnation = $2 and not dead"
                                " and last_beat < clock_timestamp() - $3::bigint * interval '1 ms' and" +
                                lock_is_free + " and" + judge_lives + " returning incarnation";
constexpr const char* is_dead = "select dead from node where incarnation = $1";
// A judge that was frozen itself beats first, so that the others can.
constexpr const char* bury_expired =
    "update node set dead = true where not dead and incarnation = any (array(select incarnation from node"
    "   where not dead and lease_until < clock_timestamp() order by 1 for no key update skip locked))"
    " and exists (select from node j where j.incarnation = $1 and not j.dead"
    "   and j.last_beat > clock_timestamp() - $2::bigint * interval '1 ms') returning incarnation";
constexpr const char* bury_self = "update node set dead = true where incarnation = $1 and not dead";

constexpr const char* end_backends =
    "select pg_terminate_backend(a.pid) from pg_stat_activity a join node n"
    " on n.incarnation = substring(a.application_name from '^atesd ([0-9]{1,18}) ')::bigint"
    " where n.dead and a.datname = current_database() and a.pid <> pg_backend_pid()";

// design.md §6: the rows are locked FOR UPDATE, ascending, before anything changes: a plain UPDATE would not
// wait for a batch that holds them FOR KEY SHARE.
constexpr const char* lock_free_shards =
    "select s.shard from shard s where s.shard = any ($1::smallint[]) and (s.owner is null"
    " or exists (select from node n where n.incarnation = s.owner and n.dead))"
    " order by s.shard for update of s";
constexpr const char* take_shards =
    "update shard set owner = $2, epoch = epoch + 1, moved_by_hand = coalesce(move_to = $2, false),"
    " move_to = null where shard = any ($1::smallint[])"
    " and exists (select from node where incarnation = $2 and not dead)"
    " returning shard, owner, epoch, move_to, moved_by_hand";
constexpr const char* lock_own_shards =
    "select shard from shard where shard = any ($1::smallint[]) and owner = $2 order by shard for update";
constexpr const char* give_shards =
    "update shard s set owner = t.node, epoch = s.epoch + 1,"
    " moved_by_hand = coalesce(s.move_to = t.node, false), move_to = null"
    " from (select (select incarnation from node where incarnation = $2 and not dead"
    "   and lease_until > clock_timestamp()) as node) t where s.shard = any ($1::smallint[])"
    " returning s.shard, s.owner, s.epoch, s.move_to, s.moved_by_hand";
constexpr const char* lock_all_own_shards =
    "select shard from shard where owner = $1 order by shard for update";
constexpr const char* release_shards = "update shard set owner = null, epoch = epoch + 1, move_to = null,"
                                       " moved_by_hand = false where owner = $1";

std::string shards_in(const pqxx::result& rows) {
  array_text shards;
  for (const auto& row : rows)
    shards.add(row[0].as<shard_number>());
  return shards.text();
}

std::string array_of(std::span<const shard_number> shards) {
  array_text text;
  for (const auto shard : shards)
    text.add(shard);
  return text.text();
}

std::vector<shard_lease> leases_in(const pqxx::result& rows) {
  std::vector<shard_lease> leases;
  for (const auto& row : rows)
    leases.push_back(lease_of(row));
  std::sort(leases.begin(), leases.end(), [](const auto& a, const auto& b) { return a.shard < b.shard; });
  return leases;
}

void end_backends_of_the_dead(pqxx::connection& pq) {
  try {
    pqxx::work tx{pq};
    tx.exec0("set local role none"); // the daemon's role may not signal
    tx.exec(end_backends);
    tx.commit();
  } catch (const pqxx::insufficient_privilege&) {
    // Somebody else's backend bears such a name; ours end by their own time limits.
  }
}

} // namespace

postgres_lease::postgres_lease(std::string url, const time_limits& limits, bool allow_unsafe_server)
    : url_(std::move(url)) {
  options_.application_name = anonymous;
  options_.allow_unsafe_server = allow_unsafe_server;
  options_.limits = limits;
}

void postgres_lease::connect() {
  if (connection_ && connection_->usable())
    return;
  connection_.reset();
  lock_held_ = false;
  token_held_ = false;
  connection_.emplace(url_, options_);
  try {
    connection_->run("prepare lease", [&](pqxx::connection& pq) {
      for (const auto& [name, sql] :
           {std::pair{beat_name, update_beat}, std::pair{view_name, cluster_query()}}) {
        pq.prepare(name, sql);
        pq.prepare_now(name);
      }
      pqxx::nontransaction tx{pq};
      hold_lock(tx);
    });
  } catch (...) {
    connection_.reset();
    throw;
  }
}

/// After a loss the old backend may hold it for a moment: then the next heartbeat has it.
void postgres_lease::hold_lock(pqxx::transaction_base& tx) {
  if (self_ && !lock_held_)
    lock_held_ = tx.exec_params1(try_lock, *self_)[0].as<bool>();
}

template <class F> auto postgres_lease::run(const char* operation, F&& f) {
  try {
    connect();
    return connection_->run(operation, std::forward<F>(f));
  } catch (const storage_error& error) {
    if (error.what_kind() == storage_error::kind::away)
      beats_.broken();
    throw;
  }
}

template <class F> auto postgres_lease::run_locking(const char* operation, F&& f) {
  try {
    return run(operation, std::forward<F>(f));
  } catch (const storage_error& error) {
    if (error.sqlstate() == "55P03" || error.sqlstate() == "57014")
      run("end backends of the dead", end_backends_of_the_dead);
    throw;
  }
}

incarnation postgres_lease::join(const node_row& self, std::chrono::milliseconds ttl) {
  if (self_) // the lock of an earlier life of this process must not outlive it
    connection_.reset();
  self_.reset();
  options_.application_name = anonymous;
  beats_.joined(ttl);
  self_ = run("join", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    const auto number = tx.exec_params1(insert_node, self.name, self.http, self.caf, self.version, self.pid,
                                        domain::to_string(self.boot_nonce), ttl.count())[0]
                            .as<incarnation>();
    options_.application_name = "atesd " + std::to_string(number) + " lease";
    tx.exec0("set application_name = " + tx.quote(options_.application_name));
    tx.exec_params1(try_lock, number); // before anybody can see the incarnation
    tx.commit();
    return number;
  });
  lock_held_ = true;
  return *self_;
}

beat postgres_lease::heartbeat(incarnation self, std::chrono::milliseconds ttl, node_state state,
                               std::uint32_t active_actors) {
  return run("heartbeat", [&](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    const auto beaten =
        tx.exec_prepared(beat_name, self, ttl.count(), static_cast<int>(state), active_actors);
    if (beaten.empty()) {
      beats_.broken();
      return beat{false, instant_of(tx.exec1(select_clock)[0]), false};
    }
    hold_lock(tx);
    const auto at = instant_of(beaten[0][0]);
    beats_.beaten(at);
    return beat{true, at, beaten[0][1].as<bool>()};
  });
}

cluster_view postgres_lease::view() {
  return run("view cluster", [](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    return cluster_of(tx.exec_prepared1(view_name));
  });
}

std::vector<incarnation> postgres_lease::bury(incarnation self) {
  return run("bury", [&](pqxx::connection& pq) {
    std::vector<incarnation> buried;
    const auto add = [&](const pqxx::result& rows) {
      for (const auto& row : rows)
        buried.push_back(row[0].as<incarnation>());
    };
    {
      pqxx::nontransaction tx{pq};
      for (const auto& other : tx.exec_params(select_other_lives, self))
        add(tx.exec_params(bury_other_life, self, other[0].as<incarnation>()));
      if (beats_.for_a_ttl())
        add(tx.exec_params(bury_expired, self, beats_.longest_gap().count()));
    }
    if (!buried.empty())
      end_backends_of_the_dead(pq);
    return buried;
  });
}

bool postgres_lease::bury_if_gone(incarnation self, incarnation other, std::chrono::milliseconds silent) {
  return run("bury if gone", [&](pqxx::connection& pq) {
    bool buried = false;
    if (beats_.or_never_broken()) {
      pqxx::nontransaction tx{pq};
      buried = !tx.exec_params(bury_silent, self, other, silent.count()).empty();
    }
    if (buried) {
      end_backends_of_the_dead(pq);
      return true;
    }
    pqxx::nontransaction tx{pq};
    const auto found = tx.exec_params(is_dead, other);
    return !found.empty() && found[0][0].as<bool>();
  });
}

std::vector<shard_lease> postgres_lease::take(incarnation self, std::span<const shard_number> wanted) {
  return run_locking("take shards", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    const auto free = tx.exec_params(lock_free_shards, array_of(wanted));
    auto taken = leases_in(tx.exec_params(take_shards, shards_in(free), self));
    tx.commit();
    return taken;
  });
}

std::vector<shard_lease> postgres_lease::hand_over(incarnation self, std::span<const shard_number> shards,
                                                   std::optional<incarnation> to) {
  constexpr incarnation nobody = 0;
  return run_locking("hand shards over", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    const auto ours = tx.exec_params(lock_own_shards, array_of(shards), self);
    auto given = leases_in(tx.exec_params(give_shards, shards_in(ours), to.value_or(nobody)));
    tx.commit();
    return given;
  });
}

bool postgres_lease::take_drain_token(incarnation self) {
  return run("take drain token", [&](pqxx::connection& pq) {
    if (!token_held_) {
      pqxx::nontransaction tx{pq};
      const auto tried = tx.exec_params(try_token, self);
      token_held_ = !tried.empty() && tried[0][0].as<bool>();
    }
    return token_held_;
  });
}

void postgres_lease::give_back_drain_token() {
  if (!token_held_)
    return;
  run("give drain token back", [](pqxx::connection& pq) { pqxx::nontransaction{pq}.exec1(unlock_token); });
  token_held_ = false;
}

void postgres_lease::leave(incarnation self) {
  run_locking("leave", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    tx.exec_params(lock_all_own_shards, self);
    tx.exec_params0(release_shards, self);
    tx.exec_params0(bury_self, self);
    tx.commit();
  });
  self_.reset();
  connection_.reset(); // and with it the lock
}

} // namespace ates::storage
