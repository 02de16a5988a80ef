// SPDX-License-Identifier: Apache-2.0
//
// Goal: ids and payloads are valid exactly as their pages say. Method: the pages' examples, one
// broken encoding a rule, and random bytes.
#include "tools/inspect/value_decoder.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "tests/support/test_seed.h"
#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

TEST_CASE("ids of the page") {
  CHECK(PointIdText(Bytes({0, 0, 0, 0, 0, 0, 0, 1, 0})) == "256");
  CHECK_FALSE(PointIdFault(Bytes({0, 255, 255, 255, 255, 255, 255, 255, 255})).has_value());
  CHECK(PointIdText(Bytes({1, 0x64, 0x6f, 0x63, 0x2d, 0x31, 0x23, 0x32})) == "'doc-1#2'");
  CHECK_FALSE(PointIdFault(Bytes({1, 0xc3, 0xa9})).has_value());
  for (const std::string& wrong :
       {std::string(), Bytes({0}), Bytes({1}), Bytes({2, 1}), Bytes({0, 1, 2, 3, 4, 5, 6, 7}),
        Bytes({1, 0xc0, 0x80}), Bytes({1, 0xed, 0xa0, 0x80}), Bytes({1, 0xf4, 0x90, 0x80, 0x80}),
        "\x01" + std::string(257, 'a')}) {
    CHECK(PointIdFault(wrong).has_value());
  }
}

TEST_CASE("the payload of the page") {
  const std::string bytes = tests::PlainExample("payload_format.md", "```hex");
  CHECK_FALSE(PayloadFault(bytes).has_value());
  CHECK(PayloadText(bytes) ==
        R"({"lang":"en","year":2024,"big":18446744073709551615,"x":1.0,"tags":["a",null],)"
        R"("m":{"ok":true}})");
  CHECK_FALSE(PayloadFault("").has_value());
  for (size_t size = 1; size < bytes.size(); ++size) {
    CHECK(PayloadFault(std::string_view(bytes).substr(0, size)).has_value());
  }
  CHECK(PayloadFault(bytes + "x").has_value());
}

TEST_CASE("each rule of the page refuses") {
  const auto member = [](const std::string& value) {
    return Bytes({1, 0, 0, 0, 1, 0}) + "k" + value;
  };
  CHECK_FALSE(PayloadFault(member(Bytes({0}))).has_value());
  for (const std::string& value : {
           Bytes({9}),                                      // unknown tag
           Bytes({4, 1, 0, 0, 0, 0, 0, 0, 0}),              // fits tag 3
           Bytes({5, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f}),        // infinity
           Bytes({6, 1, 0, 0, 0, 0x80}),                    // not UTF-8
           Bytes({7, 1, 0, 0, 0, 2, 0, 0, 0, 0}),           // two elements in one byte
           Bytes({7, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0}),        // one element in two bytes
           Bytes({8, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}),  // longer than the payload
       }) {
    CHECK(PayloadFault(member(value)).has_value());
  }
  CHECK(PayloadFault(Bytes({2, 0, 0, 0, 1, 0}) + "k" + Bytes({0, 1, 0}) + "k" + Bytes({0}))
            .has_value());
  CHECK(PayloadFault(Bytes({0, 0, 0, 0})).has_value());
  CHECK(PayloadFault(Bytes({0xff, 0xff, 0xff, 0xff})).has_value());
}

TEST_CASE("32 containers are taken, 33 are not, and thousands cost nothing") {
  const auto nested = [](size_t depth) {
    std::string value = Bytes({0});
    for (size_t i = 0; i < depth; ++i) {
      const auto size = static_cast<int>(value.size());
      value = Bytes({7, size & 255, size >> 8 & 255, size >> 16, 0, 1, 0, 0, 0}) + value;
    }
    return Bytes({1, 0, 0, 0, 1, 0}) + "k" + value;
  };
  CHECK_FALSE(PayloadFault(nested(31)).has_value());
  CHECK(PayloadFault(nested(32)).has_value());
  CHECK(PayloadFault(nested(20000)).has_value());
}

TEST_CASE("random bytes never do harm") {
  const uint64_t seed = tests::TestSeed(11);
  INFO("PERIGEE_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  const std::string example = tests::PlainExample("payload_format.md", "```hex");
  for (int i = 0; i < 50000; ++i) {
    std::string changed = example;
    for (uint64_t n = random() % 5 + 1; n > 0; --n) {
      changed[random() % changed.size()] = static_cast<char>(random() % 3 == 0 ? random() : n);
    }
    if (!PayloadFault(changed).has_value()) {
      CHECK_FALSE(PayloadText(changed).empty());
    }
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
