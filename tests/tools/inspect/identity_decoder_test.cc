// SPDX-License-Identifier: Apache-2.0
//
// Goal: IDENTITY and CURRENT are taken exactly when valid. Method: the examples of their pages, and
// every byte of them changed.
#include "tools/inspect/identity_decoder.h"

#include <doctest/doctest.h>

#include "tests/storage/hex_example.h"
#include "tests/tools/inspect/page_example.h"
#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<Identity> Decode(std::string_view bytes) {
    list = {};
    FileFindings file(list, "IDENTITY");
    return DecodeIdentity(bytes, file);
  }
  std::optional<Current> DecodeText(std::string_view text) {
    list = {};
    FileFindings file(list, "CURRENT");
    return DecodeCurrent(text, file);
  }
  FindingList list;
};

void Resign(std::string& bytes) {
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(0, 124));
  for (size_t i = 0; i < 4; ++i) {
    bytes[124 + i] = static_cast<char>(crc >> (8 * i) & 0xffU);
  }
}

TEST_CASE_FIXTURE(Fixture, "the example of the layout page") {
  const std::string bytes = tests::PlainExample("layout.md", "```identity-example");
  REQUIRE(bytes.size() == 128);
  const auto identity = Decode(bytes);
  REQUIRE(identity.has_value());
  CHECK(identity->database.ToString() == "c0ffee00-1234-4567-89ab-cdef01234567");
  CHECK(identity->log_file_bytes == 1U << 20U);
  CHECK(identity->section_alignment == 4096);
  CHECK(identity->bucket_seed == 0x0123456789abcdef);
  CHECK(list.findings().empty());
}

TEST_CASE_FIXTURE(Fixture, "every changed bit of IDENTITY is found") {
  const std::string bytes = tests::PlainExample("layout.md", "```identity-example");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(Decode(changed).has_value());
    CHECK_FALSE(list.clean());
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(Decode(std::string_view(bytes).substr(0, size)).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "a later version is told from damage") {
  for (const size_t place : {size_t{8}, size_t{32}}) {
    std::string bytes = tests::PlainExample("layout.md", "```identity-example");
    bytes[place] = 2;
    Resign(bytes);
    CHECK_FALSE(Decode(bytes).has_value());
    CHECK(list.Has(Severity::kUnsupported));
    CHECK_FALSE(list.Has(Severity::kDamage));
  }
  std::string bytes = tests::PlainExample("layout.md", "```identity-example");
  bytes[24] = 1;  // ro_compat
  Resign(bytes);
  CHECK(Decode(bytes).has_value());
  CHECK(list.Has(Severity::kNotice));
}

TEST_CASE_FIXTURE(Fixture, "the example of CURRENT, and every changed byte of it") {
  const std::string page = tests::ReadSourceFile("docs/formats/manifest_format.md");
  const size_t begin = page.find("```text\n") + 8;
  const std::string text = page.substr(begin, page.find("```", begin) - begin);
  const auto current = DecodeText(text);
  REQUIRE(current.has_value());
  CHECK(current->manifest_name == "MANIFEST-000007");
  CHECK(current->manifest_number == 7);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(DecodeText(changed).has_value());
    CHECK_FALSE(DecodeText(text.substr(0, i)).has_value());
  }
  CHECK_FALSE(DecodeText(text + "x").has_value());
  CHECK_FALSE(DecodeText(text + "\n").has_value());
}

TEST_CASE("file numbers have one spelling") {
  CHECK(ParseManifestName("MANIFEST-000007") == 7);
  CHECK(ParseManifestName("MANIFEST-1234567") == 1234567);
  CHECK(ManifestNameOf(7) == "MANIFEST-000007");
  for (const char* wrong : {"MANIFEST-7", "MANIFEST-0000007", "MANIFEST-00000x", "manifest-000007",
                            "MANIFEST-99999999999999999999", "MANIFEST-"}) {
    CHECK_FALSE(ParseManifestName(wrong).has_value());
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
