// SPDX-License-Identifier: Apache-2.0
//
// Goal: CURRENT decodes only to what was written. Method: round trip, every bit flipped, every cut.
#include "storage/manifest/current_file.h"

#include <doctest/doctest.h>

#include "tests/storage/hex_example.h"
#include "tests/storage/segment/sample_segment.h"

namespace perigee::storage {
namespace {

CurrentFile Sample() {
  return {.manifest_number = 7, .database_uuid = UuidOf(0xDB), .manifest_uuid = UuidOf(0x3A)};
}

TEST_CASE("CURRENT comes back as written") {
  for (const uint64_t number : {uint64_t{1}, uint64_t{999'999}, uint64_t{1'000'000}}) {
    CurrentFile current = Sample();
    current.manifest_number = number;
    const std::string text = EncodeCurrentFile(current);
    CHECK(text.size() <= kCurrentFileBytesMax);
    const auto decoded = DecodeCurrentFile(text);
    REQUIRE(decoded.ok());
    CHECK(*decoded == current);
  }
}

TEST_CASE("CURRENT with any bit flipped, cut or continued is damage") {
  const std::string text = EncodeCurrentFile(Sample());
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CHECK(absl::IsDataLoss(DecodeCurrentFile(changed).status()));
  }
  for (size_t length = 0; length < text.size(); ++length) {
    CHECK(absl::IsDataLoss(DecodeCurrentFile(text.substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeCurrentFile(text + "\n").status()));
  CHECK(absl::IsDataLoss(DecodeCurrentFile("MANIFEST-000007\n").status()));
}

TEST_CASE("the worked example of the format page") {
  const std::string page = tests::ReadSourceFile("docs/formats/manifest_format.md");
  CHECK(page.find("```text\n" + EncodeCurrentFile(Sample()) + "```") != std::string::npos);
}

}  // namespace
}  // namespace perigee::storage
