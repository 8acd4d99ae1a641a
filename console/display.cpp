#include "console/display.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <ostream>

namespace ates::console {
namespace {

std::string_view escape_of(tone colour) {
  switch (colour) {
  case tone::good:
    return "\033[32m";
  case tone::bad:
    return "\033[31m";
  case tone::faint:
    return "\033[2m";
  case tone::plain:
    break;
  }
  return {};
}

bool colours_wanted(const surroundings& around) {
  return around.out_is_terminal && around.variable("NO_COLOR").empty() && around.variable("TERM") != "dumb";
}

std::string painted(const std::string& text, std::string_view escape, bool colours) {
  return colours && !escape.empty() ? std::string(escape) + text + "\033[0m" : text;
}

std::string padding(std::size_t width, std::size_t used) {
  return std::string(width > used ? width - used : 0, ' ');
}

} // namespace

std::string dollars(std::int64_t amount_cents) {
  const auto magnitude = amount_cents < 0 ? 0 - static_cast<std::uint64_t>(amount_cents)
                                          : static_cast<std::uint64_t>(amount_cents);
  const auto part = magnitude % 100;
  return (amount_cents < 0 ? "-$" : "$") + std::to_string(magnitude / 100) + (part < 10 ? ".0" : ".") +
         std::to_string(part);
}

std::string short_time(std::string_view rfc3339) {
  if (rfc3339.size() < 20 || rfc3339[10] != 'T' || rfc3339.back() != 'Z')
    return std::string(rfc3339);
  return std::string(rfc3339.substr(0, 10)) + " " + std::string(rfc3339.substr(11, 8));
}

std::string printable(std::string_view text) {
  if (!domain::is_utf8(text))
    return "(not UTF-8)";
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0xC2 && i + 1 < text.size() &&
        static_cast<unsigned char>(text[i + 1]) < 0xA0) { // U+0080..U+009F
      result += '?';
      ++i;
    } else {
      result += byte == '\n' || byte == '\t' ? ' ' : byte < 0x20 || byte == 0x7F ? '?' : text[i];
    }
  }
  return result;
}

std::string shown(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null())
    return "-";
  return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

cell shown_amount(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number_integer())
    return {"-"};
  const auto amount = found->get<std::int64_t>();
  return {dollars(amount), amount < 0 ? tone::bad : tone::plain};
}

std::string shown_time(const nlohmann::json& object, const char* member) {
  return short_time(shown(object, member));
}

void print_table(surroundings& around, const std::vector<column>& columns,
                 const std::vector<std::vector<cell>>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    widths.push_back(domain::code_points(columns[i].heading));
    for (const auto& row : rows)
      widths[i] = std::max(widths[i], domain::code_points(row[i].text));
  }
  const bool colours = colours_wanted(around);
  const auto line = [&](const auto& text_of, const auto& escape_for) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string text = text_of(i);
      const auto blanks = padding(widths[i], domain::code_points(text));
      const auto shown = painted(text, escape_for(i), colours);
      const bool last = i + 1 == columns.size();
      around.out << (columns[i].right_aligned ? blanks + shown : shown + (last ? "" : blanks))
                 << (last ? "\n" : "  ");
    }
  };
  line([&](std::size_t i) { return columns[i].heading; },
       [](std::size_t) { return std::string_view("\033[1m"); });
  for (const auto& row : rows)
    line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return escape_of(row[i].colour); });
}

void print_card(surroundings& around, const std::vector<std::pair<std::string, cell>>& properties) {
  std::size_t width = 0;
  for (const auto& [name, value] : properties)
    width = std::max(width, domain::code_points(name));
  const bool colours = colours_wanted(around);
  for (const auto& [name, value] : properties)
    around.out << painted(name, "\033[1m", colours) << padding(width + 2, domain::code_points(name))
               << painted(value.text, escape_of(value.colour), colours) << "\n";
}

progress_bar::progress_bar(surroundings& around, std::string label)
    : around_(around), label_(std::move(label)) {}

progress_bar::~progress_bar() {
  if (drawn_)
    around_.err << "\r\033[K" << std::flush;
}

void progress_bar::show(std::uint64_t done, std::uint64_t total, const std::string& remark) {
  const auto now = around_.clock.now();
  if (!around_.err_is_terminal || (drawn_ && now - *drawn_ < std::chrono::milliseconds(100)))
    return;
  drawn_ = now;
  constexpr std::uint64_t width = 30;
  around_.err << "\r\033[K" << label_;
  if (total > 0) {
    const auto filled = std::min(done, total) * width / total;
    around_.err << " [" << std::string(filled, '#') << std::string(width - filled, '.') << "] "
                << std::min(done, total) * 100 / total << " %";
  }
  around_.err << (remark.empty() ? "" : "  " + remark) << std::flush;
}

} // namespace ates::console
