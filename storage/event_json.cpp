#include "storage/event_json.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace ates::storage {

using domain::to_string;

namespace {

using nlohmann::json;

/// Builds one flat JSON object; for numbers, ids and words that need no escaping.
class object_text {
public:
  object_text& id(std::string_view key, const uuid& value) { return raw(key, to_string(value), true); }
  template <class Tag> object_text& id(std::string_view key, const domain::strong_id<Tag>& value) {
    return id(key, value.value);
  }
  template <class Tag>
  object_text& id(std::string_view key, const std::optional<domain::strong_id<Tag>>& value) {
    return value ? id(key, value->value) : raw(key, "null", false);
  }
  object_text& word(std::string_view key, std::string_view value) { return raw(key, value, true); }
  object_text& number(std::string_view key, std::int64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return raw(key, {digits.data(), static_cast<std::size_t>(end - digits.data())}, false);
  }
  object_text& number(std::string_view key, cents value) { return number(key, value.count); }
  /// Free text, escaped.
  object_text& text(std::string_view key, const std::string& value) {
    return raw(key, json(value).dump(), false);
  }
  /// Free text that may be missing.
  object_text& text_or_null(std::string_view key, const std::string& value) {
    return value.empty() ? raw(key, "null", false) : text(key, value);
  }
  object_text& truth(std::string_view key, bool value) { return raw(key, value ? "true" : "false", false); }
  object_text& value(std::string_view key, const json& value) { return raw(key, value.dump(), false); }

  std::string take() {
    text_ += '}';
    return std::move(text_);
  }

private:
  object_text& raw(std::string_view key, std::string_view value, bool quoted) {
    if (text_.empty())
      text_.reserve(320);
    text_ += text_.empty() ? "{\"" : ",\"";
    text_.append(key).append(quoted ? "\":\"" : "\":").append(value);
    if (quoted)
      text_ += '"';
    return *this;
  }
  std::string text_;
};

event_row made(const char* type, const uuid& subject, instant at, object_text& data,
               std::optional<shard_number> target = std::nullopt) {
  return {.type = type, .subject = subject, .at = at, .data = data.take(), .target = target};
}

/// One overload per kind of task event.
struct task_rows {
  const domain::task& after;
  instant at;
  shard_number shards;

  event_row operator()(const domain::task_created& e) const {
    object_text data;
    data.id("task_id", e.task)
        .text("title", e.title)
        .text_or_null("jira_id", e.jira_id)
        .text_or_null("description", e.description)
        .id("created_by", e.by);
    return made("task.created.v2", e.task.value, at, data);
  }
  event_row operator()(const domain::task_estimated& e) const {
    object_text data;
    data.id("task_id", e.task).number("fee", e.prices.fee).number("reward", e.prices.reward);
    return made("task.estimated.v1", e.task.value, at, data);
  }
  event_row operator()(const domain::task_assigned& e) const {
    object_text data;
    data.id("task_id", e.task)
        .id("account_id", e.account)
        .id("previous_account_id", e.previous)
        .word("reason", to_string(e.reason))
        .id("shuffle_id", e.shuffle)
        .number("fee", e.fee);
    return made("task.assigned.v1", e.task.value, at, data, domain::shard_of(e.account.value, shards));
  }
  event_row operator()(const domain::task_edited& e) const {
    object_text data;
    data.id("task_id", e.task)
        .text("title", e.title)
        .text_or_null("jira_id", e.jira_id)
        .text_or_null("description", e.description)
        .id("by", e.by);
    return made("task.updated.v1", e.task.value, at, data);
  }
  event_row operator()(const domain::task_completed& e) const {
    object_text data;
    data.id("task_id", e.task).id("account_id", e.account).number("reward", e.reward).number("fees", e.fees);
    return made("task.completed.v1", e.task.value, at, data, domain::shard_of(e.account.value, shards));
  }
};

uuid parsed(const json& text) {
  const auto id = domain::parse_uuid(text.get_ref<const std::string&>());
  if (!id)
    throw std::runtime_error("no UUID: " + text.dump());
  return *id;
}

domain::assign_reason parsed_reason(const std::string& text) {
  const auto reason = domain::parse_assign_reason(text);
  if (!reason)
    throw std::runtime_error("no reason of an assignment: " + text);
  return *reason;
}

json top_task_json(const day_figures::top_task& task) {
  return {{"id", to_string(task.id)},
          {"title", task.title},
          {"jira_id", task.jira_id.empty() ? json() : json(task.jira_id)},
          {"reward", task.reward.count},
          {"completed_at", domain::to_rfc3339(task.completed_at)},
          {"completed_by", to_string(task.completed_by)}};
}

constexpr uuid day_name_space{
    {0xd4, 0x1b, 0x5e, 0x02, 0x7a, 0x66, 0x4c, 0x0e, 0x93, 0x4e, 0x5a, 0x91, 0x0c, 0x27, 0xb8, 0x3f}};

} // namespace

event_row task_event_row(const domain::task_event& event, const domain::task& after, instant at,
                         shard_number shards) {
  return std::visit(task_rows{after, at, shards}, event);
}

event_row legacy_task_created_event_row(const domain::task_created& e, instant at) {
  object_text data;
  data.id("task_id", e.task)
      .text("title", e.jira_id.empty() ? e.title : "[" + e.jira_id + "] " + e.title)
      .id("created_by", e.by);
  return made("task.created.v1", e.task.value, at, data);
}

event_row entry_event_row(const domain::entry_posted& entry, instant at) {
  object_text data;
  data.id("transfer_id", entry.id)
      .id("account_id", entry.account)
      .word("day", to_string(entry.on))
      .word("kind", to_string(entry.kind))
      .number("amount", entry.signed_amount())
      .number("balance_after", entry.balance_after)
      .id("task_id", entry.task);
  return made("audit_log_record.created.v1", entry.account.value, at, data);
}

event_row payment_event_row(const domain::entry_posted& payout, instant at) {
  object_text data;
  data.id("account_id", payout.account).word("day", to_string(payout.on)).number("amount", payout.amount);
  return made("payment_log_record.created.v1", payout.account.value, at, data);
}

event_row account_day_closed_event_row(const domain::account_day_closed& closed, instant at) {
  object_text data;
  data.id("account_id", closed.account)
      .word("day", to_string(closed.on))
      .number("fees", closed.fees)
      .number("rewards", closed.rewards)
      .number("paid_out", closed.paid_out)
      .number("balance", closed.balance);
  return made("account.day_closed.v1", closed.account.value, at, data);
}

std::optional<domain::posting> posting_of(const delivery& event) {
  const bool is_fee = event.type == "task.assigned.v1";
  if (!is_fee && event.type != "task.completed.v1")
    return std::nullopt;
  const auto data = json::parse(event.data);
  domain::posting posting;
  posting.account = {parsed(data.at("account_id"))};
  posting.task = {parsed(data.at("task_id"))};
  if (!is_fee) {
    posting.kind = domain::entry_kind::completion_reward;
    posting.amount = {data.at("reward").get<std::int64_t>()};
    return posting;
  }
  posting.kind = domain::entry_kind::assignment_fee;
  posting.amount = {data.at("fee").get<std::int64_t>()};
  posting.reason = parsed_reason(data.at("reason").get<std::string>());
  if (const auto& shuffle = data.at("shuffle_id"); !shuffle.is_null())
    posting.shuffle = domain::shuffle_id{parsed(shuffle)};
  return posting;
}

event_row directory_changed_event_row(const employee_row& employee, const std::optional<account_id>& by,
                                      bool created, const std::optional<sessions_end>& sessions, instant at,
                                      shard_number shards) {
  object_text data;
  data.id("account_id", employee.id)
      .text("name", employee.name)
      .word("role", to_string(employee.role))
      .truth("active", employee.active)
      .id("by", by)
      .truth("created", created);
  if (sessions)
    data.truth("ends_sessions", true)
        .id("keeps_session", sessions->keep ? std::optional{account_id{*sessions->keep}} : std::nullopt);
  return made("directory.changed.v1", employee.id.value, at, data,
              domain::shard_of(employee.id.value, shards));
}

std::optional<event_row> account_event_row(const delivery& event, instant at) {
  if (event.type != "directory.changed.v1")
    return std::nullopt;
  auto data = json::parse(event.data);
  const bool created = data.at("created").get<bool>();
  object_text account;
  account.value("account_id", data.at("account_id"))
      .value("name", data.at("name"))
      .value("role", data.at("role"))
      .value("active", data.at("active"))
      .value("by", data.at("by"));
  return made(created ? "account.created.v1" : "account.updated.v1", event.subject, at, account);
}

std::optional<sessions_end> sessions_end_of(const delivery& event) {
  const auto data = json::parse(event.data);
  if (!data.value("ends_sessions", false))
    return std::nullopt;
  const auto& kept = data.at("keeps_session");
  return sessions_end{kept.is_null() ? std::nullopt : domain::parse_uuid(kept.get<std::string>())};
}

std::optional<account_id> account_of(const delivery& event) {
  if (event.type != "task.assigned.v1" && event.type != "task.completed.v1" &&
      event.type != "directory.changed.v1")
    return std::nullopt;
  // Both ids come first in the data and have one length: no need to parse the rest.
  constexpr std::string_view key = "\"account_id\":\"";
  const auto found = event.data.find(key);
  if (found != std::string::npos && event.data.size() >= found + key.size() + 36)
    if (const auto id = domain::parse_uuid(std::string_view{event.data}.substr(found + key.size(), 36)))
      return account_id{*id};
  throw std::runtime_error(event.type + " without an account: " + event.data);
}

event_row logged_in_event_row(const account_id& account, instant at) {
  object_text data;
  data.id("account_id", account);
  return made("account.logged_in.v1", account.value, at, data);
}

event_row letter_event_row(const letter_mark& letter, cents amount, instant at) {
  object_text data;
  data.id("account_id", letter.account)
      .word("day", to_string(letter.on))
      .number("amount", amount)
      .text("message_id", letter.message_id)
      .number("attempts", letter.attempts);
  return made(letter.status == letter_status::sent ? "email.sent.v1" : "email.failed.v1",
              letter.account.value, at, data);
}

event_row parked_event_row(const parked_row& parked, instant at) {
  object_text data;
  data.id("parked_id", parked.id)
      .number("source", parked.from.source)
      .number("target_seq", parked.from.target_seq)
      .id("account_id", parked.account)
      .text("type", parked.type);
  return made("event.parked.v1", parked.id, at, data);
}

event_row shuffle_requested_event_row(const shuffle_row& run, instant at) {
  object_text data;
  data.id("shuffle_id", run.id).id("requested_by", run.requested_by);
  return made("shuffle.requested.v1", run.id.value, at, data);
}

event_row shuffle_finished_event_row(const shuffle_row& run, instant at) {
  object_text data;
  data.id("shuffle_id", run.id)
      .number("open_tasks", run.open_tasks.value_or(0))
      .number("reassigned", run.reassigned.value_or(0));
  return made("shuffle.finished.v1", run.id.value, at, data);
}

event_row day_closed_event_row(const day_figures& figures, const std::optional<account_id>& by, instant at) {
  object_text data;
  data.word("day", to_string(figures.on))
      .id("by", by)
      .number("earnings", figures.earnings)
      .value("top_task", figures.top ? top_task_json(*figures.top) : json())
      .number("tasks_completed", figures.tasks_completed)
      .number("tasks_in_profit", figures.tasks_in_profit)
      .number("tasks_in_deficit", figures.tasks_in_deficit)
      .number("accounts_in_profit", figures.accounts_in_profit)
      .number("accounts_in_debt", figures.accounts_in_debt)
      .number("total_paid", figures.total_paid);
  return made("day.closed.v1", day_subject(figures.on), at, data);
}

uuid day_subject(day on) {
  return domain::uuid_v5(day_name_space, to_string(on));
}

} // namespace ates::storage
