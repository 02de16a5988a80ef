// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_writer.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "storage/wal/log_file_reader.h"
#include "tests/storage/wal/log_test_bed.h"

namespace perigee::storage {
namespace {

absl::StatusOr<std::unique_ptr<LogFileWriter>> Create(LogTestBed& bed, const LogGroup* first,
                                                      uint64_t file_bytes = kLogFileBytesMin) {
  LogFilePreparer preparer(bed.directory(), false);
  auto prepared = preparer.Take(1, file_bytes, 0);
  REQUIRE(prepared.ok());
  LogFileHeader header;
  header.epoch = 1;
  return LogFileWriter::Create(bed.directory(), *std::move(prepared), header, first);
}

LogGroup Group(const LogPosition& position, size_t payload_bytes) {
  LogGroupBuilder builder(1, position);
  builder.Add(1, 0, AsBytes(std::string(payload_bytes, 'x')));
  return builder.Finish();
}

TEST_CASE("a file and its first group are durable before the file has its name") {
  LogTestBed bed;
  const LogGroup first = Group({}, 5000);
  const auto writer = Create(bed, &first);
  REQUIRE(writer.ok());
  CHECK((*writer)->bytes_used() == kLogBlockBytes + ExtentBytes(first.bytes().size()));
  bed.Crash(CrashPolicy::kNothingUnsynced);
  auto reader = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(reader.ok());
  const auto read = reader->ReadExtent(kLogBlockBytes);
  REQUIRE(read.ok());
  REQUIRE(read->group.has_value());
  CHECK(read->group->crc() == first.crc());
  CHECK(read->trailer.durable_lsn == 1);
}

TEST_CASE("an appended group is durable and says what was durable before it") {
  LogTestBed bed;
  const auto writer = Create(bed, nullptr);
  REQUIRE(writer.ok());
  const LogGroup first = Group({}, 10);
  const LogGroup second = Group(first.next_position(), 10);
  REQUIRE((*writer)->Append(first).ok());
  REQUIRE((*writer)->Append(second).ok());
  CHECK((*writer)->chain() == NextChain(NextChain(0, first.crc()), second.crc()));
  bed.Crash(CrashPolicy::kNothingUnsynced);
  auto reader = LogFileReader::Open(bed.directory(), 1);
  REQUIRE(reader.ok());
  const auto read = reader->ReadExtent(2 * kLogBlockBytes);
  REQUIRE(read.ok());
  REQUIRE(read->group.has_value());
  CHECK(read->group->crc() == second.crc());
  CHECK(read->trailer.durable_lsn == 1);
}

TEST_CASE("the last block is kept for the clean-close mark") {
  LogTestBed bed;
  const LogGroup group = Group({}, 10);
  const auto writer = Create(bed, &group, LogFileWriter::FileBytesFor(group.bytes().size()));
  REQUIRE(writer.ok());
  CHECK_FALSE((*writer)->Fits(Group(group.next_position(), 10)));
  LogGroupBuilder mark(1, group.next_position());
  CHECK_FALSE((*writer)->Fits(mark.Finish(kGroupDurableMark)));
  LogGroupBuilder close(1, group.next_position());
  const LogGroup closing = close.Finish(kGroupCleanClose);
  REQUIRE((*writer)->Fits(closing));
  CHECK((*writer)->Append(closing).ok());
  CHECK_FALSE((*writer)->Fits(closing));
}

TEST_CASE("two files have different salts") {
  LogTestBed one;
  LogTestBed two;
  const auto first = Create(one, nullptr);
  const auto second = Create(two, nullptr);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK((*first)->header().salt != (*second)->header().salt);
}

TEST_CASE("a file whose header cannot be flushed gets no name") {
  LogTestBed bed;
  // The first flush is that of the zeros.
  bed.disk().AddErrorPlan({.kind = CallKind::kSync, .skip = 1, .error_number = EIO});
  CHECK_FALSE(Create(bed, nullptr).ok());
  CHECK(bed.LogNumbers().empty());
}

}  // namespace
}  // namespace perigee::storage
