#include "http/crypto.hpp"
#include "http/json_out.hpp"
#include "http/limits.hpp"
#include "http/routes.hpp"

#include "domain/text.hpp"

namespace ates::http::routes {

namespace {

/// Logins and addresses are for admins and for the account itself.
bool sees_whole(const call& c, const domain::account_id& whose) {
  return c.who->role == domain::role::admin || c.who->id == whose;
}

actors::employee from_row(const storage::employee_row& row) {
  return {row.id, row.name, row.login, row.email, row.role, row.active, row.created_at};
}

struct employee_body {
  actors::new_employee who;
  std::optional<std::string> password, beak;
};

using rule = std::optional<std::string> (*)(std::string_view);

std::string checked(object_reader& in, std::string_view field, std::string text, rule keeps) {
  if (const auto fault = text.empty() ? std::optional<std::string>("must not be empty") : keeps(text))
    in.fault(field, *fault);
  return text;
}

/// A required text that keeps `keeps`; one fault at most, also when it is missing.
std::string required(object_reader& in, const json& body, std::string_view field, bool trimmed, rule keeps) {
  auto text = in.required_text(field);
  if (!body.contains(field))
    return text;
  return checked(in, field, trimmed ? std::string(domain::trim(text)) : std::move(text), keeps);
}

employee_body read_employee(const json& body) {
  field_faults faults;
  object_reader in(body, "", {"name", "login", "email", "role", "password", "beak"}, faults);
  employee_body out;
  out.who.name = required(in, body, "name", true, domain::check_name);
  out.who.login = required(in, body, "login", false, domain::check_login);
  out.who.email = required(in, body, "email", false, domain::check_email);
  const auto role = in.required_text("role");
  if (const auto parsed = domain::parse_role(role))
    out.who.role = *parsed;
  else if (body.contains("role"))
    in.fault("role", "must be admin, manager, accountant or worker");
  out.password = in.text("password");
  if (out.password)
    if (const auto fault = domain::check_password(*out.password))
      in.fault("password", *fault);
  if (const auto text = in.text("beak")) {
    out.beak = parse_base64(*text);
    if (!out.beak || out.beak->empty() || out.beak->size() > beak_bytes_max)
      in.fault("beak", "must be an image of at most 64 KiB in base64");
  }
  faults.check();
  return out;
}

storage::employee_filter read_filter(const call& c) {
  storage::employee_filter out;
  if (const auto role = text_param(c.query, "role")) {
    out.role = domain::parse_role(*role);
    if (!out.role)
      throw problem(code::bad_request, "role is admin, manager, accountant or worker.");
  }
  out.active = bool_param(c.query, "active");
  out.text = text_param(c.query, "q");
  return out;
}

} // namespace

reply me(call& c) {
  return json_reply(200, to_json(*c.who, true));
}

reply employees(call& c) {
  const auto filter = read_filter(c);
  const auto page =
      c.with.reports.employees(filter, c.with.cursors.open("/employees", c.query), c.read_deadline());
  return list_reply(c.with.cursors, "/employees", c.query, page,
                    [&](const auto& row) { return to_json(from_row(row), sees_whole(c, row.id)); });
}

reply employee(call& c) {
  const auto found = c.with.facade.find_employee(domain::account_id{c.id_arg(0)});
  if (!found)
    throw problem(code::not_found);
  return json_reply(200, to_json(*found, sees_whole(c, found->id)));
}

bool employee_exists(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.with.facade.find_employee(domain::account_id{*id}).has_value();
}

reply create_employee(call& c) {
  auto body = read_employee(c.body);
  const keyed request(c);
  if (body.password)
    body.who.password_hash = c.with.passwords.hash(*body.password, c.deadline);
  if (body.beak)
    body.who.beak_hash = c.with.passwords.hash(*body.beak, c.deadline);
  const auto made = c.with.facade.create_employee(c.caller(), std::move(body.who), request.key());
  const auto& who = value_of(made);
  auto out = json_reply(201, to_json(who, true));
  out.headers.emplace_back("Location", "/v1/employees/" + to_string(who.id));
  if (made.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

} // namespace ates::http::routes
