#pragma once
/// What people wrote about the routes: the files of config/openapi, read and checked for what no table can
/// know.

#include "http/policy.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ates::http::openapi {

/// Keeps the order in which things are written.
using document = nlohmann::ordered_json;

/// Throws std::runtime_error.
[[noreturn]] void refuse(const std::string& where, const std::string& what);

/// "GET /v1/tasks/{id}": how a route is called in the descriptions.
std::string name_of(const policy& route);

/// The description of one route. What it lacks, or has too much, is refused with the route's name.
class words {
public:
  words(std::string name, std::string tag, document said);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
  [[nodiscard]] std::string text(const std::string& member) const;
  /// With a blank line behind it; "" where there is none.
  [[nodiscard]] std::string optional_text(const std::string& member) const;
  [[nodiscard]] std::vector<std::string> refusals() const;
  /// Names of request headers.
  [[nodiscard]] std::vector<std::string> headers() const;
  [[nodiscard]] bool has_body() const { return said_.contains("body"); }
  [[nodiscard]] const document& body() const { return said_.at("body"); }
  [[nodiscard]] const document& answers() const { return said_.at("answers"); }
  /// A parameter `in` path or query, as described here or else in `common`.
  [[nodiscard]] document parameter(const std::string& in, const std::string& name,
                                   const document& common) const;
  /// Refuses descriptions of parameters that the route does not have.
  void insist_on(const std::string& in, const std::set<std::string>& known) const;

private:
  std::string name_;
  std::string tag_; ///< which file it stands in
  document said_;
};

/// All files of the folder: `document.json`, which the document begins with, and one file for each tag.
class word_book {
public:
  explicit word_book(const std::filesystem::path& folder);

  [[nodiscard]] const words& of(const policy& route) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] const document& base() const noexcept { return base_; }
  [[nodiscard]] const document& common_parameters() const noexcept { return common_parameters_; }
  [[nodiscard]] const document& schemas() const noexcept { return schemas_; }
  [[nodiscard]] const document& tags() const noexcept { return tags_; }

private:
  void add(const std::filesystem::path& file);

  document base_;
  document common_parameters_;
  document schemas_ = document::object();
  document tags_ = document::array();
  std::map<std::string, words> operations_;
};

} // namespace ates::http::openapi
