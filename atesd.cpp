/// The daemon's front door: settings → storage → actors → http → wait for a signal.

#include "actors/daemon_metrics.hpp"
#include "actors/node.hpp"
#include "actors/runtime.hpp"
#include "config/limits.hpp"
#include "config/settings.hpp"
#include "http/gateway.hpp"
#include "http/passwords.hpp"
#include "storage/deaths.hpp"
#include "storage/migrate.hpp"
#include "storage/postgres_event_log.hpp"
#include "storage/postgres_journal.hpp"
#include "storage/postgres_lease.hpp"
#include "storage/postgres_loader.hpp"
#include "storage/postgres_operations.hpp"
#include "storage/postgres_reports.hpp"
#include "storage/postgres_sign_in_failures.hpp"
#include "storage/postgres_verifications.hpp"
#include "storage/verify.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace ates;
namespace fs = std::filesystem;
using steady = std::chrono::steady_clock;

constexpr std::chrono::seconds stop_limit{9}; // contract.md §5: Ctrl-C stops all of it within 10 s
/// For giving all shards to other nodes when told to stop.
constexpr std::chrono::milliseconds drain_limit{4'000};
/// The edge looks at /readyz every 0.5 s or so: as long as it may send us requests, they are served.
constexpr std::chrono::milliseconds edge_notices{1'500};

struct options {
  std::optional<fs::path> config;
  std::vector<std::string> overrides;
  bool behind_edge = false;
  bool migrate = false, verify = false, accept_settings = false, json = false;
};

/// Answers the exit code if the program is to end here.
std::optional<int> parse(int argc, char** argv, options& o) {
  CLI::App app{"atesd: one node of the Awesome Task Exchange System"};
  app.set_version_flag("--version", std::string{"atesd "} + ATES_VERSION);
  std::string var;
  app.add_option("--config", o.config, "settings file (config/ates.toml lists every setting)")
      ->check(CLI::ExistingFile);
  app.add_option("--var", var, "folder for everything that is kept (default ./var)");
  app.add_option("--set", o.overrides, "a setting as section.key=value; may be repeated");
  app.add_flag(
      "--behind-edge", o.behind_edge,
      "clients come through a proxy that sets X-Forwarded-For anew: take their addresses from there");
  app.add_flag("--migrate", o.migrate,
               "bring the database up to this binary, store exchange.* at first start, and end");
  app.add_flag("--verify", o.verify,
               "recompute every balance, task and figure of the database, name differences, and end");
  app.add_flag("--json", o.json, "with --verify: one JSON object");
  app.add_flag("--accept-settings", o.accept_settings,
               "store exchange.* as they are set now (exchange.shards is fixed)");
  app.footer("The database is named by ATES_DATABASE_URL. Exit codes: 0 ok, 1 failed, 2 usage, 78 unusable "
             "settings.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 2;
  }
  if (!var.empty())
    o.overrides.push_back("var=" + var);
  return std::nullopt;
}

std::vector<std::string> environment() {
  std::vector<std::string> all;
  for (char** e = environ; *e != nullptr; ++e)
    all.emplace_back(*e);
  return all;
}

/// The message as a JSON string: it may hold anything.
class json_message final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& m, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text = nlohmann::json(std::string{m.payload.data(), m.payload.size()})
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_message>();
  }
};

void open_log(const config::log_settings& log) {
  auto logger = std::make_shared<spdlog::logger>("atesd", std::make_shared<spdlog::sinks::stdout_sink_mt>());
  logger->set_level(spdlog::level::from_str(log.level));
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<json_message>('*').set_pattern(
      log.format == "json" ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":%*})"
                           : "time=%Y-%m-%dT%H:%M:%S.%fZ level=%l %v");
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

/// Writes a small file whole or not at all, readable by its owner only.
void write_secret(const fs::path& path, const std::string& text) {
  const auto fresh = path.string() + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    throw std::runtime_error("cannot write " + fresh + ": " + std::strerror(errno));
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || std::rename(fresh.c_str(), path.c_str()) != 0)
    throw std::runtime_error("cannot write " + path.string() + ": " + std::strerror(errno));
}

/// The first administrator's password: given, or made once and kept in <var>/admin-password. Written before
/// the account is made, so that a start that dies in between finds the same one.
std::string admin_password(const config::settings& s) {
  if (s.admin_password)
    return *s.admin_password;
  const auto path = s.var / "admin-password";
  if (std::ifstream file{path}; file) {
    std::string line;
    std::getline(file, line);
    return line;
  }
  std::array<unsigned char, 12> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("the operating system gives no random bytes");
  std::string password;
  for (const auto b : bytes)
    password += "abcdefghijkmnpqrstuvwxyz23456789"[b % 32];
  write_secret(path, password + "\n");
  return password;
}

actors::storage_access access_to(const std::string& url) {
  return {.open_journal = [url](storage::incarnation owner,
                                std::size_t writer) -> std::unique_ptr<storage::journal> {
            return std::make_unique<storage::postgres_journal>(url, owner, static_cast<std::int16_t>(writer));
          },
          .open_loader = [url]() -> std::unique_ptr<storage::loader> {
            return std::make_unique<storage::postgres_loader>(url);
          },
          .open_leases = [url]() -> std::unique_ptr<storage::lease_store> {
            return std::make_unique<storage::postgres_lease>(url);
          }};
}

/// What this node is now, as of its last look; none: it has not joined yet.
std::optional<storage::incarnation> incarnation_of(const actors::node& home) {
  const auto map = home.current_map();
  return map ? std::optional{map->self} : std::nullopt;
}

/// Blocks the signals that end us in every thread; the main thread asks for them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

bool signalled(const sigset_t& set, std::chrono::milliseconds patience) {
  const timespec wait{static_cast<time_t>(patience.count() / 1000),
                      static_cast<long>(patience.count() % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &wait) > 0;
}

/// Storage may come, or have room, later than we do: asks until it does what it is asked (true), or a signal
/// ends us.
template <class Ask> bool ask_until_done(const sigset_t& signals, Ask ask) {
  for (;;) {
    try {
      ask();
      return true;
    } catch (const storage::storage_error& e) {
      if (!e.is_passing())
        throw;
      spdlog::warn("waiting=\"PostgreSQL\" error=\"{}\"", e.what());
    }
    if (signalled(signals, std::chrono::milliseconds{500}))
      return false;
  }
}

/// What the process before had in hand when it died is counted before anybody loads it again.
void count_deaths(const config::settings& s, actors::hand_notes& notes) {
  const auto had_in_hand = notes.left_behind();
  for (const auto& [shard, entity] : had_in_hand)
    spdlog::warn("shard={} entity={} in_hand=\"when the last process died\"", shard,
                 domain::to_string(entity.id));
  storage::count_deaths(s.database_url, had_in_hand);
  notes.forget();
}

/// Connections, streams and links are descriptors: as many as the system lets us have. Without this a shell's
/// usual 1 024 would be less than the gateway may hold (http/limits.hpp).
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit); // what is refused stays as it was
}

/// A stop that hangs must not hang for ever: what is durable is durable.
void watch_stop() {
  std::thread([] {
    std::this_thread::sleep_for(stop_limit);
    spdlog::critical("stop=\"took too long, ending at once\"");
    ::_exit(1);
  }).detach();
}

int serve(const config::settings& s, const options& o, const sigset_t& signals) {
  raise_descriptor_limit();
  fs::create_directories(s.var / "run");
  fs::create_directories(s.var / "keys");
  if (!ask_until_done(signals, [&] {
        storage::store_or_check_exchange(s.database_url, config::to_text(s.exchange), o.accept_settings);
      }))
    return 0;
  auto home = std::make_shared<actors::node>(s);
  home->notes = std::make_unique<actors::hand_notes>(s.var / "run" / "in-hand");
  if (!ask_until_done(signals, [&] { count_deaths(s, *home->notes); }))
    return 0;
  storage::postgres_reports reports{s.database_url, home->shards};
  storage::postgres_operations operations{s.database_url};
  storage::postgres_verifications verifications{s.database_url, [home] { return incarnation_of(*home); }};
  storage::postgres_event_log events{s.database_url, home->shards};
  storage::postgres_sign_in_failures failures{s.database_url};
  actors::runtime runtime{home, access_to(s.database_url)};
  http::gateway gateway{{.http = s.http,
                         .auth = s.auth,
                         .schemas = fs::path{ATES_SHARE} / "config" / "schemas",
                         .descriptions = fs::path{ATES_SHARE} / "config" / "openapi",
                         .behind_edge = o.behind_edge},
                        runtime.front(),
                        reports,
                        operations,
                        verifications,
                        events,
                        failures,
                        std::make_shared<actors::daemon_metrics>(home)};
  gateway.start();
  runtime.join({.number = 0,
                .name = s.cluster.node,
                .http = s.http.listen + ":" + std::to_string(gateway.port()),
                .caf = s.cluster.advertise.empty() ? s.cluster.listen : s.cluster.advertise,
                .version = ATES_VERSION,
                .pid = ::getpid(),
                .boot_nonce = {}});
  write_secret(s.var / "run" / "http-port", std::to_string(gateway.port()) + "\n");
  spdlog::info("node={} url=http://{}:{} listening", s.cluster.node, s.http.listen, gateway.port());

  bool admin_there = false;
  std::string hash; // made once: on a busy machine it takes longer than one try may
  const auto password_hash = [&] {
    if (hash.empty()) {
      http::passwords passwords{s.auth.scrypt_log2n};
      hash = passwords.hash(admin_password(s), steady::now() + std::chrono::seconds{30});
    }
    return hash;
  };
  do {
    if (!admin_there)
      admin_there = runtime.ensure_admin(password_hash, steady::now() + std::chrono::seconds{2});
  } while (!signalled(signals, std::chrono::milliseconds{admin_there ? 1000 : 10}));

  spdlog::info("node={} stopping", s.cluster.node);
  watch_stop();
  verifications.ask_to_stop();
  if (!s.cluster.listen.empty()) {
    const auto began = steady::now();
    runtime.drain(drain_limit);
    std::this_thread::sleep_until(began + edge_notices);
  }
  gateway.stop();
  runtime.stop();
  verifications.stop();
  spdlog::info("node={} stopped", s.cluster.node);
  return 0;
}

int verify(const config::settings& s, bool json) {
  const auto result = storage::verify(s.database_url);
  std::cout << (json ? storage::render_json(result) : storage::render(result)) << std::flush;
  return result.clean() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  options o;
  if (const auto code = parse(argc, argv, o))
    return *code;
  try {
    const auto s = config::load(o.config, environment(), o.overrides);
    if (s.database_url.empty())
      throw config::settings_error(
          "ATES_DATABASE_URL is not set: give the URL of a PostgreSQL 15 database, as in "
          "postgresql:///ates?host=/run/postgresql (scripts/run does this for you)");
    open_log(s.log);
    if (o.verify)
      return verify(s, o.json);
    if (o.migrate) {
      storage::migrate(s.database_url);
      storage::store_or_check_exchange(s.database_url, config::to_text(s.exchange), o.accept_settings);
      return 0;
    }
    return serve(s, o, block_signals());
  } catch (const config::settings_error& e) {
    std::cerr << "atesd: " << e.what() << "\n";
    return EX_CONFIG;
  } catch (const storage::unusable_database& e) {
    std::cerr << "atesd: " << e.what() << "\n";
    return EX_CONFIG;
  } catch (const std::exception& e) {
    std::cerr << "atesd: " << e.what() << "\n";
    return 1;
  }
}
