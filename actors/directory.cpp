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

constexpr entity_ref directory_ref{entity_kind::directory, {}};

} // namespace

void directory_state::open(entity_actor::pointer self, entity_home home, roster_actor roster,
                           const storage::loaded_supervisors& loaded) {
  self_ = self;
  home_ = std::move(home);
  roster_ = std::move(roster);
  for (const auto& e : loaded.employees) {
    logins_.insert(domain::fold_case(e.login));
    employees_ = std::max(employees_, e.number);
    changed_ = std::max(changed_, e.changed);
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
  return refusal(outcome::internal);
}

caf::result<reply> directory_state::create(envelope& e, create_employee_command& c) {
  if (const auto found = kept_.look_up(e.key)) {
    if (found->mismatch)
      return answer_behind_all(self_, home_, refusal(outcome::idempotency_mismatch));
    auto r = success(outcome::ok, employee_of(found->answer));
    r.replayed = true;
    return answer_behind_all(self_, home_, std::move(r));
  }
  auto login_key = domain::fold_case(c.what.login);
  if (logins_.contains(login_key))
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
                            .version = 1,
                            .changed = ++changed_};
  auto record = begin_record(home_, directory_ref, 0, e.now);
  record.employees.push_back(row);
  record.events.push_back(storage::directory_changed_event_row(row, e.by, true, e.now, home_.node->shards));
  if (e.key) {
    record.kept = make_kept(*e.key, to_answer(row));
    kept_.keep(*record.kept);
  }
  logins_.insert(std::move(login_key));
  auto asker = self_->make_response_promise<reply>();
  self_
      ->request(home_.journal, config::limits::internal_request,
                journal_entry{std::make_shared<const storage::record>(std::move(record)), home_.generation,
                              success(outcome::ok, row)})
      .then(
          [this, asker, row](reply& r) mutable {
            if (r.what == outcome::ok)
              tell(std::move(row), asker, std::move(r));
            else
              asker.deliver(std::move(r)); // a refusal is followed by a reset of the shard
          },
          [this, asker](caf::error& error) mutable {
            asker.deliver(refusal(outcome::outcome_unknown));
            self_->quit(std::move(error));
          });
  return asker;
}

/// An account exists everywhere when its creation is answered (contract.md B1).
void directory_state::tell(storage::employee_row row, caf::typed_response_promise<reply> asker, reply r) {
  const auto version = row.changed;
  telling_.emplace(version, std::pair{asker, std::move(r)});
  const auto told = [this, version] {
    auto one = telling_.extract(version);
    if (!one.empty())
      one.mapped().first.deliver(std::move(one.mapped().second));
  };
  self_->request(roster_, config::limits::internal_request, roster_news{{std::move(row)}})
      .then([told](bool) { told(); }, [told](const caf::error&) { told(); });
}

void directory_state::stop() {
  for (auto& [_, one] : std::exchange(telling_, {}))
    one.first.deliver(std::move(one.second));
  self_->quit();
}

entity_actor::behavior_type directory(entity_actor::stateful_pointer<directory_state> self, entity_home home,
                                      roster_actor roster, storage::loaded_supervisors loaded) {
  set_house_rules(self, directory_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), std::move(roster), loaded);
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->state.stop();
        return std::uint64_t{0};
      },
  };
}

} // namespace ates::actors
