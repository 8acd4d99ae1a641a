#include "mail/letter.hpp"

#include "domain/unicode.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace ates::mail {

namespace {

constexpr std::string_view crlf = "\r\n";
/// RFC 5322 allows 998 bytes a line; what stands around the address needs some of them.
constexpr std::size_t address_bytes = 900;
/// RFC 2047: an encoded word has at most 75 characters.
constexpr std::size_t encoded_word_characters = 75;
constexpr std::string_view encoded_word_begin = "=?UTF-8?B?", encoded_word_end = "?=";
/// Bytes of text whose base64 fits one encoded word: three for four characters.
constexpr std::size_t encoded_word_bytes =
    (encoded_word_characters - encoded_word_begin.size() - encoded_word_end.size()) / 4 * 3;
/// RFC 2045: a quoted-printable line has at most 76 characters, a soft line break included.
constexpr std::size_t quoted_printable_characters = 76;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// RFC 5322 atext, and bytes of UTF-8 (RFC 6532).
bool is_atom_character(char c) {
  constexpr std::string_view special = "!#$%&'*+-/=?^_`{|}~";
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         special.find(c) != std::string_view::npos;
}

/// Atoms with single dots between them.
bool is_dot_atom(std::string_view text) {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.' ? after_dot : !is_atom_character(c))
      return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

/// An address in brackets, such as [127.0.0.1].
bool is_domain_literal(std::string_view text) {
  return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
         std::all_of(text.begin() + 1, text.end() - 1,
                     [](char c) { return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '\\'; });
}

/// `text` with each control, each line separator and each ill-formed byte replaced by a space.
std::string on_one_line(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const auto c = domain::decode_front(text);
    const bool ill_formed = c.value == 0xfffd && c.length == 1;
    if (ill_formed || domain::is_control(c.value) || c.value == 0x2028 || c.value == 0x2029)
      clean += ' ';
    else
      clean.append(text.substr(0, c.length));
    text.remove_prefix(c.length);
  }
  return clean;
}

std::string quoted_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto rest = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < rest ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= rest ? digits[group >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

/// RFC 5322 date and time in UTC.
std::string date_of(domain::instant at) {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto midnight = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(at - midnight)};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d +0000",
                days[std::chrono::weekday{midnight}.c_encoding()], static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

std::string body_of(const letter& l, std::string_view name) {
  std::string text = "Dear ";
  text.append(name).append(",\n\n");
  text += "for " + domain::to_string(l.on) + " you are paid " + decimal(l.amount) + ".\n\n";
  text += "Your account starts the next day at 0.00. Its log shows what was paid for.\n\n";
  return text + "aTES, the Awesome Task Exchange System\n";
}

} // namespace

std::string decimal(domain::cents amount) {
  const auto rest = amount.count % 100;
  return std::to_string(amount.count / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest);
}

std::string message_id(const letter& l, std::string_view cluster) {
  // Dots at the ends or in a row are legal in a cluster's name, but not there.
  std::string where{cluster};
  std::replace(where.begin(), where.end(), '.', '-');
  return "<" + domain::to_string(l.on) + "." + domain::to_string(l.account) + "@" + where + ".ates>";
}

std::optional<std::string> mailbox(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || address.size() > address_bytes ||
      on_one_line(address) != address)
    return std::nullopt;
  const auto local = address.substr(0, at);
  const auto where = address.substr(at + 1);
  if (!is_dot_atom(where) && !is_domain_literal(where))
    return std::nullopt;
  auto usable = (is_dot_atom(local) ? std::string{local} : quoted_string(local)) + "@" + std::string{where};
  return usable.size() > address_bytes ? std::nullopt : std::optional{std::move(usable)};
}

std::string phrase(std::string_view name) {
  const auto clean = on_one_line(name);
  // What looks like an encoded word would be read as one.
  if (is_ascii(clean) && clean.find("=?") == std::string::npos)
    return quoted_string(clean);
  std::string words;
  for (std::string_view rest{clean}; !rest.empty();) {
    std::size_t taken = 0; // whole characters: each word must be readable by itself
    for (auto next = domain::decode_front(rest).length; taken + next <= encoded_word_bytes;
         next = domain::decode_front(rest.substr(taken)).length) {
      taken += next;
      if (taken == rest.size())
        break;
    }
    words.append(words.empty() ? "" : "\r\n ").append(encoded_word_begin);
    words.append(base64(rest.substr(0, taken))).append(encoded_word_end);
    rest.remove_prefix(taken);
  }
  return words;
}

std::string quoted_printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string lines;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      lines += crlf;
      column = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n';
    const bool plain = (c > ' ' && c < 0x7f && c != '=') || (c == ' ' && !ends_line);
    const std::size_t width = plain ? 1 : 3;
    if (column + width > quoted_printable_characters - 1) { // the last one is for the soft break
      lines.append("=").append(crlf);
      column = 0;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      lines += c;
    else
      lines.append("=").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    column += width;
  }
  return lines;
}

std::optional<std::string> compose(const letter& l, std::string_view from, std::string_view cluster) {
  const auto to = mailbox(l.address);
  const auto sender = mailbox(from);
  if (!to || !sender)
    return std::nullopt;
  std::string text;
  const auto header = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append(crlf);
  };
  header("Date", date_of(l.queued_at));
  header("From", "aTES <" + *sender + ">");
  header("To", phrase(l.name) + "\r\n <" + *to + ">");
  header("Message-ID", message_id(l, cluster));
  header("Subject", "Your payout of " + domain::to_string(l.on) + ": " + decimal(l.amount));
  header("Auto-Submitted", "auto-generated");
  header("MIME-Version", "1.0");
  header("Content-Type", "text/plain; charset=utf-8");
  header("Content-Transfer-Encoding", "quoted-printable");
  return text.append(crlf).append(quoted_printable(body_of(l, on_one_line(l.name))));
}

} // namespace ates::mail
