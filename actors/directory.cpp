#include "actors/directory.hpp"

#include "actors/answers.hpp"
#include "actors/house_rules.hpp"
#include "config/limits.hpp"
#include "domain/text.hpp"
#include "storage/event_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace ates::actors {

namespace {

namespace limits = config::limits;

constexpr entity_ref directory_ref{entity_kind::directory, {}};

using steady = std::chrono::steady_clock;

bool is_active_admin(const storage::employee_row& row) {
  return row.active && row.role == domain::role::admin;
}

/// `row` with what is to be changed of it.
storage::employee_row changed_by(storage::employee_row row, const employee_change& what) {
  const auto put = [](auto& field, const auto& value) {
    if (value)
      field = *value;
  };
  put(row.name, what.name);
  put(row.login, what.login);
  put(row.email, what.email);
  put(row.role, what.role);
  put(row.active, what.active);
  put(row.password_hash, what.password_hash);
  put(row.beak_hash, what.beak_hash);
  return row;
}

/// Which sessions end with a change: a deactivated account's all; with a new secret all but the one that
/// brought it.
std::optional<storage::sessions_end> sessions_end_by(const employee_change& what) {
  if (what.active && !*what.active)
    return storage::sessions_end{};
  if (what.password_hash || what.beak_hash)
    return storage::sessions_end{what.keep_session};
  return std::nullopt;
}

} // namespace

void directory_state::open(directory_actor::pointer self, entity_home home, roster_actor roster,
                           region_actor region, loader_actor loader,
                           const storage::loaded_supervisors& loaded) {
  self_ = self;
  home_ = std::move(home);
  roster_ = std::move(roster);
  region_ = std::move(region);
  loader_ = std::move(loader);
  releases_.open(self, home_, region_, loader_);
  for (const auto& e : loaded.employees) {
    people_[e.id] = e;
    logins_.insert(domain::fold_case(e.login));
    employees_ = std::max(employees_, e.number);
    changed_ = std::max(changed_, e.changed);
    look_after(e); // whoever looked after it before may have ended in the middle
  }
  kept_.load(loaded.directory_kept);
}

std::string directory_state::described() const {
  return nlohmann::json{{"employees", employees_}, {"version", changed_}}.dump();
}

caf::result<reply> directory_state::handle(envelope& e) {
  if (std::holds_alternative<inspect_actor_command>(e.what))
    return answer_behind_all(self_, home_, inside(home_, described()));
  if (auto* c = std::get_if<create_employee_command>(&e.what))
    return create(e, *c);
  if (auto* c = std::get_if<change_employee_command>(&e.what))
    return change(e, *c);
  return refusal(outcome::internal);
}

void directory_state::tick() {
  releases_.look();
  if (departing_)
    return;
  // An announcement whose directory ended: nobody has heard an answer, and nothing was changed.
  const auto left =
      std::find_if(people_.begin(), people_.end(), [](const auto& p) { return p.second.leaving; });
  if (left == people_.end())
    return;
  auto row = left->second;
  row.leaving = false;
  write(replace(row, home_.node->clock.now()), row, refusal(outcome::ok),
        self_->make_response_promise<reply>());
}

// ── new employees ──

caf::result<reply> directory_state::create(envelope& e, create_employee_command& c) {
  if (const auto found = kept_.look_up(e.key)) {
    if (found->mismatch)
      return answer_behind_all(self_, home_, refusal(outcome::idempotency_mismatch));
    auto r = success(outcome::ok, employee_of(found->answer));
    r.replayed = true;
    return answer_behind_all(self_, home_, std::move(r));
  }
  if (const auto made = people_.find(c.id); made != people_.end()) {
    // With this key, so long ago that the answer is kept no more.
    auto r = success(outcome::ok, made->second);
    r.replayed = true;
    return answer_behind_all(self_, home_, std::move(r));
  }
  if (logins_.contains(domain::fold_case(c.what.login)))
    return answer_behind_all(self_, home_, refusal(outcome::login_taken));

  storage::employee_row row{.id = c.id,
                            .number = ++employees_,
                            .login = std::move(c.what.login),
                            .email = std::move(c.what.email),
                            .name = std::move(c.what.name),
                            .role = c.what.role,
                            .active = true,
                            .password_hash = std::move(c.what.password_hash),
                            .beak_hash = std::move(c.what.beak_hash),
                            .created_at = e.now,
                            .version = 0,
                            .changed = 0};
  auto record = replace(row, e.now);
  record.events.push_back(
      storage::directory_changed_event_row(row, e.by, true, std::nullopt, e.now, home_.node->shards));
  if (e.key) {
    record.kept = make_kept(*e.key, to_answer(row));
    kept_.keep(*record.kept);
  }
  auto who = self_->make_response_promise<reply>();
  write(std::move(record), row, success(outcome::ok, row), who);
  return who;
}

// ── changes ──

bool directory_state::assignable(const storage::employee_row& row) const {
  return row.active && !row.leaving && home_.node->settings.exchange.assignable_roles.contains(row.role);
}

bool directory_state::only_assignable(const storage::employee_row& row) const {
  return std::none_of(people_.begin(), people_.end(),
                      [&](const auto& p) { return p.first != row.id && assignable(p.second); });
}

std::optional<outcome> directory_state::refused(const storage::employee_row& before,
                                                const storage::employee_row& after,
                                                const employee_change& what) const {
  const auto& checked = what.checked_against;
  if (!checked.empty() && before.password_hash != checked && before.beak_hash != checked)
    return outcome::wrong_secret;
  const auto key = domain::fold_case(after.login);
  if (key != domain::fold_case(before.login) && logins_.contains(key))
    return outcome::login_taken;
  const auto other_admin = [&](const auto& p) { return p.first != after.id && is_active_admin(p.second); };
  if (is_active_admin(before) && !is_active_admin(after) &&
      std::none_of(people_.begin(), people_.end(), other_admin))
    return outcome::last_admin;
  return std::nullopt;
}

caf::result<reply> directory_state::change(envelope& e, change_employee_command& c) {
  const auto found = people_.find(c.id);
  if (found == people_.end())
    return answer_behind_all(self_, home_, refusal(outcome::not_found));
  const auto& before = found->second;
  if (before.leaving)
    return refusal(outcome::unavailable); // what becomes of it is not decided yet
  auto after = changed_by(before, c.what);
  if (const auto why = refused(before, after, c.what))
    return answer_behind_all(self_, home_, refusal(*why));
  if (after == before)
    return answer_behind_all(self_, home_, success(outcome::known, before));
  if (assignable(before) && !assignable(after) && only_assignable(before))
    return depart(e, c);
  auto record = replace(after, e.now);
  record.events.push_back(storage::directory_changed_event_row(after, e.by, false, sessions_end_by(c.what),
                                                               e.now, home_.node->shards));
  auto who = self_->make_response_promise<reply>();
  write(std::move(record), after, success(outcome::ok, after), who);
  return who;
}

// ── the last one who is assignable ──

caf::result<reply> directory_state::depart(envelope& e, change_employee_command& c) {
  if (departing_)
    return refusal(outcome::unavailable); // one at a time: this is rare
  auto who = self_->make_response_promise<reply>();
  departing_ = departure{c.id, std::move(c.what), e.by, who, 0, e.deadline_ns, {}};
  // With an open task there is nothing to announce.
  self_->request(loader_, limits::internal_request, look_for_open_task{})
      .then(
          [this](bool any) {
            if (!any)
              return announce();
            departing_->who.deliver(refusal(outcome::last_assignee));
            departing_.reset();
          },
          [this](const caf::error&) {
            departing_->who.deliver(refusal(outcome::unavailable));
            departing_.reset();
          });
  return who;
}

void directory_state::announce() {
  auto row = people_.at(departing_->id);
  row.leaving = true;
  auto record = replace(row, home_.node->clock.now());
  departing_->version = row.changed;
  for (shard_number s = 0; s < home_.node->shards; ++s)
    departing_->unsettled.insert(s);
  self_
      ->request(home_.journal, limits::internal_request,
                journal_entry{std::make_shared<const storage::record>(std::move(record)), home_.generation,
                              refusal(outcome::ok)})
      .then(
          [this, row](const reply& r) {
            if (r.what != outcome::ok)
              return void(departing_->who.deliver(r)); // the shard is reset
            self_->request(roster_, limits::internal_request, roster_news{{row}})
                .then([this](bool) { settle(); }, [this](const caf::error&) { settle(); });
          },
          [this](caf::error& error) { self_->quit(std::move(error)); });
}

void directory_state::settle() {
  if (!departing_ || departing_->unsettled.empty())
    return;
  if (steady_now_ns() >= departing_->deadline_ns)
    return withdraw(outcome::unavailable);
  for (const auto shard : departing_->unsettled) {
    envelope e;
    e.to = shard_ref(shard);
    e.what = settle_draws_command{departing_->version};
    e.deadline_ns = departing_->deadline_ns;
    self_->request(region_, limits::release_patience, std::move(e))
        .then(
            [this, shard, version = departing_->version](const reply& r) {
              if (r.what == outcome::ok)
                settled(version, shard);
            },
            [](const caf::error&) {}); // asked again
  }
  self_->delayed_send(self_, limits::settle_interval, atom::next_v);
}

void directory_state::settled(std::int64_t version, shard_number shard) {
  if (!departing_ || departing_->version != version || departing_->unsettled.erase(shard) == 0)
    return;
  if (departing_->unsettled.empty())
    look_for_open_tasks();
}

void directory_state::look_for_open_tasks() {
  self_->request(loader_, limits::internal_request, look_for_open_task{})
      .then(
          [this](bool any) {
            if (any)
              return withdraw(outcome::last_assignee);
            leave();
          },
          [this](const caf::error&) { withdraw(outcome::unavailable); });
}

/// Others may have changed meanwhile what the change was checked against.
void directory_state::leave() {
  const auto& before = people_.at(departing_->id);
  auto after = changed_by(before, departing_->what);
  after.leaving = false;
  if (const auto why = refused(before, after, departing_->what))
    return withdraw(*why);
  const auto d = *std::exchange(departing_, std::nullopt);
  const auto now = home_.node->clock.now();
  auto record = replace(after, now);
  record.events.push_back(storage::directory_changed_event_row(after, d.by, false, sessions_end_by(d.what),
                                                               now, home_.node->shards));
  write(std::move(record), after, success(outcome::ok, after), d.who);
}

void directory_state::withdraw(outcome why) {
  const auto d = *std::exchange(departing_, std::nullopt);
  auto row = people_.at(d.id);
  row.leaving = false;
  write(replace(row, home_.node->clock.now()), row, refusal(why), d.who);
}

// ── writing ──

storage::record directory_state::replace(storage::employee_row& row, domain::instant at) {
  const auto before = people_.find(row.id);
  if (before != people_.end()) {
    row.version = before->second.version;
    logins_.erase(domain::fold_case(before->second.login));
  }
  logins_.insert(domain::fold_case(row.login));
  ++row.version;
  row.changed = ++changed_;
  people_[row.id] = row;
  auto record = begin_record(home_, directory_ref, 0, at);
  record.employees.push_back(row);
  return record;
}

void directory_state::write(storage::record record, const storage::employee_row& row, reply r, asker who) {
  self_
      ->request(home_.journal, limits::internal_request,
                journal_entry{std::make_shared<const storage::record>(std::move(record)), home_.generation,
                              refusal(outcome::ok)})
      .then(
          [this, who, row, r = std::move(r)](reply& written) mutable {
            if (written.what != outcome::ok)
              return void(who.deliver(std::move(written))); // followed by a reset of the shard
            look_after(row);
            tell(std::move(row), who, std::move(r));
          },
          [this, who](caf::error& error) mutable {
            who.deliver(refusal(outcome::outcome_unknown));
            self_->quit(std::move(error));
          });
}

/// Whoever may not be drawn any more gives up what it has.
void directory_state::look_after(const storage::employee_row& row) {
  if (assignable(row) || row.leaving)
    releases_.end(row.id);
  else
    releases_.begin(row.id, row.changed);
}

/// An account exists, and a change holds, everywhere when it is answered (contract.md B1).
void directory_state::tell(storage::employee_row row, asker who, reply r) {
  const auto version = row.changed;
  telling_.emplace(version, std::pair{who, std::move(r)});
  const auto told = [this, version] {
    auto one = telling_.extract(version);
    if (!one.empty())
      one.mapped().first.deliver(std::move(one.mapped().second));
  };
  self_->request(roster_, config::limits::internal_request, roster_news{{std::move(row)}})
      .then([told](bool) { told(); }, [told](const caf::error&) { told(); });
}

void directory_state::stop() {
  if (departing_)
    departing_->who.deliver(refusal(outcome::unavailable)); // withdrawn by whoever comes next
  for (auto& [_, one] : std::exchange(telling_, {}))
    one.first.deliver(std::move(one.second));
  self_->quit();
}

directory_actor::behavior_type directory(directory_actor::stateful_pointer<directory_state> self,
                                         entity_home home, roster_actor roster, region_actor region,
                                         loader_actor loader, storage::loaded_supervisors loaded) {
  set_house_rules(self, directory_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), std::move(roster), std::move(region), std::move(loader), loaded);
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->state.stop();
        return std::uint64_t{0};
      },
      [self](atom::tick) { self->state.tick(); },
      [self](atom::next) { self->state.settle(); },
  };
}

} // namespace ates::actors
