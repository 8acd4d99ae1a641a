#include "storage/verify.hpp"

#include "storage/array_text.hpp"
#include "storage/connection.hpp"
#include "storage/rows.hpp"
#include "storage/verify_checks.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>
#include <span>
#include <sys/socket.h>

namespace ates::storage {

namespace {

using namespace std::chrono_literals;

constexpr auto longest_run = 6h;
/// For making a session, which nobody can stop.
constexpr auto set_up_limit = 4s;
/// A posting takes 2 s at most while its shard serves (contract.md B15); this much behind the newest event it
/// is lost.
constexpr std::int64_t transit_limit_s = 60;

/// Everything is read once, whole, by hashing and sorting on all cores. Row by row through an index takes
/// several times as long, but looks cheap to a planner that cannot know how many rows meet these conditions:
/// so indexes get a price.
constexpr const char* session_settings =
    "set local work_mem = '256MB'; set local max_parallel_workers_per_gather = 4;"
    " set local random_page_cost = 100; set local idle_in_transaction_session_timeout = '60s';"
    // Whoever asked may be gone: then the server need not read on.
    " set local client_connection_check_interval = '500ms'";

using snapshot_transaction = pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>;

/// One run: collects what the checks find.
class verifier {
public:
  verifier(pqxx::transaction_base& tx, const verify_progress& progress) : tx_(tx), progress_(progress) {}

  verification run() {
    count();
    look_for_lost_effects();
    for (const auto& checks : {log_checks(), money_checks(), task_checks()})
      for (const auto& check : checks)
        run(check);
    return std::move(result_);
  }

private:
  void say(std::string_view name) const {
    if (progress_)
      progress_(name);
  }

  void count() {
    say("counting");
    const auto row = tx_.exec1(checked_counts);
    result_.checked = {row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>(),
                       row[3].as<std::int64_t>()};
  }

  void look_for_lost_effects() {
    say("effects of events");
    std::vector<difference> lost;
    for (const auto& row : tx_.exec(events_without_effect)) {
      const std::string id = row[0].c_str();
      without_effect_.add(id);
      const auto cursor = row[2].as<std::int64_t>();
      const auto age_s = row[3].as<std::int64_t>();
      if (!row[4].is_null()) { // an operator has dropped it, or is still to say what becomes of it
        result_.in_transit += enum_of<parked_status>(row[4]) == parked_status::parked ? 1 : 0;
        continue;
      }
      if (row[1].as<std::int64_t>() <= cursor)
        lost.push_back({"effect of an event", id, "an event with this cause",
                        "none, and the cursor is at " + std::to_string(cursor)});
      else if (age_s > transit_limit_s)
        lost.push_back({"event in transit", id, "an effect within " + std::to_string(transit_limit_s) + " s",
                        "none after " + std::to_string(age_s) + " s"});
      else
        ++result_.in_transit;
    }
    result_.difference_count += static_cast<std::int64_t>(lost.size());
    lost.resize(std::min(lost.size(), verification::kept_per_check));
    result_.differences = std::move(lost);
  }

  void run(const verify_check& check) {
    say(check.name);
    if (check.suspects == nullptr)
      return keep(tx_.exec(limited(check.differences)));
    array_text suspects;
    const auto found = with_parameters(check.suspects, {without_effect_.text()});
    if (found.empty())
      return;
    for (const auto& row : found)
      suspects.add(std::string_view{row[0].c_str()});
    keep(with_parameters(limited(check.differences), {suspects.text(), without_effect_.text()}));
  }

  /// Gives a statement as many of `values` as it has parameters.
  pqxx::result with_parameters(const std::string& sql, std::vector<const char*> values) {
    while (!values.empty() && sql.find("$" + std::to_string(values.size())) == std::string::npos)
      values.pop_back();
    return tx_.exec_params(sql, pqxx::prepare::make_dynamic_params(values));
  }

  static std::string limited(const char* differences) {
    return "select *, count(*) over () from (" + std::string(differences) +
           ") d (what, id, expected, found) order by what, id limit " +
           std::to_string(verification::kept_per_check);
  }

  void keep(const pqxx::result& rows) {
    for (const auto& row : rows)
      result_.differences.push_back({row[0].c_str(), row[1].c_str(),
                                     row[2].is_null() ? "none" : row[2].c_str(),
                                     row[3].is_null() ? "none" : row[3].c_str()});
    if (!rows.empty())
      result_.difference_count += rows[0][4].as<std::int64_t>();
  }

  pqxx::transaction_base& tx_;
  const verify_progress& progress_;
  verification result_;
  array_text without_effect_;
};

} // namespace

verification verify(const std::string& url, const verify_progress& progress, const std::stop_token& stop) {
  session_options session;
  session.application_name = "ates verify";
  session.allow_unsafe_server = true; // it is only read
  session.limits.statement = 0ms;
  session.limits.lock = 0ms; // only migrations are in its way
  session.limits.call = set_up_limit;
  connection database(url, session);
  return database.run("verify", longest_run, [&](pqxx::connection& pq) {
    const std::stop_callback hang_up{stop, [socket = pq.sock()] { ::shutdown(socket, SHUT_RDWR); }};
    snapshot_transaction tx{pq};
    tx.exec0(session_settings);
    return verifier{tx, progress}.run();
  });
}

std::string render(const verification& v) {
  const auto& c = v.checked;
  std::string text = "checked " + std::to_string(c.accounts) + " accounts, " + std::to_string(c.tasks) +
                     " tasks, " + std::to_string(c.transfers) + " transfers, " + std::to_string(c.days) +
                     " days; " + std::to_string(v.in_transit) + " events in transit\n";
  if (v.clean())
    return text + "no differences: the books are right\n";
  for (const auto& d : v.differences)
    text += d.what + " " + d.id + ": expected " + d.expected + ", found " + d.found + "\n";
  const auto left_out = v.difference_count - static_cast<std::int64_t>(v.differences.size());
  if (left_out > 0)
    text += "… and " + std::to_string(left_out) + " more (at most " +
            std::to_string(verification::kept_per_check) + " of a kind are shown)\n";
  return text + std::to_string(v.difference_count) +
         (v.difference_count == 1 ? " difference\n" : " differences\n");
}

std::string render_json(const verification& v) {
  auto differences = nlohmann::json::array();
  for (const auto& d : v.differences)
    differences.push_back({{"what", d.what}, {"id", d.id}, {"expected", d.expected}, {"found", d.found}});
  return nlohmann::json{{"checked",
                         {{"accounts", v.checked.accounts},
                          {"tasks", v.checked.tasks},
                          {"transfers", v.checked.transfers},
                          {"days", v.checked.days}}},
                        {"in_transit", v.in_transit},
                        {"differences", differences},
                        {"difference_count", v.difference_count}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace ates::storage
