#include "console/import.hpp"

#include "domain/digest.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <span>

namespace ates::console {
namespace {

using nlohmann::json;

std::string big_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  domain::store_big_endian(number, bytes);
  return {bytes.begin(), bytes.end()};
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const auto byte : bytes) {
    result += digits[byte >> 4U];
    result += digits[byte & 15U];
  }
  return result;
}

/// A row on its way: its item is already JSON text.
struct pending_row {
  std::uint64_t line = 0;
  std::string item;
};

/// One import. Rows go from the file to `pending_`, in batches to the node, and back to `pending_` when it
/// has no room.
class importer {
public:
  importer(surroundings& around, api& node, std::istream& file, import_report& report)
      : around_(around), node_(node), table_(file, {"title"}, {"jira_id", "description"}), report_(report),
        progressed_(around.clock.now()) {
    report_.ignored_columns = table_.ignored();
  }

  bool send_next_batch() {
    const auto batch = take_batch();
    if (batch.empty())
      return false;
    const auto answer = node_.post("/tasks/batch", body_of(batch), long_patience);
    const auto& results = answer.at("results");
    if (results.size() != batch.size())
      throw failure(exit_code::failed, node_.url() + " answered " + std::to_string(results.size()) +
                                           " results for " + std::to_string(batch.size()) + " rows");
    const auto before = pending_.size();
    for (std::size_t i = 0; i < batch.size(); ++i)
      settle(batch[i], results[i]);
    const auto postponed = pending_.size() - before;
    if (nobody_assignable_)
      throw failure(exit_code::failed, "nobody can be given a task: no active account has an assignable role",
                    "add somebody (atesctl employees add --role worker …), then import the file again");
    if (postponed > 0)
      wait_before_repeating(postponed, batch.size());
    else
      made_progress();
    return true;
  }

  [[nodiscard]] std::uint64_t bytes_read() const { return table_.bytes_read(); }

private:
  std::vector<pending_row> take_batch() {
    std::vector<pending_row> batch;
    std::size_t bytes = 0;
    while (batch.size() < batch_items && (!pending_.empty() || read_row())) {
      if (!batch.empty() && bytes + pending_.front().item.size() > batch_bytes)
        break;
      bytes += pending_.front().item.size();
      batch.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    return batch;
  }

  /// Puts the file's next usable row into `pending_`; false at its end.
  bool read_row() {
    while (auto row = table_.next()) {
      ++report_.rows;
      if (row->fault.empty() && !std::all_of(row->fields.begin(), row->fields.end(), domain::is_utf8))
        row->fault = "the text is not UTF-8";
      if (!row->fault.empty()) {
        report_.refused.push_back({row->line, "csv", row->fault});
        continue;
      }
      pending_.push_back({row->line, item_of(row->fields[0], row->fields[1], row->fields[2])});
      return true;
    }
    return false;
  }

  std::string item_of(const std::string& title, const std::string& jira_id, const std::string& description) {
    json item = {{"title", title}, {"external_ref", names_.next(jira_id, title, description)}};
    if (!jira_id.empty())
      item["jira_id"] = jira_id;
    if (!description.empty())
      item["description"] = description;
    return item.dump();
  }

  static std::string body_of(const std::vector<pending_row>& batch) {
    std::string body = R"({"tasks":[)";
    for (const auto& row : batch)
      body += (body.back() == '[' ? "" : ",") + row.item;
    return body + "]}";
  }

  void settle(const pending_row& row, const json& result) {
    const int status = result.at("status").get<int>();
    if (status == 201) {
      ++report_.created;
    } else if (status == 200) {
      ++report_.known;
    } else if (status == 503) {
      pending_.push_back(row);
    } else {
      const auto problem = result.value("problem", json::object());
      const auto code = problem.value("code", "");
      nobody_assignable_ = nobody_assignable_ || code == "no_assignable_account";
      report_.refused.push_back({row.line, code, sentence_of(problem)});
    }
  }

  void wait_before_repeating(std::size_t postponed, std::size_t sent) {
    if (postponed < sent)
      made_progress();
    if (around_.clock.now() - progressed_ > long_patience)
      throw failure(exit_code::unavailable,
                    node_.url() + " has taken no row for " + std::to_string(long_patience.count()) + " s",
                    "import the file again later: rows that are in are not added twice");
    around_.clock.wait(pauses_.next(std::chrono::seconds{0}));
  }

  void made_progress() {
    progressed_ = around_.clock.now();
    pauses_ = {};
  }

  surroundings& around_;
  api& node_;
  csv_table table_;
  import_report& report_;
  row_names names_;
  std::deque<pending_row> pending_;
  back_off pauses_;
  std::chrono::steady_clock::time_point progressed_;
  bool nobody_assignable_ = false;
};

} // namespace

std::string row_names::next(const std::string& jira_id, const std::string& title,
                            const std::string& description) {
  std::string said;
  for (const auto* value : {&jira_id, &title, &description})
    said += big_endian(value->size()) + *value;
  const auto occurrence = ++seen_[domain::sha256(said)];
  return to_hex(domain::sha256(said + big_endian(occurrence)));
}

void import_tasks(surroundings& around, api& node, std::istream& file, import_report& report,
                  const std::function<void(std::uint64_t)>& at_progress) {
  importer run(around, node, file, report);
  while (run.send_next_batch())
    at_progress(run.bytes_read());
}

} // namespace ates::console
