#include "actors/daemon_metrics.hpp"

namespace ates::actors {

daemon_metrics::daemon_metrics(std::shared_ptr<node> home) : home_(std::move(home)) {
  const auto count = [this](const char* name, const char* help, const std::atomic<std::uint64_t>& from) {
    metrics_.push_back(
        {name, help, prometheus::MetricType::Counter, [&from] { return double(from.load()); }});
  };
  const auto show = [this](const char* name, const char* help, std::function<double()> read) {
    metrics_.push_back({name, help, prometheus::MetricType::Gauge, std::move(read)});
  };
  const auto& c = home_->counters;
  count("ates_journal_batches_total", "Batches committed", c.batches);
  count("ates_journal_records_total", "Records committed", c.records);
  count("ates_journal_retries_total", "Batches sent again", c.retries);
  count("ates_journal_unknown_outcomes_total", "Commits whose reply was lost", c.unknown_outcomes);
  count("ates_journal_refused_records_total", "Records the database refused", c.refused_records);
  count("ates_journal_stale_records_total", "Records dropped because their shard had been reset",
        c.stale_records);
  count("ates_fence_refusals_total", "Batches refused because a lease was not ours any more",
        c.fence_refusals);
  count("ates_shard_resets_total", "Shards that forgot their entities and loaded again", c.shard_resets);
  count("ates_entity_restarts_total", "Entities that crashed and were started again", c.entity_restarts);
  count("ates_inbox_gaps_total", "Pushed events that did not fit and were read from the log", c.inbox_gaps);
  count("ates_overloaded_total", "Requests refused for want of credit", c.overloaded);
  count("ates_mails_sent_total", "Letters that have left", c.mails_sent);
  count("ates_mails_failed_total", "Letters given up", c.mails_failed);
  count("ates_mail_tries_failed_total", "Tries to send a letter that failed", c.mail_tries_failed);
  count("ates_shard_moves_total", "Shards handed over as planned", c.moves);
  count("ates_shard_take_overs_total", "Shards taken: free ones and those of dead nodes", c.take_overs);
  show("ates_leases_held", "Shards leased to this node",
       [h = home_.get()] { return double(h->leases_held); });
  show("ates_links_up", "Other nodes whose link works", [&c] { return double(c.links_up.load()); });
  show("ates_queue_depth", "Commands and deliveries that no actor has handled yet",
       [&c] { return double(c.queue_depth.load()); });
  show("ates_gate_depth", "Changes that are decided and not durable yet",
       [&c] { return double(c.gate_depth.load()); });
  show("ates_inbox_lag", "Events of other shards whose effect is not durable yet",
       [&c] { return double(c.inbox_lag.load()); });
  show("ates_active_entities", "Tasks and accounts in memory",
       [&c] { return double(c.active_entities.load()); });
  show("ates_shards_serving", "Shards that this node serves",
       [&c] { return double(c.shards_serving.load()); });
  show("ates_requests_in_hand", "Requests accepted and not answered",
       [h = home_.get()] { return double(h->credits.requests()); });
  show("ates_lease_age_seconds", "Since the last good heartbeat was sent",
       [h = home_.get()] { return double(h->right.age().count()) / 1000; });
  show("ates_storage_good", "1 while PostgreSQL answers",
       [h = home_.get()] { return h->storage.good() ? 1.0 : 0.0; });
}

std::vector<prometheus::MetricFamily> daemon_metrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& m : metrics_) {
    prometheus::ClientMetric value;
    (m.type == prometheus::MetricType::Counter ? value.counter.value : value.gauge.value) = m.read();
    families.push_back({m.name, m.help, m.type, {value}});
  }
  return families;
}

} // namespace ates::actors
