#include "storage/postgres_verifications.hpp"

#include "storage/audit_rows.hpp"
#include "storage/rows.hpp"

#include <utility>

namespace ates::storage {

namespace {

using namespace std::chrono_literals;

/// Between tries.
constexpr auto between_tries = 1s;

/// Somebody else runs what we began: there is nothing left to do.
struct superseded {};

read_pool::clock::time_point soon() {
  return read_pool::clock::now() + 2s;
}

/// What becomes of one that fails again and again.
std::string unanswered(const uuid& id, const std::string& why) {
  verification v;
  v.differences.push_back({"verification", domain::to_string(id), "an answer to every check", why});
  v.difference_count = 1;
  return render_json(v);
}

} // namespace

struct postgres_verifications::stored {
  verification_run run;
  incarnation runner = 0;
  bool abandoned = false; ///< nobody will finish it: its runner is dead
};

postgres_verifications::postgres_verifications(std::string url,
                                               std::function<std::optional<incarnation>()> self,
                                               bool allow_unsafe_server)
    : url_(url), self_(std::move(self)),
      pool_(std::move(url), seldom_asked("atesd verifications", allow_unsafe_server)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

postgres_verifications::~postgres_verifications() {
  stop();
}

void postgres_verifications::ask_to_stop() {
  thread_.request_stop();
}

void postgres_verifications::stop() {
  thread_.request_stop();
  if (thread_.joinable())
    thread_.join();
}

// ── asking ──

uuid postgres_verifications::start(const uuid& id, const recorder& record_of, deadline by) {
  const auto self = self_();
  const std::unique_lock asking{asking_, by};
  if (!asking || !self || thread_.get_stop_token().stop_requested())
    throw storage_error(storage_error::kind::away, "start a verification", {},
                        "this node begins nothing now");
  if (const auto joined = waiting()) {
    record(record_of(*joined), by);
    return *joined;
  }
  const job mine{id, *self};
  if (insert(mine, record_of(id), by))
    enqueue(mine);
  return id;
}

std::optional<verification_run> postgres_verifications::find(const uuid& id, deadline by) {
  report_query query;
  query << "select id, by, " << micros("requested_at") << ", " << micros("finished_at")
        << ", progress, result, runner, status = 1 and not exists ("
           "select from node n where n.incarnation = v.runner and not n.dead) from verification v where id = "
        << query.bind(domain::to_string(id)) << "::uuid";
  const auto found =
      pool_.read("find a verification", by, [&](pqxx::transaction_base& tx) -> std::optional<stored> {
        const auto rows = query.run(tx);
        if (rows.empty())
          return std::nullopt;
        const auto& row = rows[0];
        return stored{.run = {.id = uuid_of(row[0]),
                              .by = id_of<account_id>(row[1]),
                              .requested_at = instant_of(row[2]),
                              .finished_at = optional_of(row[3], instant_of),
                              .progress = row[4].c_str(),
                              .result = row[5].c_str()},
                      .runner = row[6].as<incarnation>(),
                      .abandoned = row[7].as<bool>()};
      });
  if (!found)
    return std::nullopt;
  if (!found->run.finished_at)
    adopt(*found, by);
  return found->run;
}

/// Ours without our knowing of it: the reply to its insertion, or to a take-over, was lost.
void postgres_verifications::adopt(const stored& found, deadline by) {
  const auto self = self_();
  if (!self || (!found.abandoned && found.runner != *self))
    return;
  const std::unique_lock asking{asking_, std::try_to_lock};
  if (!asking || !has_room_for(found.run.id))
    return; // whoever asks next tries again
  if (found.runner == *self || take_over(found.run.id, found.runner, *self, by))
    enqueue({found.run.id, *self});
}

// ── rows ──

bool postgres_verifications::insert(const job& what, const audit_row& why, deadline by) {
  report_query query;
  query << "with made as (insert into verification (id, by, runner) values ("
        << query.bind(domain::to_string(what.id)) << "::uuid, " << query.bind(domain::to_string(why.by))
        << "::uuid, " << query.bind(std::to_string(what.runner))
        << "::bigint) on conflict (id) do nothing returning 1), forgotten as (delete from verification where "
           "id in (select id from verification order by requested_at desc, id desc offset "
        << std::to_string(kept_max - 1) << ")), recorded as (";
  insert_audit(query, why, " from made");
  query << ") select count(*) from made";
  return pool_.read("start a verification", by,
                    [&](pqxx::transaction_base& tx) { return query.run(tx)[0][0].as<int>() > 0; });
}

void postgres_verifications::record(const audit_row& why, deadline by) {
  report_query query;
  insert_audit(query, why, "");
  pool_.read("record a verification", by, [&](pqxx::transaction_base& tx) { return query.run(tx); });
}

bool postgres_verifications::take_over(const uuid& id, incarnation from, incarnation to, deadline by) {
  report_query query;
  query << "update verification set progress = null, runner = " << query.bind(std::to_string(to))
        << "::bigint where status = 1 and id = " << query.bind(domain::to_string(id))
        << "::uuid and runner = " << query.bind(std::to_string(from)) << "::bigint returning 1";
  return pool_.read("take a verification over", by,
                    [&](pqxx::transaction_base& tx) { return !query.run(tx).empty(); });
}

bool postgres_verifications::note(const job& what, std::string_view progress) {
  report_query query;
  query << "update verification set progress = " << query.bind(std::string(progress))
        << " where status = 1 and id = " << query.bind(domain::to_string(what.id))
        << "::uuid and runner = " << query.bind(std::to_string(what.runner)) << "::bigint returning 1";
  return pool_.read("note the progress of a verification", soon(),
                    [&](pqxx::transaction_base& tx) { return !query.run(tx).empty(); });
}

/// Whoever is first: each has looked at the books after they were asked for.
void postgres_verifications::finish(const job& what, const std::string& result) {
  report_query query;
  query << "update verification set status = 2, progress = null, finished_at = clock_timestamp(), result = "
        << query.bind(result) << "::json where status = 1 and id = " << query.bind(domain::to_string(what.id))
        << "::uuid";
  pool_.read("finish a verification", soon(), [&](pqxx::transaction_base& tx) { return query.run(tx); });
}

// ── this node's own ──

std::optional<uuid> postgres_verifications::waiting() {
  const std::lock_guard lock{mutex_};
  return waiting_ ? std::optional{waiting_->id} : std::nullopt;
}

bool postgres_verifications::has_room_for(const uuid& id) {
  const std::lock_guard lock{mutex_};
  return !thread_.get_stop_token().stop_requested() && !waiting_ && !(running_ && running_->id == id);
}

void postgres_verifications::enqueue(const job& what) {
  {
    const std::lock_guard lock{mutex_};
    waiting_ = what;
  }
  given_.notify_one();
}

void postgres_verifications::work(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (given_.wait(lock, stop, [this] { return waiting_.has_value(); }) && !stop.stop_requested()) {
    running_ = std::exchange(waiting_, std::nullopt);
    const auto what = *running_;
    lock.unlock();
    see_through(what, stop);
    lock.lock();
    running_.reset();
  }
}

void postgres_verifications::see_through(const job& what, const std::stop_token& stop) {
  std::optional<std::string> result;
  for (int failures = 0; !stop.stop_requested(); pause(stop)) {
    bool begun = false;
    try {
      if (!result) {
        if (!(begun = note(what, "beginning")))
          return;
        result = render_json(verify(
            url_, [&](std::string_view at) { tell(what, at); }, stop));
      }
      return finish(what, *result);
    } catch (const superseded&) {
      return;
    } catch (const std::exception& error) { // storage was there when it began: what it says counts
      if (begun && !result && ++failures >= tries_max)
        result = unanswered(what.id, error.what());
    }
  }
}

void postgres_verifications::tell(const job& what, std::string_view progress) {
  bool ours = true;
  try {
    ours = note(what, progress);
  } catch (const storage_error&) {
    // Only for show: what matters fails by itself.
  }
  if (!ours)
    throw superseded{};
}

void postgres_verifications::pause(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  given_.wait_for(lock, stop, between_tries, [] { return false; });
}

} // namespace ates::storage
