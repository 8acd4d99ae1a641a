#include "http/openapi_words.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace ates::http::openapi {

namespace {

constexpr std::string_view base_file = "document.json";

document read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    refuse(file.string(), "cannot be read");
  try {
    return document::parse(in);
  } catch (const document::parse_error& e) {
    refuse(file.string(), e.what());
  }
}

void insist_on_members(const std::string& where, const document& object,
                       std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse(where, "\"" + name + "\" means nothing here");
}

} // namespace

void refuse(const std::string& where, const std::string& what) {
  throw std::runtime_error("openapi: " + where + ": " + what);
}

std::string name_of(const policy& route) {
  return std::string(route.method) + " " + std::string(route.path);
}

words::words(std::string name, std::string tag, document said)
    : name_(std::move(name)), tag_(std::move(tag)), said_(std::move(said)) {
  insist_on_members(
      name_, said_,
      {"id", "summary", "description", "path", "query", "headers", "body", "answers", "refusals"});
  if (!said_.contains("answers"))
    refuse(name_, "it has no answers");
  for (const auto& [status, answer] : said_.at("answers").items()) {
    insist_on_members(name_ + ", answer " + status, answer,
                      {"description", "body", "items", "media", "csv", "headers"});
    if (!answer.contains("description"))
      refuse(name_, "the answer " + status + " is not described");
  }
}

std::string words::text(const std::string& member) const {
  const auto found = said_.find(member);
  if (found == said_.end() || !found->is_string())
    refuse(name_, "it has no " + member);
  return found->get<std::string>();
}

std::string words::optional_text(const std::string& member) const {
  return said_.contains(member) ? text(member) + "\n\n" : "";
}

std::vector<std::string> words::refusals() const {
  return said_.value("refusals", std::vector<std::string>{});
}

std::vector<std::string> words::headers() const {
  return said_.value("headers", std::vector<std::string>{});
}

document words::parameter(const std::string& in, const std::string& name, const document& common) const {
  if (said_.contains(in) && said_.at(in).contains(name))
    return said_.at(in).at(name);
  if (!common.contains(name))
    refuse(name_, "its parameter " + name + " (" + in + ") is not described");
  return common.at(name);
}

void words::insist_on(const std::string& in, const std::set<std::string>& known) const {
  if (said_.contains(in))
    for (const auto& [name, parameter] : said_.at(in).items())
      if (!known.contains(name))
        refuse(name_, "it has no parameter " + name + " (" + in + ")");
}

word_book::word_book(const std::filesystem::path& folder) : base_(read(folder / base_file)) {
  common_parameters_ = base_.at("parameters");
  base_.erase("parameters");
  std::set<std::filesystem::path> files; // in an order that does not change
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json" && entry.path().filename() != base_file)
      files.insert(entry.path());
  for (const auto& file : files)
    add(file);
}

void word_book::add(const std::filesystem::path& file) {
  auto part = read(file);
  insist_on_members(file.string(), part, {"description", "operations", "schemas"});
  const auto tag = file.stem().string();
  tags_.push_back({{"name", tag}, {"description", part.at("description")}});
  for (auto& [name, said] : part.at("operations").items())
    if (!operations_.try_emplace(name, name, tag, std::move(said)).second)
      refuse(name, "it is described twice");
  if (part.contains("schemas"))
    for (auto& [name, schema] : part.at("schemas").items()) {
      if (schemas_.contains(name) || base_.at("components").at("schemas").contains(name))
        refuse(file.string(), "the schema " + name + " stands in two files");
      schemas_[name] = std::move(schema);
    }
}

const words& word_book::of(const policy& route) const {
  const auto found = operations_.find(name_of(route));
  if (found == operations_.end())
    refuse(name_of(route), "it is served, but config/openapi does not describe it");
  return found->second;
}

std::vector<std::string> word_book::names() const {
  std::vector<std::string> out;
  for (const auto& [name, said] : operations_)
    out.push_back(name);
  return out;
}

} // namespace ates::http::openapi
