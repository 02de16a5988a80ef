// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/identity.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

// With the checksum made right again, as a writer of another version would have it.
std::string WithChecksum(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  ByteWriter writer;
  writer.Bytes(bytes);
  writer.U32(Crc32c(AsBytes(bytes)));
  return writer.Take();
}

std::string WithByte(const Identity& identity, size_t offset, char value) {
  std::string bytes = EncodeIdentity(identity);
  bytes[offset] = value;
  return WithChecksum(bytes);
}

std::optional<ErrorReason> RefusalOf(const std::string& bytes) {
  const auto decoded = DecodeIdentity(AsBytes(bytes));
  REQUIRE_FALSE(decoded.ok());
  return GetErrorReason(decoded.status());
}

TEST_CASE("an identity survives encoding") {
  const Identity identity = NewIdentity(
      {.log_file_bytes = 64U << 10U, .section_alignment_bytes = 4096, .reserve_bytes = 8192});
  const std::string bytes = EncodeIdentity(identity);
  CHECK(bytes.size() == kIdentityBytes);
  const auto decoded = DecodeIdentity(AsBytes(bytes));
  REQUIRE(decoded.ok());
  CHECK(*decoded == identity);
  CHECK(NewIdentity({}).database_uuid != NewIdentity({}).database_uuid);
  CHECK(NewIdentity({}).bucket_seed != NewIdentity({}).bucket_seed);
}

TEST_CASE("every cut and every flipped bit of an identity is refused") {
  const std::string bytes = EncodeIdentity(NewIdentity({}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK(RefusalOf(bytes.substr(0, length)) == ErrorReason::kDamaged);
  }
  CHECK(RefusalOf(bytes + '\0') == ErrorReason::kDamaged);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(RefusalOf(flipped) == ErrorReason::kDamaged);
  }
}

TEST_CASE("other versions and features are told apart from damage") {
  Identity identity = NewIdentity({});
  CHECK(RefusalOf(WithByte(identity, 8, 2)) == ErrorReason::kUnknownFormat);
  identity.features.compat = 1;
  CHECK(DecodeIdentity(AsBytes(EncodeIdentity(identity))).ok());
  CHECK(CheckWritable(identity).ok());
  identity.features.ro_compat = 4;
  const auto readable = DecodeIdentity(AsBytes(EncodeIdentity(identity)));
  REQUIRE(readable.ok());
  CHECK(GetErrorReason(CheckWritable(*readable)) == ErrorReason::kUnknownFormat);
  identity.features.incompat = 1ULL << 63U;
  CHECK(RefusalOf(EncodeIdentity(identity)) == ErrorReason::kUnknownFormat);
}

TEST_CASE("values outside their limits are refused in spite of a right checksum") {
  const Identity identity = NewIdentity({});
  CHECK(RefusalOf(WithByte(identity, 0, 'Q')) == ErrorReason::kDamaged);  // magic
  CHECK(RefusalOf(WithByte(identity, 12, 1)) == ErrorReason::kDamaged);   // reserved
  CHECK(RefusalOf(WithByte(identity, 56, 1)) == ErrorReason::kDamaged);   // log_file_bytes
  CHECK(RefusalOf(WithByte(identity, 64, 1)) == ErrorReason::kDamaged);   // reserve_bytes
  CHECK(RefusalOf(WithByte(identity, 72, 1)) == ErrorReason::kDamaged);   // alignment
  CHECK(RefusalOf(WithByte(identity, 76, 2)) == ErrorReason::kDamaged);   // bucket function
  CHECK(RefusalOf(WithByte(identity, 123, 1)) == ErrorReason::kDamaged);  // reserved
  Identity nil = identity;
  nil.database_uuid = Uuid();
  CHECK(RefusalOf(EncodeIdentity(nil)) == ErrorReason::kDamaged);
}

TEST_CASE("creation parameters have limits") {
  const auto refused = [](const CreationParameters& parameters) {
    return GetErrorReason(ValidateCreationParameters(parameters)) == ErrorReason::kLimit;
  };
  CHECK(ValidateCreationParameters({}).ok());
  CHECK(refused({.log_file_bytes = 0}));
  CHECK(refused({.log_file_bytes = CreationParameters::kLogFileBytesMin - 4096}));
  CHECK(refused({.log_file_bytes = CreationParameters::kLogFileBytesMin + 1}));
  CHECK(refused({.log_file_bytes = CreationParameters::kLogFileBytesMax + 4096}));
  CHECK(refused({.section_alignment_bytes = 8192}));
  CHECK(refused({.reserve_bytes = 1}));
  CHECK(refused({.reserve_bytes = CreationParameters::kReserveBytesMax + 4096}));
}

TEST_CASE("buckets are a function of seed and id for ever") {
  CHECK(BucketOf(0, "") == 1455);  // Python: hashlib.sha256(bytes(8)).digest()[:8]
  std::set<uint32_t> buckets;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t bucket = BucketOf(7, std::to_string(i));
    CHECK(bucket < 4096);
    CHECK(bucket == BucketOf(7, std::to_string(i)));
    buckets.insert(bucket);
  }
  CHECK(buckets.size() > 800);
  CHECK(BucketOf(1, "a") != BucketOf(2, "a"));
}

// The worked example of the format's page is the truth for other readers, so it must stay true.
TEST_CASE("the example in docs formats layout.md decodes") {
  std::ifstream page(std::string(PERIGEE_SOURCE_DIR) + "/docs/formats/layout.md");
  REQUIRE(page.is_open());
  std::string bytes;
  bool in_example = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "```identity-example") {
      in_example = true;
    } else if (line == "```") {
      in_example = false;
    } else if (in_example) {
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;) {
        bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
      }
    }
  }
  const auto identity = DecodeIdentity(AsBytes(bytes));
  REQUIRE_MESSAGE(identity.ok(), std::string(identity.status().message()));
  CHECK(identity->database_uuid.ToString() == "c0ffee00-1234-4567-89ab-cdef01234567");
  CHECK(identity->creation == CreationParameters{.log_file_bytes = 1U << 20U,
                                                 .section_alignment_bytes = 4096,
                                                 .reserve_bytes = 0});
  CHECK(identity->bucket_seed == 0x0123'4567'89AB'CDEFULL);
  CHECK(EncodeIdentity(*identity) == bytes);
}

}  // namespace
}  // namespace perigee::storage
