// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/file_names.h"

#include <doctest/doctest.h>

#include <limits>

namespace perigee::storage {
namespace {

const char kUuidText[] = "01234567-89ab-4def-8123-456789abcdef";

TEST_CASE("names have their documented spelling") {
  const Uuid uuid = *Uuid::Parse(kUuidText);
  CHECK(ManifestName(7) == "MANIFEST-000007");
  CHECK(ManifestName(1'234'567) == "MANIFEST-1234567");
  CHECK(LogName(42) == "wal/0000000000000042.wal");
  CHECK(SegmentName(uuid) == std::string("seg/") + kUuidText);
  CHECK(DeletionName(uuid) == std::string("del/") + kUuidText);
  CHECK(CodebookName(uuid) == std::string("book/") + kUuidText);
  CHECK(TemporaryName(SegmentName(uuid)) == std::string("tmp/seg-") + kUuidText);
  CHECK(TemporaryName(LogName(42)) == "tmp/wal-0000000000000042.wal");
  CHECK(TemporaryName(kCurrentName) == "tmp/CURRENT");
}

TEST_CASE("what is made is parsed") {
  const Uuid uuid = Uuid::Random();
  const auto check = [](std::string_view name, FileKind kind, uint64_t number, const Uuid& id) {
    CAPTURE(name);
    const auto parsed = ParseFileName(name);
    REQUIRE(parsed.has_value());
    CHECK(parsed->kind == kind);
    CHECK(parsed->number == number);
    CHECK(parsed->uuid == id);
    if (kind != FileKind::kTemporary) {
      const auto temporary = ParseFileName(TemporaryName(name));
      REQUIRE(temporary.has_value());
      CHECK(temporary->kind == FileKind::kTemporary);
    }
  };
  check(kIdentityName, FileKind::kIdentity, 0, {});
  check(kLockName, FileKind::kLock, 0, {});
  check(kCurrentName, FileKind::kCurrent, 0, {});
  check(kScrubRecordName, FileKind::kScrubRecord, 0, {});
  check(kReserveName, FileKind::kReserve, 0, {});
  check(kOpenAttemptsName, FileKind::kOpenAttempts, 0, {});
  check(kInitialisingName, FileKind::kTemporary, 0, {});
  check(SegmentName(uuid), FileKind::kSegment, 0, uuid);
  check(DeletionName(uuid), FileKind::kDeletion, 0, uuid);
  check(CodebookName(uuid), FileKind::kCodebook, 0, uuid);
  check(TemporaryName(SegmentName(uuid)), FileKind::kTemporary, 0, uuid);
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1}, uint64_t{999'999}, uint64_t{1'000'000},
        uint64_t{9'999'999'999'999'999U}, std::numeric_limits<uint64_t>::max()}) {
    check(ManifestName(number), FileKind::kManifest, number, {});
    check(LogName(number), FileKind::kLog, number, {});
  }
}

TEST_CASE("a name with any other spelling is not ours") {
  for (const std::string& name : std::initializer_list<std::string>{
           "",
           "/",
           "identity",
           "IDENTITY ",
           "IDENTITY/",
           "LOCK.old",
           "CURRENT.tmp",
           "MANIFEST-",
           "MANIFEST-7",
           "MANIFEST-0000007",
           "MANIFEST-00000x",
           "MANIFEST--00001",
           "MANIFEST-+00001",
           "MANIFEST-18446744073709551616",
           "wal/42.wal",
           "wal/0000000000000042.log",
           "wal/0000000000000042.wal~",
           "wal/",
           "wal",
           "seg/0123456789ab4def8123456789abcdef",
           "seg/01234567-89AB-4DEF-8123-456789ABCDEF",
           "seg/../IDENTITY",
           "seg//01234567-89ab-4def-8123-456789abcdef",
           "/seg/01234567-89ab-4def-8123-456789abcdef",
           "other/01234567-89ab-4def-8123-456789abcdef",
           "tmp/",
           "tmp/anything",
           "tmp/tmp-CURRENT",
           "tmp/seg/01234567-89ab-4def-8123-456789abcdef",
           "quarantine/01234567-89ab-4def-8123-456789abcdef",
           std::string("IDENTITY\0", 9),
       }) {
    CAPTURE(name);
    CHECK_FALSE(ParseFileName(name).has_value());
  }
}

}  // namespace
}  // namespace perigee::storage
