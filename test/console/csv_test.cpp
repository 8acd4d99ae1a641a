#include "console/csv.hpp"

#include "console/failure.hpp"

#include <boost/test/unit_test.hpp>
#include <sstream>

using namespace ates::console;

namespace {

/// Rows as "line:field|field", a faulty one as "line!".
std::string read(const std::string& text) {
  std::istringstream in(text);
  csv_reader reader(in);
  std::string result;
  while (const auto row = reader.next()) {
    result += (result.empty() ? "" : " ") + std::to_string(row->line) + (row->fault.empty() ? ":" : "!");
    if (row->fault.empty())
      for (std::size_t i = 0; i < row->fields.size(); ++i)
        result += (i == 0 ? "" : "|") + row->fields[i];
  }
  return result;
}

std::string header_fault(const std::string& text) {
  std::istringstream in(text);
  try {
    const csv_table table(in, {"title"}, {"jira_id"});
  } catch (const failure& refusal) {
    return refusal.what();
  }
  return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(csv)

BOOST_AUTO_TEST_CASE(a_file_is_read_as_rfc_4180_says) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"a", "1:a"},
      {"a\n", "1:a"},
      {"a,b\nc,d\n", "1:a|b 2:c|d"},
      {"a,b\r\nc,d\r\n", "1:a|b 2:c|d"},
      {"a,\n,b\n,\n", "1:a| 2:|b 3:|"},
      {"\"a,b\",c", "1:a,b|c"},
      {"\"a\"\"b\"", "1:a\"b"},
      {"\"\",\"\"", "1:|"},
      {"\"\"\"\"", "1:\""},
      {" a , b ", "1: a | b "},
      {"\xEF\xBB\xBF\"a\",b\n", "1:a|b"},
      {"\xEF\xBB\xBF", ""},
      {"a\n\n\r\nb", "1:a 4:b"},
  };
  for (const auto& [text, rows] : cases)
    BOOST_TEST(read(text) == rows, "of " << text);
}

BOOST_AUTO_TEST_CASE(a_row_over_several_lines_has_the_line_it_starts_on) {
  BOOST_TEST(read("a,b\n\"x\ny\n\",2\nc,3\n") == "1:a|b 2:x\ny\n|2 5:c|3");
}

BOOST_AUTO_TEST_CASE(line_ends_inside_quotes_read_alike_however_the_file_was_saved) {
  BOOST_TEST(read("\"x\r\ny\"\r\nz") == "1:x\ny 3:z");
  BOOST_TEST(read("\"x\ny\"\nz") == "1:x\ny 3:z");
}

BOOST_AUTO_TEST_CASE(a_quote_in_an_unquoted_field_is_a_character) {
  BOOST_TEST(read("fix 3\" disk,b\nc") == "1:fix 3\" disk|b 2:c");
}

BOOST_AUTO_TEST_CASE(a_faulty_row_does_not_spoil_the_next) {
  BOOST_TEST(read("a\n\"b\" c,d\ne\n") == "1:a 2! 3:e");
  BOOST_TEST(read("a\n\"b\nc\n") == "1:a 2!");
  const std::string long_field(csv_reader::max_row_bytes + 1, 'x');
  BOOST_TEST(read("a\n" + long_field + "\nb\n") == "1:a 2! 3:b");
}

BOOST_AUTO_TEST_CASE(columns_are_found_by_name_in_any_order) {
  std::istringstream in("reported_on,Jira_ID, TITLE \n2020,A-1,do it\nonly two,fields\n");
  csv_table table(in, {"title"}, {"jira_id", "description"});
  BOOST_TEST(table.ignored() == std::vector<std::string>{"reported_on"}, boost::test_tools::per_element());
  const auto row = table.next();
  BOOST_TEST_REQUIRE(row.has_value());
  const std::vector<std::string> expected{"do it", "A-1", ""};
  BOOST_TEST(row->fields == expected, boost::test_tools::per_element());
  const auto narrow = table.next();
  BOOST_TEST_REQUIRE(narrow.has_value());
  BOOST_TEST(
      narrow->fault ==
      "the row has 2 fields, the first line names 3 columns (a value with a comma must stand in quotes)");
  BOOST_TEST(!table.next().has_value());
}

BOOST_AUTO_TEST_CASE(a_header_that_cannot_be_used_is_refused_with_the_reason) {
  BOOST_TEST(header_fault("") == "the file is empty");
  BOOST_TEST(header_fault("name,jira_id\n") == "the first line names no column \"title\"");
  BOOST_TEST(header_fault("title,Title\n") == "the first line names the column \"title\" twice");
  BOOST_TEST(header_fault("\"title\n").starts_with("line 1: a quoted field"));
}

BOOST_AUTO_TEST_SUITE_END()
