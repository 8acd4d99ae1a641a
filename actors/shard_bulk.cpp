// A shard's part of a shuffle and of a payout (design.md §8), in bounded chunks: the next one starts only
// when everything the last one caused is durable, postings included. Orders come again every second until
// they are reported: a repeated or resumed part changes nothing twice, because a task remembers its last run
// and an account its open day.

#include "actors/shard.hpp"
#include "domain/draw.hpp"

namespace ates::actors {

namespace limits = config::limits;

namespace {

constexpr std::chrono::milliseconds chunk_back_off{200};

std::int64_t internal_deadline_ns() {
  return (std::chrono::steady_clock::now() + limits::internal_request).time_since_epoch().count();
}

/// Whether a command of a chunk was reached: what is quarantined is left out, what is unavailable is tried
/// again.
bool reached(const reply& r) {
  return r.what == outcome::ok || r.what == outcome::known || r.what == outcome::not_found ||
         r.what == outcome::quarantined;
}

} // namespace

void shard_state::on_order(bulk_order& o) {
  if (phase_ != phase::serving)
    return; // the order comes again
  if (const auto* shuffle = std::get_if<shuffle_order>(&o.what)) {
    if (shuffle_ && shuffle_->order.run == shuffle->run)
      report_shuffle(false);
    else if (row_.run_done >= shuffle->run)
      report_shuffle(true);
    else if (shuffle->roster)
      begin_shuffle(*shuffle);
    else
      fetch_roster(*shuffle);
    return;
  }
  const auto on = std::get<payout_order>(o.what).on;
  if (payout_ && payout_->on == on) {
    if (payout_->advanced)
      report_payout(false);
  } else if (row_.paid_through >= on) {
    payout_.emplace().on = on;
    report_payout(true);
    payout_.reset();
  } else {
    begin_payout(on);
  }
}

void shard_state::on_report(bulk_report& r) {
  if (!shuffles_)
    return; // asked again
  const bool shuffle = std::holds_alternative<shuffle_report>(r.what);
  supervisor_loads_.at(shuffle ? entity_kind::shuffles : entity_kind::payouts)->handed_on(steady_now_ns());
  self_->send(shuffle ? shuffles_ : payouts_, std::move(r));
}

void shard_state::later(std::chrono::milliseconds delay, std::function<void()> what) {
  postponed_[++last_postponed_] = std::move(what);
  self_->delayed_send(self_, delay, atom::next_v, last_postponed_);
}

void shard_state::run_later(std::uint64_t id) {
  const auto found = postponed_.extract(id);
  if (!found.empty() && phase_ == phase::serving)
    found.mapped()();
}

// ── shuffle ──

/// The order came from another node.
void shard_state::fetch_roster(const shuffle_order& order) {
  if (fetching_roster_)
    return;
  fetching_roster_ = true;
  ask<account_ids>(
      config_.loader, load_roster{order.run},
      [this, order](account_ids& accounts) {
        fetching_roster_ = false;
        if (phase_ != phase::serving || shuffle_ || accounts.empty())
          return; // ordered again
        auto complete = order;
        complete.roster = std::make_shared<const std::vector<account_id>>(std::move(accounts));
        begin_shuffle(complete);
      },
      [this](caf::error&) { fetching_roster_ = false; });
}

void shard_state::begin_shuffle(const shuffle_order& order) {
  shuffle_.emplace().order = order;
  // From here on nothing is created "before the start", so the barrier below leaves no task out.
  row_.run_started_at = std::max(row_.run_started_at, order.started_at);
  if (row_.run_begun == order.run)
    return next_tasks(); // resumed
  ask<reply>(
      config_.journal, barrier{config_.number, generation_, false, refusal(outcome::ok)},
      [this](reply&) { count_and_begin(); }, [this](caf::error&) { shuffle_.reset(); });
}

void shard_state::count_and_begin() {
  const auto& order = shuffle_->order;
  ask<std::int64_t>(
      config_.loader, count_open_tasks{config_.number, order.started_at, order.run},
      [this](std::int64_t open) {
        row_.run_begun = shuffle_->order.run;
        row_.run_open = open;
        write_row([this] {
          report_shuffle(false);
          next_tasks();
        });
      },
      [this](caf::error&) { shuffle_.reset(); }); // ordered again
}

void shard_state::next_tasks() {
  const auto& order = shuffle_->order;
  ask<tasks>(
      config_.loader, read_open_tasks{config_.number, order.started_at, order.run, shuffle_->after},
      [this](tasks& chunk) {
        shuffle_->last_chunk = chunk.empty();
        if (!chunk.empty())
          return reassign(chunk);
        chunk_reassigned();
      },
      [this](caf::error&) { later(chunk_back_off, [this] { next_tasks(); }); });
}

void shard_state::reassign(const std::vector<domain::task>& chunk) {
  shuffle_->pending = chunk.size();
  shuffle_->failed = false;
  const auto answered = [this, last = chunk.back().id](bool done, bool changed) {
    shuffle_->failed = shuffle_->failed || !done;
    shuffle_->reassigned += changed ? 1 : 0;
    if (--shuffle_->pending != 0)
      return;
    if (shuffle_->failed)
      return later(chunk_back_off, [this] { next_tasks(); }); // the same chunk, less what was reached
    shuffle_->after = last;
    chunk_reassigned();
  };
  const auto& order = shuffle_->order;
  for (const auto& t : chunk) {
    const auto winner = (*order.roster)[domain::draw(order.seed, t.id, order.roster->size())];
    envelope e;
    e.to = {entity_kind::task, t.id.value};
    e.what = shuffle_task_command{static_cast<std::uint64_t>(order.run), order.id, winner};
    e.deadline_ns = internal_deadline_ns();
    ask<reply>(
        shard_actor{self_}, std::move(e),
        [answered](reply& r) { answered(reached(r), r.what == outcome::ok); },
        [answered](caf::error&) { answered(false, false); });
  }
}

void shard_state::chunk_reassigned() {
  shuffle_->heads = heads_;
  if (!all_acknowledged(shuffle_->heads))
    shuffle_->waiting_for_acks = true;
  else if (shuffle_->last_chunk)
    finish_shuffle();
  else
    next_tasks();
}

void shard_state::finish_shuffle() {
  ask<std::int64_t>(
      config_.loader, count_reassigned{config_.number, shuffle_->order.run},
      [this](std::int64_t reassigned) {
        shuffle_->reassigned = reassigned;
        row_.run_done = shuffle_->order.run;
        write_row([this] {
          report_shuffle(true);
          shuffle_.reset();
        });
      },
      [this](caf::error&) { later(chunk_back_off, [this] { finish_shuffle(); }); });
}

void shard_state::report_shuffle(bool done) {
  shuffle_report part{.run = row_.run_begun, .open_tasks = row_.run_open, .reassigned = 0, .done = done};
  const auto report = [this](const shuffle_report& p) {
    self_->send(config_.region, bulk_report{config_.number, p});
  };
  if (shuffle_) {
    if (!done && row_.run_begun != shuffle_->order.run)
      return; // not begun yet
    part.reassigned = shuffle_->reassigned;
    return report(part);
  }
  ask<std::int64_t>(
      config_.loader, count_reassigned{config_.number, part.run},
      [report, part](std::int64_t reassigned) mutable {
        part.reassigned = reassigned;
        report(part);
      },
      [](caf::error&) {});
}

// ── payout ──

void shard_state::begin_payout(domain::day on) {
  payout_.emplace().on = on;
  const auto next = on + std::chrono::days{1};
  if (row_.open_day < next) {
    row_.open_day = next;
    day_end_ = config_.node->calendar.end_of(next);
  }
  // Entries that were stamped with the old day and are still on their way come first: after the close no
  // figure changes.
  payout_->waiting_to_drain = true;
  if (nothing_in_flight_before(next))
    advance_for_payout();
}

void shard_state::advance_for_payout() {
  payout_->waiting_to_drain = false;
  write_row([this] {
    payout_->advanced = true;
    report_payout(false);
    next_accounts();
  });
}

void shard_state::next_accounts() {
  ask<accounts>(
      config_.loader,
      read_accounts_behind{config_.number, payout_->on + std::chrono::days{1}, payout_->after},
      [this](accounts& chunk) {
        if (chunk.empty())
          finish_payout();
        else
          pay(chunk);
      },
      [this](caf::error&) { later(chunk_back_off, [this] { next_accounts(); }); });
}

void shard_state::pay(const std::vector<domain::account>& chunk) {
  payout_->pending = chunk.size();
  payout_->failed = false;
  const auto answered = [this, last = chunk.back().id](bool done) {
    payout_->failed = payout_->failed || !done;
    if (--payout_->pending != 0)
      return;
    if (payout_->failed)
      return later(chunk_back_off, [this] { next_accounts(); }); // the same chunk, less what was paid
    payout_->after = last;
    next_accounts();
  };
  for (const auto& a : chunk) {
    envelope e;
    e.to = {entity_kind::account, a.id.value};
    e.what = close_account_command{};
    e.deadline_ns = internal_deadline_ns();
    ask<reply>(
        shard_actor{self_}, std::move(e), [answered](reply& r) { answered(reached(r)); },
        [answered](caf::error&) { answered(false); });
  }
}

void shard_state::finish_payout() {
  row_.paid_through = payout_->on;
  write_row([this] {
    report_payout(true);
    payout_.reset();
  });
}

void shard_state::report_payout(bool done) {
  self_->send(config_.region, bulk_report{config_.number, payout_report{payout_->on, done}});
}

} // namespace ates::actors
