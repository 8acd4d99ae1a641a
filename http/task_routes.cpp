#include "http/json_out.hpp"
#include "http/limits.hpp"
#include "http/routes.hpp"

#include "domain/text.hpp"

namespace ates::http::routes {

namespace {

/// A new task out of one JSON object at `pointer`; throws problem bad_request or validation_failed.
actors::new_task read_task(const json& value, const std::string& pointer) {
  field_faults faults;
  object_reader in(value, pointer, {"title", "jira_id", "description", "external_ref"}, faults);
  actors::new_task out;
  const auto title = in.required_text("title");
  auto name = domain::parse_task_name(title, in.text("jira_id"));
  if (auto* good = std::get_if<domain::task_name>(&name)) {
    out.title = std::move(good->title);
    out.jira_id = std::move(good->jira_id);
  } else if (const auto& fault = std::get<domain::name_fault>(name);
             value.contains("title") || fault.field != "title")
    in.fault(fault.field, fault.detail); // a missing title is a fault already
  out.description = domain::trim(in.text("description").value_or(""));
  if (const auto fault = domain::check_description(out.description))
    in.fault("description", *fault);
  if (auto ref = in.text("external_ref")) {
    if (const auto fault = domain::check_external_ref(*ref))
      in.fault("external_ref", *fault);
    out.external_ref = *std::move(ref);
  }
  faults.check();
  return out;
}

/// The name fields of an edit. A given jira_id of null takes the id away.
void read_new_name(const json& value, object_reader& in, actors::task_edit& out) {
  const bool takes_id_away = value.contains("jira_id") && value.at("jira_id").is_null();
  const auto jira_id = in.text("jira_id");
  if (takes_id_away)
    out.jira_id = "";
  if (!value.contains("title")) {
    if (const auto fault = jira_id ? domain::check_jira_id(*jira_id) : std::nullopt)
      in.fault("jira_id", *fault);
    if (jira_id)
      out.jira_id = jira_id;
    return;
  }
  auto name = domain::parse_task_name(in.required_text("title"), jira_id);
  if (const auto* fault = std::get_if<domain::name_fault>(&name))
    return in.fault(fault->field, fault->detail);
  auto& good = std::get<domain::task_name>(name);
  if (takes_id_away && !good.jira_id.empty())
    return in.fault("jira_id", "jira_id must be the same as the one in the title's brackets");
  out.title = std::move(good.title);
  if (!good.jira_id.empty())
    out.jira_id = std::move(good.jira_id); // a title without brackets leaves the id as it is
}

/// Throws problem bad_request or validation_failed.
actors::task_edit read_edit(const json& value) {
  field_faults faults;
  object_reader in(value, "", {"title", "jira_id", "description"}, faults);
  actors::task_edit out;
  read_new_name(value, in, out);
  if (value.contains("description")) {
    out.description = domain::trim(in.text("description").value_or(""));
    if (const auto fault = domain::check_description(*out.description))
      in.fault("description", *fault);
  }
  faults.check();
  return out;
}

/// Throws problem forbidden.
void insist_on_editor(const call& c, const domain::task& t) {
  using domain::role;
  if (c.who->role != role::admin && c.who->role != role::manager && c.who->id != t.created_by)
    throw problem(code::forbidden);
}

std::string_view to_string(storage::task_change_row::kind what) {
  using enum storage::task_change_row::kind;
  switch (what) {
  case created:
    return "created";
  case edited:
    return "edited";
  case assigned:
    return "assigned";
  case completed:
    return "completed";
  }
  return "created";
}

json change_json(const storage::task_change_row& row, actors::facade& names) {
  const auto who = names.find_employee(row.account);
  return {{"at", domain::to_rfc3339(row.at)},
          {"what", to_string(row.what)},
          {"account", {{"id", to_string(row.account)}, {"name", who ? who->name : ""}}},
          {"reason", row.reason ? json(domain::to_string(*row.reason)) : json(nullptr)},
          {"shuffle_id", row.shuffle ? json(to_string(*row.shuffle)) : json(nullptr)},
          {"fee", row.fee ? json(row.fee->count) : json(nullptr)}};
}

/// An external_ref takes the place of the key.
std::optional<actors::idempotency> key_of(const call& c, const actors::new_task& what, const json& value,
                                          const std::optional<actors::idempotency>& by_header) {
  if (what.external_ref.empty())
    return by_header;
  return actors::idempotency{external_ref_scope(what.external_ref),
                             request_hash(c.with.request_hash_secret, c.query, value)};
}

int created_or_known(actors::outcome what) {
  return what == actors::outcome::known ? 200 : 201;
}

storage::task_filter read_filter(const call& c) {
  storage::task_filter out;
  if (const auto status = text_param(c.query, "status")) {
    out.status = domain::parse_task_status(*status);
    if (!out.status)
      throw problem(code::bad_request, "status is open or done.");
  }
  if (const auto assignee = text_param(c.query, "assignee")) {
    const auto id = *assignee == "me" ? std::optional(c.who->id.value) : domain::parse_uuid(*assignee);
    if (!id)
      throw problem(code::bad_request, "assignee is me or an id.");
    out.assignee = domain::account_id{*id};
  }
  out.jira_id = text_param(c.query, "jira_id");
  out.text = text_param(c.query, "q");
  return out;
}

/// What became of one item of a batch; `read` are the items that were good enough to be asked for.
json item_result(const call& c, const actors::answer<domain::task>& a) {
  if (const auto refused = code_of(a.what))
    return {{"status", info(*refused).status}, {"problem", to_json(problem(*refused), c.request_id)}};
  return {{"status", created_or_known(a.what)}, {"task", to_json(a.value, c.with.facade)}};
}

const json& read_items(const call& c) {
  field_faults faults;
  object_reader in(c.body, "", {"tasks"}, faults);
  const auto* items = in.required_array("tasks");
  if (items != nullptr && (items->empty() || items->size() > batch_items_max))
    in.fault("tasks", "must have 1 to " + std::to_string(batch_items_max) + " items");
  faults.check();
  return *items;
}

} // namespace

reply tasks(call& c) {
  const auto filter = read_filter(c);
  // `me` must not give a cursor that works for somebody else's `me`.
  auto bound = c.query;
  if (filter.assignee)
    bound["assignee"] = to_string(*filter.assignee);
  const auto page = c.with.reports.tasks(filter, c.with.cursors.open("/tasks", bound), c.read_deadline());
  return list_reply(c.with.cursors, "/tasks", bound, page,
                    [&](const auto& row) { return to_json(row, c.with.facade); });
}

reply task(call& c) {
  const auto found = c.with.facade.read_task(c.caller(), domain::task_id{c.id_arg(0)});
  return json_reply(200, to_json(value_of(found), c.with.facade));
}

bool task_exists(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.with.facade.read_task(c.caller(), domain::task_id{*id}).what != actors::outcome::not_found;
}

bool task_is_editable(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  if (!id)
    return false;
  const auto found = c.with.facade.read_task(c.caller(), domain::task_id{*id});
  if (found.what == actors::outcome::ok)
    insist_on_editor(c, found.value);
  return found.what != actors::outcome::not_found;
}

reply edit_task(call& c) {
  const auto id = domain::task_id{c.id_arg(0)};
  const auto now = c.with.facade.read_task(c.caller(), id); // its creator never changes
  insist_on_editor(c, value_of(now));
  const auto edited = c.with.facade.edit_task(c.caller(), id, read_edit(c.body));
  return json_reply(200, to_json(value_of(edited), c.with.facade));
}

reply task_history(call& c) {
  const auto id = domain::task_id{c.id_arg(0)};
  (void)value_of(c.with.facade.read_task(c.caller(), id));
  const auto list = "/tasks/" + to_string(id) + "/history";
  const auto page = c.with.reports.history(id, c.with.cursors.open(list, c.query), c.read_deadline());
  return list_reply(c.with.cursors, list, c.query, page,
                    [&](const auto& row) { return change_json(row, c.with.facade); });
}

reply create_task(call& c) {
  auto what = read_task(c.body, "");
  const keyed request(c);
  what.key = key_of(c, what, c.body, request.key());
  const auto made = c.with.facade.create_task(c.caller(), std::move(what));
  const auto& value = value_of(made);
  auto out = json_reply(created_or_known(made.what), to_json(value, c.with.facade));
  out.headers.emplace_back("Location", "/v1/tasks/" + to_string(value.id));
  if (made.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

reply create_tasks(call& c) {
  const auto& items = read_items(c);
  const keyed request(c);
  auto results = json::array();
  std::vector<actors::new_task> asked;
  std::vector<std::size_t> places; // of the asked ones among the results
  for (std::size_t i = 0; i < items.size(); ++i) {
    try {
      auto what = read_task(items[i], "/tasks/" + std::to_string(i));
      what.key = key_of(c, what, items[i], request.item(i, items[i]));
      asked.push_back(std::move(what));
      places.push_back(i);
      results.push_back(nullptr);
    } catch (const problem& p) {
      results.push_back({{"status", info(p.why).status}, {"problem", to_json(p, c.request_id)}});
    }
  }
  const auto answers = asked.empty() ? std::vector<actors::answer<domain::task>>{}
                                     : c.with.facade.create_tasks(c.caller(), std::move(asked));
  bool replayed = !answers.empty();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    results[places.at(i)] = item_result(c, answers[i]);
    replayed = replayed && answers[i].replayed;
  }
  auto out = json_reply(200, {{"results", std::move(results)}});
  if (replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

reply complete_task(call& c) {
  const auto id = domain::task_id{c.id_arg(0)};
  const keyed request(c);
  const auto done = c.with.facade.complete_task(c.caller(), id, request.key());
  auto out = json_reply(200, to_json(value_of(done), c.with.facade));
  if (done.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

} // namespace ates::http::routes
