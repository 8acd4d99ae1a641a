#include "config/settings.hpp"

#include <toml++/toml.h>

#include <boost/test/unit_test.hpp>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using namespace ates;

namespace {

const std::filesystem::path source = ATES_SOURCE_DIR;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string variable_of(const std::string& name) {
  std::string variable = "ATES_";
  for (const char c : name)
    variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::string shown(const toml::node& value) {
  if (const auto* text = value.as_string())
    return text->get();
  if (const auto* list = value.as_array()) {
    std::string all;
    for (const auto& one : *list)
      all += (all.empty() ? "" : ", ") + shown(one);
    return all;
  }
  std::ostringstream text;
  value.visit([&](const auto& v) { text << v; });
  return text.str();
}

/// As config/ates.toml has it, which other tests hold to the program.
std::string default_of(const toml::table& shipped, const std::string& name) {
  const auto value = shown(*shipped.at_path(name).node());
  return value.empty() ? "" : "`" + value + "`";
}

/// <var> would be markup.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

/// What docs/operations.md must say.
std::string table() {
  const auto shipped = toml::parse_file((source / "config" / "ates.toml").string());
  std::string out = "| setting | environment | default | legal | what it is |\n|---|---|---|---|---|\n";
  for (const auto& one : config::describe()) {
    const bool in_file = !one.name.starts_with("ATES_");
    out += "| " + (in_file ? "`" + one.name + "`" : "") + " | `" +
           (in_file ? variable_of(one.name) : one.name) + "` | " +
           (in_file ? default_of(shipped, one.name) : "") + " | " + escaped(one.legal) + " | " +
           escaped(one.purpose) + " |\n";
  }
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(documented_settings)

BOOST_AUTO_TEST_CASE(the_table_of_the_operations_page_is_that_of_the_program) {
  const auto page = content_of(source / "docs" / "operations.md");
  const auto wanted = table();
  const bool found = page.find("\n" + wanted + "\n") != std::string::npos;
  BOOST_TEST(found, "docs/operations.md must hold this table, and nothing more in it:\n" << wanted);
}

BOOST_AUTO_TEST_SUITE_END()
