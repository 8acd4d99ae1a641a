#include "actors/facade_impl.hpp"

#include "actors/entity.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace ates::actors {

namespace {

/// Without storage every request is answered within 2 s (contract.md §3): what was sent before the loss was
/// noticed is given up after this.
constexpr std::chrono::milliseconds storage_patience{1700};
/// How often a waiting thread looks whether storage is still there.
constexpr std::chrono::milliseconds glance{100};

template <class T> answer<T> answer_of(reply& r) {
  answer<T> a;
  a.what = r.what;
  a.replayed = r.replayed;
  if (auto* value = std::get_if<T>(&r.value))
    a.value = std::move(*value);
  return a;
}

} // namespace

/// A request whose answer a thread waits for. The actor's side may outlive the thread's interest.
class facade_impl::pending {
public:
  pending(bool reads, std::shared_ptr<node> home, std::size_t bytes,
          std::chrono::steady_clock::time_point received)
      : reads_(reads), received_(received), home_(std::move(home)), bytes_(bytes) {}
  ~pending() {
    if (bytes_ != 0)
      home_->credits.give_back(bytes_);
  }
  pending(const pending&) = delete;
  pending& operator=(const pending&) = delete;

  void hear(reply r) {
    {
      const std::lock_guard lock{mutex_};
      answer_ = std::move(r);
    }
    heard_.notify_one();
  }

  reply wait(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    for (;;) {
      const auto now = std::chrono::steady_clock::now();
      const bool given_up = now >= deadline || (now - received_ > storage_patience && !home_->storage.good());
      if (answer_)
        return std::move(*answer_);
      if (given_up)
        return refusal(reads_ ? outcome::unavailable : outcome::outcome_unknown);
      heard_.wait_until(lock, std::min(deadline, now + glance), [this] { return answer_.has_value(); });
    }
  }

private:
  const bool reads_;
  const std::chrono::steady_clock::time_point received_; ///< the whole request, of which this is a part
  std::shared_ptr<node> home_;
  const std::size_t bytes_; ///< of credit; 0: none taken
  std::mutex mutex_;
  std::condition_variable heard_;
  std::optional<reply> answer_;
};

facade_impl::facade_impl(std::shared_ptr<node> home, std::function<void(std::size_t, outside_request)> send)
    : home_(std::move(home)), send_(std::move(send)) {}

facade_impl::ticket facade_impl::send(const caller& who, entity_ref to, command what,
                                      std::optional<idempotency> key, std::size_t bytes) {
  const bool reads = only_reads(what);
  // A request may have spent time before it got here (a password is hashed for a third of a second).
  const auto received =
      std::min(std::chrono::steady_clock::now(), who.deadline - home_->settings.http.deadline);
  const auto refuse = [&](outcome why) {
    auto t = std::make_shared<pending>(reads, home_, 0, received);
    t->hear(refusal(why));
    return t;
  };
  if (!home_->storage.good() || !home_->current_roster()->known)
    return refuse(outcome::unavailable);
  if (!home_->credits.take(bytes)) {
    ++home_->counters.overloaded;
    return refuse(outcome::overloaded);
  }
  auto t = std::make_shared<pending>(reads, home_, bytes, received);
  envelope e;
  e.to = to;
  e.by = who.account;
  e.what = std::move(what);
  e.key = std::move(key);
  e.deadline_ns = who.deadline.time_since_epoch().count();
  send_(turn_.fetch_add(1), outside_request{std::move(e), [t](reply& r) { t->hear(std::move(r)); }});
  return t;
}

reply facade_impl::wait(const ticket& t, const caller& who) {
  return t->wait(who.deadline);
}

reply facade_impl::ask(const caller& who, entity_ref to, command what, std::optional<idempotency> key) {
  return wait(send(who, to, std::move(what), std::move(key), command_bytes), who);
}

// ── people ──

std::optional<employee> facade_impl::find_employee(const domain::account_id& id) {
  const auto roster = home_->current_roster();
  const auto found = roster->by_id.find(id);
  return found == roster->by_id.end() ? std::nullopt : std::optional{employee_of(*found->second)};
}

std::optional<credentials> facade_impl::find_login(const std::string& login) {
  const auto roster = home_->current_roster();
  const auto found = roster->by_login.find(domain::fold_case(login));
  if (found == roster->by_login.end())
    return std::nullopt;
  const auto& row = *found->second;
  return credentials{row.id, row.active, row.password_hash, row.beak_hash};
}

answer<employee> facade_impl::create_employee(const caller& who, new_employee what,
                                              std::optional<idempotency> key) {
  const account_id id{key ? key->scope : random_uuid()};
  auto r =
      ask(who, {entity_kind::directory, {}}, create_employee_command{std::move(what), id}, std::move(key));
  const auto row = answer_of<storage::employee_row>(r);
  return {row.what, employee_of(row.value), row.replayed};
}

answer<employee> facade_impl::change_employee(const caller& who, const account_id& id, employee_change what) {
  auto r = ask(who, {entity_kind::directory, {}}, change_employee_command{id, std::move(what)});
  const auto row = answer_of<storage::employee_row>(r);
  return {row.what, employee_of(row.value), row.replayed};
}

bool facade_impl::ensure_admin(const std::function<std::string()>& password_hash,
                               std::chrono::steady_clock::time_point deadline) {
  while (!home_->current_roster()->known || !home_->storage.good()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  if (!home_->current_roster()->by_id.empty())
    return true;
  const account_id id{random_uuid()};
  new_employee admin{.name = "Administrator",
                     .login = "admin",
                     .email = "admin@localhost",
                     .role = domain::role::admin,
                     .password_hash = password_hash(),
                     .beak_hash = {}};
  auto r = ask({.account = id, .deadline = deadline, .request_id = "first-start"},
               {entity_kind::directory, {}}, create_employee_command{std::move(admin), id});
  return r.what == outcome::ok || r.what == outcome::login_taken;
}

// ── sessions ──

answer<domain::uuid> facade_impl::sign_in(const caller& who, const std::string& secret_hash) {
  auto r = ask(who, {entity_kind::account, who.account.value}, open_session_command{secret_hash});
  return answer_of<domain::uuid>(r);
}

answer<domain::uuid> facade_impl::refresh(const caller& who, const domain::uuid& family,
                                          const std::string& secret_hash,
                                          const std::string& new_secret_hash) {
  const auto known = find_employee(who.account);
  if (!known && home_->current_roster()->known) // else nobody is known yet: unavailable
    return {outcome::unauthenticated, {}, false};
  if (known && !known->active)
    return {outcome::account_inactive, {}, false};
  auto r = ask(who, {entity_kind::account, who.account.value},
               refresh_session_command{family, secret_hash, new_secret_hash});
  return answer_of<domain::uuid>(r);
}

answer<domain::uuid> facade_impl::sign_out(const caller& who, const domain::uuid& family,
                                           const std::string& secret_hash) {
  if (!find_employee(who.account) && home_->current_roster()->known) // as above
    return {outcome::known, {}, false};
  auto r = ask(who, {entity_kind::account, who.account.value}, close_session_command{family, secret_hash});
  return answer_of<domain::uuid>(r);
}

// ── tasks ──

facade_impl::ticket facade_impl::send_new_task(const caller& who, new_task what) {
  const auto id = what.key ? what.key->scope : random_uuid();
  const auto bytes = command_bytes + what.title.size() + what.description.size();
  return send(who, {entity_kind::task, id},
              create_task_command{std::move(what.title), std::move(what.jira_id), std::move(what.description),
                                  std::move(what.external_ref)},
              std::move(what.key), bytes);
}

answer<domain::task> facade_impl::create_task(const caller& who, new_task what) {
  auto r = wait(send_new_task(who, std::move(what)), who);
  return answer_of<domain::task>(r);
}

std::vector<answer<domain::task>> facade_impl::create_tasks(const caller& who, std::vector<new_task> what) {
  std::vector<ticket> tickets;
  tickets.reserve(what.size());
  for (auto& one : what)
    tickets.push_back(send_new_task(who, std::move(one)));
  std::vector<answer<domain::task>> answers;
  answers.reserve(tickets.size());
  for (const auto& t : tickets) {
    auto r = wait(t, who);
    answers.push_back(answer_of<domain::task>(r));
  }
  return answers;
}

answer<domain::task> facade_impl::read_task(const caller& who, const domain::task_id& id) {
  auto r = ask(who, {entity_kind::task, id.value}, read_entity{});
  return answer_of<domain::task>(r);
}

answer<domain::task> facade_impl::edit_task(const caller& who, const domain::task_id& id, task_edit what) {
  const auto bytes = command_bytes + what.title.value_or("").size() + what.description.value_or("").size();
  auto r = wait(
      send(who, {entity_kind::task, id.value},
           edit_task_command{std::move(what.title), std::move(what.jira_id), std::move(what.description)},
           std::nullopt, bytes),
      who);
  return answer_of<domain::task>(r);
}

answer<domain::task> facade_impl::complete_task(const caller& who, const domain::task_id& id,
                                                std::optional<idempotency> key) {
  auto r = ask(who, {entity_kind::task, id.value}, complete_task_command{}, std::move(key));
  return answer_of<domain::task>(r);
}

// ── supervisors ──

answer<storage::shuffle_row> facade_impl::request_shuffle(const caller& who, std::optional<idempotency> key) {
  auto r = ask(who, {entity_kind::shuffles, {}}, request_shuffle_command{}, std::move(key));
  return answer_of<storage::shuffle_row>(r);
}

answer<payout_summary> facade_impl::close_day(const caller& who, std::optional<idempotency> key) {
  auto r = ask(who, {entity_kind::payouts, {}}, close_day_command{}, std::move(key));
  const auto row = answer_of<storage::payout_row>(r);
  return {row.what, payout_summary{row.value}, row.replayed};
}

// ── time and health ──

domain::instant facade_impl::business_now() {
  return home_->clock.now();
}

domain::day facade_impl::today() {
  return home_->today();
}

/// A node is ready when it is one of the cluster, all that was leased to it is loaded once, and it knows the
/// people. From then on what is being loaded makes requests wait, not the node unready.
facade::health facade_impl::check() {
  health h;
  const auto map = home_->current_map();
  const auto state = home_->state.load();
  h.storage = home_->storage.good();
  h.shards_serving = home_->counters.shards_serving.load();
  // The map's count, not the guardian's: the guardian hears of a grant a moment after the map is published.
  h.shards_total = map ? map->owned_here() : 0;
  const bool all_placed = map && map->all_owned();
  h.people = home_->current_roster()->known;
  const bool people = !home_->current_roster()->by_id.empty();
  if (state == storage::node_state::joining)
    loaded_once_ = false;
  else if (all_placed && people && h.shards_serving >= h.shards_total)
    loaded_once_ = true;
  h.ready = h.storage && state == storage::node_state::serving && loaded_once_;
  if (!h.storage)
    h.why = "PostgreSQL does not answer";
  else if (state == storage::node_state::joining)
    h.why = "the node is joining the cluster";
  else if (state == storage::node_state::draining)
    h.why = "the node is draining";
  else if (!all_placed)
    h.why = "shards have no owner yet";
  else if (!people)
    h.why = "the directory is being loaded";
  else if (!h.ready)
    h.why = "shards are being loaded";
  return h;
}

} // namespace ates::actors
