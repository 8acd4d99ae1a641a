#include "actors/account.hpp"

#include "actors/house_rules.hpp"
#include "actors/inspection.hpp"
#include "storage/event_json.hpp"

namespace ates::actors {

namespace {

/// What one entry adds to its shard's figures of its day.
storage::day_delta delta_of(const domain::entry_posted& entry) {
  storage::day_delta d;
  d.on = entry.on;
  switch (entry.kind) {
  case domain::entry_kind::assignment_fee:
    d.fees = entry.amount;
    break;
  case domain::entry_kind::completion_reward:
    d.rewards = entry.amount;
    d.completed = 1;
    break;
  case domain::entry_kind::payout:
    d.paid_out = entry.amount;
    d.paid = 1;
    break;
  }
  return d;
}

} // namespace

void account_state::open(account_actor::pointer self, entity_home home, account_id id,
                         storage::loaded_entity loaded) {
  self_ = self;
  home_ = std::move(home);
  if (auto* a = std::get_if<domain::account>(&loaded.snapshot))
    account_ = *a;
  account_.id = id;
  sessions_.load(loaded.sessions);
}

caf::result<reply> account_state::handle(envelope& e) {
  return std::visit([&](auto& c) { return on(e, c); }, e.what);
}

template <class Other> caf::result<reply> account_state::on(envelope&, Other&) {
  return refusal(outcome::internal); // no account understands it: a mistake of the sender
}

storage::record account_state::begin(domain::instant now) {
  return begin_record(home_, {entity_kind::account, account_.id.value}, account_.version, now);
}

void account_state::add_money(storage::record& r, const std::vector<domain::account_event>& events,
                              domain::instant now) {
  for (const auto& event : events) {
    if (const auto* entry = std::get_if<domain::entry_posted>(&event)) {
      r.transfers.push_back(*entry);
      r.days.push_back(delta_of(*entry));
      r.events.push_back(storage::entry_event_row(*entry, now));
      if (entry->kind == domain::entry_kind::payout) {
        r.events.push_back(storage::payment_event_row(*entry, now));
        r.mails.push_back({entry->account, entry->on, entry->amount});
      }
    } else if (const auto* closed = std::get_if<domain::account_day_closed>(&event)) {
      r.events.push_back(storage::account_day_closed_event_row(*closed, now));
    }
  }
  domain::apply(account_, events);
  r.snapshot = account_;
}

/// Puts what an event does to this account into `record`. Throws what it cannot take.
void account_state::take(const storage::delivery& event, const std::optional<domain::posting>& posting,
                         domain::day open_day, domain::instant now, storage::record& record) {
  if (posting)
    return add_money(record, domain::decide(account_, *posting, open_day), now);
  auto row = storage::account_event_row(event, now);
  if (!row)
    throw std::runtime_error("an event that no account understands: " + event.type);
  record.events.push_back(std::move(*row));
  if (const auto end = storage::sessions_end_of(event))
    record.sessions = sessions_.close_others(account_.id, end->keep);
  if (!account_.exists())
    account_.open_day = open_day;
  ++account_.version;
  record.snapshot = account_;
}

void account_state::apply(inbox_order& order) {
  auto record = begin(order.now);
  record.cause = storage::cause{order.event.source, order.event.target_seq};
  take(order.event, order.posting, order.open_day, order.now, record);
  caf::anon_send(home_.journal, journal_entry{std::make_shared<const storage::record>(std::move(record)),
                                              home_.generation, refusal(outcome::ok)});
}

caf::result<reply> account_state::on(envelope& e, close_account_command&) {
  const auto events = domain::decide_close(account_, e.open_day);
  if (events.empty())
    return answer_when_durable(self_, home_, e, account_.version, refusal(outcome::known));
  auto record = begin(e.now);
  add_money(record, events, e.now);
  return write(self_, home_, std::move(record), refusal(outcome::ok));
}

/// Its cause has had its effect when it was parked: this one is told by the parked row, which may be settled
/// once.
caf::result<reply> account_state::on(envelope& e, apply_parked_command& c) {
  const storage::delivery event{c.event.from.source, home_.shard,     c.event.from.target_seq,
                                c.event.type,        c.event.subject, c.event.at,
                                c.event.data};
  auto record = begin(e.now);
  const auto before = account_;
  try {
    take(event, storage::posting_of(event), e.open_day, e.now, record);
  } catch (const std::exception& x) {
    spdlog::warn("account={} still_parked={} error=\"{}\"", domain::to_string(account_.id),
                 domain::to_string(c.event.id), x.what());
    account_ = before;
    return refusal(outcome::quarantined);
  }
  record.unparked.push_back({c.event.id, storage::parked_status::replayed});
  record.audit = c.why;
  return write(self_, home_, std::move(record), refusal(outcome::ok));
}

caf::result<reply> account_state::on(envelope& e, inspect_actor_command&) {
  if (!account_.exists() && !home_.node->current_roster()->by_id.contains(account_.id))
    return answer_when_durable(self_, home_, e, account_.version, refusal(outcome::not_found));
  return answer_when_durable(self_, home_, e, account_.version, inside(home_, shown(account_)));
}

caf::result<reply> account_state::store_sessions(const envelope& e, storage::record r,
                                                 std::vector<storage::session_row> rows, reply answer) {
  if (!account_.exists())
    account_.open_day = e.open_day;
  ++account_.version; // the gate counts by versions
  r.sessions = std::move(rows);
  r.snapshot = account_;
  return write(self_, home_, std::move(r), std::move(answer));
}

caf::result<reply> account_state::on(envelope& e, open_session_command& c) {
  const auto roster = home_.node->current_roster();
  if (const auto who = roster->by_id.find(account_.id); who != roster->by_id.end() && !who->second->active)
    return answer_when_durable(self_, home_, e, account_.version, refusal(outcome::account_inactive));
  const auto family = random_uuid();
  auto record = begin(e.now);
  record.events.push_back(storage::logged_in_event_row(account_.id, e.now));
  auto rows = sessions_.open(account_.id, family, c.secret_hash, real_now());
  return store_sessions(e, std::move(record), std::move(rows), success(outcome::ok, family));
}

caf::result<reply> account_state::on(envelope& e, refresh_session_command& c) {
  auto record = begin(e.now);
  auto result = sessions_.refresh(account_.id, c.family, c.secret_hash, c.new_secret_hash, real_now());
  switch (result.what) {
  case sessions::verdict::ok:
    return store_sessions(e, std::move(record), std::move(result.changes), success(outcome::ok, c.family));
  case sessions::verdict::reused:
    return store_sessions(e, std::move(record), std::move(result.changes), refusal(outcome::token_reused));
  case sessions::verdict::unknown:
    break;
  }
  return answer_when_durable(self_, home_, e, account_.version, refusal(outcome::unauthenticated));
}

caf::result<reply> account_state::on(envelope& e, close_session_command& c) {
  auto record = begin(e.now);
  auto result = sessions_.close(account_.id, c.family, c.secret_hash);
  if (result.what != sessions::verdict::ok)
    return answer_when_durable(self_, home_, e, account_.version, success(outcome::known, c.family));
  return store_sessions(e, std::move(record), std::move(result.changes), success(outcome::ok, c.family));
}

account_actor::behavior_type account(account_actor::stateful_pointer<account_state> self, entity_home home,
                                     account_id id, storage::loaded_entity loaded) {
  set_house_rules(self, account_state::name);
  const auto load = home.load;
  self->state.open(self, std::move(home), id, std::move(loaded));
  return {
      [self, load](envelope& e) { return guarded(self, *load, e, [&] { return self->state.handle(e); }); },
      [self](atom::stop) {
        self->quit();
        return self->state.version();
      },
      [self, load](inbox_order& order) {
        const auto kind = order.posting ? domain::to_string(order.posting->kind) : "employee_news";
        measured(
            self, *load, order.handed_on_ns, kind, [&] { self->state.apply(order); },
            storage::cause{order.event.source, order.event.target_seq});
      },
  };
}

} // namespace ates::actors
