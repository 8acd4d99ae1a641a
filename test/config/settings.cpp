#include "config/settings.hpp"

#include <toml++/toml.h>

#include <boost/test/unit_test.hpp>

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace ates;
using namespace std::chrono_literals;
using config::settings;
using std::string;

namespace {

using strings = std::vector<string>;

const std::filesystem::path shipped_file = std::filesystem::path(ATES_SOURCE_DIR) / "config" / "ates.toml";

/// A file that lives as long as the value.
class temporary_file {
public:
  explicit temporary_file(const string& content) {
    static int made = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("ates-settings-" + std::to_string(getpid()) + '-' + std::to_string(++made) + ".toml");
    std::ofstream(path_) << content;
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

settings from_file(const string& content) {
  return config::load(temporary_file(content).path(), {}, {});
}
settings from_environment(const strings& environment) {
  return config::load({}, environment, {});
}
settings from_command_line(const strings& overrides) {
  return config::load({}, {}, overrides);
}
settings defaults() {
  return config::load({}, {}, {});
}

/// What the error says, or a failure if there is none.
template <class Load> string fault_of(Load load) {
  try {
    load();
  } catch (const config::settings_error& fault) {
    return fault.what();
  }
  BOOST_ERROR("no settings_error");
  return "";
}

void check_mentions(const string& text, const strings& parts) {
  for (const auto& part : parts)
    BOOST_TEST(text.find(part) != string::npos, '"' << text << "\" does not mention \"" << part << '"');
}

string section_of(const string& name) {
  return name.substr(0, name.find('.'));
}
string key_of(const string& name) {
  return name.substr(name.find('.') + 1);
}

string variable_of(const string& name) {
  string variable = "ATES_";
  for (const char c : name)
    variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

/// A legal value of one setting that is not its default, in the forms of the sources, and illegal ones.
struct sample {
  string name;
  string text; ///< in the environment and on the command line
  string toml; ///< in the file
  void (*expect)(settings& s);
  strings illegal; ///< in the environment
};

const std::vector<sample> samples{
    {"exchange.timezone",
     "Asia/Kathmandu",
     "'Asia/Kathmandu'",
     [](settings& s) { s.exchange.timezone = "Asia/Kathmandu"; },
     {"", "Mars/Olympus", "europe/berlin", "UTC "}},
    {"exchange.day_ends_at",
     "20:30",
     "'20:30'",
     [](settings& s) { s.exchange.day_ends_at = 20h + 30min; },
     {"", "24:00", "23:60", "8:00", "20:3", "20.30", "-1:00", "20:30:00", "8pm"}},
    {"exchange.assignable_roles",
     "manager, worker",
     "['manager', 'worker']",
     [](settings& s) {
       s.exchange.assignable_roles = domain::role_set{}.add(domain::role::worker).add(domain::role::manager);
     },
     {"", ",", "worker,", "boss", "Worker", "worker;manager"}},
    {"exchange.fee_min",
     "11",
     "11",
     [](settings& s) { s.exchange.prices.fee_min_dollars = 11; },
     {"", "0", "-1", "1000001", "1.5", "ten", "12 ", " 12", "99999999999999999999", "0x0b"}},
    {"exchange.fee_max",
     "1000000",
     "1000000",
     [](settings& s) { s.exchange.prices.fee_max_dollars = 1'000'000; },
     {"", "0", "1000001", "20$"}},
    {"exchange.reward_min",
     "1",
     "1",
     [](settings& s) { s.exchange.prices.reward_min_dollars = 1; },
     {"", "0", "1000001"}},
    {"exchange.reward_max",
     "41",
     "41",
     [](settings& s) { s.exchange.prices.reward_max_dollars = 41; },
     {"", "0", "1000001"}},
    {"exchange.shards",
     "1024",
     "1024",
     [](settings& s) { s.exchange.shards = 1024; },
     {"", "0", "1025", "-64", "65600"}},
    {"auth.signing_key", "/k.pem", "'/k.pem'", [](settings& s) { s.auth.signing_key = "/k.pem"; }, {}},
    {"auth.scrypt_log2n", "14", "14", [](settings& s) { s.auth.scrypt_log2n = 14; }, {"", "13", "21"}},
    {"auth.max_failures_login",
     "1",
     "1",
     [](settings& s) { s.auth.max_failures_login = 1; },
     {"", "0", "1000001"}},
    {"auth.max_failures_address",
     "7",
     "7",
     [](settings& s) { s.auth.max_failures_address = 7; },
     {"", "0", "1000001"}},
    {"http.listen",
     "::1",
     "'::1'",
     [](settings& s) { s.http.listen = "::1"; },
     {"", "localhost", "127.0.0.256", "127.0.0.1:80", "[::1]", "1"}},
    {"http.port", "0", "0", [](settings& s) { s.http.port = 0; }, {"", "-1", "65536", "http"}},
    {"http.deadline",
     "1500ms",
     "'1500ms'",
     [](settings& s) { s.http.deadline = 1500ms; },
     {"", "5", "5 s", "s", "ms", "0s", "99ms", "61s", "60001ms", "1m", "1.5s", "-5s",
      "9223372036854775807s"}},
    {"http.max_streams", "1", "1", [](settings& s) { s.http.max_streams = 1; }, {"", "0", "100001"}},
    {"mail.transport", "file", "'file'", [](settings&) {}, {"", "File", "carrier pigeon"}},
    {"mail.smtp_url",
     "smtp://mail:25",
     "'smtp://mail:25'",
     [](settings& s) { s.mail.smtp_url = "smtp://mail:25"; },
     {"mail:25", "http://mail"}},
    {"mail.smtp_user", "ates", "'ates'", [](settings& s) { s.mail.smtp_user = "ates"; }, {}},
    {"mail.smtp_password_file", "/p", "'/p'", [](settings& s) { s.mail.smtp_password_file = "/p"; }, {}},
    {"mail.from",
     "pay@example.com",
     "'pay@example.com'",
     [](settings& s) { s.mail.from = "pay@example.com"; },
     {"", "pay", "@example.com"}},
    {"mail.max_attempts", "1000", "1000", [](settings& s) { s.mail.max_attempts = 1000; }, {"", "0", "1001"}},
    {"events.legacy_v1",
     "true",
     "true",
     [](settings& s) { s.events_legacy_v1 = true; },
     {"", "yes", "1", "True"}},
    {"actors.max_active", "1", "1", [](settings& s) { s.actors.max_active = 1; }, {"", "0", "10000001"}},
    {"cluster.name",
     "a.B_c-1",
     "'a.B_c-1'",
     [](settings& s) { s.cluster.name = "a.B_c-1"; },
     {"", "a b", "a/b", string(64, 'a')}},
    {"cluster.node",
     "node2",
     "'node2'",
     [](settings& s) { s.cluster.node = "node2"; },
     {"", "node 2", string(64, 'a')}},
    {"cluster.listen",
     "127.0.0.1:4000",
     "'127.0.0.1:4000'",
     [](settings& s) { s.cluster.listen = "127.0.0.1:4000"; },
     {"4000", ":4000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:4000", "[::g]:4000", "a b:1"}},
    {"cluster.advertise",
     "[::1]:4000",
     "'[::1]:4000'",
     [](settings& s) { s.cluster.advertise = "[::1]:4000"; },
     {"4000", "node"}},
    {"cluster.lease_ttl",
     "3s",
     "'3s'",
     [](settings& s) { s.cluster.lease_ttl = 3s; },
     {"", "5", "1999ms", "61s"}},
    {"cluster.tls_certificate", "", "''", [](settings&) {}, {}},
    {"cluster.tls_key", "", "''", [](settings&) {}, {}},
    {"cluster.tls_ca", "", "''", [](settings&) {}, {}},
    {"log.level", "debug", "'debug'", [](settings& s) { s.log.level = "debug"; }, {"", "Debug", "verbose"}},
    {"log.format", "json", "'json'", [](settings& s) { s.log.format = "json"; }, {"", "text"}},
};

settings expected_of(const sample& s) {
  auto expected = defaults();
  s.expect(expected);
  return expected;
}

} // namespace

BOOST_AUTO_TEST_SUITE(settings_of_a_node)

BOOST_AUTO_TEST_CASE(without_any_source_the_contracts_defaults_hold) {
  const auto s = defaults();
  BOOST_TEST(s.exchange.timezone == "UTC");
  BOOST_TEST(s.exchange.day_ends_at.count() == 0);
  BOOST_TEST((s.exchange.assignable_roles ==
              domain::role_set{}.add(domain::role::worker).add(domain::role::accountant)));
  BOOST_TEST(s.exchange.prices.fee_min_dollars == 10);
  BOOST_TEST(s.exchange.prices.fee_max_dollars == 20);
  BOOST_TEST(s.exchange.prices.reward_min_dollars == 20);
  BOOST_TEST(s.exchange.prices.reward_max_dollars == 40);
  BOOST_TEST(s.exchange.shards == 64);
  BOOST_TEST(s.auth.scrypt_log2n == 17U);
  BOOST_TEST(s.auth.signing_key == "var/keys/jwt.pem");
  BOOST_TEST(s.http.listen == "127.0.0.1");
  BOOST_TEST(s.http.port == 8080);
  BOOST_TEST((s.http.deadline == 5s));
  BOOST_TEST((s.cluster.lease_ttl == 5s));
  BOOST_TEST(s.mail.transport == "file");
  BOOST_TEST(!s.events_legacy_v1);
  BOOST_TEST(s.database_url.empty());
  BOOST_TEST(!s.admin_password);
  BOOST_TEST(s.clock_offset.count() == 0);
}

BOOST_AUTO_TEST_CASE(every_setting_of_the_table_has_a_sample_here) {
  std::set<string> sampled;
  for (const auto& s : samples)
    sampled.insert(s.name);
  for (const auto& info : config::describe()) {
    BOOST_TEST((sampled.contains(info.name) || info.name.starts_with("ATES_")), info.name);
    BOOST_TEST(!info.legal.empty());
    BOOST_TEST(!info.purpose.empty());
  }
}

BOOST_AUTO_TEST_CASE(every_setting_can_be_set_from_each_source) {
  for (const auto& s : samples) {
    const auto expected = expected_of(s);
    BOOST_TEST(
        (from_file('[' + section_of(s.name) + "]\n" + key_of(s.name) + " = " + s.toml + '\n') == expected),
        "file: " << s.name);
    BOOST_TEST((from_file(s.name + " = " + s.toml + '\n') == expected), "file, dotted: " << s.name);
    BOOST_TEST((from_environment({variable_of(s.name) + '=' + s.text}) == expected),
               "environment: " << s.name);
    BOOST_TEST((from_command_line({s.name + '=' + s.text}) == expected), "command line: " << s.name);
  }
}

BOOST_AUTO_TEST_CASE(a_malformed_value_is_named_with_its_source_and_the_legal_values) {
  for (const auto& info : config::describe())
    for (const auto& s : samples)
      if (s.name == info.name)
        for (const auto& value : s.illegal) {
          const auto quoted = '"' + value + '"';
          const auto variable = variable_of(s.name);
          check_mentions(fault_of([&] { from_environment({variable + '=' + value}); }),
                         {s.name, variable, quoted, info.legal});
          check_mentions(fault_of([&] { from_command_line({s.name + '=' + value}); }),
                         {s.name, "command line", quoted, info.legal});
          check_mentions(fault_of([&] { from_file(s.name + " = '" + value + "'\n"); }),
                         {s.name, ".toml line 1", quoted, info.legal});
        }
}

BOOST_AUTO_TEST_CASE(a_value_of_the_wrong_kind_in_the_file_is_malformed) {
  for (const string line :
       {"http.port = 80.5", "http.port = true", "http.port = [80]", "http.listen = ['::1']",
        "http.deadline = 5", "mail.smtp_user = ['a']", "auth.signing_key = {}", "http.port = {}",
        "events.legacy_v1 = 1", "exchange.day_ends_at = 20:30:00", "exchange.assignable_roles = []",
        "exchange.assignable_roles = [1]", "exchange.fee_min = 1979-05-27"})
    check_mentions(fault_of([&] { from_file(line + '\n'); }), {".toml line ", "is not legal"});
}

BOOST_AUTO_TEST_CASE(the_command_line_wins_over_the_environment_and_that_over_the_file) {
  const temporary_file file("[http]\nport = 1\nmax_streams = 1\ndeadline = '1s'\n");
  const strings environment{"ATES_HTTP_PORT=2", "ATES_HTTP_MAX_STREAMS=2", "PATH=/bin", "HTTP_PORT=9"};
  const strings overrides{"http.port=3"};
  const auto s = config::load(file.path(), environment, overrides);
  BOOST_TEST(s.http.port == 3);
  BOOST_TEST(s.http.max_streams == 2U);
  BOOST_TEST((s.http.deadline == 1s));
  BOOST_TEST(s.http.listen == "127.0.0.1");
}

BOOST_AUTO_TEST_CASE(a_malformed_value_is_refused_even_where_a_later_source_replaces_it) {
  const temporary_file file("http.port = 'x'\n");
  BOOST_CHECK_THROW(config::load(file.path(), strings{"ATES_HTTP_PORT=2"}, {}), config::settings_error);
  BOOST_CHECK_THROW(config::load({}, strings{"ATES_HTTP_PORT=x"}, strings{"http.port=3"}),
                    config::settings_error);
}

BOOST_AUTO_TEST_CASE(an_unknown_setting_is_named_with_the_legal_names) {
  check_mentions(fault_of([] { from_file("[http]\nprot = 1\n"); }),
                 {"http.prot", "line 2", "http.port", "http.listen"});
  check_mentions(fault_of([] { from_file("[htpt]\nport = 1\n"); }), {"htpt", "line 1", "http", "exchange"});
  check_mentions(fault_of([] { from_file("[empty]\n"); }), {"empty", "exchange"});
  check_mentions(fault_of([] { from_file("port = 1\n"); }), {"port", "section", "exchange"});
  check_mentions(fault_of([] { from_file("http = 1\n"); }), {"http", "section"});
  check_mentions(fault_of([] { from_file("[[http]]\nport = 1\n"); }), {"http", "section"});
  check_mentions(fault_of([] { from_file("[http.more]\nport = 1\n"); }), {"http.more", "http.port"});
  check_mentions(fault_of([] { from_file("[ATES_VAR]\nport = 1\n"); }), {"ATES_VAR"});
  check_mentions(fault_of([] { from_environment({"ATES_HTTP_PROT=1"}); }),
                 {"ATES_HTTP_PROT", "ATES_HTTP_PORT"});
  check_mentions(fault_of([] { from_environment({"ATES_HTTP=1"}); }), {"ATES_HTTP", "ATES_HTTP_PORT"});
  check_mentions(fault_of([] { from_environment({"ATES_=1"}); }), {"ATES_", "ATES_VAR"});
  check_mentions(fault_of([] { from_environment({"ATES_http_port=1"}); }), {"ATES_http_port"});
  check_mentions(fault_of([] { from_command_line({"http.prot=1"}); }),
                 {"http.prot", "command line", "http.port"});
  check_mentions(fault_of([] { from_command_line({"ATES_DATABASE_URL=x"}); }), {"ATES_DATABASE_URL"});
  check_mentions(fault_of([] { from_command_line({"http.port"}); }), {"http.port", "section.key=value"});
  check_mentions(fault_of([] { from_command_line({""}); }), {"section.key=value"});
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_named_with_the_line) {
  check_mentions(fault_of([] { from_file("[http]\nport = \n"); }), {".toml line 2"});
  check_mentions(fault_of([] { from_file("[http]\nport = 1\nport = 2\n"); }), {".toml line 3", "port"});
  check_mentions(fault_of([] { config::load("/nowhere/ates.toml", {}, {}); }), {"/nowhere/ates.toml"});
}

BOOST_AUTO_TEST_CASE(variables_outside_the_sections_are_read) {
  const auto s =
      from_environment({"ATES_DATABASE_URL=host=/run dbname=ates", "ATES_ADMIN_PASSWORD=correct horse",
                        "ATES_CLOCK_OFFSET=-86400", "ATES_VAR=/srv/ates"});
  BOOST_TEST(s.database_url == "host=/run dbname=ates");
  BOOST_TEST(s.admin_password.value_or("") == "correct horse");
  BOOST_TEST(s.clock_offset.count() == -86'400);
  BOOST_TEST(s.var == "/srv/ates");
  BOOST_TEST(s.auth.signing_key == "/srv/ates/keys/jwt.pem");
  BOOST_TEST(from_environment({"ATES_CLOCK_OFFSET=86400"}).clock_offset.count() == 86'400);
}

BOOST_AUTO_TEST_CASE(the_command_line_can_name_the_folder) {
  const auto s = config::load({}, strings{"ATES_VAR=/srv/ates"}, strings{"var=/tmp/x"});
  BOOST_TEST(s.var == "/tmp/x");
  BOOST_TEST(s.auth.signing_key == "/tmp/x/keys/jwt.pem");
}

BOOST_AUTO_TEST_CASE(malformed_variables_outside_the_sections_are_refused) {
  for (const string offset : {"", "1.5", "1h", "99999999999", "-99999999999"})
    check_mentions(fault_of([&] { from_environment({"ATES_CLOCK_OFFSET=" + offset}); }),
                   {"ATES_CLOCK_OFFSET", '"' + offset + '"', "whole seconds"});
  check_mentions(fault_of([] { from_environment({"ATES_VAR="}); }), {"ATES_VAR", "a path"});
}

BOOST_AUTO_TEST_CASE(a_refused_password_is_not_repeated) {
  const auto fault = fault_of([] { from_environment({"ATES_ADMIN_PASSWORD=hunter2"}); });
  check_mentions(fault, {"ATES_ADMIN_PASSWORD", "12..1024 bytes"});
  BOOST_TEST(fault.find("hunter2") == string::npos);
}

BOOST_AUTO_TEST_CASE(the_clients_variables_are_none_of_a_nodes_business) {
  BOOST_TEST((from_environment({"ATES_PASSWORD=x", "ATES_NEW_PASSWORD=y", "ATES_URL=http://localhost"}) ==
              defaults()));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_together_is_refused_wherever_it_comes_from) {
  const temporary_file file("exchange.fee_min = 30\n");
  check_mentions(fault_of([&] { config::load(file.path(), {}, {}); }),
                 {"exchange.fee_min", "30", "exchange.fee_max", "20"});
  BOOST_TEST(
      config::load(file.path(), strings{"ATES_EXCHANGE_FEE_MAX=30"}, {}).exchange.prices.fee_max_dollars ==
      30);
  check_mentions(fault_of([] { from_command_line({"exchange.reward_max=19"}); }),
                 {"exchange.reward_min", "20", "exchange.reward_max", "19"});
  check_mentions(fault_of([] { from_command_line({"mail.transport=smtp"}); }),
                 {"mail.smtp_url", "mail.transport"});
  BOOST_TEST(from_command_line({"mail.transport=smtp", "mail.smtp_url=smtps://m:465"}).mail.transport ==
             "smtp");
}

BOOST_AUTO_TEST_CASE(a_cluster_beyond_this_machine_needs_tls) {
  const strings tls{"cluster.tls_certificate=/c", "cluster.tls_key=/k", "cluster.tls_ca=/a"};
  for (const auto& missing : tls) {
    auto some = tls;
    std::erase(some, missing);
    check_mentions(fault_of([&] { from_command_line(some); }), {section_of(missing), "together"});
  }
  for (const string listen :
       {"0.0.0.0:4000", "[::]:4000", "10.0.0.1:4000", "127.example.com:4000", "db:4000"}) {
    check_mentions(fault_of([&] { from_command_line({"cluster.listen=" + listen}); }),
                   {"cluster.listen", listen, "tls"});
    auto with_tls = tls;
    with_tls.push_back("cluster.listen=" + listen);
    BOOST_TEST(from_command_line(with_tls).cluster.tls_ca == "/a");
  }
  for (const string listen : {"127.0.0.1:4000", "127.1.2.3:4000", "[::1]:4000", "localhost:4000"})
    BOOST_TEST(from_command_line({"cluster.listen=" + listen}).cluster.listen == listen);
}

BOOST_AUTO_TEST_CASE(the_shipped_file_holds_every_setting_with_its_default) {
  BOOST_TEST((config::load(shipped_file, {}, {}) == defaults()));
  const auto root = toml::parse_file(shipped_file.string());
  std::stringstream text;
  text << std::ifstream(shipped_file).rdbuf();
  for (const auto& info : config::describe())
    if (info.name.starts_with("ATES_"))
      BOOST_TEST(text.str().find(info.name) != string::npos, info.name);
    else
      BOOST_TEST(static_cast<bool>(root.at_path(info.name)), info.name);
}

BOOST_AUTO_TEST_CASE(business_settings_as_text_are_read_back_the_same) {
  const auto s = from_command_line({"exchange.timezone=Europe/Berlin", "exchange.day_ends_at=09:05",
                                    "exchange.assignable_roles=worker,admin", "exchange.fee_max=33"});
  const auto text = config::to_text(s.exchange);
  strings overrides;
  strings names;
  for (const auto& [name, value] : text) {
    overrides.push_back(name + '=' + value);
    names.push_back(name);
  }
  BOOST_TEST((from_command_line(overrides).exchange == s.exchange));
  strings described;
  for (const auto& info : config::describe())
    if (info.name.starts_with("exchange."))
      described.push_back(info.name);
  BOOST_TEST(names == described, boost::test_tools::per_element());
  BOOST_TEST(text.at(1).second == "09:05");
  BOOST_TEST(text.at(2).second == "admin,worker");
}

BOOST_AUTO_TEST_SUITE_END()
