// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_reader.h"

#include <doctest/doctest.h>

#include <string>

#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/wal/log_test_bed.h"

namespace perigee::storage {
namespace {

void WriteTwoGroups(LogTestBed& bed) {
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"small"}).ok());
  REQUIRE(bed.Append({std::string(10'000, 'x')}).ok());
}

TEST_CASE("extents are read in turn up to the zeros") {
  for (const size_t alignment : {size_t{0}, size_t{512}, size_t{4096}, size_t{16384}}) {
    INFO("direct alignment ", alignment);
    LogTestBed bed;
    bed.disk().SetDirectAlignment(alignment);
    WriteTwoGroups(bed);
    auto reader = LogFileReader::Open(bed.directory(), 1);
    REQUIRE(reader.ok());
    CHECK(reader->header().number == 1);
    CHECK(reader->header().start == LogPosition{});
    CHECK(reader->name() == LogName(1));
    auto first = reader->ReadExtent(kLogBlockBytes);
    REQUIRE(first.ok());
    REQUIRE(first->group.has_value());
    CHECK(first->extent_bytes == kLogBlockBytes);
    CHECK(first->trailer.durable_lsn == 0);
    auto second = reader->ReadExtent(2 * kLogBlockBytes);
    REQUIRE(second.ok());
    REQUIRE(second->group.has_value());
    CHECK(second->extent_bytes == 3 * kLogBlockBytes);
    CHECK(second->trailer.durable_lsn == 1);
    CHECK(second->group->Records()[0].payload.size() == 10'000);
    const auto third = reader->ReadExtent(5 * kLogBlockBytes);
    REQUIRE(third.ok());
    CHECK_FALSE(third->group.has_value());
    CHECK_FALSE(third->failure.empty());
    const auto end = reader->ReadExtent(kLogFileBytesMin);
    REQUIRE(end.ok());
    CHECK_FALSE(end->group.has_value());
  }
}

TEST_CASE("the rest of a file is scanned for bytes and for groups") {
  LogTestBed bed;
  WriteTwoGroups(bed);
  auto reader = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(reader.ok());
  const auto all = reader->ScanRest(kLogBlockBytes);
  REQUIRE(all.ok());
  CHECK_FALSE(all->is_zero);
  CHECK(all->group_found);
  CHECK(all->durable_lsn == 1);
  const auto nothing = reader->ScanRest(5 * kLogBlockBytes);
  REQUIRE(nothing.ok());
  CHECK(nothing->is_zero);
  CHECK_FALSE(nothing->group_found);
  bed.disk().Corrupt(bed.PathOfLog(1), 50'000, 1);
  auto again = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(again.ok());
  const auto rubbish = again->ScanRest(5 * kLogBlockBytes);
  REQUIRE(rubbish.ok());
  CHECK_FALSE(rubbish->is_zero);
  CHECK_FALSE(rubbish->group_found);
}

TEST_CASE("a group of a later version is an error, if its trailer vouches for it") {
  LogTestBed bed;
  WriteTwoGroups(bed);
  std::string bytes = *bed.disk().Contents(bed.PathOfLog(1));
  bytes[kLogBlockBytes + 48] = 2;
  ByteWriter writer;
  writer.Bytes(bytes);
  const uint32_t crc = MaskCrc(Crc32c(writer.bytes().subspan(kLogBlockBytes + 8, 56)));
  writer.PatchU32(kLogBlockBytes + 4, crc);
  bed.disk().SetContents(bed.PathOfLog(1), writer.buffer());
  auto alone = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(alone.ok());
  const auto nothing = alone->ReadExtent(kLogBlockBytes);
  REQUIRE(nothing.ok());
  CHECK_FALSE(nothing->group.has_value());

  constexpr size_t kTrailer = 2 * kLogBlockBytes - kBlockTrailerBytes;
  writer.PatchU32(kTrailer + 44, crc);
  writer.PatchU32(kTrailer + 4, MaskCrc(Crc32c(writer.bytes().subspan(kTrailer + 8, 56))));
  bed.disk().SetContents(bed.PathOfLog(1), writer.buffer());
  auto reader = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(reader.ok());
  CHECK(GetErrorReason(reader->ReadExtent(kLogBlockBytes).status()) == ErrorReason::kUnknownFormat);
  CHECK(GetErrorReason(reader->ScanRest(kLogBlockBytes).status()) == ErrorReason::kUnknownFormat);
}

TEST_CASE("a file that shrinks while it is read is damage and not the end") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({std::string(2'000'000, 'x')}).ok());  // more than one read
  auto reader = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(reader.ok());
  auto file = bed.disk().Open(bed.PathOfLog(1), {.mode = OpenMode::kReadWrite});
  REQUIRE(file.ok());
  REQUIRE((*file)->Truncate(1'500'000).ok());
  CHECK(GetErrorReason(reader->ReadExtent(kLogBlockBytes).status()) == ErrorReason::kDamaged);
}

TEST_CASE("a missing file and an empty file are told apart") {
  LogTestBed bed;
  CHECK(LogFileReader::Open(bed.directory(), 1).status().code() == absl::StatusCode::kNotFound);
  bed.disk().SetContents(bed.PathOfLog(1), "");
  CHECK(GetErrorReason(LogFileReader::Open(bed.directory(), 1).status()) == ErrorReason::kDamaged);
}

}  // namespace
}  // namespace perigee::storage
