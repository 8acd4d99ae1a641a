#include "http/crypto.hpp"
#include "http/json_in.hpp"
#include "http/refresh_token.hpp"
#include "http/tokens.hpp"
#include "test/http/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <functional>
#include <sys/stat.h>

using namespace ates::http;
using namespace ates::http::test;
using namespace std::chrono_literals;

namespace {

struct token_fixture {
  scratch_folder folder;
  signing_key key{folder.path() / "keys" / "jwt.pem"};
  tokens access{key};
  ates::domain::uuid family = numbered_uuid(7, 9);
  tokens::time_point now{std::chrono::seconds{1'800'000'000}};
  ates::actors::employee who{ates::domain::account_id{numbered_uuid(1, 1)}, "A", "a", "a@b", {}, true, {}};

  json header{{"alg", "ES256"}, {"typ", "at+jwt"}, {"kid", key.kid()}};
  json claims{{"iss", "ates"},        {"aud", "ates"},        {"sub", to_string(who.id)},
              {"name", "A"},          {"role", "worker"},     {"iat", 1'800'000'000},
              {"nbf", 1'800'000'000}, {"exp", 1'800'000'300}, {"jti", "anything"}};

  [[nodiscard]] std::string sign(const json& h, const json& c) const {
    const auto part = base64url(h.dump()) + "." + base64url(c.dump());
    return part + "." + base64url(key.sign(part));
  }
  code refusal_of(const std::string& token) {
    try {
      (void)access.read(token, now);
    } catch (const problem& p) {
      return p.why;
    }
    return code::internal;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(access_tokens, token_fixture)

BOOST_AUTO_TEST_CASE(a_token_of_ours_says_of_which_session_it_is_and_a_strange_one_of_none) {
  BOOST_TEST((access.read(access.make(who, family, now), now).session == family));
  for (const json& id : {json("anything"), json(to_string(family)), json("no-uuid.x"), json("")}) {
    claims["jti"] = id;
    BOOST_TEST(!access.read(sign(header, claims), now).session.has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_token_of_ours_says_who) {
  const auto token = access.make(who, family, now);
  BOOST_TEST((access.read(token, now).account == who.id));
  BOOST_TEST((access.read(token, now).account == who.id)); // remembered
  BOOST_TEST((access.read(sign(header, claims), now).account == who.id));
  const auto first = token.find('.');
  const auto made = json::parse(*parse_base64url(token.substr(first + 1, token.rfind('.') - first - 1)));
  for (const auto* name : {"iss", "aud", "sub", "name", "role", "iat", "nbf", "exp", "jti"})
    BOOST_TEST(made.contains(name));
  BOOST_TEST(made["exp"].get<std::int64_t>() - made["iat"].get<std::int64_t>() == 300);
}

BOOST_AUTO_TEST_CASE(a_token_ends_on_the_second) {
  const auto token = access.make(who, family, now);
  BOOST_TEST((access.read(token, now + 299s).account == who.id));
  now += 300s;
  BOOST_TEST((refusal_of(token) == code::token_expired));
}

BOOST_AUTO_TEST_CASE(a_header_that_is_not_exactly_ours_is_refused) {
  const std::function<void(json&)> edits[] = {
      [](json& h) { h["alg"] = "none"; },
      [](json& h) { h["alg"] = "HS256"; },
      [](json& h) { h["alg"] = "es256"; },
      [](json& h) { h["alg"] = "ES384"; },
      [](json& h) { h.erase("alg"); },
      [](json& h) { h["alg"] = json::array({"ES256"}); },
      [](json& h) { h["typ"] = "JWT"; },
      [](json& h) { h.erase("typ"); },
      [](json& h) { h["kid"] = "other"; },
      [](json& h) { h.erase("kid"); },
      [](json& h) { h["alg"] = "None"; },
      [](json& h) { h["alg"] = ""; },
      [](json& h) { h["alg"] = nullptr; },
      [](json& h) { h["alg"] = "RS256"; },
      [](json& h) { h["alg"] = "ES256K"; },
      [](json& h) { h["alg"] = "ES256 "; },
      [](json& h) { h["typ"] = 7; },
      [](json& h) { h["kid"] = ""; },
      [](json& h) { h["kid"] = "../../../../dev/null"; },
      [](json& h) { h["kid"] = "' or ''='"; },
      [](json& h) { h["kid"] = json::array({h["kid"]}); },
      [](json& h) { h["crit"] = json::array(); },
      [](json& h) { h["crit"] = json::array({"exp"}); },
      [](json& h) {
        h["crit"] = json::array({"b64"});
        h["b64"] = false;
      },
      [](json& h) { h["crit"] = nullptr; },
  };
  for (const auto& edit : edits) {
    auto edited = header;
    edit(edited);
    BOOST_TEST_CONTEXT(edited) {
      BOOST_TEST((refusal_of(sign(edited, claims)) == code::unauthenticated));
    }
  }
}

BOOST_AUTO_TEST_CASE(claims_that_are_not_for_us_are_refused) {
  const std::function<void(json&)> edits[] = {
      [](json& c) { c["iss"] = "other"; },
      [](json& c) { c.erase("iss"); },
      [](json& c) { c["aud"] = "other"; },
      [](json& c) { c["aud"] = json::array({"other"}); },
      [](json& c) { c.erase("aud"); },
      [](json& c) { c["iss"] = json::array({"ates"}); },
      [](json& c) { c["iss"] = "ATES"; },
      [](json& c) { c["iss"] = "ates "; },
      [](json& c) { c["aud"] = json::array(); },
      [](json& c) {
        c["aud"] = json::array({"ates", 7});
      },
      [](json& c) {
        c["aud"] = {{"ates", true}};
      },
      [](json& c) { c["aud"] = nullptr; },
      [](json& c) { c["sub"] = nullptr; },
      [](json& c) { c["sub"] = ""; },
      [](json& c) { c["sub"] = json::array({c["sub"]}); },
      [](json& c) { c["sub"] = c["sub"].get<std::string>() + " "; },
      [](json& c) { c.erase("iat"); },
      [](json& c) { c["iat"] = "now"; },
      [](json& c) { c["jti"] = 7; },
      [](json& c) { c["jti"] = nullptr; },
      [](json& c) { c["name"] = 7; },
      [](json& c) { c["role"] = json::array({"admin"}); },
      [](json& c) { c["sub"] = "nobody"; },
      [](json& c) { c["sub"] = 7; },
      [](json& c) { c.erase("sub"); },
      [](json& c) { c.erase("exp"); },
      [](json& c) { c["exp"] = "1800000300"; },
      [](json& c) { c["exp"] = nullptr; },
      [](json& c) { c["exp"] = true; },
      [](json& c) { c["exp"] = json::array({1'800'000'300}); },
      [](json& c) { c.erase("nbf"); },
      [](json& c) { c["nbf"] = "1800000000"; },
      [](json& c) { c["nbf"] = 1'800'000'100; },
      [](json& c) { c["nbf"] = 1e300; },
      [](json& c) { c["nbf"] = INT64_MAX; },
  };
  for (const auto& edit : edits) {
    auto edited = claims;
    edit(edited);
    BOOST_TEST_CONTEXT(edited) {
      BOOST_TEST((refusal_of(sign(header, edited)) == code::unauthenticated));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_token_may_say_beside_that_changes_nothing) {
  const std::function<void(json&, json&)> edits[] = {
      [](json& h, json&) { h["cty"] = "anything"; },
      // Keys that a token brings along, or names, are never looked at.
      [](json& h, json&) { h["jku"] = "http://127.0.0.1/keys"; },
      [](json& h, json&) { h["x5c"] = json::array({"AAAA"}); },
      [](json&, json& c) {
        c["aud"] = json::array({"other", "ates"});
      },
      [](json&, json& c) { c["role"] = "admin"; },
      [](json&, json& c) { c.erase("jti"); },
      [](json&, json& c) {
        c["more"] = {{"deep", json::array({1, 2.5, nullptr})}};
      },
  };
  for (const auto& edit : edits) {
    auto h = header;
    auto c = claims;
    edit(h, c);
    BOOST_TEST_CONTEXT(h << c) {
      BOOST_TEST((access.read(sign(h, c), now).account == who.id));
    }
  }
}

BOOST_AUTO_TEST_CASE(dates_may_have_fractions_and_never_stretch_a_token) {
  claims["iat"] = claims["nbf"] = 1'799'999'999.25;
  claims["exp"] = 1'800'000'010.75;
  const auto token = sign(header, claims);
  BOOST_TEST((access.read(token, now + 9s).account == who.id));
  now += 10s;
  BOOST_TEST((refusal_of(token) == code::token_expired));
  claims["exp"] = 1e300;
  BOOST_TEST((access.read(sign(header, claims), now).account == who.id));
  claims["exp"] = -1e300;
  BOOST_TEST((refusal_of(sign(header, claims)) == code::token_expired));
}

BOOST_AUTO_TEST_CASE(a_key_that_a_token_brings_along_is_not_used) {
  const signing_key other(folder.path() / "other.pem");
  auto h = header;
  const auto jwk = json::parse(other.jwks())["keys"][0];
  h["jwk"] = jwk;
  for (const auto& kid : {jwk["kid"], header["kid"]}) {
    h["kid"] = kid;
    const auto part = base64url(h.dump()) + "." + base64url(claims.dump());
    BOOST_TEST((refusal_of(part + "." + base64url(other.sign(part))) == code::unauthenticated));
  }
}

BOOST_AUTO_TEST_CASE(a_signature_that_is_none_is_refused) {
  const auto part = base64url(header.dump()) + "." + base64url(claims.dump());
  const auto good = key.sign(part);
  const auto half = good.substr(0, 32);
  const std::string zero(32, '\0'), full(32, '\xff');
  for (const auto& bad : {std::string(), zero + zero, half + zero, zero + good.substr(32), full + full,
                          good.substr(0, 63), good + std::string(1, '\0'), good.substr(32) + half,
                          std::string("\x30\x06\x02\x01\x00\x02\x01\x00", 8)})
    BOOST_TEST((refusal_of(part + "." + base64url(bad)) == code::unauthenticated));
}

BOOST_AUTO_TEST_CASE(parts_that_are_no_json_objects_are_refused) {
  const auto signed_with = [&](const std::string& h, const std::string& c) {
    const auto part = base64url(h) + "." + base64url(c);
    return part + "." + base64url(key.sign(part));
  };
  const auto good_header = header.dump();
  const auto good_claims = claims.dump();
  for (const std::string bad :
       {"", "null", "[]", "\"ates\"", "7", "{", "{}{}", "\xEF\xBB\xBF{}", "{\"a\":\xff}"})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST((refusal_of(signed_with(bad, good_claims)) == code::unauthenticated));
      BOOST_TEST((refusal_of(signed_with(good_header, bad)) == code::unauthenticated));
    }
  const auto twice = [](const std::string& object, const std::string& member) {
    return object.substr(0, object.size() - 1) + "," + member + "}";
  };
  for (const auto* member : {R"("alg":"none")", R"("alg":"ES256")", R"("\u0061lg":"ES256")"})
    BOOST_TEST((refusal_of(signed_with(twice(good_header, member), good_claims)) == code::unauthenticated));
  for (const auto* member : {R"("exp":9800000300)", R"("aud":"ates")", R"("\u0073ub":"x")"})
    BOOST_TEST((refusal_of(signed_with(good_header, twice(good_claims, member))) == code::unauthenticated));
}

BOOST_AUTO_TEST_CASE(an_unsigned_token_is_refused_whatever_its_header_says) {
  auto none = header;
  none["alg"] = "none";
  const auto part = base64url(none.dump()) + "." + base64url(claims.dump()) + ".";
  BOOST_TEST((refusal_of(part) == code::unauthenticated));
  BOOST_TEST(
      (refusal_of(base64url(header.dump()) + "." + base64url(claims.dump()) + ".") == code::unauthenticated));
}

BOOST_AUTO_TEST_CASE(the_public_key_is_no_secret_to_sign_with) {
  auto symmetric = header;
  symmetric["alg"] = "HS256";
  for (const auto& secret : {key.jwks(), json::parse(key.jwks())["keys"][0].dump(), std::string()}) {
    const auto part = base64url(symmetric.dump()) + "." + base64url(claims.dump());
    BOOST_TEST((refusal_of(part + "." + base64url(hmac_sha256(secret, part))) == code::unauthenticated));
  }
}

BOOST_AUTO_TEST_CASE(another_key_is_refused_even_under_our_name) {
  const signing_key other(folder.path() / "other.pem");
  const auto part = base64url(header.dump()) + "." + base64url(claims.dump());
  BOOST_TEST((refusal_of(part + "." + base64url(other.sign(part))) == code::unauthenticated));
}

BOOST_AUTO_TEST_CASE(no_edited_token_is_accepted) {
  const auto good = sign(header, claims);
  BOOST_TEST((access.read(good, now).account == who.id));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto edited = good;
    edited[i] = edited[i] == 'A' ? 'B' : 'A';
    BOOST_TEST_CONTEXT(edited) {
      BOOST_TEST((refusal_of(edited) == code::unauthenticated));
    }
  }
  const auto signature = good.rfind('.');
  auto standard = good; // the other alphabet
  std::replace(standard.begin(), standard.end(), '_', '/');
  std::replace(standard.begin(), standard.end(), '-', '+');
  BOOST_TEST_WARN(standard != good);
  for (const auto& bad : {std::string(),
                          std::string("."),
                          std::string(".."),
                          std::string("..."),
                          good + ".",
                          good + "=",
                          good + "==",
                          good + "A",
                          " " + good,
                          good + " ",
                          good + "\n",
                          "." + good,
                          good + "." + good,
                          good.substr(0, good.size() - 1),
                          good.substr(0, signature),
                          good.substr(0, signature + 1),
                          good.substr(good.find('.')),
                          good.substr(0, signature) + "=." + good.substr(signature + 1),
                          standard == good ? std::string() : standard,
                          std::string(5000, 'a'),
                          std::string(4096, '.')})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST((refusal_of(bad) == code::unauthenticated));
    }
}

BOOST_AUTO_TEST_CASE(claims_with_the_same_key_twice_are_refused) {
  const auto text = claims.dump();
  const auto doubled = text.substr(0, text.size() - 1) + R"(,"sub":"00000000-0000-4000-8000-000000000001"})";
  const auto part = base64url(header.dump()) + "." + base64url(doubled);
  BOOST_TEST((refusal_of(part + "." + base64url(key.sign(part))) == code::unauthenticated));
}

BOOST_AUTO_TEST_CASE(the_key_file_is_private_and_read_again) {
  const auto path = folder.path() / "keys" / "jwt.pem";
  struct stat about {};
  BOOST_REQUIRE(::stat(path.c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 0777U) == 0600U);
  BOOST_TEST(signing_key(path).kid() == key.kid());
  const auto all = std::filesystem::directory_iterator(path.parent_path());
  BOOST_TEST(std::distance(begin(all), end(all)) == 1); // no draft is left behind
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_p256_key_stops_the_start) {
  const auto path = folder.path() / "bad.pem";
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fputs("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", file);
  std::fclose(file);
  BOOST_CHECK_THROW(signing_key{path}, std::runtime_error);
}

BOOST_AUTO_TEST_CASE(the_jwk_set_has_the_public_half_only) {
  const auto jwk = json::parse(key.jwks())["keys"][0];
  BOOST_TEST(!jwk.contains("d"));
  BOOST_TEST(jwk["kid"] == key.kid());
  BOOST_TEST(parse_base64url(jwk["x"].get<std::string>())->size() == 32U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(encodings)

BOOST_AUTO_TEST_CASE(base64url_goes_there_and_back) {
  for (std::size_t n = 0; n < 70; ++n) {
    const auto bytes = random_bytes(n);
    BOOST_TEST((parse_base64url(base64url(bytes)) == bytes));
  }
  BOOST_TEST(base64url("\xff\xfe\xfd") == "__79");
}

BOOST_AUTO_TEST_CASE(every_value_has_exactly_one_text) {
  for (const std::string bad : {"A", "AB", "AAB", "AA==", "A+", "A/", "AAAA\n", "AA AA"})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!parse_base64url(bad).has_value());
    }
  BOOST_TEST(parse_base64("aGk=").value() == "hi");
  for (const std::string bad : {"aGk", "aGl=", "aG==k", "====", "a-_=", "A==="})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!parse_base64(bad).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_refresh_token_goes_there_and_back) {
  const refresh_token token{ates::domain::account_id{numbered_uuid(1, 2)}, numbered_uuid(7, 3),
                            random_bytes(32)};
  const auto text = to_string(token);
  const auto read = parse_refresh_token(text);
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST((read->account == token.account));
  BOOST_TEST((read->family == token.family));
  BOOST_TEST(read->secret_hash() == token.secret_hash());
  for (const auto& bad : {std::string(), std::string("."), text + "A", text.substr(0, text.size() - 1),
                          "x" + text, text.substr(37)})
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!parse_refresh_token(bad).has_value());
    }
}

BOOST_AUTO_TEST_SUITE_END()
