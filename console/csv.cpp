#include "console/csv.hpp"

#include "console/failure.hpp"

#include <algorithm>

namespace ates::console {
namespace {

constexpr int end_of_file = std::char_traits<char>::eof();

std::string normalised(std::string_view name) {
  const auto first = name.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  std::string result(name.substr(first, name.find_last_not_of(" \t") - first + 1));
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

} // namespace

csv_reader::csv_reader(std::istream& in) : in_(*in.rdbuf()) {
  // EF BB BF. No column that is looked for begins with EF, so the other two need no looking at.
  if (in_.sgetc() == 0xEF)
    for (int i = 0; i < 3; ++i)
      take();
}

int csv_reader::take() {
  const int c = in_.sbumpc();
  if (c != end_of_file)
    ++bytes_;
  if (c == '\n')
    ++line_;
  return c;
}

/// True when `c` is the CR of a CRLF; the LF is taken then.
bool csv_reader::take_line_feed_after(int c) {
  if (c != '\r' || in_.sgetc() != '\n')
    return false;
  take();
  return true;
}

void csv_reader::keep(int c) {
  if (++row_bytes_ <= max_row_bytes)
    field_.push_back(static_cast<char>(c));
}

csv_reader::after csv_reader::end_field(csv_row& row, after what) {
  row.fields.push_back(std::move(field_));
  field_.clear();
  return what;
}

csv_reader::after csv_reader::read_plain(csv_row& row, int c) {
  for (;; c = take()) {
    if (c == ',')
      return end_field(row, after::field);
    if (c == '\n' || c == end_of_file || take_line_feed_after(c))
      return end_field(row, after::row);
    keep(c);
  }
}

csv_reader::after csv_reader::read_quoted(csv_row& row) {
  for (;;) {
    int c = take();
    if (c == end_of_file) {
      row.fault = "a quoted field that begins in this row is never closed; the rest of the file was read as "
                  "part of it";
      return end_field(row, after::row);
    }
    if (c == '"') {
      if (in_.sgetc() == '"') {
        take();
        keep('"');
        continue;
      }
      c = take();
      if (c != ',' && c != '\n' && c != end_of_file && !(c == '\r' && in_.sgetc() == '\n'))
        row.fault = "there is text after the closing quote of a field (a quote inside a quoted field is "
                    "written twice)";
      return read_plain(row, c);
    }
    keep(take_line_feed_after(c) ? '\n' : c);
  }
}

std::optional<csv_row> csv_reader::next() {
  int c = take();
  while (c == '\n' || take_line_feed_after(c))
    c = take();
  if (c == end_of_file)
    return std::nullopt;
  csv_row row;
  row.line = line_;
  row_bytes_ = 0;
  while ((c == '"' ? read_quoted(row) : read_plain(row, c)) == after::field)
    c = take();
  if (row_bytes_ > max_row_bytes)
    row.fault = "the row is longer than " + std::to_string(max_row_bytes / 1024) + " KiB";
  return row;
}

csv_table::csv_table(std::istream& in, const std::vector<std::string>& required,
                     const std::vector<std::string>& optional)
    : reader_(in) {
  const auto header = reader_.next();
  if (!header)
    throw failure(exit_code::failed, "the file is empty", "its first line must name the columns");
  if (!header->fault.empty())
    throw failure(exit_code::failed, "line 1: " + header->fault);
  width_ = header->fields.size();
  for (const auto& name : required) {
    wanted_.push_back(find(header->fields, name));
    if (!wanted_.back())
      throw failure(exit_code::failed, "the first line names no column \"" + name + "\"",
                    "the first line must name the columns, separated by commas, in UTF-8");
  }
  for (const auto& name : optional)
    wanted_.push_back(find(header->fields, name));
  for (std::size_t i = 0; i < width_; ++i)
    if (std::find(wanted_.begin(), wanted_.end(), i) == wanted_.end())
      ignored_.push_back(header->fields[i]);
}

std::optional<std::size_t> csv_table::find(const std::vector<std::string>& header,
                                           const std::string& name) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (normalised(header[i]) != name)
      continue;
    if (found)
      throw failure(exit_code::failed, "the first line names the column \"" + name + "\" twice");
    found = i;
  }
  return found;
}

std::optional<csv_row> csv_table::next() {
  auto row = reader_.next();
  if (!row)
    return row;
  const auto width = row->fields.size();
  if (row->fault.empty() && width != width_)
    row->fault = "the row has " + std::to_string(width) + (width == 1 ? " field" : " fields") +
                 ", the first line names " + std::to_string(width_) +
                 " columns (a value with a comma must stand in quotes)";
  std::vector<std::string> values(wanted_.size());
  if (row->fault.empty())
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i])
        values[i] = std::move(row->fields[*wanted_[i]]);
  row->fields = std::move(values);
  return row;
}

} // namespace ates::console
