/// Our side of `scripts/bench overload`: tasks are created and completed, and read if wanted, through the
/// REST gateway of a running node; first as fast as it goes, then many times as fast, then again as before.
/// Prints one JSON object.

#include "bench/load.hpp"
#include "bench/token_maker.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <numeric>
#include <random>
#include <sstream>
#include <unordered_map>

namespace {

using namespace ates;
using nlohmann::json;
using steady = std::chrono::steady_clock;

struct options {
  std::string url;  ///< of the database
  std::string node; ///< address:port
  std::string key;  ///< PEM file of the node's signing key
  int pid = 0;      ///< of the node
  int reads = 0;
  std::vector<std::size_t> closed{16, 64, 256};
  std::vector<double> times{10};
  double best_s = 6;
  double overload_s = 20;
  double after_s = 5;
  std::size_t connections_max = 2'000;
};

/// Tasks are created, and completed by whom they were given to, one for one; or read.
class business : public bench::workload {
public:
  business(const options& o) : reads_(o.reads) {
    bench::token_maker maker{o.key};
    pqxx::connection c{o.url};
    pqxx::work w{c};
    for (const auto& row : w.exec("select id from employee where role = 4 and active"))
      tokens_[row[0].c_str()] = maker.of(row[0].c_str(), domain::role::worker);
    if (tokens_.empty())
      throw std::runtime_error("nobody is there to work");
    author_ = &tokens_.begin()->second;
  }

  bench::load_request next() override {
    if (!known_.empty() && static_cast<int>(dice_() % 100) < reads_)
      return {head("GET", "/v1/tasks/" + known_[dice_() % known_.size()], *author_) + "\r\n", read, {}};
    complete_next_ = !complete_next_ && !open_.empty();
    if (!complete_next_) {
      static const std::string body = R"({"title":"Move the office to the other side of the street"})";
      return {head("POST", "/v1/tasks", *author_) + "Content-Type: application/json\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body,
              create,
              {}};
    }
    auto task = std::move(open_.front());
    open_.pop_front();
    const auto id = task.substr(0, id_length);
    return {head("POST", "/v1/tasks/" + id + "/complete", tokens_.at(task.substr(id_length))) +
                "Content-Length: 0\r\n\r\n",
            complete, std::move(task)};
  }

  void answered(const bench::load_request& request, int status, std::string_view answer) override {
    if (request.kind == create && status == 201)
      remember(answer);
    if (request.kind == complete && status == 200)
      ++completed_;
    if (request.kind == complete && status == 503)
      open_.push_back(request.about);
  }

  std::uint64_t created() const { return created_; }
  std::uint64_t completed() const { return completed_; }

private:
  enum kind { create, complete, read };
  static constexpr std::size_t id_length = 36;
  static constexpr std::size_t known_max = 4'096;

  static std::string head(std::string_view method, const std::string& target, const std::string& token) {
    std::string out;
    out.reserve(512);
    out.append(method).append(" ").append(target).append(
        " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ");
    return out.append(token).append("\r\n");
  }

  void remember(std::string_view answer) {
    constexpr std::string_view assignee_mark = R"("assignee":{"id":")";
    constexpr std::string_view id_mark = "\r\nLocation: /v1/tasks/";
    const auto id = answer.substr(answer.find(id_mark) + id_mark.size(), id_length);
    const auto assignee = answer.substr(answer.find(assignee_mark) + assignee_mark.size(), id_length);
    open_.push_back(std::string(id) + std::string(assignee));
    ++created_;
    if (reads_ > 0)
      known_.size() < known_max ? known_.emplace_back(id) : known_[created_ % known_max] = id;
  }

  const int reads_;
  std::unordered_map<std::string, std::string> tokens_; ///< by account
  const std::string* author_ = nullptr;
  std::deque<std::string> open_; ///< id and assignee
  std::vector<std::string> known_;
  std::minstd_rand dice_{1};
  bool complete_next_ = false;
  std::uint64_t created_ = 0, completed_ = 0;
};

/// What a process has used, as the kernel tells.
class observed {
public:
  explicit observed(int pid) : folder_("/proc/" + std::to_string(pid) + "/") {}
  void look() { peak_ = std::max(peak_, rss_mib()); }
  double rss_mib() const {
    std::ifstream in(folder_ + "statm");
    double pages = 0;
    in >> pages >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024);
  }
  double take_peak_mib() { return std::exchange(peak_, 0.0); }
  double cpu_seconds() const {
    std::ifstream in(folder_ + "stat");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    std::istringstream behind_name(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
      behind_name >> skipped;
    double user = 0;
    double kernel = 0;
    behind_name >> user >> kernel;
    return (user + kernel) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

private:
  const std::string folder_;
  double peak_ = 0;
};

double percentile(std::vector<float> all, double part) {
  if (all.empty())
    return 0;
  const auto place = all.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), place, all.end());
  return std::round(static_cast<double>(*place) * 100) / 100;
}

json percentiles(const std::vector<float>& all) {
  return {{"p50", percentile(all, 0.5)}, {"p99", percentile(all, 0.99)}};
}

double per_s(const bench::tally& t) {
  return std::round(static_cast<double>(std::accumulate(t.accepted_in.begin(), t.accepted_in.end(), 0.0)) /
                    t.seconds);
}

/// Milliseconds until half a second begins that has nine tenths of the best, and nothing is refused any more;
/// -1: never.
int recovered_after_ms(const bench::tally& t, double best) {
  constexpr std::size_t window = 5;
  const auto whole = static_cast<std::size_t>(t.seconds * 1000) / 100;
  const auto at = [](const std::vector<std::uint32_t>& v, std::size_t i) { return i < v.size() ? v[i] : 0; };
  std::size_t first = 0;
  for (std::size_t i = 0; i < t.refused_in.size(); ++i)
    if (t.refused_in[i] > 0)
      first = i + 1;
  for (auto begin = first; begin + window <= whole; ++begin) {
    double sum = 0;
    for (std::size_t i = begin; i < begin + window; ++i)
      sum += at(t.accepted_in, i);
    if (sum >= 0.9 * best * 0.1 * window)
      return static_cast<int>(begin * 100);
  }
  return -1;
}

json told(const bench::tally& t) {
  return {{"seconds", t.seconds},
          {"arrivals", t.arrivals},
          {"per_s", per_s(t)},
          {"answers", t.answers},
          {"without_connection", t.without_connection},
          {"hung_up", t.hung_up},
          {"unanswered", t.unanswered},
          {"malformed", t.malformed},
          {"accepted_ms", percentiles(t.accepted_ms)},
          {"accepted_node_ms", percentiles(t.accepted_node_ms)},
          {"refused_ms", percentiles(t.refused_ms)},
          {"client_behind_ms", std::chrono::duration<double, std::milli>(t.behind).count()},
          {"connections", t.connections}};
}

std::chrono::milliseconds length(double seconds) {
  return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

json measure(const options& o) {
  business work(o);
  observed node(o.pid), me(::getpid());
  bench::load load(o.node, o.connections_max, work, [&] { node.look(); });
  json out;
  struct phase {
    json about;
    const bench::tally* counted;
    double node_cpu, client_cpu, peak;
  };
  std::vector<phase> phases;
  const auto run = [&](json about, auto act) -> const bench::tally& {
    const auto node_before = node.cpu_seconds();
    const auto client_before = me.cpu_seconds();
    const auto& counted = act();
    phases.push_back({std::move(about), &counted, (node.cpu_seconds() - node_before) / counted.seconds,
                      (me.cpu_seconds() - client_before) / counted.seconds, node.take_peak_mib()});
    return counted;
  };
  load.run_closed(o.closed.front(), length(o.best_s / 2)); // warm: caches, prepared statements, threads
  out["rss_before_mib"] = node.rss_mib();
  double best = 0;
  std::size_t best_at = 0;
  for (const auto connections : o.closed) {
    const auto& t = run(
        {{"closed", connections}}, [&]() -> auto& { return load.run_closed(connections, length(o.best_s)); });
    if (per_s(t) > best) {
      best = per_s(t);
      best_at = connections;
    }
  }
  for (const auto times : o.times) {
    run(
        {{"times", times}, {"offered_per_s", std::round(times * best)}}, [&]() -> auto& {
          return load.run_open(times * best, length(o.overload_s));
        });
    const auto& t = run(
        {{"after_times", times}, {"closed", best_at}}, [&]() -> auto& {
          return load.run_closed(best_at, length(o.after_s));
        });
    phases.back().about["recovered_after_ms"] = recovered_after_ms(t, best);
  }
  load.finish();
  out["best_per_s"] = best;
  out["best_connections"] = best_at;
  out["rss_after_mib"] = node.rss_mib();
  out["created"] = work.created();
  out["completed"] = work.completed();
  for (auto& one : phases) {
    auto line = told(*one.counted);
    line.update(one.about);
    line["of_best"] = std::round(per_s(*one.counted) / best * 100) / 100;
    line["cores"] = {{"node", one.node_cpu}, {"client", one.client_cpu}};
    line["rss_peak_mib"] = one.peak;
    out["phases"].push_back(std::move(line));
  }
  return out;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Loads a node with more than it can do"};
  options o;
  app.add_option("--url", o.url, "the node's database")->required();
  app.add_option("--node", o.node, "where it serves HTTP, as 127.0.0.1:8080")->required();
  app.add_option("--key", o.key, "its signing key")->required();
  app.add_option("--pid", o.pid, "its process")->required();
  app.add_option("--reads", o.reads, "of a hundred requests, so many read a task");
  app.add_option("--closed", o.closed, "requests under way, of which the best is sought")->delimiter(',');
  app.add_option("--times", o.times, "so many times the best arrive")->delimiter(',');
  app.add_option("--best-seconds", o.best_s, "of each closed loop");
  app.add_option("--overload-seconds", o.overload_s, "of each overload");
  app.add_option("--after-seconds", o.after_s, "of the closed loop behind it");
  app.add_option("--connections-max", o.connections_max, "an arrival that would need more is not asked");
  CLI11_PARSE(app, argc, argv);
  try {
    std::cout << measure(o).dump() << std::endl;
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_overload: " << e.what() << "\n";
    return 1;
  }
}
