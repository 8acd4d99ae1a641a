/// Our side of `scripts/bench core`: completes tasks of a prepared database through the actors, a fixed
/// number outstanding, and waits until every reward is posted. Prints one JSON object.

#include "actors/node.hpp"
#include "actors/protocol.hpp"
#include "actors/runtime.hpp"
#include "config/settings.hpp"
#include "storage/postgres_journal.hpp"
#include "storage/postgres_lease.hpp"
#include "storage/postgres_loader.hpp"

#include <CLI/CLI.hpp>
#include <pqxx/pqxx>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <iostream>
#include <thread>

namespace {

using namespace ates;
using steady = std::chrono::steady_clock;

struct open_task {
  domain::uuid id;
  domain::account_id assignee;
};

/// The open tasks, in an order that has nothing to do with their places in the tables.
std::vector<open_task> read_open_tasks(const std::string& url, std::int64_t count) {
  pqxx::connection c{url};
  pqxx::work w{c};
  std::vector<open_task> tasks;
  for (const auto& row :
       w.exec("select id, assignee from task_state where status = 1 order by md5(id::text) limit " +
              std::to_string(count)))
    tasks.push_back(
        {domain::parse_uuid(row[0].c_str()).value(), {domain::parse_uuid(row[1].c_str()).value()}});
  return tasks;
}

std::int64_t rewards_posted(pqxx::connection& c) {
  pqxx::nontransaction w{c};
  return w.exec1("select coalesce(sum(completed), 0) from shard_day")[0].as<std::int64_t>();
}

/// Keeps `outstanding` commands under way until every task had one; answers how many were answered otherwise
/// than ok.
class driver {
public:
  driver(actors::runtime& runtime, const std::vector<open_task>& tasks, actors::command what)
      : runtime_(runtime), tasks_(tasks), what_(std::move(what)) {}

  std::size_t run(std::size_t outstanding) {
    auto done = finished_.get_future();
    for (std::size_t i = 0; i < std::min(outstanding, tasks_.size()); ++i)
      send();
    done.get();
    return failed_;
  }

private:
  void send() {
    const auto i = next_.fetch_add(1);
    if (i >= tasks_.size())
      return;
    actors::envelope e;
    e.to = {storage::entity_kind::task, tasks_[i].id};
    e.by = tasks_[i].assignee;
    e.what = what_;
    e.deadline_ns = (steady::now() + std::chrono::seconds{30}).time_since_epoch().count();
    runtime_.ask(std::move(e), [this](actors::reply& r) {
      if (r.what != actors::outcome::ok)
        ++failed_;
      send();
      if (answered_.fetch_add(1) + 1 == tasks_.size())
        finished_.set_value();
    });
  }

  actors::runtime& runtime_;
  const std::vector<open_task>& tasks_;
  const actors::command what_;
  std::atomic<std::size_t> next_{0}, answered_{0}, failed_{0};
  std::promise<void> finished_;
};

/// Here, or with `among_others` on other nodes only.
void wait_until_placed(actors::runtime& runtime, const actors::node& home, bool among_others) {
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds{10}); };
  if (!among_others) {
    while (!runtime.front().check().ready)
      pause();
    return;
  }
  while (home.state.load() == storage::node_state::joining)
    pause();
  while (!runtime.drain(std::chrono::seconds{10}))
    pause();
  while (!home.current_roster()->known || !home.current_map()->all_owned())
    pause();
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Completes tasks of a prepared database through the actors"};
  std::string url;
  std::int64_t count = 100'000;
  std::size_t outstanding = 1024;
  bool cold = false;
  config::settings settings;
  app.add_option("--url", url, "the database")->required();
  app.add_option("--tasks", count, "how many to complete");
  app.add_option("--outstanding", outstanding, "commands under way at once");
  app.add_flag("--cold", cold, "load each task when its command comes");
  app.add_option("--listen", settings.cluster.listen,
                 "be one node of a cluster, at this address, and leave every shard to the others");
  app.add_option("--tls-certificate", settings.cluster.tls_certificate, "of this node");
  app.add_option("--tls-key", settings.cluster.tls_key, "of this node");
  app.add_option("--tls-ca", settings.cluster.tls_ca, "of the cluster");
  CLI11_PARSE(app, argc, argv);
  try {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("bench_core")); // what we print is the result
    spdlog::set_level(spdlog::level::warn);
    const auto tasks = read_open_tasks(url, count);
    pqxx::connection watch{url};
    const auto before = rewards_posted(watch);
    settings.database_url = url;
    settings.cluster.node = "bench";
    const bool among_others = !settings.cluster.listen.empty();
    auto home = std::make_shared<actors::node>(settings);
    actors::runtime runtime{home,
                            {.open_journal = [url](storage::incarnation owner,
                                                   std::size_t writer) -> std::unique_ptr<storage::journal> {
                               return std::make_unique<storage::postgres_journal>(
                                   url, owner, static_cast<std::int16_t>(writer));
                             },
                             .open_loader = [url]() -> std::unique_ptr<storage::loader> {
                               return std::make_unique<storage::postgres_loader>(url);
                             },
                             .open_leases = [url]() -> std::unique_ptr<storage::lease_store> {
                               return std::make_unique<storage::postgres_lease>(url);
                             }}};
    runtime.join({.number = 0,
                  .name = "bench",
                  .http = {},
                  .caf = settings.cluster.listen,
                  .version = ATES_VERSION,
                  .pid = 0,
                  .boot_nonce = {}});
    wait_until_placed(runtime, *home, among_others);

    if (!cold)
      driver{runtime, tasks, actors::read_entity{}}.run(outstanding);
    const auto began = steady::now();
    const auto failed = driver{runtime, tasks, actors::complete_task_command{}}.run(outstanding);
    const auto answered = steady::now();
    while (rewards_posted(watch) - before < static_cast<std::int64_t>(tasks.size() - failed))
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    const std::chrono::duration<double> seconds = steady::now() - began;
    const std::chrono::duration<double> until_answered = answered - began;
    const auto batches = home->counters.batches.load();
    const auto records = home->counters.records.load();
    runtime.stop();
    std::printf("{\"completed\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"answered_s\":%.3f,\"per_s\":%.0f,"
                "\"records_per_batch\":%.0f}\n",
                tasks.size() - failed, failed, seconds.count(), until_answered.count(),
                static_cast<double>(tasks.size() - failed) / seconds.count(),
                batches == 0 ? 0.0 : static_cast<double>(records) / static_cast<double>(batches));
    return failed == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << "bench_core: " << e.what() << "\n";
    return 1;
  }
}
