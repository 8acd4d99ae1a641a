#include "config/table.hpp"

#include "config/parse.hpp"
#include "domain/text.hpp"

namespace ates::config {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t dollars_min = 1; // a ledger entry moves more than nothing
constexpr std::int64_t dollars_max = 1'000'000;
constexpr auto dollars_legal = "whole dollars, 1..1000000";
constexpr auto path_legal = "a path, or empty";
constexpr auto endpoint_legal = "host:port or [IPv6 address]:port, or empty";
constexpr auto name_legal = "1..63 of A-Z, a-z, 0-9, '.', '_', '-'";
constexpr std::int64_t clock_offset_max_seconds = 1'000'000'000;

} // namespace

const std::vector<row>& file_rows() {
  static const std::vector<row> rows{
      {"exchange.timezone", "an IANA time zone name that the system's tzdata knows",
       "Time zone of the business day.",
       [](settings& s, std::string_view v) {
         try {
           domain::calendar(v, 0min);
         } catch (const std::invalid_argument&) {
           return false;
         }
         s.exchange.timezone = v;
         return true;
       }},
      {"exchange.day_ends_at", "\"HH:MM\", 00:00..23:59",
       "Local time at which a business day ends: on its own date from 12:00 on, else on the next date.",
       [](settings& s, std::string_view v) { return assign_time_of_day(v, s.exchange.day_ends_at); }},
      {"exchange.assignable_roles",
       "one or more of admin, manager, accountant, worker (a list, or separated by commas)",
       "Roles whose active accounts are given tasks.",
       [](settings& s, std::string_view v) { return assign_roles(v, s.exchange.assignable_roles); },
       value_kind::list},
      {"exchange.fee_min", dollars_legal, "Lowest fee of a task; at most exchange.fee_max.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, dollars_min, dollars_max, s.exchange.prices.fee_min_dollars);
       }},
      {"exchange.fee_max", dollars_legal, "Highest fee of a task.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, dollars_min, dollars_max, s.exchange.prices.fee_max_dollars);
       }},
      {"exchange.reward_min", dollars_legal, "Lowest reward of a task; at most exchange.reward_max.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, dollars_min, dollars_max, s.exchange.prices.reward_min_dollars);
       }},
      {"exchange.reward_max", dollars_legal, "Highest reward of a task.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, dollars_min, dollars_max, s.exchange.prices.reward_max_dollars);
       }},
      {"exchange.shards", "1..1024",
       "Into how many slices all ids are cut; fixed for ever at the first start.",
       [](settings& s, std::string_view v) { return assign_integer(v, 1, 1024, s.exchange.shards); }},
      {"auth.signing_key", path_legal,
       "PEM file with the key that signs access tokens; empty: <var>/keys/jwt.pem, made at the first start.",
       [](settings& s, std::string_view v) { return assign_path(v, s.auth.signing_key); }},
      {"auth.scrypt_log2n", "14..20",
       "Cost of new password hashes: 2 to this power; one more doubles time and memory.",
       [](settings& s, std::string_view v) { return assign_integer(v, 14, 20, s.auth.scrypt_log2n); }},
      {"auth.max_failures_login", "1..1000000",
       "Failed sign-ins of one login within 15 minutes before it must wait.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, 1, 1'000'000, s.auth.max_failures_login);
       }},
      {"auth.max_failures_address", "1..1000000",
       "Failed sign-ins from one address within 15 minutes before it must wait.",
       [](settings& s, std::string_view v) {
         return assign_integer(v, 1, 1'000'000, s.auth.max_failures_address);
       }},
      {"http.listen", "an IPv4 or IPv6 address", "Address on which HTTP is served.",
       [](settings& s, std::string_view v) { return assign_ip_address(v, s.http.listen); }},
      {"http.port", "0..65535",
       "Port on which HTTP is served; 0: any free one, written to <var>/run/http-port.",
       [](settings& s, std::string_view v) { return assign_integer(v, 0, 65'535, s.http.port); }},
      {"http.deadline", "a duration such as 5s or 5000ms, 100ms..60s",
       "Within this time every request is answered.",
       [](settings& s, std::string_view v) { return assign_duration(v, 100ms, 60s, s.http.deadline); }},
      {"http.max_streams", "1..100000", "Event streams served at the same time.",
       [](settings& s, std::string_view v) { return assign_integer(v, 1, 100'000, s.http.max_streams); }},
      {"mail.transport", "file or smtp", "Where mail goes: files below <var>/mail, or an SMTP server.",
       [](settings& s, std::string_view v) {
         return assign_word(v, {"file", "smtp"}, s.mail.transport);
       }},
      {"mail.smtp_url", "smtp://host:port or smtps://host:port, or empty",
       "The SMTP server; needed by mail.transport smtp.",
       [](settings& s, std::string_view v) {
         if (!v.empty() && !v.starts_with("smtp://") && !v.starts_with("smtps://"))
           return false;
         s.mail.smtp_url = v;
         return true;
       }},
      {"mail.smtp_user", "any text, or empty", "Login at the SMTP server; empty: none.",
       [](settings& s, std::string_view v) {
         s.mail.smtp_user = v;
         return true;
       }},
      {"mail.smtp_password_file", path_legal, "File whose first line is the password at the SMTP server.",
       [](settings& s, std::string_view v) { return assign_path(v, s.mail.smtp_password_file); }},
      {"mail.from", "an e-mail address", "Sender of mail.",
       [](settings& s, std::string_view v) {
         if (domain::check_email(v))
           return false;
         s.mail.from = v;
         return true;
       }},
      {"mail.max_attempts", "1..1000", "How often a mail is tried before it is given up.",
       [](settings& s, std::string_view v) { return assign_integer(v, 1, 1000, s.mail.max_attempts); }},
      {"events.legacy_v1", "true or false", "Whether task.created.v1 is written beside task.created.v2.",
       [](settings& s, std::string_view v) { return assign_bool(v, s.events_legacy_v1); }},
      {"actors.max_active", "1..10000000",
       "Tasks and accounts kept in memory by a node; beyond it the idle ones leave.",
       [](settings& s, std::string_view v) { return assign_integer(v, 1, 10'000'000, s.actors.max_active); }},
      {"cluster.name", name_legal, "Name of the cluster; nodes of another name are refused.",
       [](settings& s, std::string_view v) { return assign_name(v, s.cluster.name); }},
      {"cluster.node", name_legal, "Name of this node, unlike any other of the cluster.",
       [](settings& s, std::string_view v) { return assign_name(v, s.cluster.node); }},
      {"cluster.listen", endpoint_legal, "Where other nodes connect; empty: this node is alone.",
       [](settings& s, std::string_view v) { return assign_endpoint(v, s.cluster.listen); }},
      {"cluster.advertise", endpoint_legal, "What other nodes are told to connect to; empty: cluster.listen.",
       [](settings& s, std::string_view v) { return assign_endpoint(v, s.cluster.advertise); }},
      {"cluster.lease_ttl", "a duration such as 5s or 5000ms, 2s..60s",
       "How long a silent node keeps its shards: a heartbeat is due every 200 ms.",
       [](settings& s, std::string_view v) { return assign_duration(v, 2s, 60s, s.cluster.lease_ttl); }},
      {"cluster.tls_certificate", path_legal,
       "PEM file with this node's certificate for mutual TLS between nodes.",
       [](settings& s, std::string_view v) { return assign_path(v, s.cluster.tls_certificate); }},
      {"cluster.tls_key", path_legal, "PEM file with the certificate's key.",
       [](settings& s, std::string_view v) { return assign_path(v, s.cluster.tls_key); }},
      {"cluster.tls_ca", path_legal,
       "PEM file with the private authority that signed all nodes' certificates.",
       [](settings& s, std::string_view v) { return assign_path(v, s.cluster.tls_ca); }},
      {"log.level", "trace, debug, info, warn or error", "The least severe messages that are logged.",
       [](settings& s, std::string_view v) {
         return assign_word(v, {"trace", "debug", "info", "warn", "error"}, s.log.level);
       }},
      {"log.format", "logfmt or json", "Form of the log's lines.",
       [](settings& s, std::string_view v) {
         return assign_word(v, {"logfmt", "json"}, s.log.format);
       }},
  };
  return rows;
}

const std::vector<row>& environment_rows() {
  static const std::vector<row> rows{
      {"ATES_DATABASE_URL", "a PostgreSQL connection URI or string, or empty",
       "This PostgreSQL instead of the private one.",
       [](settings& s, std::string_view v) {
         s.database_url = v;
         return true;
       },
       value_kind::secret},
      {"ATES_ADMIN_PASSWORD", "12..1024 bytes",
       "First start: the password of login admin; without it one is made up.",
       [](settings& s, std::string_view v) {
         if (domain::check_password(v))
           return false;
         s.admin_password = v;
         return true;
       },
       value_kind::secret},
      {"ATES_CLOCK_OFFSET", "whole seconds, -1000000000..1000000000", "Added to the business clock.",
       [](settings& s, std::string_view v) {
         std::int64_t seconds = 0;
         if (!assign_integer(v, -clock_offset_max_seconds, clock_offset_max_seconds, seconds))
           return false;
         s.clock_offset = std::chrono::seconds{seconds};
         return true;
       }},
      {"ATES_VAR", "a path", "Folder of everything that is kept; also the command line's var=PATH.",
       [](settings& s, std::string_view v) { return !v.empty() && assign_path(v, s.var); }},
  };
  return rows;
}

} // namespace ates::config
