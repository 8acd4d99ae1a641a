#include "http/attempt.hpp"
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

/// A password that keeps the rules, if one is given.
std::optional<std::string> read_password(object_reader& in) {
  auto password = in.text("password");
  if (password)
    if (const auto fault = domain::check_password(*password))
      in.fault("password", *fault);
  return password;
}

/// The bytes of an image, if one is given.
std::optional<std::string> read_beak(object_reader& in, std::string_view field) {
  const auto text = in.text(field);
  if (!text)
    return std::nullopt;
  auto image = parse_base64(*text);
  if (!image || image->empty() || image->size() > beak_bytes_max)
    in.fault(field, "must be an image of at most 64 KiB in base64");
  return image.value_or(std::string{});
}

std::optional<domain::role> read_role(object_reader& in, const std::optional<std::string>& text) {
  const auto role = text ? domain::parse_role(*text) : std::nullopt;
  if (text && !role)
    in.fault("role", "must be admin, manager, accountant or worker");
  return role;
}

employee_body read_employee(const json& body) {
  field_faults faults;
  object_reader in(body, "", {"name", "login", "email", "role", "password", "beak"}, faults);
  employee_body out;
  out.who.name = required(in, body, "name", true, domain::check_name);
  out.who.login = required(in, body, "login", false, domain::check_login);
  out.who.email = required(in, body, "email", false, domain::check_email);
  const auto role = in.required_text("role");
  if (body.contains("role"))
    out.who.role = read_role(in, role).value_or(out.who.role);
  out.password = read_password(in);
  out.beak = read_beak(in, "beak");
  faults.check();
  return out;
}

/// What a change asks for; secrets as they were typed.
struct change_body {
  actors::employee_change what;
  std::optional<std::string> password, beak, current_password, current_beak;
};

/// `own`: a new secret needs the current one beside it (contract.md §2).
change_body read_change(const json& body, bool own) {
  field_faults faults;
  object_reader in(
      body, "",
      {"name", "login", "email", "role", "active", "password", "beak", "current_password", "current_beak"},
      faults);
  change_body out;
  const auto text = [&](std::string_view field, bool trimmed, rule keeps) {
    auto given = in.text(field);
    if (given)
      given = checked(in, field, trimmed ? std::string(domain::trim(*given)) : *given, keeps);
    return given;
  };
  out.what.name = text("name", true, domain::check_name);
  out.what.login = text("login", false, domain::check_login);
  out.what.email = text("email", false, domain::check_email);
  out.what.role = read_role(in, in.text("role"));
  out.what.active = in.boolean("active");
  out.password = read_password(in);
  out.beak = read_beak(in, "beak");
  out.current_password = in.text("current_password");
  out.current_beak = read_beak(in, "current_beak");
  if (own && (out.password || out.beak) && !out.current_password && !out.current_beak)
    in.fault("current_password", "a new password or beak needs the current password, or current_beak");
  faults.check();
  return out;
}

/// What only admins may change, also of themselves.
bool needs_admin(const json& body) {
  return body.is_object() && (body.contains("login") || body.contains("role") || body.contains("active"));
}

/// Checks the current secret; returns the stored hash that it fits.
std::string check_current(const call& c, const change_body& body) {
  const auto stored = c.with.facade.find_login(c.who->login);
  if (!stored)
    throw problem(code::unavailable);
  const bool by_password = body.current_password.has_value();
  const auto& hash = by_password ? stored->password_hash : stored->beak_hash;
  attempt trying(c, domain::fold_case(c.who->login));
  if (!c.with.passwords.verify(by_password ? *body.current_password : *body.current_beak, hash, c.deadline,
                               [&trying] { trying.begin(); }))
    throw problem(code::validation_failed, {},
                  {{by_password ? "/current_password" : "/current_beak", "is not the current one"}});
  trying.forgive();
  return hash;
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
  return list_reply(c.with.cursors, "/employees", c.query, page, [&](const auto& row) {
    return to_json(actors::employee_of(row), sees_whole(c, row.id));
  });
}

reply employee(call& c) {
  const auto found = c.find_employee(domain::account_id{c.id_arg(0)});
  if (!found)
    throw problem(code::not_found);
  return json_reply(200, to_json(*found, sees_whole(c, found->id)));
}

bool employee_exists(const call& c) {
  const auto id = domain::parse_uuid(c.args.at(0));
  return id && c.find_employee(domain::account_id{*id}).has_value();
}

reply create_employee(call& c) {
  auto body = read_employee(c.body);
  const keyed request(c);
  // Made by this request already: many repetitions at once must not stand in line for hashes of no use.
  const bool made_before =
      request.key() && c.with.facade.find_employee(domain::account_id{request.key()->scope});
  if (body.password && !made_before)
    body.who.password_hash = c.with.passwords.hash(*body.password, c.deadline);
  if (body.beak && !made_before)
    body.who.beak_hash = c.with.passwords.hash(*body.beak, c.deadline);
  const auto made = c.with.facade.create_employee(c.caller(), std::move(body.who), request.key());
  const auto& who = value_of(made);
  auto out = json_reply(201, to_json(who, true));
  out.headers.emplace_back("Location", "/v1/employees/" + to_string(who.id));
  if (made.replayed)
    out.headers.emplace_back("Idempotent-Replayed", "true");
  return out;
}

reply change_employee(call& c) {
  const domain::account_id id{c.id_arg(0)};
  const bool own = id == c.who->id;
  if (c.who->role != domain::role::admin && needs_admin(c.body))
    throw problem(code::forbidden);
  auto body = read_change(c.body, own);
  if (!employee_exists(c))
    throw problem(code::not_found);
  if (own && (body.password || body.beak)) {
    body.what.checked_against = check_current(c, body);
    body.what.keep_session = c.session;
  }
  if (body.password)
    body.what.password_hash = c.with.passwords.hash(*body.password, c.deadline);
  if (body.beak)
    body.what.beak_hash = c.with.passwords.hash(*body.beak, c.deadline);
  const auto changed = c.with.facade.change_employee(c.caller(), id, std::move(body.what));
  if (changed.what == actors::outcome::wrong_secret)
    throw problem(code::validation_failed, {}, {{"/current_password", "is not the current one any more"}});
  return json_reply(200, to_json(value_of(changed), true));
}

} // namespace ates::http::routes
