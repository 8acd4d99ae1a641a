// Asking a node whether the books are right.
#include "test/console/support.hpp"

#include <boost/test/unit_test.hpp>

using namespace ates::console::test;

namespace {

json verification(const std::string& status, json differences = json::array(), int count = 0) {
  return {{"id", "v-1"},
          {"status", status},
          {"progress", nullptr},
          {"checked", {{"accounts", 3}, {"tasks", 5}, {"transfers", 9}, {"days", 2}}},
          {"in_transit", 1},
          {"differences", std::move(differences)},
          {"difference_count", count}};
}

/// A node that says at the third look what it has found.
struct verifying {
  explicit verifying(json found)
      : node([this, found](const auto& request, auto& response) {
          if (request.method == "POST")
            return give(response, 202, verification("running"));
          auto now = verification("running");
          if (++looks == 2)
            now["progress"] = "task states";
          give(response, 200, looks < 3 ? now : found);
        }) {
    node.sign_in(boss);
    boss.around.err_is_terminal = true;
  }
  std::size_t looks = 0;
  stub_node node;
  scratch_folder home;
  person boss{home};
};

} // namespace

BOOST_AUTO_TEST_SUITE(verify_)

BOOST_AUTO_TEST_CASE(whoever_is_signed_in_asks_the_node_and_sees_that_it_works) {
  verifying v(verification("done"));
  BOOST_TEST(v.boss.run({"verify"}) == 0);
  BOOST_TEST(v.boss.out.str() == "checked 3 accounts, 5 tasks, 9 transfers, 2 days; 1 events in transit\n"
                                 "no differences: the books are right\n");
  BOOST_TEST(v.boss.err.str().find("verifying  waits for its turn") != std::string::npos);
  const auto requests = v.node.requests();
  BOOST_REQUIRE(requests.size() == 4u);
  BOOST_TEST(requests[0].path == "/v1/ops/verify");
  BOOST_TEST(!requests[0].key.empty());
  BOOST_TEST(requests[1].path == "/v1/ops/verifications/v-1");
}

BOOST_AUTO_TEST_CASE(differences_are_named_and_end_with_1) {
  const json one = {{"what", "balance of an account"}, {"id", "a"}, {"expected", "-1"}, {"found", "1"}};
  verifying v(verification("done", json::array({one}), 7));
  BOOST_TEST(v.boss.run({"verify"}) == 1);
  BOOST_TEST(v.boss.out.str().ends_with("balance of an account a: expected -1, found 1\n"
                                        "… and 6 more\n7 differences\n"),
             v.boss.out.str());
  BOOST_TEST(v.boss.run({"verify", "--json"}) == 1);
  BOOST_TEST(v.boss.document()["differences"][0] == one);
}

BOOST_AUTO_TEST_CASE(a_refused_verification_ends_with_the_code_of_its_reason) {
  stub_node node([](const auto&, auto& response) { refuse(response, 403, "forbidden"); });
  const scratch_folder home;
  person worker(home);
  node.sign_in(worker);
  BOOST_TEST(worker.run({"verify"}) == 3);
}

BOOST_AUTO_TEST_SUITE_END()
