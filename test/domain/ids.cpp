#include "domain/ids.hpp"

#include "test/domain/values.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace ates::domain;
using namespace ates::test;

BOOST_AUTO_TEST_SUITE(ids)

BOOST_AUTO_TEST_CASE(an_id_is_written_in_lower_case_and_read_back_in_either_case) {
  const auto id = parse_uuid("00112233-4455-6677-8899-AaBbCcDdEeFf");
  BOOST_REQUIRE(id);
  BOOST_TEST(to_string(*id) == "00112233-4455-6677-8899-aabbccddeeff");
  BOOST_TEST(to_string(task_id{*id}) == "00112233-4455-6677-8899-aabbccddeeff");
  BOOST_TEST(id->bytes[1] == 0x11);
  BOOST_TEST(id->bytes[15] == 0xff);
}

BOOST_AUTO_TEST_CASE(every_random_id_survives_text) {
  seeded_dice dice(1);
  for (int i = 0; i < 10'000; ++i) {
    uuid id;
    for (auto& byte : id.bytes)
      byte = static_cast<std::uint8_t>(dice.roll());
    BOOST_REQUIRE(parse_uuid(to_string(id)) == id);
  }
}

BOOST_AUTO_TEST_CASE(anything_but_the_36_characters_is_no_id) {
  for (const std::string text :
       {"", "0", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "{0112233-4455-6677-8899-aabbccddeef}", "001122334455-6677-8899-aabbccddeeff-",
        "00112233445566778899aabbccddeeff", "00112233_4455-6677-8899-aabbccddeeff",
        "00112233-4455_6677-8899-aabbccddeeff", "00112233-4455-6677_8899-aabbccddeeff",
        "00112233-4455-6677-8899_aabbccddeeff", "g0112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeefG", "0011223--4455-6677-8899-aabbccddeeff",
        " 0112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddee\xc3\xa4"})
    BOOST_TEST(!parse_uuid(text), text);
}

BOOST_AUTO_TEST_CASE(no_other_byte_at_any_place_of_an_id_is_accepted) {
  const std::string good = "00112233-4455-6677-8899-aabbccddeeff";
  for (std::size_t place = 0; place < good.size(); ++place)
    for (int byte = 0; byte < 256; ++byte) {
      auto text = good;
      text[place] = static_cast<char>(byte);
      const bool dash = good[place] == '-';
      const bool legal = dash ? byte == '-' : std::isxdigit(byte) != 0;
      BOOST_REQUIRE_MESSAGE(parse_uuid(text).has_value() == legal, "place " << place << " byte " << byte);
    }
}

BOOST_AUTO_TEST_CASE(version_5_agrees_with_other_implementations) {
  const auto dns = id_of("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  const auto url = id_of("6ba7b811-9dad-11d1-80b4-00c04fd430c8");
  BOOST_TEST(to_string(uuid_v5(dns, "www.example.com")) == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  BOOST_TEST(to_string(uuid_v5(url, "Gr\xc3\xbc\xc3\x9f"
                                    "e")) == "a41f3a6f-f8a2-5986-8f93-b5b8dfbfb0b9");
  BOOST_TEST(to_string(uuid_v5(url, "")) == "1b4db7eb-4057-5ddf-91e0-36dec72071f5");
  BOOST_TEST(to_string(uuid_v5(url, std::string(1000, 'a'))) == "7f46a8f9-f8ba-5a67-983a-ffc2101475df");
}

BOOST_AUTO_TEST_CASE(version_4_keeps_the_random_bits_and_sets_version_and_variant) {
  std::array<std::uint8_t, 16> bytes{};
  BOOST_TEST(to_string(uuid_v4(bytes)) == "00000000-0000-4000-8000-000000000000");
  bytes.fill(0xff);
  BOOST_TEST(to_string(uuid_v4(bytes)) == "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

BOOST_AUTO_TEST_CASE(the_shard_of_an_id_never_changes) {
  struct row {
    const char* id;
    std::array<unsigned, 4> shards; // of 1, 3, 64, 1024
  };
  for (const row& r : {row{"00000000-0000-0000-0000-000000000000", {0, 0, 47, 623}},
                       row{"00112233-4455-6677-8899-aabbccddeeff", {0, 0, 6, 646}},
                       row{"ffffffff-ffff-ffff-ffff-ffffffffffff", {0, 2, 54, 310}},
                       row{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", {0, 2, 5, 965}}}) {
    const auto id = id_of(r.id);
    BOOST_TEST(shard_of(id, 1) == r.shards[0], r.id);
    BOOST_TEST(shard_of(id, 3) == r.shards[1], r.id);
    BOOST_TEST(shard_of(id, 64) == r.shards[2], r.id);
    BOOST_TEST(shard_of(id, 1024) == r.shards[3], r.id);
  }
}

BOOST_AUTO_TEST_CASE(shards_fill_evenly_also_with_ids_that_differ_in_one_byte_or_two) {
  constexpr shard_number shards = 64;
  for (std::size_t place = 0; place + 1 < 16; ++place) {
    std::vector<std::uint64_t> cells(shards);
    for (unsigned n = 0; n < 65'536; ++n) {
      uuid id;
      id.bytes[place] = static_cast<std::uint8_t>(n >> 8);
      id.bytes[place + 1] = static_cast<std::uint8_t>(n);
      ++cells[shard_of(id, shards)];
    }
    BOOST_TEST(chi_square(cells) < 63 + 6 * 11.3, "varying bytes " << place << " and " << place + 1);
  }
}

BOOST_AUTO_TEST_CASE(ids_are_ordered_as_their_text) {
  std::vector<uuid> ids;
  seeded_dice dice(2);
  for (int i = 0; i < 200; ++i) {
    uuid id;
    for (auto& byte : id.bytes)
      byte = static_cast<std::uint8_t>(dice.roll());
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  for (std::size_t i = 1; i < ids.size(); ++i)
    BOOST_TEST(to_string(ids[i - 1]) < to_string(ids[i]));
}

BOOST_AUTO_TEST_SUITE_END()
