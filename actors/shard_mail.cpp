// The letters of a shard's accounts (contract.md B9). They were queued in the transactions of their payouts;
// here they are sent, one after the other, and marked in the journal like everything else of the shard. A
// letter leaves at least once: it may leave twice, with the same Message-ID, when we die between sending and
// marking.

#include "actors/house_rules.hpp"
#include "actors/shard.hpp"
#include "storage/event_json.hpp"

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

namespace {

/// Between tries: tripled with each, and up to half of it less, so that letters that failed together part.
std::chrono::milliseconds back_off_after(std::int64_t attempts) {
  auto longest = limits::letter_first_back_off;
  for (std::int64_t i = 1; i < attempts && longest < limits::letter_longest_back_off; ++i)
    longest *= 3;
  longest = std::min(longest, limits::letter_longest_back_off);
  const auto half = longest.count() / 2;
  return std::chrono::milliseconds{
      half + static_cast<std::int64_t>(thread_dice().roll() % static_cast<std::uint64_t>(half + 1))};
}

} // namespace

void shard_state::look_for_letters() {
  auto& l = letters_;
  if (payout_)
    return; // money first: letters share the disk and the journal with it
  if (!config_.mailer || phase_ != phase::serving || !l.expected || l.reading || l.sending ||
      l.marking != 0 || !l.page.empty() || self_->clock().now() < l.look_at)
    return;
  l.reading = true;
  l.expected = false; // unless more is queued from here on
  ask<storage::due_letters>(
      config_.loader, read_due_letters{config_.number},
      [this](storage::due_letters& due) {
        letters_.reading = false;
        letters_.page.assign(std::make_move_iterator(due.letters.begin()),
                             std::make_move_iterator(due.letters.end()));
        const bool queued_meanwhile = letters_.expected;
        if (due.next && letters_.page.empty() && !queued_meanwhile)
          letters_.look_at = self_->clock().now() + *due.next;
        letters_.expected = queued_meanwhile || !letters_.page.empty() || due.next;
        next_letter();
      },
      [this](caf::error&) {
        letters_.reading = false;
        letters_.expected = true; // the next tick tries again
      });
}

void shard_state::next_letter() {
  if (phase_ != phase::serving || letters_.sending)
    return;
  if (letters_.page.empty())
    return look_for_letters();
  const auto letter = std::move(letters_.page.front());
  letters_.page.pop_front();
  send_letter(letter);
}

void shard_state::send_letter(const storage::queued_letter& letter) {
  letters_.sending = true;
  // Before its turn come at most one letter of each other shard.
  const auto patience = mail::letter_patience * (config_.node->shards + 1);
  self_->request(config_.mailer, patience, letter_order{letter, letters_.wanted})
      .then(
          [this, life = generation_, letter](const letter_result& result) {
            if (life != generation_)
              return;
            letters_.sending = false;
            if (result.what != mail::outcome::dropped)
              mark_letter(letter, result);
            next_letter();
          },
          [this, life = generation_](const caf::error& e) {
            if (life != generation_)
              return;
            letters_.sending = false;
            letters_.expected = true; // read again at the next tick
            letters_.page.clear();
            spdlog::error("shard={} mailer=\"{}\"", config_.number, text_of(e));
          });
}

void shard_state::mark_letter(const storage::queued_letter& letter, const letter_result& result) {
  const auto attempts = letter.attempts + 1;
  const bool sent = result.what == mail::outcome::sent;
  const bool given_up = !sent && (result.what == mail::outcome::hopeless ||
                                  attempts >= std::int64_t{config_.node->settings.mail.max_attempts});
  storage::letter_mark mark{.account = letter.account,
                            .on = letter.on,
                            .status = sent       ? storage::letter_status::sent
                                      : given_up ? storage::letter_status::failed
                                                 : storage::letter_status::queued,
                            .attempts = attempts,
                            .again_in =
                                sent || given_up ? std::chrono::milliseconds{0} : back_off_after(attempts),
                            .message_id = result.message_id};
  if (!sent) {
    ++config_.node->counters.mail_tries_failed;
    spdlog::log(given_up || attempts == 1 ? spdlog::level::warn : spdlog::level::debug,
                "shard={} account={} day={} mail={} attempts={} error=\"{}\"", config_.number,
                domain::to_string(letter.account), domain::to_string(letter.on),
                given_up ? "given_up" : "not_sent", attempts, result.why);
  }
  auto record =
      begin_record(home(), {entity_kind::shard, {}}, static_cast<std::uint64_t>(row_.version), now());
  if (sent || given_up)
    record.events.push_back(storage::letter_event_row(mark, letter.amount, record.at));
  record.letters.push_back(std::move(mark));
  ++letters_.marking;
  ask<reply>(
      config_.journal,
      journal_entry{std::make_shared<const storage::record>(std::move(record)), generation_,
                    refusal(outcome::ok)},
      [this, sent, given_up](reply& r) {
        if (r.what != outcome::ok)
          return; // this life of the shard is over
        config_.node->counters.mails_sent += sent ? 1 : 0;
        config_.node->counters.mails_failed += given_up ? 1 : 0;
        --letters_.marking;
        next_letter();
      },
      [this](caf::error& e) {
        spdlog::error("shard={} mark_not_written=\"{}\"", config_.number, text_of(e));
      });
}

void shard_state::forget_letters() {
  letters_.wanted->store(false);
  letters_ = {};
}

} // namespace ates::actors
