// What operators do, and the record of it; both implementations.

#include "test/storage/worlds.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace ates::storage;
using namespace ates::test;
using namespace std::chrono_literals;

namespace {

operations::deadline soon() {
  return std::chrono::steady_clock::now() + 5s;
}

audit_row row_of(int n) {
  audit_row row;
  row.id = id_in(0, n);
  row.by = account_in(1, 1);
  row.action = "drain";
  row.target = "node" + std::to_string(n);
  row.reason = "the disk is noisy: \"kr\u00e4ck\"";
  row.result = R"({"would_move": 3})";
  return row;
}

template <class World> std::vector<audit_row> recorded(World& world, std::int32_t limit = 50) {
  std::vector<audit_row> all;
  page_request at{limit, std::nullopt};
  do {
    auto page = world.operations().audit(at, soon());
    BOOST_TEST(page.rows.size() <= static_cast<std::size_t>(limit));
    all.insert(all.end(), page.rows.begin(), page.rows.end());
    at.after = page.next;
  } while (at.after);
  return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(operations_seam)

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_asked_is_recorded_as_it_was_said, World, worlds) {
  World world;
  BOOST_REQUIRE(world.operations().ask_drain(world.self, row_of(1), soon()));
  const auto all = recorded(world);
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST((all[0].id == row_of(1).id));
  BOOST_TEST((all[0].by == row_of(1).by));
  BOOST_TEST(all[0].action == "drain");
  BOOST_TEST(all[0].target == "node1");
  BOOST_TEST(all[0].reason == row_of(1).reason);
  BOOST_TEST(!all[0].dry_run);
  BOOST_TEST(nlohmann::json::parse(all[0].result).at("would_move") == 3);
  const auto now = world.operations().view(soon()).database_clock;
  BOOST_TEST((all[0].at <= now && all[0].at > now - 10s));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_wish_that_cannot_be_is_neither_marked_nor_recorded, World, worlds) {
  World world;
  auto& operations = world.operations();
  BOOST_TEST(!operations.ask_drain(world.self + 100, row_of(1), soon()));
  BOOST_TEST(!operations.ask_move(3, world.self + 100, row_of(2), soon()));
  BOOST_TEST(!operations.ask_move(shards_total, world.self, row_of(3), soon()));
  world.new_lease_store()->leave(world.self);
  BOOST_TEST(!operations.ask_drain(world.self, row_of(4), soon()));
  BOOST_TEST(!operations.ask_move(3, world.self, row_of(5), soon()));
  BOOST_TEST(recorded(world).empty());
  const auto view = operations.view(soon());
  BOOST_TEST(!view.shards.at(3).move_to.has_value());
  BOOST_TEST(!view.nodes.at(0).drain_asked);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_record_is_read_newest_first_page_by_page, World, worlds) {
  World world;
  auto dry = row_of(7);
  dry.dry_run = true;
  for (int n = 1; n <= 6; ++n)
    world.operations().record(row_of(n), soon());
  world.operations().record(dry, soon());
  world.operations().record(row_of(6), soon()); // sent again after a lost reply
  for (const std::int32_t limit : {1, 3, 7, 50}) {
    const auto all = recorded(world, limit);
    BOOST_REQUIRE(all.size() == 7u);
    BOOST_TEST((all.front().id == dry.id || all.front().at == all[1].at));
    BOOST_TEST(std::count_if(all.begin(), all.end(), [](const auto& row) { return row.dry_run; }) == 1);
    for (std::size_t i = 1; i < all.size(); ++i)
      BOOST_TEST((std::pair{all[i - 1].at, all[i - 1].id} > std::pair{all[i].at, all[i].id}));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_record_is_found_by_its_id, World, worlds) {
  World world;
  world.operations().record(row_of(1), soon());
  world.operations().record(row_of(2), soon());
  const auto found = world.operations().find(row_of(2).id, soon());
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->target == "node2");
  BOOST_TEST(!world.operations().find(row_of(3).id, soon()).has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_position_that_is_none_is_refused, World, worlds) {
  World world;
  BOOST_CHECK_THROW(world.operations().audit({10, "17"}, soon()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(operators_see_what_the_nodes_see, World, worlds) {
  World world;
  const auto seen = world.operations().view(soon());
  BOOST_REQUIRE(seen.nodes.size() == 1u);
  BOOST_TEST(seen.nodes[0].row.number == world.self);
  BOOST_REQUIRE(seen.shards.size() == shards_total);
  for (shard_number shard = 0; shard < shards_total; ++shard) {
    BOOST_TEST(seen.shards[shard].shard == shard);
    BOOST_TEST((seen.shards[shard].owner == world.self));
  }
  BOOST_TEST(seen.directory_version == 0);
}

BOOST_AUTO_TEST_SUITE_END()
