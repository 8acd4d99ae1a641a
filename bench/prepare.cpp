/// bench_prepare: makes the database at --url ours and fills it with made-up books (bench/books.hpp).

#include "bench/books.hpp"
#include "config/settings.hpp"
#include "storage/migrate.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
  using namespace ates;
  std::string url;
  bench::books_options options;
  CLI::App app{"Fills a new database with employees and open tasks whose fees are charged. No node may be "
               "running on it."};
  app.add_option("--url", url, "database, as its owner")->required();
  app.add_option("--tasks", options.tasks, "open tasks")
      ->check(CLI::Range(0, 100'000'000))
      ->capture_default_str();
  app.add_option("--accounts", options.accounts, "employees bench00001, … without a password")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_flag("--hot", options.hot, "give every task to bench00001");
  app.add_flag("--baseline", options.baseline, "also table bench_task, for bench/baseline");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto begin = std::chrono::steady_clock::now();
    storage::migrate(url);
    bench::copy_session session(url);
    if (session.table("select from setting limit 1").empty())
      storage::store_or_check_exchange(url, config::to_text(config::exchange_settings{}), false);
    bench::books(session, options).write();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    std::printf("%lld tasks and %lld accounts in %.1f s\n", static_cast<long long>(options.tasks),
                static_cast<long long>(options.accounts), taken.count());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_prepare: %s\n", error.what());
    return 1;
  }
}
