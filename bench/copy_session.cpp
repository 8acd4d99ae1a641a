#include "bench/copy_session.hpp"

#include <algorithm>
#include <stdexcept>

namespace ates::bench {

namespace {

constexpr std::size_t bytes_at_once = 1 << 20; // libpq keeps what it is given in memory until it is sent

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

result own(PGresult* r) {
  return {r, &PQclear};
}

} // namespace

void copy_rows::field(std::string_view text) {
  for (const char c : text) {
    switch (c) {
    case '\\':
      text_ += "\\\\";
      break;
    case '\t':
      text_ += "\\t";
      break;
    case '\n':
      text_ += "\\n";
      break;
    case '\r':
      text_ += "\\r";
      break;
    default:
      text_ += c;
    }
  }
  text_ += '\t';
}

copy_session::copy_session(const std::string& url) : pg_(PQconnectdb(url.c_str()), &PQfinish) {
  if (PQstatus(pg_.get()) != CONNECTION_OK)
    fail("connect");
  run("set client_min_messages = warning; set timezone = 'UTC'; set statement_timeout = 0");
}

void copy_session::run(const std::string& sql) {
  const auto r = own(PQexec(pg_.get(), sql.c_str()));
  const auto status = PQresultStatus(r.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    fail(sql);
}

std::vector<std::vector<std::string>> copy_session::table(const std::string& sql) {
  const auto r = own(PQexec(pg_.get(), sql.c_str()));
  if (PQresultStatus(r.get()) != PGRES_TUPLES_OK)
    fail(sql);
  std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(PQntuples(r.get())));
  for (int row = 0; row < PQntuples(r.get()); ++row)
    for (int column = 0; column < PQnfields(r.get()); ++column)
      rows[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(r.get(), row, column));
  return rows;
}

void copy_session::copy(const std::string& target, copy_rows& rows, bool frozen) {
  const auto sql = "copy " + target + " from stdin" + (frozen ? " with (freeze)" : "");
  const auto begun = own(PQexec(pg_.get(), sql.c_str()));
  if (PQresultStatus(begun.get()) != PGRES_COPY_IN)
    fail("copy " + target);
  const auto& text = rows.text();
  for (std::size_t sent = 0; sent < text.size(); sent += bytes_at_once) {
    const auto size = std::min(bytes_at_once, text.size() - sent);
    if (PQputCopyData(pg_.get(), text.data() + sent, static_cast<int>(size)) != 1)
      fail("copy " + target);
  }
  if (PQputCopyEnd(pg_.get(), nullptr) != 1)
    fail("copy " + target);
  bool failed = false;
  while (const auto ended = own(PQgetResult(pg_.get())))
    failed |= PQresultStatus(ended.get()) != PGRES_COMMAND_OK;
  if (failed)
    fail("copy " + target);
  rows.clear();
}

void copy_session::fail(const std::string& what) {
  throw std::runtime_error(what + ": " + PQerrorMessage(pg_.get()));
}

} // namespace ates::bench
