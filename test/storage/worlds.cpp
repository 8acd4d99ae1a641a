#include "test/storage/worlds.hpp"

#include "storage/migrate.hpp"

#include <numeric>
#include <stdexcept>
#include <thread>

namespace ates::test {

using namespace storage;
using namespace std::chrono_literals;

namespace {

const std::vector<std::pair<std::string, std::string>> exchange{
    {"exchange.shards", std::to_string(shards_total)}};

std::string migrated_template() {
  auto& cluster = shared_cluster();
  pqxx::connection owner{cluster.url(database_role::owner)};
  pqxx::nontransaction{owner}.exec("create database migrated");
  const auto url = cluster.url(database_role::owner, "migrated");
  migrate(url, server_safety::not_required);
  store_or_check_exchange(url, exchange, false, server_safety::not_required);
  return "migrated";
}

node_row sample_node() {
  node_row row;
  row.name = "node1";
  return row;
}

} // namespace

postgres_cluster& shared_cluster() {
  static postgres_cluster cluster{durability::waived};
  return cluster;
}

std::string new_database() {
  static const std::string made_from = migrated_template();
  static int count = 0;
  const auto name = "test" + std::to_string(++count);
  pqxx::connection owner{shared_cluster().url(database_role::owner)};
  pqxx::nontransaction{owner}.exec("create database " + name + " template " + made_from);
  return name;
}

void wait_until(const std::function<bool()>& holds, const char* what) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error(std::string{"waited in vain until "} + what);
    std::this_thread::sleep_for(5ms);
  }
}

std::vector<shard_number> all_shards() {
  std::vector<shard_number> all(shards_total);
  std::iota(all.begin(), all.end(), shard_number{0});
  return all;
}

memory_world::memory_world() : lease_(new_lease_store()) {
  self = lease_->join(sample_node(), 60s);
  lease_->take(self, all_shards());
}

void memory_world::age_beat(incarnation node, std::chrono::milliseconds by) {
  state_.change([&](auto& tables) {
    tables.nodes.at(node).last_beat -= by;
    tables.nodes.at(node).lease_until -= by;
  });
}

std::unique_ptr<storage::journal> memory_world::journal(std::int16_t writer) {
  return std::make_unique<memory_journal>(state_, self, writer);
}

std::unique_ptr<lease_store> memory_world::new_lease_store() {
  return std::make_unique<memory_lease>(state_);
}

void memory_world::lose(shard_number shard) {
  state_.change([&](auto& tables) {
    auto& lease = tables.leases[shard];
    lease.owner = self + 1000;
    ++lease.epoch;
    tables.nodes[self + 1000];
  });
}

void memory_world::begin_takeover(shard_number) {
  state_.hold();
}
void memory_world::wait_for_blocked_commit() {
  wait_until([this] { return state_.held() == 1; }, "a commit is held");
}
void memory_world::end_takeover(shard_number shard) {
  lose(shard);
  state_.release();
}

void memory_world::lose_next_reply(bool written) {
  using next = memory_state::next_commit;
  state_.arrange(written ? next::unknown_written : next::unknown_not_written);
}

void memory_world::go_away() {
  state_.go_away(true);
}
void memory_world::come_back() {
  state_.go_away(false);
}

postgres_world::postgres_world()
    : database_(new_database()), gate_(shared_cluster().socket()), loader_(url(database_role::app), {}, true),
      operations_(url(database_role::app), true), lease_(new_lease_store()) {
  self = lease_->join(sample_node(), 60s);
  lease_->take(self, all_shards());
}

void postgres_world::age_beat(incarnation node, std::chrono::milliseconds by) {
  const auto interval = " - interval '" + std::to_string(by.count()) + " ms'";
  sql("update node set last_beat = last_beat" + interval + ", lease_until = lease_until" + interval +
      " where incarnation = " + std::to_string(node));
}

std::unique_ptr<storage::journal> postgres_world::journal(std::int16_t writer) {
  const auto through_gate =
      shared_cluster().url_through("127.0.0.1", gate_.port(), database_role::app, database_);
  return std::make_unique<postgres_journal>(through_gate, self, writer, time_limits{}, true);
}

std::unique_ptr<lease_store> postgres_world::new_lease_store() {
  return std::make_unique<postgres_lease>(url(database_role::app), lease_limits, true);
}

pqxx::result postgres_world::sql(const std::string& statement) {
  pqxx::connection owner{url(database_role::owner)};
  return pqxx::nontransaction{owner}.exec(statement);
}

void postgres_world::lose(shard_number shard) {
  begin_takeover(shard);
  end_takeover(shard);
}

void postgres_world::begin_takeover(shard_number shard) {
  thief_ = std::make_unique<pqxx::connection>(url(database_role::owner));
  takeover_ = std::make_unique<pqxx::work>(*thief_);
  takeover_->exec1(
      "insert into node (name, lease_until) values ('thief', now() + interval '1 hour') returning 1");
  takeover_->exec("select from shard where shard = " + std::to_string(shard) + " for update");
}

void postgres_world::wait_for_blocked_commit() {
  wait_until(
      [this] {
        return !sql("select from pg_stat_activity where wait_event_type = 'Lock' and datname = "
                    "current_database()"
                    " and application_name like 'atesd % journal %'")
                    .empty();
      },
      "a commit waits for the take-over");
}

void postgres_world::end_takeover(shard_number shard) {
  takeover_->exec0(
      "update shard set epoch = epoch + 1, owner = (select max(incarnation) from node) where shard = " +
      std::to_string(shard));
  takeover_->commit();
  takeover_.reset();
  thief_.reset();
}

void postgres_world::lose_next_reply(bool written) {
  if (written)
    gate_.lose_next_reply();
  else
    gate_.lose_next_request();
}

} // namespace ates::test
