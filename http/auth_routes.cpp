#include "http/attempt.hpp"
#include "http/json_out.hpp"
#include "http/limits.hpp"
#include "http/refresh_token.hpp"
#include "http/routes.hpp"

#include "domain/text.hpp"

namespace ates::http::routes {

namespace {

/// What was typed: exactly one of the two secrets.
struct sign_in_body {
  std::string login;
  std::string secret;
  bool by_beak = false;
};

sign_in_body read_sign_in(const json& body) {
  field_faults faults;
  object_reader in(body, "", {"login", "password", "beak"}, faults);
  sign_in_body out;
  out.login = in.required_text("login");
  const auto password = in.text("password");
  const auto beak = in.text("beak");
  out.by_beak = beak.has_value();
  if (password.has_value() == beak.has_value())
    in.fault("password", "either password or beak is required");
  else if (password)
    out.secret = *password;
  else if (auto image = parse_base64(*beak); image && image->size() <= beak_bytes_max)
    out.secret = *std::move(image);
  else
    in.fault("beak", "must be an image of at most 64 KiB in base64");
  faults.check();
  return out;
}

reply tokens_reply(const call& c, const actors::employee& who, const refresh_token& refresh) {
  return json_reply(
      200,
      {{"access_token", c.with.tokens.make(who, refresh.family, c.with.now())},
       {"token_type", "Bearer"},
       {"expires_in", access_token_lifetime.count()},
       {"refresh_token", to_string(refresh)},
       {"account", {{"id", to_string(who.id)}, {"name", who.name}, {"role", domain::to_string(who.role)}}}});
}

/// The account if login and secret match and it may sign in. The same work for every login.
std::optional<actors::employee> check_secret(const call& c, const sign_in_body& body, attempt& trying) {
  const auto found = c.with.facade.find_login(body.login);
  const auto stored = !found ? std::string() : body.by_beak ? found->beak_hash : found->password_hash;
  const bool matches =
      c.with.passwords.verify(body.secret, stored, c.deadline, [&trying] { trying.begin(); });
  if (!matches || !found->active)
    return std::nullopt;
  return c.with.facade.find_employee(found->id);
}

refresh_token read_refresh_token(const json& body, bool& readable) {
  field_faults faults;
  object_reader in(body, "", {"refresh_token"}, faults);
  const auto text = in.required_text("refresh_token");
  faults.check();
  const auto token = parse_refresh_token(text);
  readable = token.has_value();
  return token.value_or(refresh_token{});
}

} // namespace

reply sign_in(call& c) {
  const auto body = read_sign_in(c.body);
  attempt trying(c, domain::fold_case(body.login));
  // Without storage nobody can be signed in: no need to make them wait for the hash.
  if (const auto health = c.with.facade.check(); !health.people || !health.storage)
    throw problem(code::unavailable);
  const auto who = check_secret(c, body, trying);
  if (!who)
    throw problem(code::bad_credentials);
  refresh_token token{who->id, {}, random_bytes(refresh_secret_bytes)};
  const auto opened = c.with.facade.sign_in(c.caller(who->id), token.secret_hash());
  if (opened.what == actors::outcome::account_inactive)
    throw problem(code::bad_credentials);
  trying.forgive();
  token.family = value_of(opened);
  return tokens_reply(c, *who, token);
}

reply refresh(call& c) {
  bool readable = false;
  const auto old = read_refresh_token(c.body, readable);
  if (!readable)
    throw problem(code::unauthenticated, "The refresh token is not good.");
  refresh_token fresh{old.account, old.family, random_bytes(refresh_secret_bytes)};
  fresh.family = value_of(
      c.with.facade.refresh(c.caller(old.account), old.family, old.secret_hash(), fresh.secret_hash()));
  const auto who = c.with.facade.find_employee(old.account);
  if (!who)
    throw problem(code::unauthenticated);
  if (!who->active)
    throw problem(code::account_inactive);
  return tokens_reply(c, *who, fresh);
}

reply sign_out(call& c) {
  bool readable = false;
  const auto token = read_refresh_token(c.body, readable);
  if (readable) {
    const auto ended = c.with.facade.sign_out(c.caller(token.account), token.family, token.secret_hash());
    // Whether there was such a session is nobody's business; that it could not be ended is.
    if (const auto refused = code_of(ended.what); refused && info(*refused).status >= 500)
      throw problem(*refused);
  }
  return {204, {}, {}, {}};
}

reply jwks(call& c) {
  return {200, c.with.key.jwks(), "application/json", {}};
}

} // namespace ates::http::routes
