// SPDX-License-Identifier: Apache-2.0
#include "engine/payload/payload_codec.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "engine/model/payload_measure.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/document.h"
#include "tests/engine/random_filter.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void Damaged(const std::string& bytes) {
  const absl::Status status = DecodePayload(Bytes(bytes)).status();
  CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
}

/// Bytes either are refused as damage or decode to a valid payload that has exactly these bytes.
void DamagedOrValid(const std::string& bytes) {
  const absl::StatusOr<Payload> payload = DecodePayload(Bytes(bytes));
  if (payload.ok()) {
    CHECK(Validate(*payload).ok());
    CHECK(EncodePayload(*payload) == bytes);
  } else {
    CHECK(GetErrorReason(payload.status()) == ErrorReason::kDamaged);
  }
}

/// What stands between ```language and ``` on a page.
std::string Fenced(const std::string& page, const std::string& language) {
  const size_t begin = page.find("```" + language + "\n") + 4 + language.size();
  return page.substr(begin, page.find("\n```", begin) - begin);
}

TEST_CASE("the example of the format page encodes and decodes") {
  const std::string page = tests::ReadDocument("docs/formats/payload_format.md");
  const absl::StatusOr<Payload> payload = ParsePayloadJson(Fenced(page, "json"));
  REQUIRE(payload.ok());
  const std::string bytes = tests::FromHex(Fenced(page, "hex"));
  CHECK(EncodePayload(*payload) == bytes);
  const absl::StatusOr<Payload> decoded = DecodePayload(Bytes(bytes));
  REQUIRE(decoded.ok());
  CHECK(*decoded == *payload);
}

TEST_CASE("an empty payload is no bytes") {
  CHECK(EncodePayload({}).empty());
  CHECK(DecodePayload({})->empty());
  Damaged(std::string(4, '\0'));
}

TEST_CASE("random payloads come back as they were and have the bytes that limits count") {
  const uint64_t seed = tests::TestSeed(40);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  for (int i = 0; i < 3'000; ++i) {
    const Payload payload = random.NextPayload();
    const std::string bytes = EncodePayload(payload);
    CHECK(bytes.size() == StoredBytes(payload));
    const absl::StatusOr<Payload> decoded = DecodePayload(Bytes(bytes));
    REQUIRE(decoded.ok());
    CHECK(*decoded == payload);
    CHECK(ToJson(*decoded) == ToJson(payload));  // tells 1 from 1.0
  }
}

TEST_CASE("payloads at the limits fit") {
  Payload keys;
  for (int i = 0; i < 1'024; ++i) keys.emplace_back(std::to_string(i), std::string(200, 'x'));
  REQUIRE(Validate(keys).ok());
  CHECK(*DecodePayload(Bytes(EncodePayload(keys))) == keys);
  PayloadValue nested = 1;
  for (int i = 0; i < 31; ++i) nested = PayloadArray{std::move(nested)};
  const Payload deep = {{std::string(256, 'k'), std::move(nested)}};
  REQUIRE(Validate(deep).ok());
  CHECK(*DecodePayload(Bytes(EncodePayload(deep))) == deep);
}

TEST_CASE("a payload cut short anywhere is damage") {
  const uint64_t seed = tests::TestSeed(41);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  for (int i = 0; i < 60; ++i) {
    const std::string bytes = EncodePayload(random.NextPayload());
    for (size_t size = 1; size < bytes.size(); ++size) Damaged(bytes.substr(0, size));
    if (!bytes.empty()) Damaged(bytes + '\0');
  }
}

TEST_CASE("flipped bits are damage or another valid payload") {
  const uint64_t seed = tests::TestSeed(42);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  for (int i = 0; i < 40; ++i) {
    std::string bytes = EncodePayload(random.NextPayload());
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const char mask = static_cast<char>(1U << (bit % 8));
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
      DamagedOrValid(bytes);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    }
    for (int j = 0; j < 200 && !bytes.empty(); ++j) {
      std::string noise = bytes;
      for (int k = 0; k < 4; ++k)
        noise[random.Below(noise.size())] = static_cast<char>(random.Below(256));
      DamagedOrValid(noise);
    }
  }
}

TEST_CASE("hostile counts lengths and depths are refused") {
  const std::string one_member("\x01\0\0\0\x01\0k", 7);
  Damaged(std::string("\xFF\xFF\xFF\xFF", 4));
  Damaged(one_member + std::string("\x06\xFF\xFF\xFF\xFF", 5));
  Damaged(one_member + std::string("\x07\x04\0\0\0\xFF\xFF\xFF\xFF\0\0\0\0", 13));
  Damaged(one_member + std::string("\x04\x01\0\0\0\0\0\0\0", 9));    // fits int64
  Damaged(one_member + std::string("\x05\0\0\0\0\0\0\xF0\x7F", 9));  // infinity
  Damaged(one_member + std::string("\x06\x01\0\0\0\xFF", 6));        // no UTF-8
  Damaged(std::string("\x02\0\0\0\x01\0k\0\x01\0k\0", 12));          // a key twice
  std::string nested = std::string(1, '\0');
  for (int i = 0; i < 10'000; ++i) {
    const auto size = static_cast<uint32_t>(nested.size());
    std::string header = "\x07";
    for (int shift = 0; shift < 32; shift += 8) header += static_cast<char>(size >> shift);
    nested = header + std::string("\x01\0\0\0", 4) + nested;
  }
  Damaged(one_member + nested);
  Damaged(std::string(300'000, '\0'));
}

}  // namespace
}  // namespace perigee::engine
