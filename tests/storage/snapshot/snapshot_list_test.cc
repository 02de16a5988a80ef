// SPDX-License-Identifier: Apache-2.0
#include "storage/snapshot/snapshot_list.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

SnapshotList Sample() {
  SnapshotList list;
  list.database_uuid = *Uuid::Parse("c0ffee00-1234-4567-89ab-cdef01234567");
  list.epoch = 7;
  list.seq = 1234;
  list.files = {{"CURRENT", 3, Sha256(AsBytes("abc"))},
                {"IDENTITY", 128, Sha256(AsBytes("identity"))},
                {"MANIFEST-000001", 8192, Sha256(AsBytes("manifest"))},
                {"wal/0000000000000002.wal", 65536, Sha256(AsBytes("log"))}};
  return list;
}

// Text with a right checksum behind whatever it says.
std::string Sealed(std::string text) {
  return text + "sha256 " + ToHex(Sha256(AsBytes(text))) + "\n";
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  text.resize(text.rfind("sha256 "));
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return Sealed(text.replace(at, from.size(), to));
}

TEST_CASE("a snapshot list comes back as it was") {
  SnapshotList list = Sample();
  const auto text = EncodeSnapshotList(list);
  REQUIRE(text.ok());
  const auto back = DecodeSnapshotList(*text);
  REQUIRE_MESSAGE(back.ok(), back.status().ToString());
  CHECK(*back == list);
  CHECK(back->total_bytes() == 3 + 128 + 8192 + 65536);
  std::swap(list.files.front(), list.files.back());
  CHECK(EncodeSnapshotList(list).value() == *text);  // the order is the list's own
}

TEST_CASE("the example of the format page is a snapshot list") {
  std::ifstream page(PERIGEE_SOURCE_DIR "/docs/formats/snapshot_format.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  const size_t begin = text.find("```text\n") + 8;
  REQUIRE(begin > 8);
  const auto list = DecodeSnapshotList(text.substr(begin, text.find("```", begin) - begin));
  REQUIRE_MESSAGE(list.ok(), list.status().ToString());
  CHECK(list->seq == 1234);
  CHECK(list->files.at(1) == SnapshotFile{"IDENTITY", 5, Sha256(AsBytes("hello"))});
}

TEST_CASE("a snapshot list with any bit or byte changed, or cut anywhere, is refused") {
  const std::string text = *EncodeSnapshotList(Sample());
  for (size_t at = 0; at < text.size(); ++at) {
    CHECK_FALSE(DecodeSnapshotList(text.substr(0, at)).ok());
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      CHECK_FALSE(DecodeSnapshotList(changed).ok());
    }
  }
  CHECK_FALSE(DecodeSnapshotList(text + "\n").ok());
}

TEST_CASE("a snapshot list with a right checksum and hostile names or counts is refused") {
  const std::string text = *EncodeSnapshotList(Sample());
  for (const char* name :
       {"../../etc/passwd", "/etc/passwd", "wal/../CURRENT", "wal", "tmp/CURRENT",
        "tmp/INITIALISING", "LOCK", "SNAPSHOT", "SCRUB", "quarantine/x", "current", "", "wal/2.wal",
        "MANIFEST-1", "seg/not-a-uuid"}) {
    CAPTURE(name);
    CHECK(DecodeSnapshotList(Replaced(text, "IDENTITY", name)).status().code() ==
          absl::StatusCode::kDataLoss);
  }
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, "IDENTITY", "CURRENT")).ok());  // twice
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, "files 4", "files 5")).ok());
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, "files 4", "files 3")).ok());
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, "files 4", "files 18446744073709551615")).ok());
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, " 128 ", " 0128 ")).ok());
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, " 128 ", " -1 ")).ok());
  CHECK_FALSE(DecodeSnapshotList(Replaced(text, " 128 ", " 18446744073709551616 ")).ok());
  const auto later = DecodeSnapshotList(Replaced(text, "snapshot 1", "snapshot 2"));
  CHECK(GetErrorReason(later.status()) == ErrorReason::kUnknownFormat);
}

TEST_CASE("a list is not made of files that do not belong into a snapshot") {
  for (const char* name : {"LOCK", "tmp/CURRENT", "elsewhere"}) {
    SnapshotList list = Sample();
    list.files[0].name = name;
    CHECK(EncodeSnapshotList(list).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace perigee::storage
