#include "actors/releases.hpp"

#include "actors/house_rules.hpp"
#include "config/limits.hpp"

namespace ates::actors {

namespace limits = config::limits;

namespace {

using steady = std::chrono::steady_clock;

} // namespace

void releases::open(directory_actor::pointer self, entity_home home, region_actor region,
                    loader_actor loader) {
  self_ = self;
  home_ = std::move(home);
  region_ = std::move(region);
  loader_ = std::move(loader);
}

void releases::begin(const account_id& account, std::int64_t version) {
  leavers_.insert_or_assign(account, leaver{version, steady::now()});
}

void releases::look() {
  if (looking_ || unanswered_ > 0 || leavers_.empty())
    return;
  looking_ = true;
  read_held_tasks question;
  for (const auto& [account, _] : leavers_)
    question.accounts.push_back(account);
  self_->request(loader_, limits::internal_request, std::move(question))
      .then([this](const storage::held_tasks& held) { looked(held); },
            [this](const caf::error&) { looking_ = false; }); // storage is away: the next look
}

void releases::looked(const storage::held_tasks& held) {
  looking_ = false;
  const auto now = steady::now();
  const auto& settings = home_.node->settings;
  const auto quiet = settings.cluster.lease_ttl + settings.http.deadline;
  for (const auto& h : held.tasks) {
    if (const auto found = leavers_.find(h.assignee); found != leavers_.end())
      found->second.seen = now;
  }
  if (held.shuffling) {
    for (auto& [_, l] : leavers_)
      l.seen = now;
  }
  std::erase_if(leavers_, [&](const auto& l) { return now - l.second.seen > quiet; });
  more_ = held.tasks.size() == limits::releases_at_once;
  for (const auto& h : held.tasks)
    release(h);
}

void releases::release(const storage::held_tasks::held& held) {
  const auto found = leavers_.find(held.assignee);
  if (found == leavers_.end())
    return; // assignable again
  envelope e;
  e.to = {entity_kind::task, held.task.value};
  e.what = release_task_command{held.assignee, found->second.version};
  e.deadline_ns = (steady::now() + limits::release_patience).time_since_epoch().count();
  ++unanswered_;
  // Whatever the answer: the next look sees what is still to be done.
  self_->request(region_, limits::release_patience * 2, std::move(e))
      .then([this](const reply&) { answered(); }, [this](const caf::error&) { answered(); });
}

void releases::answered() {
  if (--unanswered_ == 0 && more_)
    look();
}

} // namespace ates::actors
