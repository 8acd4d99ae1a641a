#pragma once
/// Access tokens without signing in, which costs a slow hash each; good for five minutes.

#include "domain/ids.hpp"
#include "http/tokens.hpp"

#include <chrono>
#include <string>

namespace ates::bench {

class token_maker {
public:
  /// `key`: the PEM file of the node's signing key.
  explicit token_maker(const std::string& key) : key_(key), tokens_(key_) {}

  std::string of(const std::string& account, domain::role role) {
    actors::employee who;
    who.id = {domain::parse_uuid(account).value()};
    who.name = "Bench";
    who.role = role;
    return tokens_.make(who, who.id.value, std::chrono::system_clock::now());
  }

private:
  http::signing_key key_;
  http::tokens tokens_;
};

} // namespace ates::bench
