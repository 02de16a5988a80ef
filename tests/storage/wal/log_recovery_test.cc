// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_recovery.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/wal/log_test_bed.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

// What RecoverLog makes of the bed's directory: delivered and held back records, or the error.
struct Outcome {
  absl::Status status;
  std::vector<std::string> records;
  TailVerdict verdict = TailVerdict::kDamage;
};

Outcome Recover(LogTestBed& bed, const RecoveryRequest& evidence = {}) {
  Outcome outcome;
  const auto take = [&outcome](const LogGroup& group) {
    for (const LogRecord& record : group.Records()) {
      CHECK(record.lsn == outcome.records.size() + 1);
      outcome.records.emplace_back(AsText(record.payload));
    }
    return absl::OkStatus();
  };
  RecoveryRequest request = evidence;
  request.deliver = take;
  const auto log = RecoverLog(bed.directory(), request);
  outcome.status = log.status();
  if (log.ok()) {
    outcome.verdict = log->verdict;
    if (log->unflushed.has_value()) {
      CHECK(take(*log->unflushed).ok());
    }
  }
  return outcome;
}

bool IsDamage(const Outcome& outcome) {
  return GetErrorReason(outcome.status) == ErrorReason::kDamaged;
}

// Two groups and a clean close in one file; more and the file before it with `two_files`.
const std::vector<std::string> kRecords = {"one", "two", "three"};

void WriteSmallLog(LogTestBed& bed) {
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({kRecords[0], kRecords[1]}).ok());
  REQUIRE(bed.Append({kRecords[2]}).ok());
  REQUIRE(bed.log()->Close().ok());
}

constexpr uint64_t kUsedBytes = 4 * kLogBlockBytes;  // header, two groups, mark

TEST_CASE("the last group is held back and all before it is delivered") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.Append({"b"}).ok());
  std::vector<uint64_t> delivered;
  const RecoveryRequest request = {.deliver = [&delivered](const LogGroup& group) {
    delivered.push_back(group.first_lsn());
    return absl::OkStatus();
  }};
  auto log = RecoverLog(bed.directory(), request);
  REQUIRE(log.ok());
  CHECK(log->verdict == TailVerdict::kCut);
  CHECK(delivered == std::vector<uint64_t>{1});
  REQUIRE(log->unflushed.has_value());
  CHECK(log->unflushed->first_lsn() == 2);
  CHECK(log->end.lsn == 2);
  CHECK(log->end.slot == 1);
  CHECK(log->epoch_max == 1);

  REQUIRE(bed.AppendMark().ok());
  delivered.clear();
  log = RecoverLog(bed.directory(), request);
  REQUIRE(log.ok());
  CHECK(delivered == std::vector<uint64_t>{1, 2});
  CHECK_FALSE(log->unflushed.has_value());
  CHECK(log->end.lsn == 3);
  CHECK(log->end.slot == 2);  // the mark's own slot
}

TEST_CASE("an error of the receiver ends recovery") {
  LogTestBed bed;
  WriteSmallLog(bed);
  const RecoveryRequest request = {
      .deliver = [](const LogGroup&) { return absl::InternalError("no"); }};
  CHECK(RecoverLog(bed.directory(), request).status().code() == absl::StatusCode::kInternal);
}

TEST_CASE("every flipped bit of a small log is detected or changes nothing") {
  const uint64_t seed = tests::TestSeed(7);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  LogTestBed bed;
  WriteSmallLog(bed);
  const std::string path = bed.PathOfLog(1);
  const std::string bytes = *bed.disk().Contents(path);
  uint64_t detected = 0;
  uint64_t harmless = 0;
  for (uint64_t offset = 0; offset < bytes.size(); ++offset) {
    // All bits of what is not zero, one random bit per 16 bytes of the rest.
    const bool dense = bytes[offset] != 0;
    if (!dense && (offset >= kUsedBytes || random() % 16 != 0)) {
      if (random() % 256 != 0) {
        continue;
      }
    }
    for (int bit = 0; bit < 8; ++bit) {
      if (!dense && bit != static_cast<int>(random() % 8)) {
        continue;
      }
      INFO("offset ", offset, " bit ", bit);
      bed.disk().Corrupt(path, offset, static_cast<uint8_t>(1 << bit));
      const Outcome outcome = Recover(bed);
      bed.disk().Corrupt(path, offset, static_cast<uint8_t>(1 << bit));
      if (offset < 3 * kLogBlockBytes) {
        REQUIRE(IsDamage(outcome));  // header or a group with records
        ++detected;
      } else {
        // The mark, or space that was never used: no record is lost, and the end is not believed.
        REQUIRE(outcome.status.ok());
        REQUIRE(outcome.records == kRecords);
        REQUIRE(outcome.verdict == TailVerdict::kCut);
        ++harmless;
      }
    }
  }
  CHECK(detected > 2000);
  CHECK(harmless > 200);
  CHECK(Recover(bed).verdict == TailVerdict::kClean);
}

TEST_CASE("every flipped byte of an older file is detected up to where its successor starts") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  REQUIRE(bed.Append({"two"}).ok());
  REQUIRE(bed.OpenLog().ok());  // unclean: a second file starts at the second group
  REQUIRE(bed.log()->Close().ok());
  const std::string path = bed.PathOfLog(1);
  for (uint64_t offset = 0; offset < 4 * kLogBlockBytes; ++offset) {
    bed.disk().Corrupt(path, offset, 0x40);
    const Outcome outcome = Recover(bed);
    bed.disk().Corrupt(path, offset, 0x40);
    INFO("offset ", offset);
    if (offset < 2 * kLogBlockBytes) {
      REQUIRE(IsDamage(outcome));
    } else {
      REQUIRE(outcome.status.ok());
      REQUIRE(outcome.records == std::vector<std::string>{"one", "two"});
    }
  }
}

TEST_CASE("a file of another length than its header says is damage at every length") {
  LogTestBed bed;
  WriteSmallLog(bed);
  const std::string path = bed.PathOfLog(1);
  const std::string bytes = *bed.disk().Contents(path);
  for (size_t length = 0; length < bytes.size(); length += length < kUsedBytes ? 1 : 37) {
    bed.disk().SetContents(path, std::string_view(bytes).substr(0, length));
    INFO("length ", length);
    REQUIRE(IsDamage(Recover(bed)));
  }
  bed.disk().SetContents(path, bytes + std::string(kLogBlockBytes, '\0'));
  CHECK(IsDamage(Recover(bed)));
  bed.disk().SetContents(path, bytes);
  CHECK(Recover(bed).status.ok());
}

TEST_CASE("blocks that are zeroed or swapped or repeated are damage") {
  LogTestBed bed;
  WriteSmallLog(bed);
  const std::string path = bed.PathOfLog(1);
  const std::string bytes = *bed.disk().Contents(path);
  const auto recover_with = [&](uint64_t target, const std::string& block) {
    std::string changed = bytes;
    changed.replace(target * kLogBlockBytes, kLogBlockBytes, block);
    bed.disk().SetContents(path, changed);
    return Recover(bed);
  };
  const auto block_at = [&](uint64_t block) {
    return bytes.substr(block * kLogBlockBytes, kLogBlockBytes);
  };
  for (uint64_t block = 0; block < 3; ++block) {
    INFO("block ", block);
    CHECK(IsDamage(recover_with(block, std::string(kLogBlockBytes, '\0'))));
    for (uint64_t other = 0; other < 4; ++other) {
      if (other != block) {
        CHECK(IsDamage(recover_with(block, block_at(other))));
      }
    }
  }
  // An older group behind the end is not taken for a new one.
  const Outcome outcome = recover_with(4, block_at(1));
  CHECK(outcome.status.ok());
  CHECK(outcome.records == kRecords);
}

TEST_CASE("a trailer behind two damaged groups tells what was flushed") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  REQUIRE(bed.Append({"two"}).ok());
  REQUIRE(bed.Append({"three"}).ok());
  const std::string path = bed.PathOfLog(1);
  std::string bytes = *bed.disk().Contents(path);
  bytes.replace(2 * kLogBlockBytes, kLogBlockBytes, kLogBlockBytes, '\0');
  bytes[3 * kLogBlockBytes] = 'x';
  bed.disk().SetContents(path, bytes);
  // No group stands behind the place, but the third one's trailer says that the second was flushed.
  CHECK(IsDamage(Recover(bed)));
}

TEST_CASE("a group of another file is not taken for one of this file") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  REQUIRE(bed.Append({"torn"}).ok());
  const std::string first = *bed.disk().Contents(bed.PathOfLog(1));
  bed.disk().Corrupt(bed.PathOfLog(1), 2 * kLogBlockBytes, 1);
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.LogNumbers().size() == 2);
  // The second file holds a copy of group one; behind it appear the bytes that followed it in the
  // first file, as from a stale sector.
  std::string second = *bed.disk().Contents(bed.PathOfLog(2));
  second.replace(2 * kLogBlockBytes, kLogBlockBytes,
                 first.substr(2 * kLogBlockBytes, kLogBlockBytes));
  bed.disk().SetContents(bed.PathOfLog(2), second);
  const Outcome outcome = Recover(bed);
  CHECK(outcome.status.ok());
  CHECK(outcome.records == std::vector<std::string>{"one"});
}

TEST_CASE("a file of another history of the same database is damage") {
  LogTestBed bed;
  LogTestBed other;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  other.options() = bed.options();
  other.Replace(bed.disk().KillProcess());  // a copy of the directory that goes its own way
  for (LogTestBed* each : {&bed, &other}) {
    REQUIRE(each->OpenLog().ok());
    REQUIRE(each->Append({each == &bed ? "two" : "2nd"}).ok());
    REQUIRE(each->AppendMark().ok());
    REQUIRE(each->OpenLog().ok());
    REQUIRE(each->log()->Close().ok());
    REQUIRE(each->LogNumbers().size() == 3);
  }
  bed.disk().SetContents(bed.PathOfLog(2), *other.disk().Contents(other.PathOfLog(2)));
  CHECK(IsDamage(Recover(bed)));
}

TEST_CASE("a trailer whose chain is another's is damage although all else fits") {
  LogTestBed bed;
  WriteSmallLog(bed);
  std::string bytes = *bed.disk().Contents(bed.PathOfLog(1));
  const size_t at = 2 * kLogBlockBytes - kBlockTrailerBytes;
  auto trailer = DecodeBlockTrailer(AsBytes(bytes).subspan(at, kBlockTrailerBytes));
  REQUIRE(trailer.ok());
  ++trailer->chain;
  bytes.replace(at, kBlockTrailerBytes, EncodeBlockTrailer(*trailer));
  bed.disk().SetContents(bed.PathOfLog(1), bytes);
  CHECK(IsDamage(Recover(bed)));
}

TEST_CASE("an old version of the newest file is damage if anything else knows better") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  const std::string old = *bed.disk().Contents(bed.PathOfLog(1));
  REQUIRE(bed.Append({"two"}).ok());
  bed.disk().SetContents(bed.PathOfLog(1), old);
  CHECK(IsDamage(Recover(bed, {.manifest_durable_lsn = 2})));
  CHECK(IsDamage(Recover(bed, {.published_max_lsn = 2})));
  CHECK(Recover(bed, {.published_max_lsn = 1}).status.ok());
}

TEST_CASE("a file that holds nothing is left out of the chain") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  for (int i = 0; i < 3; ++i) {
    bed.Kill();
    REQUIRE(bed.OpenLog().ok());
  }
  CHECK(bed.LogNumbers().size() == 4);
  // Files one to three are not needed: each later one starts with a copy of the group.
  REQUIRE(bed.directory().files().Remove(std::vector{LogName(1), LogName(2), LogName(3)}).ok());
  CHECK(Recover(bed).records == std::vector<std::string>{"one"});
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed().size() == 1);
}

// A client chooses what its payloads hold, but not the salt of the file.
std::string GroupHeaderImage(uint16_t version, uint16_t flags, uint32_t length) {
  ByteWriter writer;
  writer.Bytes(std::string_view("PGLG"));
  writer.U32(0);
  writer.U64(1);  // epoch
  writer.U64(1);  // slot
  writer.U64(2);  // LSN
  writer.U32(1);  // records
  writer.U32(0);  // previous crc
  writer.U32(length);
  writer.U32(0);  // body crc
  writer.U16(version);
  writer.U16(flags);
  writer.Zeros(12);
  writer.PatchU32(4, MaskCrc(Crc32c(writer.bytes().subspan(8))));
  return writer.Take();
}

TEST_CASE("a payload that looks like a group of a later version never keeps a log from opening") {
  struct Image {
    uint16_t version;
    uint16_t flags;
    uint32_t length;
  };
  constexpr uint32_t kPayloadBytes = 3 * kLogBlockBytes;
  constexpr size_t kFirstBlock = kLogBlockBytes - kGroupHeaderBytes - kRecordHeaderBytes;
  // The lengths end the imagined extent where nothing, a payload or the real trailer stands.
  for (const Image& image : {Image{2, 0, 96}, Image{1, 4, 96}, Image{9, 9, 2 * kLogBlockBytes},
                             Image{2, 0, 3 * kLogBlockBytes - 64}, Image{2, 0, 0xFFFF'FFFF}}) {
    INFO("version ", image.version, " flags ", image.flags, " length ", image.length);
    LogTestBed bed;
    REQUIRE(bed.OpenLog().ok());
    REQUIRE(bed.Append({"one"}).ok());
    std::string payload(kPayloadBytes, 'x');
    const std::string header = GroupHeaderImage(image.version, image.flags, image.length);
    for (size_t at = kFirstBlock; at + header.size() <= payload.size(); at += kLogBlockBytes) {
      payload.replace(at, header.size(), header);
    }
    REQUIRE(bed.Append({payload}).ok());
    const std::string path = bed.PathOfLog(1);
    const std::string bytes = *bed.disk().Contents(path);
    CHECK(Recover(bed).records == std::vector<std::string>{"one", payload});
    for (uint64_t lost = 1; lost < 16; ++lost) {  // each subset of its blocks is not on the disk
      std::string torn = bytes;
      for (uint64_t block = 0; block < 4; ++block) {
        if ((lost >> block & 1U) != 0) {
          torn.replace((2 + block) * kLogBlockBytes, kLogBlockBytes, kLogBlockBytes, '\0');
        }
      }
      bed.disk().SetContents(path, torn);
      INFO("lost blocks ", lost);
      const Outcome outcome = Recover(bed);
      CHECK_MESSAGE(outcome.status.ok(), outcome.status.ToString());
      CHECK(outcome.records == std::vector<std::string>{"one"});
    }
    REQUIRE(bed.OpenLog().ok());
    CHECK(bed.replayed().size() == 1);
  }
}

// Version, flags, reserved bytes: what a later version may use under this file header.
TEST_CASE("a last group that a later version wrote is refused and never cut") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"one"}).ok());
  REQUIRE(bed.Append({"two"}).ok());
  const std::string path = bed.PathOfLog(1);
  const std::string bytes = *bed.disk().Contents(path);
  constexpr size_t kGroup = 2 * kLogBlockBytes;
  constexpr size_t kTrailer = kGroup + kLogBlockBytes - kBlockTrailerBytes;
  for (const size_t place :
       {kGroup + 48, kGroup + 50, kGroup + 52, kGroup + 63, kTrailer + 52, kTrailer + 63}) {
    INFO("offset ", place);
    ByteWriter writer;
    std::string changed = bytes;
    changed[place] = 4;
    writer.Bytes(changed);
    const uint32_t crc = MaskCrc(Crc32c(writer.bytes().subspan(kGroup + 8, 56)));
    writer.PatchU32(kGroup + 4, crc);
    writer.PatchU32(kTrailer + 44, crc);
    writer.PatchU32(kTrailer + 4, MaskCrc(Crc32c(writer.bytes().subspan(kTrailer + 8, 56))));
    bed.disk().SetContents(path, writer.buffer());
    const Outcome outcome = Recover(bed);
    CHECK(GetErrorReason(outcome.status) == ErrorReason::kUnknownFormat);
    CHECK(outcome.status.message().find(LogName(1)) != std::string_view::npos);
  }
}

TEST_CASE("a read that fails is an error and never the end of the log") {
  LogTestBed bed;
  WriteSmallLog(bed);
  uint64_t calls = 0;
  {
    const uint64_t before = bed.disk().calls();
    REQUIRE(Recover(bed).status.ok());
    calls = bed.disk().calls() - before;
  }
  for (uint64_t call = 1; call <= calls; ++call) {
    bed.disk().AddErrorPlan({.call_number = bed.disk().calls() + call, .error_number = EIO});
    const Outcome outcome = Recover(bed);
    INFO("call ", call);
    CHECK_FALSE(outcome.status.ok());
    bed.disk().ClearErrorPlans();
  }
}

}  // namespace
}  // namespace perigee::storage
