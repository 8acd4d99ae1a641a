#pragma once
/// The letter about a payout (contract.md B9) as text: RFC 5322, MIME, encoded words of RFC 2047. Pure: the
/// same letter is the same text, byte for byte, however often it is sent.

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ates::mail {

struct letter {
  domain::account_id account;
  domain::day on{};
  domain::cents amount;
  std::string address, name;   ///< of the employee when paid; anything may stand in them
  domain::instant queued_at{}; ///< its Date
};

/// `<2026-11-21.ACCOUNT@CLUSTER.ates>`: the same for each try, unlike that of any other letter of the
/// cluster, so that a letter that arrives twice can be recognised.
std::string message_id(const letter& l, std::string_view cluster);

/// The whole message, lines ended by CRLF and none longer than 998 bytes. Nothing in `name` or `address` can
/// add a line or an address: controls become spaces or make the address unusable. nullopt: no letter can be
/// sent to this address.
std::optional<std::string> compose(const letter& l, std::string_view from, std::string_view cluster);

/// `address` as it stands in a header and, between angle brackets, in an envelope: the local part quoted if
/// need be. nullopt: a control, a domain that no header can hold, or longer than a line may be.
std::optional<std::string> mailbox(std::string_view address);

/// A display name as a phrase: a quoted string, or encoded words of at most 75 characters on lines of their
/// own.
std::string phrase(std::string_view name);

/// UTF-8 text, lines ended by LF, as quoted-printable lines of at most 76 characters ended by CRLF.
std::string quoted_printable(std::string_view text);

/// Cents as a person reads them: "12.05".
std::string decimal(domain::cents amount);

} // namespace ates::mail
