#include "actors/journal.hpp"

#include "actors/house_rules.hpp"
#include "config/limits.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace ates::actors {

namespace {

constexpr std::chrono::milliseconds first_back_off{50};
constexpr std::chrono::milliseconds longest_back_off{1000};

std::size_t bytes_of(const storage::record& r) {
  std::size_t bytes = 256;
  for (const auto& e : r.events)
    bytes += e.data.size() + 128;
  return bytes + r.transfers.size() * 128;
}

} // namespace

void journal_state::open(journal_actor::pointer self, std::shared_ptr<node> home, std::size_t writer,
                         std::unique_ptr<storage::journal> store) {
  self_ = self;
  home_ = std::move(home);
  writer_ = writer;
  store_ = std::move(store);
}

const journal_state::attachment* journal_state::attached(shard_number shard, std::uint64_t generation) const {
  const auto found = shards_.find(shard);
  return found != shards_.end() && found->second.generation == generation ? &found->second : nullptr;
}

caf::result<reply> journal_state::append(journal_entry& entry) {
  auto asker = self_->make_response_promise<actors::reply>();
  const auto shard = entry.record->shard;
  open_.push_back({std::move(entry.record), shard, entry.generation, false, std::move(entry.reply), asker});
  schedule_flush();
  return asker;
}

caf::result<reply> journal_state::wait(barrier& b) {
  auto asker = self_->make_response_promise<actors::reply>();
  open_.push_back({nullptr, b.shard, b.generation, b.fence, std::move(b.reply), asker});
  schedule_flush();
  return asker;
}

bool journal_state::attach(shard_attachment& shard, const shard_actor& actor) {
  store_->attach(shard.shard, std::move(shard.counters));
  shards_[shard.shard] = {shard.epoch, shard.generation, actor};
  return true;
}

void journal_state::detach(shard_number shard) {
  shards_.erase(shard);
  store_->detach(shard);
}

void journal_state::schedule_flush() {
  if (flush_pending_ || settling_)
    return;
  flush_pending_ = true;
  self_->send(self_, atom::flush_v);
}

journal_state::batch journal_state::next_batch() {
  batch taken;
  std::size_t bytes = 0;
  while (!open_.empty() && taken.size() < config::limits::batch_records &&
         bytes < config::limits::batch_bytes) {
    if (open_.front().record != nullptr)
      bytes += bytes_of(*open_.front().record);
    taken.push_back(std::move(open_.front()));
    open_.pop_front();
  }
  return taken;
}

void journal_state::flush() {
  flush_pending_ = false;
  if (settling_)
    return;
  if (commit(next_batch()) && !open_.empty())
    schedule_flush();
}

void journal_state::drop_stale(batch& entries) {
  auto stale = std::stable_partition(entries.begin(), entries.end(), [this](const waiting& w) {
    return attached(w.shard, w.generation) != nullptr;
  });
  for (auto it = stale; it != entries.end(); ++it) {
    ++home_->counters.stale_records;
    it->asker.deliver(refusal(outcome::unavailable));
  }
  entries.erase(stale, entries.end());
}

bool journal_state::commit(batch entries) {
  drop_stale(entries);
  return entries.empty() || commit_once(entries);
}

bool journal_state::commit_once(batch& entries) {
  std::vector<const storage::record*> records;
  std::map<shard_number, storage::epoch> fences;
  for (const auto& w : entries) {
    if (w.record != nullptr)
      records.push_back(w.record.get());
    else if (w.fence)
      fences[w.shard] = attached(w.shard, w.generation)->epoch;
  }
  std::vector<storage::delivery> out;
  if (records.empty() && fences.empty()) {
    release(entries, out);
    return true;
  }
  const std::vector<std::pair<shard_number, storage::epoch>> fence_only{fences.begin(), fences.end()};
  home_->storage.commit_began(writer_);
  const auto result = store_->commit(records, fence_only, out);
  if (result.what != storage::commit_outcome::kind::committed)
    return narrow_down(std::move(entries), result);
  home_->storage.commit_ended(writer_);
  back_off_ = {};
  ++home_->counters.batches;
  home_->counters.records += records.size();
  release(entries, out);
  return true;
}

bool journal_state::narrow_down(batch entries, const storage::commit_outcome& why) {
  using kind = storage::commit_outcome::kind;
  spdlog::warn("actor=journal writer={} records={} outcome={} detail=\"{}\"", writer_, entries.size(),
               static_cast<int>(why.what), why.detail);
  if (why.what == kind::retry) {
    retry_later(std::move(entries));
    return false;
  }
  if (why.what == kind::unknown) {
    ++home_->counters.unknown_outcomes;
    doubtful_ = std::move(entries);
    settling_ = true;
    back_off_ = {};
    self_->send(self_, atom::settle_v);
    return false;
  }
  home_->storage.commit_ended(writer_);
  if (why.what == kind::fenced) {
    ++home_->counters.fence_refusals;
    for (const auto shard : why.shards) {
      fail_shard(entries, shard, outcome::unavailable);
      reset(shard, {.generation = 0, .new_epoch = std::nullopt, .lost = true, .culprit = std::nullopt});
    }
    return commit(std::move(entries));
  }
  // Refused: some record among these cannot be written. Halves, until it stands alone.
  const auto records =
      std::count_if(entries.begin(), entries.end(), [](const auto& w) { return w.record != nullptr; });
  if (records > 1) {
    // The second half goes back to the front of the line, so that the order stays whatever becomes of the
    // first.
    const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
    open_.insert(open_.begin(), std::make_move_iterator(middle), std::make_move_iterator(entries.end()));
    entries.erase(middle, entries.end());
    return commit(std::move(entries));
  }
  ++home_->counters.refused_records;
  const auto culprit =
      std::find_if(entries.begin(), entries.end(), [](const auto& w) { return w.record != nullptr; });
  const auto shard = culprit->shard;
  const auto entity = culprit->record->entity;
  culprit->asker.deliver(refusal(outcome::quarantined));
  entries.erase(culprit);
  fail_shard(entries, shard, outcome::unavailable);
  reset(shard, {.generation = 0, .new_epoch = std::nullopt, .lost = false, .culprit = entity});
  return commit(std::move(entries));
}

void journal_state::fail_shard(batch& entries, shard_number shard, outcome what) {
  auto failed = std::stable_partition(entries.begin(), entries.end(),
                                      [shard](const waiting& w) { return w.shard != shard; });
  for (auto it = failed; it != entries.end(); ++it)
    it->asker.deliver(refusal(what));
  entries.erase(failed, entries.end());
}

void journal_state::reset(shard_number shard, reset_notice notice) {
  const auto found = shards_.find(shard);
  if (found == shards_.end())
    return;
  notice.generation = found->second.generation;
  self_->send(found->second.actor, std::move(notice));
  detach(shard);
}

void journal_state::retry_later(batch entries) {
  ++home_->counters.retries;
  open_.insert(open_.begin(), std::make_move_iterator(entries.begin()),
               std::make_move_iterator(entries.end()));
  back_off_ = back_off_.count() == 0 ? first_back_off : std::min(back_off_ * 2, longest_back_off);
  flush_pending_ = true;
  self_->delayed_send(self_, back_off_, atom::flush_v);
}

void journal_state::settle() {
  std::vector<shard_number> ours;
  for (const auto& [shard, _] : shards_)
    ours.push_back(shard);
  std::sort(ours.begin(), ours.end());
  const auto settled = store_->settle(ours);
  if (!settled) {
    back_off_ = back_off_.count() == 0 ? first_back_off : std::min(back_off_ * 2, longest_back_off);
    self_->delayed_send(self_, back_off_, atom::settle_v);
    return;
  }
  spdlog::warn("actor=journal writer={} settled committed={} shards={}", writer_, settled->committed,
               ours.size());
  for (auto& w : doubtful_)
    w.asker.deliver(settled->committed ? std::move(w.reply) : refusal(outcome::unavailable));
  doubtful_.clear();
  // Whatever was decided on top of it is dropped with the old generation: every shard starts from what is
  // durable.
  for (const auto shard : ours) {
    const auto epoch = settled->new_epochs.find(shard);
    const bool kept = epoch != settled->new_epochs.end();
    if (!kept)
      ++home_->counters.fence_refusals; // somebody else's now: what was decided on it is refused
    reset(shard, {.generation = 0,
                  .new_epoch = kept ? std::optional{epoch->second} : std::nullopt,
                  .lost = !kept,
                  .culprit = std::nullopt});
  }
  settling_ = false;
  back_off_ = {};
  home_->storage.commit_ended(writer_);
  schedule_flush();
}

void journal_state::release(batch& entries, std::vector<storage::delivery>& out) {
  std::unordered_map<shard_number, batch_notice> notices;
  for (auto& w : entries) {
    if (w.record == nullptr)
      continue;
    auto& notice = notices[w.shard];
    notice.generation = w.generation;
    notice.versions.emplace_back(w.record->entity, storage::version_after(*w.record));
    notice.events += static_cast<std::int64_t>(w.record->events.size());
    notice.letters = notice.letters || !w.record->mails.empty();
    if (w.record->cause)
      notice.causes.push_back(*w.record->cause);
  }
  for (auto& d : out)
    notices[d.source].out.push_back(std::move(d));
  // Shards first: whoever reads after an answer finds a shard that knows the answer's version to be durable.
  for (auto& [shard, notice] : notices) {
    for (const auto& c : notice.causes)
      notice.cursors[c.source] = store_->cursor(shard, c.source);
    if (const auto* a = attached(shard, notice.generation))
      self_->send(a->actor, std::move(notice));
  }
  for (auto& w : entries)
    if (w.asker.pending())
      w.asker.deliver(std::move(w.reply));
}

bool journal_state::stop() {
  while (!open_.empty() && !settling_ && commit(next_batch())) {
  }
  for (auto& w : open_)
    w.asker.deliver(refusal(outcome::unavailable));
  for (auto& w : doubtful_)
    w.asker.deliver(refusal(outcome::outcome_unknown));
  self_->quit();
  return true;
}

void journal_state::end_dead() {
  // Twice: the first batch may only find out that its connection was ended with the lease.
  for (int tries = 0; tries < 2 && (settling_ || !open_.empty()); ++tries) {
    if (settling_)
      settle();
    while (!open_.empty() && !settling_ && commit(next_batch())) {
    }
  }
  home_->storage.commit_ended(writer_);
  stop();
}

journal_actor::behavior_type
journal(journal_actor::stateful_pointer<journal_state> self, std::shared_ptr<node> home, std::size_t writer,
        std::function<std::unique_ptr<storage::journal>(std::size_t)> open_store) {
  set_house_rules(self, journal_state::name);
  self->state.open(self, std::move(home), writer, open_store(writer));
  return {
      [self](journal_entry& entry) { return self->state.append(entry); },
      [self](barrier& b) { return self->state.wait(b); },
      [self](shard_attachment& shard, const shard_actor& actor) { return self->state.attach(shard, actor); },
      [self](atom::detach, shard_number shard) { self->state.detach(shard); },
      [self](atom::flush) { self->state.flush(); },
      [self](atom::settle) { self->state.settle(); },
      [self](atom::dead) { self->state.end_dead(); },
      [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace ates::actors
