#include "http/openapi.hpp"
#include "http/problem.hpp"
#include "test/http/fixture.hpp"

#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace ates::http;
using namespace ates::http::test;
using nlohmann::json;

namespace {

const std::filesystem::path descriptions = std::filesystem::path(ATES_SOURCE_DIR) / "config" / "openapi";

const json& whole() {
  static const auto document = json::parse(openapi_document(descriptions));
  return document;
}

/// What the document is refused with.
std::string refusal_of(const std::filesystem::path& folder, std::span<const policy> routes = policies()) {
  try {
    (void)openapi_document(folder, routes);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return {};
}

/// A copy of the descriptions in which `change` has changed one file.
struct changed_descriptions {
  changed_descriptions(const std::string& file, const std::function<void(json&)>& change) {
    std::filesystem::copy(descriptions, folder.path(), std::filesystem::copy_options::recursive);
    std::ifstream in(descriptions / file);
    auto content = json::parse(in);
    change(content);
    std::ofstream(folder.path() / file) << content;
  }
  scratch_folder folder;
};

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void for_each_reference(const json& value, const std::function<void(const json& holder)>& look) {
  if (value.is_object() && value.contains("$ref"))
    look(value);
  if (value.is_structured())
    for (const auto& one : value)
      for_each_reference(one, look);
}

} // namespace

BOOST_AUTO_TEST_SUITE(openapi_document_of_the_gateway)

BOOST_AUTO_TEST_CASE(the_document_has_the_routes_of_the_policy_table_and_their_rights) {
  std::size_t operations = 0;
  for (const auto& [path, item] : whole()["paths"].items())
    operations += item.size();
  BOOST_TEST(operations == policies().size());
  const auto& edit = whole()["paths"]["/v1/employees/{id}"]["patch"];
  BOOST_TEST(edit["x-roles"] == json({"admin"}));
  BOOST_TEST(edit["x-own"] == true);
  BOOST_TEST(edit["security"].size() == 1U);
  BOOST_TEST(whole()["paths"]["/livez"]["get"]["security"] == json::array());
  BOOST_TEST(whole()["paths"].contains("/schemas/{file}"));
}

BOOST_AUTO_TEST_CASE(each_operation_has_a_name_of_its_own) {
  std::set<std::string> ids;
  for (const auto& [path, item] : whole()["paths"].items())
    for (const auto& [method, operation] : item.items())
      BOOST_TEST(ids.insert(operation["operationId"]).second, path);
}

BOOST_AUTO_TEST_CASE(every_reference_leads_somewhere_and_stands_alone) {
  std::size_t references = 0;
  for_each_reference(whole(), [&](const json& holder) {
    const auto pointer = holder["$ref"].get<std::string>();
    BOOST_TEST_REQUIRE(pointer.starts_with("#/"));
    BOOST_TEST(whole().contains(json::json_pointer(pointer.substr(1))), pointer);
    BOOST_TEST(holder.size() == 1U, pointer);
    ++references;
  });
  BOOST_TEST(references > 100U);
}

BOOST_AUTO_TEST_CASE(a_route_without_a_description_is_refused) {
  std::vector<policy> more(policies().begin(), policies().end());
  more.push_back(policy{"GET", "/v1/nobody-described-this", {}, body_kind::none, 0, "", nullptr, nullptr});
  BOOST_TEST(says(refusal_of(descriptions, more), "GET /v1/nobody-described-this"));
}

BOOST_AUTO_TEST_CASE(a_description_without_a_route_is_refused) {
  const auto fewer = policies().subspan(1);
  BOOST_TEST(says(refusal_of(descriptions, fewer), "POST /v1/auth: it is described, but not served"));
}

BOOST_AUTO_TEST_CASE(a_description_that_does_not_fit_its_route_is_refused) {
  const auto refused = [](const std::function<void(json&)>& change) {
    const changed_descriptions changed("tasks.json",
                                       [&](json& file) { change(file["operations"]["GET /v1/tasks"]); });
    return refusal_of(changed.folder.path());
  };
  BOOST_TEST(refused([](json&) {}) == "");
  BOOST_TEST(says(refused([](json& o) { o["query"].erase("status"); }), "its parameter status (query)"));
  BOOST_TEST(says(refused([](json& o) { o["query"]["limt"] = json::object(); }), "no parameter limt"));
  BOOST_TEST(says(refused([](json& o) { o["path"]["id"] = json::object(); }), "no parameter id"));
  BOOST_TEST(says(refused([](json& o) { o["body"] = json::object(); }), "no body with fields"));
  BOOST_TEST(says(refused([](json& o) { o.erase("id"); }), "it has no id"));
  BOOST_TEST(says(refused([](json& o) { o.erase("summary"); }), "it has no summary"));
  BOOST_TEST(says(refused([](json& o) { o.erase("answers"); }), "it has no answers"));
  BOOST_TEST(says(refused([](json& o) { o["answers"]["200"].erase("items"); }), "neither body nor items"));
  BOOST_TEST(says(refused([](json& o) { o["answers"]["200"].erase("description"); }), "is not described"));
  BOOST_TEST(says(refused([](json& o) { o["refusals"] = {"no_such_code"}; }), "no code no_such_code"));
  BOOST_TEST(says(refused([](json& o) { o["sumary"] = ""; }), "\"sumary\" means nothing here"));
}

BOOST_AUTO_TEST_CASE(a_name_used_by_two_files_is_refused) {
  const changed_descriptions twice("ops.json", [](json& file) { file["schemas"]["Task"] = json::object(); });
  BOOST_TEST(says(refusal_of(twice.folder.path()), "the schema Task stands in two files"));
  const changed_descriptions again(
      "ops.json", [](json& file) { file["operations"]["GET /v1/tasks"] = file["operations"].front(); });
  BOOST_TEST(says(refusal_of(again.folder.path()), "GET /v1/tasks: it is described twice"));
}

BOOST_AUTO_TEST_CASE(descriptions_that_are_missing_or_no_json_are_refused) {
  const scratch_folder nothing;
  BOOST_TEST(says(refusal_of(nothing.path()), "document.json: cannot be read"));
  const changed_descriptions broken("ops.json", [](json&) {});
  std::ofstream(broken.folder.path() / "ops.json") << "{";
  BOOST_TEST(says(refusal_of(broken.folder.path()), "ops.json"));
}

BOOST_AUTO_TEST_CASE(the_document_tells_the_bounds_that_the_gateway_keeps) {
  const auto& paths = whole()["paths"];
  const auto parameter = [&](const std::string& path, const std::string& name) {
    const auto& all = paths[path]["get"]["parameters"];
    return *std::ranges::find_if(all, [&](const json& one) { return one.value("name", "") == name; });
  };
  const auto limit = parameter("/v1/tasks", "limit")["schema"];
  BOOST_TEST(limit["maximum"] == page_limit_max);
  BOOST_TEST(limit["default"] == page_limit_default);
  BOOST_TEST(parameter("/v1/events", "type")["schema"]["maxItems"] == event_types_max);
  const auto& batch = paths["/v1/tasks/batch"]["post"]["requestBody"];
  BOOST_TEST(batch["description"] == "At most 16 MiB.");
  BOOST_TEST(batch["content"]["application/json"]["schema"]["properties"]["tasks"]["maxItems"] ==
             batch_items_max);
  const auto& schemas = whole()["components"]["schemas"];
  BOOST_TEST(schemas["Tokens"]["properties"]["expires_in"]["const"] == access_token_lifetime.count());
  BOOST_TEST(schemas["Problem"]["properties"]["code"]["enum"].size() == codes().size());
}

BOOST_AUTO_TEST_CASE(what_a_route_may_refuse_with_follows_from_its_line_in_the_table) {
  const auto& paths = whole()["paths"];
  const auto statuses = [&](const std::string& path, const std::string& method) {
    std::set<int> out;
    for (const auto& [status, answer] : paths[path][method]["responses"].items())
      out.insert(std::stoi(status));
    return out;
  };
  const auto list = statuses("/v1/employees", "get");
  BOOST_TEST(!list.contains(403)); // everybody may
  BOOST_TEST(!list.contains(404));
  BOOST_TEST(!list.contains(422));
  const auto completion = statuses("/v1/tasks/{id}/complete", "post");
  for (const int status : {200, 400, 401, 404, 408, 409, 411, 413, 414, 415, 422, 431, 500, 502, 503, 504})
    BOOST_TEST(completion.contains(status), status);
  BOOST_TEST(statuses("/v1/accounts/{id}", "get").contains(403));
  BOOST_TEST(!statuses("/livez", "get").contains(401));
}

BOOST_FIXTURE_TEST_CASE(anybody_is_shown_the_document, gateway_fixture) {
  const auto shown = plain("GET", "/openapi.json");
  BOOST_TEST(shown.status == 200);
  BOOST_TEST(shown.header("content-type") == "application/json");
  BOOST_TEST(shown.json() == whole());
}

BOOST_AUTO_TEST_SUITE_END()
