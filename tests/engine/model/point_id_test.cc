// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/point_id.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "tests/engine/document.h"
#include "tests/support/test_seed.h"

namespace perigee {
namespace {

TEST_CASE("the examples of the format page are what ids encode to and decode from") {
  const auto rows = tests::TableRows("docs/formats/point_id_format.md", 2);
  REQUIRE(rows.size() >= 4);
  for (const auto& row : rows) {
    CAPTURE(row[0]);
    const bool is_string = row[0].front() == '\'';
    const PointId id = is_string ? PointId(row[0].substr(1, row[0].size() - 2))
                                 : PointId(uint64_t{std::stoull(row[0])});
    CHECK(id.Encode() == tests::FromHex(row[1]));
    const absl::StatusOr<PointId> decoded = PointId::Decode(tests::FromHex(row[1]));
    REQUIRE(decoded.ok());
    CHECK(*decoded == id);
  }
}

TEST_CASE("order of ids is the order of their encodings") {
  const uint64_t seed = tests::TestSeed(20);
  INFO("PERIGEE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::vector<PointId> ids = {uint64_t{0}, 1,   255,   256, std::numeric_limits<uint64_t>::max(),
                              "",          "7", "\xFF"};
  for (int i = 0; i < 100; ++i) ids.emplace_back(uint64_t{random()} >> (random() % 64));
  for (int i = 0; i < 100; ++i) {
    std::string text(random() % 6, 'a');
    for (char& c : text) c = static_cast<char>(random());
    ids.emplace_back(text);
  }
  for (const PointId& a : ids) {
    for (const PointId& b : ids) {
      CHECK((a < b) == (a.Encode() < b.Encode()));
      CHECK((a == b) == (a.Encode() == b.Encode()));
    }
  }
}

TEST_CASE("an integer and the string of its digits differ") {
  CHECK(PointId(7) != PointId("7"));
  CHECK(PointId(7).ToString() == "7");
  CHECK(PointId("7").ToString() == "7");
  CHECK(PointId(7).Encode() == PointId::EncodeInteger(7));
}

TEST_CASE("string ids are 1 to 256 bytes of UTF-8") {
  CHECK(Validate(PointId()).ok());
  CHECK(Validate(PointId("a")).ok());
  CHECK(Validate(PointId(std::string(256, 'x'))).ok());
  for (const std::string& bad : {std::string(), std::string(257, 'x'), std::string("a\xFF")}) {
    CHECK(absl::IsInvalidArgument(Validate(PointId(bad))));
    CHECK(absl::IsInvalidArgument(PointId::Decode("\x01" + bad).status()));
  }
}

TEST_CASE("encoded bytes that no id has are refused") {
  for (const std::string& bad :
       {std::string(), std::string("\x02z"), std::string(8, '\0'), std::string(10, '\0')}) {
    CHECK(absl::IsInvalidArgument(ValidateEncodedPointId(bad)));
    CHECK(absl::IsInvalidArgument(PointId::Decode(bad).status()));
  }
  CHECK(ValidateEncodedPointId(std::string(9, '\0')).ok());
}

}  // namespace
}  // namespace perigee
