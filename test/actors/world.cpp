#include "test/actors/world.hpp"

#include "actors/asker.hpp"
#include "actors/journal.hpp"
#include "actors/loader.hpp"
#include "actors/mailer.hpp"
#include "actors/region.hpp"
#include "actors/roster_keeper.hpp"
#include "domain/digest.hpp"

#include <numeric>
#include <spdlog/spdlog.h>

#include <stdexcept>

namespace ates::test {

namespace {

using namespace std::chrono_literals;

/// The journal in memory, with a window in front.
class watched_journal final : public storage::journal {
public:
  watched_journal(storage::memory_state& state, storage::incarnation owner, storage_watch& watch)
      : inner_(state, owner, 0), watch_(watch) {}

  storage::commit_outcome commit(std::span<const storage::record* const> records,
                                 std::span<const std::pair<shard_number, storage::epoch>> fence_only,
                                 std::vector<storage::delivery>& out) override {
    auto& seen = watch_.commits.emplace_back();
    for (const auto* r : records)
      seen.records.push_back(r->entity);
    seen.fence_only.assign(fence_only.begin(), fence_only.end());
    if (watch_.before_commit)
      watch_.before_commit(records);
    return inner_.commit(records, fence_only, out);
  }
  std::optional<settlement> settle(std::span<const shard_number> shards) override {
    return inner_.settle(shards);
  }
  void attach(shard_number shard, storage::shard_counters counters) override {
    inner_.attach(shard, std::move(counters));
  }
  void detach(shard_number shard) override { inner_.detach(shard); }
  [[nodiscard]] std::int64_t cursor(shard_number shard, shard_number source) const override {
    return inner_.cursor(shard, source);
  }

private:
  storage::memory_journal inner_;
  storage_watch& watch_;
};

class watched_loader final : public storage::loader {
public:
  watched_loader(storage::memory_state& state, storage_watch& watch) : inner_(state), watch_(watch) {}

  std::vector<storage::loaded_entity> load(std::span<const storage::entity_place> wanted) override {
    for (const auto& place : wanted)
      watch_.loads.push_back(place.entity);
    return inner_.load(wanted);
  }
  std::vector<storage::loaded_shard> load_shards(std::span<const shard_number> shards) override {
    return inner_.load_shards(shards);
  }
  storage::loaded_supervisors load_supervisors() override { return inner_.load_supervisors(); }
  std::vector<storage::delivery> inbox(shard_number target, shard_number source, std::int64_t after,
                                       std::size_t limit) override {
    return inner_.inbox(target, source, after, limit);
  }
  std::map<shard_number, std::int64_t> inbox_heads(shard_number target) override {
    return inner_.inbox_heads(target);
  }
  std::vector<domain::task> open_tasks(shard_number shard, domain::instant before, std::int64_t run,
                                       const std::optional<task_id>& after, std::size_t limit) override {
    return inner_.open_tasks(shard, before, run, after, limit);
  }
  std::int64_t count_open_tasks(shard_number shard, domain::instant before, std::int64_t run) override {
    return inner_.count_open_tasks(shard, before, run);
  }
  std::int64_t count_reassigned(shard_number shard, std::int64_t run) override {
    return inner_.count_reassigned(shard, run);
  }
  std::vector<domain::account> accounts_behind(shard_number shard, domain::day shard_day,
                                               const std::optional<account_id>& after,
                                               std::size_t limit) override {
    return inner_.accounts_behind(shard, shard_day, after, limit);
  }
  storage::day_figures figures_of(domain::day on) override {
    if (watch_.during_figures)
      watch_.during_figures();
    return inner_.figures_of(on);
  }
  std::vector<account_id> roster_of(std::int64_t run) override { return inner_.roster_of(run); }
  storage::held_tasks open_tasks_of(std::span<const account_id> accounts, std::size_t limit) override {
    return inner_.open_tasks_of(accounts, limit);
  }
  bool any_open_task() override { return inner_.any_open_task(); }
  std::vector<storage::employee_row> employees_changed_after(std::int64_t version) override {
    return inner_.employees_changed_after(version);
  }
  storage::due_letters letters_due(shard_number shard, std::size_t limit) override {
    return inner_.letters_due(shard, limit);
  }
  std::vector<storage::parked_row> parked_for(shard_number shard, const account_id& account,
                                              std::size_t limit) override {
    return inner_.parked_for(shard, account, limit);
  }
  std::optional<storage::parked_row> find_parked(shard_number shard, const domain::uuid& id) override {
    return inner_.find_parked(shard, id);
  }
  std::size_t forget_old(shard_number shard, domain::instant before, std::size_t limit) override {
    return inner_.forget_old(shard, before, limit);
  }

private:
  storage::memory_loader inner_;
  storage_watch& watch_;
};

class told_transport final : public mail::transport {
public:
  explicit told_transport(std::function<mail::attempt(const mail::parcel&)> office)
      : office_(std::move(office)) {}
  mail::attempt send(const mail::parcel& p, const std::function<bool()>&) override { return office_(p); }

private:
  std::function<mail::attempt(const mail::parcel&)> office_;
};

struct road_state {
  road_state() {}
  static inline const char* name = "road";
};

/// Stands between the shards and the region and does with pushes and acknowledgements what the test wants.
actors::region_actor::behavior_type road_actor(actors::region_actor::stateful_pointer<road_state> self,
                                               actors::region_actor region, const road* rules) {
  const auto pass_on = [self, region](auto& message, int copies) {
    for (; copies > 0; --copies)
      self->send(region, message);
  };
  return {
      [self, region](actors::envelope& e) -> caf::result<actors::reply> {
        return self->delegate(region, std::move(e));
      },
      [=](actors::inbox_push& p) { pass_on(p, rules->copies_of_push ? rules->copies_of_push(p) : 1); },
      [=](actors::inbox_ack& a) { pass_on(a, rules->copies_of_ack ? rules->copies_of_ack(a) : 1); },
      [=](actors::inbox_look& l) { pass_on(l, 1); },
      [=](actors::bulk_order& o) { pass_on(o, 1); },
      [=](actors::bulk_report& r) { pass_on(r, 1); },
      [self, region](atom::attach a, shard_number number, const actors::shard_actor& shard) {
        self->send(region, a, number, shard);
      },
      [self, region](atom::detach d, shard_number number) { self->send(region, d, number); },
      [self, region](atom::hold h, shard_number number) { return self->delegate(region, h, number); },
      [self, region](actors::peer_notice& n) { self->send(region, std::move(n)); },
      [self, region](const actors::cluster_map_ptr& map) { self->send(region, map); },
      [self, region](const actors::placement& p) { self->send(region, p); },
      [self, region](atom::up up, storage::incarnation peer, const actors::link_actor& link) {
        self->send(region, up, peer, link);
      },
      [self, region](atom::down down, storage::incarnation peer) { self->send(region, down, peer); },
      [](atom::tick) {}, // the region's own
      [self](atom::stop) { self->quit(); },
  };
}

actors::asker_actor::behavior_type journal_asker(actors::asker_actor::pointer self,
                                                 actors::journal_actor journal, actors::journal_entry entry,
                                                 question asked) {
  self->request(journal, 3600s, std::move(entry)).then([self, asked](const actors::reply& r) {
    asked.hear(r);
    self->quit();
  });
  return {[](const actors::outside_request&) {}, [self](atom::stop) { self->quit(); }};
}

caf::resumable* resumable_of(const actors::journal_actor& actor) {
  return dynamic_cast<caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(actor));
}

config::settings settings_of(const world_options& options) {
  config::settings s;
  s.exchange.shards = options.shards;
  // One price, so that tests can add up.
  s.exchange.prices = {10, 10, options.reward_dollars, options.reward_dollars};
  s.mail.max_attempts = options.mail_attempts;
  return s;
}

/// The middle of a business day.
constexpr domain::instant first_noon{domain::day{std::chrono::days{20'000}} + 12h};

} // namespace

const actors::reply& question::reply() const {
  if (!answered())
    throw std::logic_error("nothing was heard");
  return **heard_;
}

actors::create_employee_command employ(const std::string& login, const account_id& id) {
  actors::create_employee_command c;
  c.what.name = login;
  c.what.login = login;
  c.what.email = login + "@example.org";
  c.id = id;
  return c;
}

actors::idempotency key_of(std::string_view name, std::string_view body) {
  return {domain::uuid_v5({}, name), std::string{body}};
}

world::quiet_config::quiet_config() {
  set("scheduler.policy", caf::atom("testing"));
  config_file_path = "/dev/null";
}

world::world(world_options options)
    : state(options.shards), home(std::make_shared<actors::node>(settings_of(options))), options_(options),
      system_(config_), scheduler(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())),
      leases_(state) {
  spdlog::set_level(spdlog::level::off);
  set_time(first_noon);
  renew_right();
  home->storage.heartbeat(true);
  start();
}

world::~world() {
  crash();
  drain();
  journal = nullptr;
  loader = nullptr;
  region = nullptr;
  roster_ = nullptr;
  mailer = nullptr;
  beyond_ = nullptr;
}

void world::drain() {
  // Requests of actors that ended hold on to them until their time is over.
  do
    scheduler.run();
  while (scheduler.trigger_timeouts() != 0);
}

void world::renew_right() {
  home->storage.heartbeat(true);
  home->right.renewed(actors::lease_right::boot_clock() + 3600s); // however slowly the test runs
}

void world::set_time(domain::instant now) {
  home->clock.set(now, std::chrono::steady_clock::now());
}

actors::journal_actor world::start_journal() {
  const auto open = [this](std::size_t) -> std::unique_ptr<storage::journal> {
    return std::make_unique<watched_journal>(state, incarnation_, watch);
  };
  return system_.spawn(actors::journal, home, std::size_t{0},
                       std::function<std::unique_ptr<storage::journal>(std::size_t)>{open});
}

void world::start() {
  storage::node_row row;
  row.name = "node1";
  incarnation_ = leases_.join(row, 5s);
  leases_.bury(incarnation_);
  const auto open_loader = [this]() -> std::unique_ptr<storage::loader> {
    return std::make_unique<watched_loader>(state, watch);
  };
  loader = system_.spawn(actors::loader, std::function<std::unique_ptr<storage::loader>()>{open_loader});
  journal = start_journal();
  beyond_ = system_.spawn(actors::region, options_.shards);
  region = system_.spawn(road_actor, beyond_, &road);
  asker_ = system_.spawn(actors::asker, region);
  roster_ = system_.spawn(actors::roster_keeper, home, loader);
  if (options_.post_office)
    mailer = system_.spawn(actors::mailer, home, std::function<std::unique_ptr<mail::transport>()>{[this] {
                             return std::make_unique<told_transport>(options_.post_office);
                           }});
  caf::anon_send(roster_, actors::roster_look{});
  home->active_per_shard = options_.max_active;
  std::vector<shard_number> all(options_.shards);
  std::iota(all.begin(), all.end(), shard_number{0});
  for (const auto& lease : leases_.take(incarnation_, all))
    start_shard(lease);
  run();
}

void world::start_shard(const storage::shard_lease& lease) {
  actors::shard_config config{.node = home,
                              .number = lease.shard,
                              .epoch = lease.epoch,
                              .journal = journal,
                              .loader = loader,
                              .region = region,
                              .roster = roster_,
                              .mailer = mailer};
  auto actor = system_.spawn(actors::shard, std::move(config));
  shards[lease.shard] = actor;
  caf::anon_send(region, atom::attach_v, lease.shard, actor);
}

void world::start_lost_shards() {
  for (const auto& lease : leases_.view().shards) {
    if (lease.owner == incarnation_ && status(lease.shard).epoch == 0)
      start_shard(lease);
  }
  run();
}

void world::crash() {
  for (const auto& [number, actor] : shards)
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  caf::anon_send_exit(journal, caf::exit_reason::kill);
  caf::anon_send_exit(loader, caf::exit_reason::kill);
  caf::anon_send_exit(region, caf::exit_reason::kill);
  caf::anon_send_exit(beyond_, caf::exit_reason::kill);
  caf::anon_send_exit(roster_, caf::exit_reason::kill);
  caf::anon_send_exit(mailer, caf::exit_reason::kill);
  shards.clear();
  run();
  caf::anon_send_exit(asker_, caf::exit_reason::kill);
  run();
}

void world::run_without_journal() {
  scheduler.run_jobs_filtered([this](const caf::resumable* job) { return job != resumable_of(journal); });
}

void world::pass(std::chrono::milliseconds time) {
  run(); // what was asked for is under way before time passes
  scheduler.advance_time(time);
  run();
}

bool world::pass_until(const std::function<bool()>& done) {
  return step_until([&] { return !scheduler.has_job() && done(); });
}

bool world::step_until(const std::function<bool()>& done) {
  for (auto left = 60'000ms; left > 0ms;) {
    if (done())
      return true;
    if (step())
      continue;
    scheduler.advance_time(100ms);
    left -= 100ms;
  }
  return done();
}

question world::ask(actors::envelope e) {
  question q;
  if (e.deadline_ns == 0)
    e.deadline_ns = (std::chrono::steady_clock::now() + 3600s).time_since_epoch().count();
  caf::anon_send(asker_, actors::outside_request{std::move(e), [q](actors::reply& r) { q.hear(r); }});
  return q;
}

question world::ask_until(std::chrono::steady_clock::time_point deadline, const entity_ref& to,
                          actors::command what) {
  actors::envelope e;
  e.to = to;
  e.what = std::move(what);
  e.deadline_ns = deadline.time_since_epoch().count();
  return ask(std::move(e));
}

question world::ask(const entity_ref& to, actors::command what, std::optional<actors::idempotency> key,
                    account_id by) {
  actors::envelope e;
  e.to = to;
  e.by = by;
  e.what = std::move(what);
  e.key = std::move(key);
  return ask(std::move(e));
}

question world::answer(const entity_ref& to, actors::command what, std::optional<actors::idempotency> key,
                       account_id by) {
  auto q = ask(to, std::move(what), std::move(key), by);
  run();
  return q;
}

question world::append(actors::journal_entry entry) {
  question q;
  system_.spawn(journal_asker, journal, std::move(entry), q);
  return q;
}

actors::shard_status world::status(shard_number shard) {
  caf::scoped_actor self{system_};
  auto pending = self->request(shards.at(shard), 3600s, atom::status_v);
  run();
  actors::shard_status found;
  pending.receive([&](const actors::shard_status& s) { found = s; }, [](const caf::error&) {});
  return found;
}

std::pair<std::size_t, std::size_t> world::load_twice(const task_id& id) {
  caf::scoped_actor self{system_};
  const actors::load_entities wanted{domain::shard_of(id.value, options_.shards), {ref(id)}};
  auto first = self->request(loader, 3600s, wanted);
  auto second = self->request(loader, 3600s, wanted);
  run();
  std::pair<std::size_t, std::size_t> found;
  first.receive([&](const actors::loaded_entities& e) { found.first = e.size(); }, [](const caf::error&) {});
  second.receive([&](const actors::loaded_entities& e) { found.second = e.size(); },
                 [](const caf::error&) {});
  return found;
}

domain::uuid world::id_in(shard_number shard) {
  for (;;) {
    const auto id = domain::uuid_v5({}, "test " + std::to_string(++last_id_));
    if (domain::shard_of(id, options_.shards) == shard)
      return id;
  }
}

account_id world::hire(const std::string& login, shard_number shard) {
  const account_id id{id_in(shard)};
  if (answer(directory_ref, employ(login, id)).what() != outcome::ok)
    throw std::logic_error("not hired: " + login);
  return id;
}

task_id world::new_task(shard_number shard, const std::string& title) {
  const task_id id{id_in(shard)};
  if (answer(ref(id), actors::create_task_command{title, {}, {}, {}}).what() != outcome::ok)
    throw std::logic_error("not created: " + title);
  return id;
}

question world::complete(const task_id& id) {
  return ask(ref(id), actors::complete_task_command{}, {}, stored(id).assignee);
}

domain::task world::stored(const task_id& id) {
  return tables().tasks.at({domain::shard_of(id.value, options_.shards), id.value});
}

domain::account world::stored(const account_id& id) {
  return tables().accounts.at({domain::shard_of(id.value, options_.shards), id.value});
}

} // namespace ates::test
