#include "storage/postgres_journal.hpp"

#include "storage/insist.hpp"
#include "storage/rare_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace ates::storage {

namespace {

constexpr const char* read_batch_number =
    "select coalesce(max(number), 0) from journal_batch where incarnation = $1 and writer = $2";
constexpr const char* lock_own_shards =
    "select shard from shard where shard = any ($1::smallint[]) and owner = $2 order by shard for update";
constexpr const char* raise_epochs = "update shard set epoch = epoch + 1 where shard = any ($1::smallint[]) "
                                     "and owner = $2 returning shard, epoch";
constexpr const char* end_backend = "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 "
                                    "and backend_start = $2::timestamptz";

std::string smallint_array(const std::set<shard_number>& shards) {
  array_text text;
  for (const auto shard : shards)
    text.add(shard);
  return text.text();
}

/// "... DETAIL:  shards 3,17" of the fence.
std::vector<shard_number> shards_named_in(const std::string& message) {
  constexpr std::string_view mark = "shards ";
  std::vector<shard_number> shards;
  auto at = message.rfind(mark);
  const char* next = at == std::string::npos ? nullptr : message.data() + at + mark.size();
  const char* const end = message.data() + message.size();
  while (next != nullptr && next < end) {
    shard_number shard = 0;
    const auto [after, error] = std::from_chars(next, end, shard);
    if (error != std::errc{})
      break;
    shards.push_back(shard);
    next = after < end && *after == ',' ? after + 1 : nullptr;
  }
  return shards;
}

/// design.md §5: what a failure of the batch means.
commit_outcome outcome_of(const storage_error& error) {
  using kind = commit_outcome::kind;
  const auto& sqlstate = error.sqlstate();
  if (error.what_kind() == storage_error::kind::away)
    return {kind::unknown, {}, error.what()};
  if (sqlstate == "AT001")
    return {kind::fenced, shards_named_in(error.what()), error.what()};
  // Of the content, so that trying it again would hold up everything behind it for ever: cardinality, data,
  // integrity, too large.
  constexpr std::array content{"AT002", "21", "22", "23", "54"};
  if (std::any_of(content.begin(), content.end(), [&](const char* c) { return sqlstate.starts_with(c); }))
    return {kind::refused, {}, error.what()};
  return {kind::retry, {}, error.what()};
}

} // namespace

/// The parameters of journal_append, in its order. The words of edited tasks go their own way: they are few,
/// and their table has the search indexes.
class postgres_journal::statement {
public:
  static constexpr const char* name = "journal_append";
  static std::string definition() {
    std::string sql = "select journal_append($1";
    for (int i = 2; i <= parameter_count; ++i)
      sql += ",$" + std::to_string(i);
    return sql + "), journal_edit_tasks($" + std::to_string(parameter_count) + "::jsonb -> 'edited_tasks')";
  }

  void fill(std::span<const record* const> records, const batch& made) {
    clear();
    for (const auto& [shard, epoch] : made.fence)
      fence_.row(shard, epoch);
    for (const auto& event : made.events)
      add(event);
    for (const auto* r : records)
      add_of(*r);
    for (const auto& change : made.tasks)
      if (change.replaces > 0)
        add(change);
    for (const auto& change : made.accounts)
      add(change);
    for (const auto& move : made.cursors)
      cursors_.row(move.shard, move.source, move.position);
    for (const auto& [key, d] : made.days)
      days_.row(key.first, d.on, d.fees, d.rewards, d.paid_out, d.completed, d.paid);
    for (const auto& [whose, answer] : made.kept) {
      const auto& [shard, entity, scope] = whose;
      kept_.row(shard, entity.kind, entity.id, scope, answer->request_hash, answer->answer, answer->at);
    }
    rare_ = rare_rows_json(records, made);
  }

  [[nodiscard]] bool has_nul() const { return events_.has_nul() || kept_.has_nul(); }

  std::vector<const char*> parameters() {
    std::vector<const char*> all;
    all.reserve(parameter_count);
    fence_.append_to(all);
    events_.append_to(all);
    transfers_.append_to(all);
    tasks_.append_to(all);
    accounts_.append_to(all);
    cursors_.append_to(all);
    days_.append_to(all);
    kept_.append_to(all);
    all.push_back(rare_.empty() ? nullptr : rare_.c_str());
    return all;
  }

private:
  static constexpr int parameter_count = 3 + 2 + 11 + 14 + 10 + 10 + 3 + 7 + 7 + 1;

  void clear() {
    fence_.clear();
    events_.clear();
    transfers_.clear();
    tasks_.clear();
    accounts_.clear();
    cursors_.clear();
    days_.clear();
    kept_.clear();
  }

  void add(const batch::numbered_event& e) {
    std::optional<shard_number> cause_source;
    std::optional<std::int64_t> cause_seq;
    if (e.because) {
      cause_source = e.because->source;
      cause_seq = e.because->target_seq;
    }
    events_.row(e.shard, e.seq, e.of->epoch, e.what->at, e.what->type, e.what->subject, e.what->data,
                e.target, e.target_seq, cause_source, cause_seq);
  }

  void add_of(const record& r) {
    for (const auto& t : r.transfers)
      transfers_.row(r.shard, t.account, t.number, t.id, r.at, t.on, t.kind, t.debit, t.credit, t.amount,
                     t.balance_after, t.task, t.reason, t.shuffle);
  }

  void add(const batch::change<domain::task>& change) {
    const auto& t = *change.now;
    tasks_.row(change.shard, t.id, change.replaces, t.version, t.status, t.assignee, t.assigned_at,
               t.completed_at, t.assignments, t.last_run);
  }

  void add(const batch::change<domain::account>& change) {
    const auto& a = *change.now;
    accounts_.row(change.shard, a.id, change.replaces, a.version, a.balance, a.entries, a.open_day, a.fees,
                  a.rewards, a.paid_out);
  }

  array_section<2> fence_;
  array_section<11> events_;
  array_section<14> transfers_;
  array_section<10> tasks_;
  array_section<10> accounts_;
  array_section<3> cursors_;
  array_section<7> days_;
  array_section<7> kept_;
  std::string rare_;
};

postgres_journal::postgres_journal(std::string url, incarnation owner, std::int16_t writer,
                                   const time_limits& limits, bool allow_unsafe_server)
    : url_(std::move(url)), owner_(owner), writer_(writer), statement_(std::make_unique<statement>()) {
  options_.application_name = // names the incarnation: see end_backends in postgres_lease.cpp
      "atesd " + std::to_string(owner) + " journal " + std::to_string(static_cast<int>(writer));
  options_.index_plans_only = true;
  options_.allow_unsafe_server = allow_unsafe_server;
  options_.limits = limits;
}

postgres_journal::~postgres_journal() = default;

void postgres_journal::attach(shard_number shard, shard_counters counters) {
  positions_.attach(shard, std::move(counters));
}

void postgres_journal::detach(shard_number shard) {
  positions_.detach(shard);
}

std::int64_t postgres_journal::cursor(shard_number shard, shard_number source) const {
  return positions_.cursor(shard, source);
}

void postgres_journal::connect() {
  if (connection_ && connection_->usable())
    return;
  connection_.reset();
  connection_.emplace(url_, options_);
  try {
    connection_->run("prepare journal", [&](pqxx::connection& pq) {
      pq.prepare(statement::name, statement::definition());
      pq.prepare_now(statement::name);
      pqxx::nontransaction tx{pq};
      if (last_number_ < 0)
        last_number_ = tx.exec_params1(read_batch_number, owner_, writer_)[0].as<std::int64_t>();
    });
  } catch (...) {
    connection_.reset();
    throw;
  }
}

commit_outcome postgres_journal::commit(std::span<const record* const> records,
                                        std::span<const std::pair<shard_number, epoch>> fence_only,
                                        std::vector<delivery>& out) {
  using kind = commit_outcome::kind;
  insist(!doubt_, "a commit after an unknown one that was not settled");
  auto made = positions_.prepare(records, fence_only);
  if (!made.stale.empty())
    return {kind::fenced, made.stale, "records of two epochs of one shard"};
  if (made.conflict)
    return {kind::refused, {}, *made.conflict};
  try {
    statement_->fill(records, made);
  } catch (const nlohmann::json::exception& error) {
    return {kind::refused, {}, error.what()};
  }
  if (statement_->has_nul())
    return {kind::refused, {}, "a text with U+0000"};
  try {
    connect();
  } catch (const storage_error& error) {
    return {kind::retry, {}, error.what()}; // nothing was sent
  }
  auto outcome = send(records, made);
  if (outcome.what == kind::committed) {
    positions_.advance(made);
    append_deliveries(made, out);
  }
  return outcome;
}

commit_outcome postgres_journal::send(std::span<const record* const> records, batch& made) {
  const auto number = ++last_number_;
  try {
    connection_->run("commit batch", [&](pqxx::connection& pq) {
      pqxx::nontransaction tx{pq};
      tx.exec_prepared(statement::name, owner_, writer_, number,
                       pqxx::prepare::make_dynamic_params(statement_->parameters()));
    });
    return {};
  } catch (const storage_error& error) {
    auto outcome = outcome_of(error);
    outcome.detail +=
        " (batch " + std::to_string(number) + ", " + std::to_string(records.size()) + " records)";
    if (outcome.what == commit_outcome::kind::unknown) {
      doubt_ = doubt{std::move(made), number, connection_->backend_pid(), connection_->backend_start()};
      connection_.reset();
    }
    return outcome;
  }
}

std::optional<journal::settlement> postgres_journal::settle(std::span<const shard_number> shards) {
  insist(doubt_.has_value(), "nothing is unknown");
  settlement settled;
  try {
    connect();
    settled.new_epochs = take_over(shards);
    settled.committed = is_written(doubt_->number);
  } catch (const storage_error& error) {
    if (error.sqlstate() == "55P03" || error.sqlstate() == "57014")
      end_wedged_backend();
    return std::nullopt;
  }
  if (settled.committed)
    positions_.advance(doubt_->made);
  doubt_.reset();
  return settled;
}

std::map<shard_number, epoch> postgres_journal::take_over(std::span<const shard_number> shards) {
  std::set<shard_number> all{shards.begin(), shards.end()};
  for (const auto& [shard, epoch] : doubt_->made.fence)
    all.insert(shard);
  std::map<shard_number, epoch> taken;
  connection_->run("take over from ourselves", [&](pqxx::connection& pq) {
    pqxx::work tx{pq};
    const auto wanted = smallint_array(all);
    tx.exec_params(lock_own_shards, wanted,
                   owner_); // first, in order: a plain UPDATE would not wait for the fence
    for (const auto& row : tx.exec_params(raise_epochs, wanted, owner_))
      taken[row[0].as<shard_number>()] = row[1].as<epoch>();
    tx.commit();
  });
  return taken;
}

bool postgres_journal::is_written(std::int64_t number) {
  return connection_->run("look the batch up", [&](pqxx::connection& pq) {
    pqxx::nontransaction tx{pq};
    return tx.exec_params1(read_batch_number, owner_, writer_)[0].as<std::int64_t>() >= number;
  });
}

/// The backend of the unknown batch still holds its shards: nobody listens to it any more.
void postgres_journal::end_wedged_backend() {
  try {
    connection_->run("end wedged backend", [&](pqxx::connection& pq) {
      pqxx::nontransaction tx{pq};
      tx.exec0("reset role"); // the daemon's role may not signal
      tx.exec_params(end_backend, doubt_->backend_pid, doubt_->backend_start);
    });
  } catch (const storage_error&) {
    // Best effort: the caller asks again anyway, on a new connection.
  }
  connection_.reset();
}

} // namespace ates::storage
