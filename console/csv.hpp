#pragma once
/// CSV as RFC 4180 has it, read as a stream, with the line every row starts on.

#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::console {

struct csv_row {
  std::uint64_t line = 0; ///< physical line on which the row starts; the first of the file is 1
  std::vector<std::string> fields;
  std::string fault; ///< why the row cannot be used, as a sentence; empty: it can
};

/// Reads row by row. Tolerates a byte order mark, CRLF and LF line ends, empty lines (skipped), a missing
/// last line end. Quoted fields may hold commas, doubled quotes and line ends; CRLF inside becomes LF, so
/// that a file saved with other line ends holds the same rows. A quote inside an unquoted field is an
/// ordinary character.
class csv_reader {
public:
  /// A row over this many bytes is faulty; its rest is read and dropped, so memory stays bounded.
  static constexpr std::size_t max_row_bytes = 1024 * 1024;

  /// `in` must outlive the reader and be opened in binary mode.
  explicit csv_reader(std::istream& in);

  /// nullopt at the end of the file.
  std::optional<csv_row> next();

  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_; }

private:
  enum class after { field, row };
  int take();
  bool take_line_feed_after(int c);
  void keep(int c);
  after read_quoted(csv_row& row);
  after read_plain(csv_row& row, int c);
  after end_field(csv_row& row, after what);

  std::streambuf& in_;
  std::uint64_t bytes_ = 0;
  std::uint64_t line_ = 1;
  std::size_t row_bytes_ = 0;
  std::string field_;
};

/// A file whose first row names the columns, compared case-insensitively (ASCII) and without outer blanks.
class csv_table {
public:
  /// Reads the header. Throws failure (failed) when there is none, or it is faulty, or a `required` column is
  /// missing, or one of the wanted columns comes twice.
  csv_table(std::istream& in, const std::vector<std::string>& required,
            const std::vector<std::string>& optional);

  /// Columns of the file that nobody wanted, as written there.
  [[nodiscard]] const std::vector<std::string>& ignored() const noexcept { return ignored_; }

  /// The next row: `fields` are the required columns' values, then the optional ones' (empty where the file
  /// has no such column). A row with another number of fields than the header is faulty. A faulty row's
  /// fields are not to be used.
  std::optional<csv_row> next();

  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return reader_.bytes_read(); }

private:
  std::optional<std::size_t> find(const std::vector<std::string>& header, const std::string& name) const;

  csv_reader reader_;
  std::size_t width_ = 0;
  std::vector<std::optional<std::size_t>> wanted_;
  std::vector<std::string> ignored_;
};

} // namespace ates::console
