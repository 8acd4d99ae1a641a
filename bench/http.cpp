/// Our side of `scripts/bench http`: completes tasks of a prepared database through the REST gateway of a
/// running node, each as its assignee, and waits until every reward is posted; or, with --streams, reads GET
/// /v1/tasks with and without so many idle event streams. Prints one JSON object.

#include "bench/http_client.hpp"
#include "bench/token_maker.hpp"

#include <CLI/CLI.hpp>
#include <pqxx/pqxx>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace ates;
using steady = std::chrono::steady_clock;

struct options {
  std::string url;  ///< of the database
  std::string node; ///< address:port
  std::string key;  ///< PEM file of the node's signing key
  std::int64_t tasks = 10'000;
  std::size_t connections = 64;
  std::size_t streams = 0;
  std::size_t reads = 2'000; ///< in each of the windows
  int windows = 5;
};

struct open_task {
  std::string id;
  const std::string* token; ///< of its assignee
};

/// The open tasks, in an order that has nothing to do with their places in the tables. `tokens` by account.
std::vector<open_task> read_open_tasks(const options& o, bench::token_maker& maker,
                                       std::map<std::string, std::string>& tokens) {
  pqxx::connection c{o.url};
  pqxx::work w{c};
  std::vector<open_task> out;
  for (const auto& row : w.exec("select id, assignee from task_state where status = 1 order by md5(id::text) "
                                "limit " +
                                std::to_string(o.tasks))) {
    auto& token = tokens[row[1].c_str()];
    if (token.empty())
      token = maker.of(row[1].c_str(), domain::role::worker);
    out.push_back({row[0].c_str(), &token});
  }
  return out;
}

std::int64_t rewards_posted(pqxx::connection& c) {
  pqxx::nontransaction w{c};
  return w.exec1("select coalesce(sum(completed), 0) from shard_day")[0].as<std::int64_t>();
}

/// One request for each task; answers how many were answered otherwise than 200.
template <class Request>
std::size_t for_each_task(const options& o, const std::vector<open_task>& tasks, Request request) {
  std::size_t next = 0;
  std::size_t failed = 0;
  bench::run_closed_loop(
      o.node, o.connections, [&] { return next < tasks.size() ? request(tasks[next++]) : std::string{}; },
      [&](int status, bench::latency) { failed += status != 200; });
  return failed;
}

int complete_all(const options& o) {
  bench::token_maker maker{o.key};
  std::map<std::string, std::string> tokens;
  const auto tasks = read_open_tasks(o, maker, tokens);
  pqxx::connection watch{o.url};
  const auto before = rewards_posted(watch);
  // Tasks are in memory, as after their creation or a shuffle.
  auto failed = for_each_task(o, tasks, [](const open_task& task) {
    return bench::request_head("GET", "/v1/tasks/" + task.id, *task.token);
  });
  const auto began = steady::now();
  failed += for_each_task(o, tasks, [](const open_task& task) {
    return bench::request_head("POST", "/v1/tasks/" + task.id + "/complete", *task.token);
  });
  const std::chrono::duration<double> until_answered = steady::now() - began;
  while (failed == 0 && rewards_posted(watch) - before < static_cast<std::int64_t>(tasks.size()))
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  const std::chrono::duration<double> seconds = steady::now() - began;
  std::printf("{\"completed\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"answered_s\":%.3f,\"per_s\":%.0f,"
              "\"connections\":%zu}"
              "\n",
              tasks.size() - failed, failed, seconds.count(), until_answered.count(),
              static_cast<double>(tasks.size() - failed) / seconds.count(), o.connections);
  return failed == 0 ? 0 : 1;
}

/// The 99th percentile of so many lists of tasks, in milliseconds.
double p99_of_lists(const options& o, const std::string& token) {
  const auto request = bench::request_head("GET", "/v1/tasks", token);
  std::vector<bench::latency> took;
  std::size_t asked = 0;
  bench::run_closed_loop(
      o.node, o.connections, [&] { return asked++ < o.reads ? request : std::string{}; },
      [&](int status, bench::latency one) {
        if (status != 200)
          throw std::runtime_error("GET /v1/tasks was answered " + std::to_string(status));
        took.push_back(one);
      });
  const auto place = took.begin() + static_cast<std::ptrdiff_t>(took.size() * 99 / 100);
  std::nth_element(took.begin(), place, took.end());
  return std::chrono::duration<double, std::milli>(*place).count();
}

/// Streams of events to come. Returns when each has had its answer's head.
std::vector<bench::client_socket> open_streams(const options& o, const std::string& token) {
  std::vector<bench::client_socket> out;
  for (std::size_t i = 0; i < o.streams; ++i) {
    out.emplace_back(o.node);
    out.back().send(bench::request_head("GET", "/v1/events/stream?after=now", token));
    std::string heard;
    while (heard.find("\r\n\r\n") == std::string::npos)
      out.back().receive(heard);
    if (!heard.starts_with("HTTP/1.1 200"))
      throw std::runtime_error("a stream was refused: " + heard);
  }
  return out;
}

int read_beside_streams(const options& o) {
  pqxx::connection c{o.url};
  const auto admin = pqxx::nontransaction{c}.exec1("select id from employee where role = 1 limit 1");
  bench::token_maker maker{o.key};
  const auto token = [&] { return maker.of(admin[0].c_str(), domain::role::admin); };
  (void)p99_of_lists(o, token()); // caches are warm for both sides
  std::string without;
  std::string with;
  for (int i = 0; i < o.windows; ++i) {
    const auto fresh = token(); // a machine may be so slow that one token does not last for all windows
    without += (i == 0 ? "" : ",") + std::to_string(p99_of_lists(o, fresh));
    const auto streams = open_streams(o, fresh);
    with += (i == 0 ? "" : ",") + std::to_string(p99_of_lists(o, fresh));
  }
  std::printf(
      "{\"streams\":%zu,\"connections\":%zu,\"reads\":%zu,\"p99_ms_without\":[%s],\"p99_ms_with\":[%s]}\n",
      o.streams, o.connections, o.reads, without.c_str(), with.c_str());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Completes tasks of a prepared database through REST, or reads beside idle event streams"};
  options o;
  app.add_option("--url", o.url, "the node's database")->required();
  app.add_option("--node", o.node, "where it serves HTTP, as 127.0.0.1:8080")->required();
  app.add_option("--key", o.key, "its signing key")->required();
  app.add_option("--tasks", o.tasks, "how many to complete");
  app.add_option("--connections", o.connections, "requests under way at once");
  app.add_option("--streams", o.streams,
                 "complete nothing: read lists of tasks with and without so many idle event streams");
  app.add_option("--reads", o.reads, "lists read in each window, with --streams");
  app.add_option("--windows", o.windows, "windows of each kind, with --streams");
  CLI11_PARSE(app, argc, argv);
  try {
    return o.streams > 0 ? read_beside_streams(o) : complete_all(o);
  } catch (const std::exception& e) {
    std::cerr << "bench_http: " << e.what() << "\n";
    return 1;
  }
}
