// What one node writes another one reads, whole: every kind of command, reply and notice.
#include "actors/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

namespace ates::actors {

namespace {

domain::uuid id(std::uint8_t n) {
  domain::uuid u;
  u.bytes.fill(n);
  return u;
}

constexpr domain::instant noon{std::chrono::microseconds{1'700'000'000'123'456}};
constexpr domain::day friday{std::chrono::days{19'000}};

wire::frame over_the_wire(const wire::frame& f) {
  return wire::decode(wire::encode(f));
}

template <class Command> Command sent(Command c) {
  envelope e;
  e.to = {entity_kind::account, id(1)};
  e.by = account_id{id(2)};
  e.lease = 77;
  e.hops = 1;
  e.key = idempotency{id(3), "hash"};
  e.what = std::move(c);
  wire::frame f;
  f.requests.push_back({5, 1'500'000, e});
  const auto got = over_the_wire(f);
  BOOST_REQUIRE_EQUAL(got.requests.size(), 1);
  const auto& r = got.requests.front();
  BOOST_TEST(r.id == 5);
  BOOST_TEST(r.left_us == 1'500'000);
  BOOST_TEST((r.command.to == e.to));
  BOOST_TEST((r.command.by == e.by));
  BOOST_TEST(r.command.lease == 77);
  BOOST_TEST(r.command.hops == 1);
  BOOST_REQUIRE(r.command.key);
  BOOST_TEST((r.command.key->scope == id(3)));
  BOOST_TEST(r.command.key->request_hash == "hash");
  return std::get<Command>(r.command.what);
}

template <class Value> Value answered(Value v) {
  reply r;
  r.what = outcome::known;
  r.replayed = true;
  r.value = std::move(v);
  wire::frame f;
  f.responses.push_back({9, r});
  const auto got = over_the_wire(f);
  BOOST_REQUIRE_EQUAL(got.responses.size(), 1);
  BOOST_TEST(got.responses[0].id == 9);
  BOOST_CHECK(got.responses[0].reply.what == outcome::known);
  BOOST_TEST(got.responses[0].reply.replayed);
  return std::get<Value>(got.responses[0].reply.value);
}

template <class Notice> Notice told(Notice n) {
  wire::frame f;
  f.notices.emplace_back(std::move(n));
  const auto got = over_the_wire(f);
  BOOST_REQUIRE_EQUAL(got.notices.size(), 1);
  return std::get<Notice>(got.notices[0]);
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_)

BOOST_AUTO_TEST_CASE(every_command_arrives_as_it_was_sent) {
  sent(read_entity{});
  sent(complete_task_command{});
  sent(close_account_command{});
  sent(request_shuffle_command{});
  sent(close_day_command{});
  const auto create = sent(create_task_command{"tïtle", "POP-1", "line\nline", "ref"});
  BOOST_TEST(create.title == "tïtle");
  BOOST_TEST(create.jira_id == "POP-1");
  BOOST_TEST(create.description == "line\nline");
  BOOST_TEST(create.external_ref == "ref");
  const auto edit = sent(edit_task_command{"tïtle", std::nullopt, ""});
  BOOST_CHECK(edit.title == "tïtle" && !edit.jira_id && edit.description == "");
  const auto shuffle = sent(shuffle_task_command{~0ULL, domain::shuffle_id{id(4)}, account_id{id(5)}});
  BOOST_TEST(shuffle.run == ~0ULL);
  BOOST_CHECK(shuffle.shuffle.value == id(4) && shuffle.assignee.value == id(5));
  BOOST_TEST(sent(open_session_command{"s"}).secret_hash == "s");
  const auto refresh = sent(refresh_session_command{id(6), "a", "b"});
  BOOST_CHECK(refresh.family == id(6) && refresh.secret_hash == "a" && refresh.new_secret_hash == "b");
  const auto close = sent(close_session_command{id(7), "c"});
  BOOST_CHECK(close.family == id(7) && close.secret_hash == "c");
  employee_change change;
  change.name = "Ann";
  change.role = domain::role::manager;
  change.active = false;
  change.password_hash = "hash";
  change.checked_against = "old";
  change.keep_session = id(8);
  const auto changed = sent(change_employee_command{account_id{id(9)}, change});
  BOOST_TEST((changed.id == account_id{id(9)}));
  BOOST_TEST(
      (changed.what.name == "Ann" && !changed.what.login && !changed.what.email && !changed.what.beak_hash));
  BOOST_TEST((changed.what.role == domain::role::manager && changed.what.active == false));
  BOOST_TEST((changed.what.password_hash == "hash" && changed.what.checked_against == "old"));
  BOOST_TEST((changed.what.keep_session == id(8)));
  const auto release = sent(release_task_command{account_id{id(1)}, 12});
  BOOST_TEST((release.from == account_id{id(1)} && release.roster == 12));
  BOOST_TEST(sent(settle_draws_command{7}).roster == 7);
  const auto hire = sent(create_employee_command{
      {"Name", "login", "e@mail", domain::role::manager, "scrypt$p", "scrypt$b"}, account_id{id(8)}});
  BOOST_CHECK(hire.what.name == "Name" && hire.what.login == "login" && hire.what.email == "e@mail");
  BOOST_CHECK(hire.what.role == domain::role::manager && hire.id.value == id(8));
  BOOST_CHECK(hire.what.password_hash == "scrypt$p" && hire.what.beak_hash == "scrypt$b");
}

BOOST_AUTO_TEST_CASE(every_answer_arrives_as_it_was_given) {
  answered(std::monostate{});
  domain::task t;
  t.id = task_id{id(1)};
  t.title = "t";
  t.jira_id = "A-1";
  t.description = "d";
  t.external_ref = "x";
  t.prices = {{1500}, {3000}};
  t.created_by = account_id{id(2)};
  t.created_at = noon;
  t.status = domain::task_status::done;
  t.assignee = account_id{id(3)};
  t.assigned_at = noon + std::chrono::seconds{1};
  t.completed_at = noon + std::chrono::seconds{2};
  t.assignments = 3;
  t.last_run = 4;
  t.version = 5;
  BOOST_CHECK(answered(t) == t);
  t.completed_at.reset();
  BOOST_CHECK(answered(t) == t);
  // Secrets do not travel with answers.
  storage::employee_row e{.id = account_id{id(1)},
                          .number = 2,
                          .login = "l",
                          .email = "e",
                          .name = "n",
                          .role = domain::role::accountant,
                          .active = false,
                          .password_hash = {},
                          .beak_hash = {},
                          .created_at = noon,
                          .version = 3,
                          .changed = 4};
  BOOST_CHECK(answered(e) == e);
  storage::shuffle_row s{.run = 1,
                         .id = domain::shuffle_id{id(1)},
                         .status = storage::shuffle_status::done,
                         .requested_by = account_id{id(2)},
                         .requested_at = noon,
                         .started_at = noon,
                         .finished_at = noon,
                         .open_tasks = 7,
                         .reassigned = 6,
                         .seed = ~0ULL};
  BOOST_CHECK(answered(s) == s);
  s.started_at.reset();
  s.open_tasks.reset();
  BOOST_CHECK(answered(s) == s);
  storage::payout_row p{.on = friday,
                        .status = storage::payout_status::done,
                        .requested_by = account_id{id(1)},
                        .started_at = noon,
                        .finished_at = noon,
                        .accounts_paid = 3,
                        .total_paid = {99}};
  BOOST_CHECK(answered(p) == p);
  BOOST_CHECK(answered(id(42)) == id(42));
  const auto where = answered(placement{12, 5, 600});
  BOOST_CHECK(where.shard == 12 && where.owner == 5 && where.epoch == 600);
  BOOST_CHECK(!answered(placement{12, std::nullopt, 600}).owner);
}

BOOST_AUTO_TEST_CASE(every_notice_arrives_as_it_was_told) {
  const auto push = told(inbox_push{1, 2, {{1, 2, 3, "task.assigned.v1", id(4), noon, R"({"a":1})"}}});
  BOOST_CHECK(push.source == 1 && push.target == 2 && push.events.size() == 1);
  const auto& event = push.events.at(0);
  BOOST_CHECK(event.source == 1 && event.target == 2 && event.target_seq == 3 && event.subject == id(4));
  BOOST_CHECK(event.type == "task.assigned.v1" && event.at == noon && event.data == R"({"a":1})");
  const auto ack = told(inbox_ack{1, 2, 3});
  BOOST_CHECK(ack.source == 1 && ack.target == 2 && ack.position == 3);
  const auto look = told(inbox_look{1, 2, 3});
  BOOST_CHECK(look.source == 1 && look.target == 2 && look.head == 3);
  const auto shuffle = told(bulk_order{3, shuffle_order{4, domain::shuffle_id{id(5)}, noon, ~0ULL, {}}});
  const auto& order = std::get<shuffle_order>(shuffle.what);
  BOOST_CHECK(shuffle.shard == 3 && order.run == 4 && order.id.value == id(5));
  BOOST_CHECK(order.started_at == noon && order.seed == ~0ULL && !order.roster);
  BOOST_CHECK(std::get<payout_order>(told(bulk_order{3, payout_order{friday}}).what).on == friday);
  const auto report = std::get<shuffle_report>(told(bulk_report{3, shuffle_report{4, 5, 6, true}}).what);
  BOOST_CHECK(report.run == 4 && report.open_tasks == 5 && report.reassigned == 6 && report.done);
  const auto paid = std::get<payout_report>(told(bulk_report{3, payout_report{friday, true}}).what);
  BOOST_CHECK(paid.on == friday && paid.done);
  BOOST_TEST(told(roster_look{8}).version == 8);
  const auto heard = told(roster_ack{7, 8});
  BOOST_CHECK(heard.from == 7 && heard.version == 8);
  told(leases_changed{});
}

BOOST_AUTO_TEST_CASE(an_empty_frame_is_a_sign_of_life) {
  const auto f = over_the_wire({});
  BOOST_CHECK(f.requests.empty() && f.responses.empty() && f.notices.empty());
}

BOOST_AUTO_TEST_CASE(a_field_of_a_newer_version_is_passed_over_and_a_missing_one_has_its_default) {
  const auto newer = nlohmann::json::parse(
      R"({"requests":[{"id":1,"command":{"to":{"kind":1,"id":"01010101-0101-0101-0101-010101010101"},
          "by":"02020202-0202-0202-0202-020202020202","what":{"is":"read","as":{"tomorrow":1}},"new":[]}}],
          "later":{}})");
  std::vector<char> bytes;
  nlohmann::json::to_cbor(newer, bytes);
  const auto f = wire::decode(bytes);
  BOOST_REQUIRE_EQUAL(f.requests.size(), 1);
  BOOST_TEST(f.requests[0].left_us == 0);
  BOOST_CHECK(std::holds_alternative<read_entity>(f.requests[0].command.what));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_frame_are_refused) {
  BOOST_CHECK_THROW(wire::decode({}), wire::wire_error);
  BOOST_CHECK_THROW(wire::decode({'\x01', '\x02', '\x03'}), wire::wire_error);
  wire::frame f;
  f.notices.emplace_back(roster_look{1});
  auto bytes = wire::encode(f);
  bytes.pop_back();
  BOOST_CHECK_THROW(wire::decode(bytes), wire::wire_error);
}

BOOST_AUTO_TEST_CASE(what_only_a_newer_version_knows_spoils_nothing_else) {
  const auto newer = nlohmann::json::parse(R"({
      "requests": [{"id": 7, "command": {"to": {"kind": 1}, "what": {"is": "unheard_of", "as": null}}},
                   {"id": 8, "command": {"to": {"kind": 1, "id": "01010101-0101-0101-0101-010101010101"},
                    "by": "02020202-0202-0202-0202-020202020202", "what": {"is": "read", "as": {}}}}],
      "responses": [{"id": 9, "reply": {"what": 0, "value": {"is": "unheard_of", "as": null}}}],
      "notices": [{"is": "unheard_of", "as": null}, {"is": "roster_look", "as": {"version": 3}}]})");
  std::vector<char> bytes;
  nlohmann::json::to_cbor(newer, bytes);
  const auto f = wire::decode(bytes);
  BOOST_TEST(f.unreadable_requests == std::vector<std::uint64_t>{7}, boost::test_tools::per_element());
  BOOST_REQUIRE_EQUAL(f.requests.size(), 1);
  BOOST_TEST(f.requests[0].id == 8);
  BOOST_REQUIRE_EQUAL(f.responses.size(), 1);
  BOOST_CHECK(f.responses[0].reply.what == outcome::outcome_unknown);
  BOOST_REQUIRE_EQUAL(f.notices.size(), 1);
  BOOST_TEST(std::get<roster_look>(f.notices[0]).version == 3);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace ates::actors
