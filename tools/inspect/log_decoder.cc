// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/log_decoder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/foundation/status_macros.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/identity_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kHeaderMagic = "PERIGWAL";
constexpr std::string_view kGroupMagic = "PGLG";
constexpr std::string_view kTrailerMagic = "PGLT";
constexpr size_t kGroupHeader = 64;
constexpr size_t kTrailer = 64;
constexpr size_t kRecordHeader = 24;
constexpr uint32_t kGroupBytesMax = 16U << 20U;
constexpr uint64_t kWindow = uint64_t{1} << 20U;

uint64_t ExtentBytes(uint64_t group_length) { return RoundUp(group_length + kTrailer, kLogBlock); }

bool DecodeHeader(std::string_view block, uint64_t size, LogHeader& header,
                  FileFindings& findings) {
  const auto refuse = [&findings](uint64_t offset, std::string expected, std::string found) {
    return findings.Add({.code = "log.header",
                         .offset = offset,
                         .expected = std::move(expected),
                         .found = std::move(found)});
  };
  if (block.substr(0, 8) != kHeaderMagic) {
    return refuse(0, std::string(kHeaderMagic), HexOf(block.substr(0, 8)));
  }
  if (const uint32_t crc = MaskedCrc32c(block.substr(12)); crc != U32At(block, 8)) {
    return refuse(8, absl::StrFormat("checksum %08x", crc),
                  absl::StrFormat("%08x", U32At(block, 8)));
  }
  if (U32At(block, 12) != 1 || U32At(block, 128) != 0) {
    return findings.Add(
        {.severity = Severity::kUnsupported,
         .code = "format.version",
         .offset = 12,
         .expected = "log version 1 without a cipher",
         .found = absl::StrCat("version ", U32At(block, 12), ", cipher ", U32At(block, 128))});
  }
  // A log is opened for writing only, so ro_compat features count as incompat ones.
  if (!CheckFeatures(0, U64At(block, 24) | U64At(block, 32), findings)) {
    return false;
  }
  header.database = Uuid::From(block.substr(40, 16));
  header.number = U64At(block, 56);
  header.file_bytes = U64At(block, 64);
  header.salt = U64At(block, 72);
  header.epoch = U64At(block, 80);
  header.predecessor = U64At(block, 88);
  header.first_slot = U64At(block, 96);
  header.first_lsn = U64At(block, 104);
  header.previous_crc = U32At(block, 112);
  header.chain = U32At(block, 116);
  header.durable_lsn = U64At(block, 120);
  if (!IsZero(block.substr(132))) {
    return refuse(132, "zeros in reserved bytes", "something else");
  }
  if (header.file_bytes != size || size % kLogBlock != 0 || size < 2 * kLogBlock) {
    return findings.Add({.code = "log.size",
                         .offset = 64,
                         .expected = absl::StrCat(header.file_bytes, " bytes, as the header says"),
                         .found = absl::StrCat(size, " bytes")});
  }
  if (header.first_lsn == 0 || header.predecessor >= header.number) {
    return refuse(88, "a first LSN from 1 on and a predecessor of a smaller number",
                  absl::StrCat("LSN ", header.first_lsn, ", predecessor ", header.predecessor,
                               " of ", header.number));
  }
  return true;
}

std::optional<LogTrailer> DecodeTrailer(std::string_view bytes) {
  if (bytes.size() != kTrailer || bytes.substr(0, 4) != kTrailerMagic ||
      U32At(bytes, 4) != MaskedCrc32c(bytes.substr(8))) {
    return std::nullopt;
  }
  return LogTrailer{.salt = U64At(bytes, 8),
                    .durable_lsn = U64At(bytes, 16),
                    .slot = U64At(bytes, 24),
                    .offset = U64At(bytes, 32),
                    .group_length = U32At(bytes, 40),
                    .group_crc = U32At(bytes, 44),
                    .chain = U32At(bytes, 48),
                    .later_version = !IsZero(bytes.substr(52))};
}

// The fields that a group's header has in every version; what is wrong with it, or nothing.
std::string ReadGroupHeader(std::string_view head, LogGroup& group) {
  if (head.substr(0, 4) != kGroupMagic) {
    return IsZero(head) ? "zeros where a group would begin" : "no magic PGLG";
  }
  group.crc = U32At(head, 4);
  if (group.crc != MaskedCrc32c(head.substr(8))) {
    return "the group's header does not match its checksum";
  }
  group.epoch = U64At(head, 8);
  group.slot = U64At(head, 16);
  group.first_lsn = U64At(head, 24);
  group.count = U32At(head, 32);
  group.previous_crc = U32At(head, 36);
  group.length = U32At(head, 40);
  group.flags = U16At(head, 50);
  return "";
}

// What a header of this version must not have; empty when it has nothing of the kind.
std::string LaterVersionOf(std::string_view head, const LogGroup& group) {
  if (U16At(head, 48) != 1 || (group.flags & ~(kDurableMark | kCleanClose)) != 0) {
    return absl::StrCat("a group of version ", U16At(head, 48), " with flags ", group.flags);
  }
  if (!IsZero(head.substr(52)) || group.trailer.later_version) {
    return "a group that uses reserved bytes of its header or trailer";
  }
  return "";
}

std::string ShapeFault(const LogGroup& group) {
  const bool one_flag = group.flags == kDurableMark || group.flags == kCleanClose;
  const bool shape = group.count == 0 ? one_flag && group.length == kGroupHeader
                                      : group.flags == 0 && group.length > kGroupHeader;
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  const bool numbers =
      group.first_lsn != 0 && group.first_lsn <= kLast - group.count && group.slot != kLast;
  if (!shape || !numbers || group.length % 8 != 0 || group.length > kGroupBytesMax) {
    return absl::StrCat("a group of ", group.count, " records, ", group.length, " bytes, flags ",
                        group.flags, ", slot ", group.slot, " and first LSN ", group.first_lsn);
  }
  return "";
}

std::string DecodeRecords(std::string_view bytes, LogGroup& group) {
  ByteCursor cursor(bytes);
  cursor.Take(kGroupHeader);
  for (uint32_t i = 0; i < group.count; ++i) {
    const uint64_t begin = cursor.offset();
    const uint32_t length = cursor.U32();
    RawRecord record;
    record.type = cursor.U16();
    const uint16_t flags = cursor.U16();
    record.lsn = cursor.U64();
    const uint32_t crc = cursor.U32();
    record.catalog_version = cursor.U32();
    record.offset = group.offset + begin;
    record.payload = cursor.Take(length);
    cursor.Zeros(RoundUp(uint64_t{kRecordHeader} + length, 8) - kRecordHeader - length);
    if (!cursor.ok() || flags != 0 || record.lsn != group.first_lsn + i) {
      return absl::StrCat("record ", i, " is longer than its group or not in sequence");
    }
    if (crc != MaskedCrc32c(record.payload)) {
      return absl::StrCat("record ", i, " does not match its checksum");
    }
    group.records.push_back(record);
  }
  return cursor.left() == 0 ? "" : absl::StrCat(cursor.left(), " bytes behind the last record");
}

}  // namespace

std::string LogNameOf(uint64_t number) { return absl::StrFormat("wal/%016d.wal", number); }

uint32_t NextLogChain(uint32_t chain, uint32_t group_crc) {
  std::string bytes;
  for (const uint32_t number : {chain, group_crc}) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>(number >> shift & 0xffU));
    }
  }
  return MaskedCrc32c(bytes);
}

std::optional<LogFile> LogFile::OpenPath(const std::string& path, FileFindings& findings) {
  absl::StatusOr<DiskFile> file = DiskFile::Open(path);
  absl::StatusOr<std::string> block;
  if (file.ok()) {
    block = file->Read(0, kLogBlock);
  }
  const absl::Status& status = file.ok() ? block.status() : file.status();
  if (!status.ok()) {
    findings.Add(
        {.severity = absl::IsUnavailable(status) ? Severity::kUnreadable : Severity::kDamage,
         .code = absl::IsUnavailable(status) ? "file.unreadable"
                 : absl::IsNotFound(status)  ? "log.missing"
                                             : "log.size",
         .expected = "a log file of at least two blocks",
         .found = std::string(status.message())});
    return std::nullopt;
  }
  LogFile log(*std::move(file));
  if (!DecodeHeader(*block, log.file_.size(), log.header_, findings)) {
    return std::nullopt;
  }
  return log;
}

std::optional<LogFile> LogFile::Open(const std::string& directory, uint64_t number,
                                     FileFindings& findings) {
  std::optional<LogFile> log = OpenPath(absl::StrCat(directory, "/", LogNameOf(number)), findings);
  if (log.has_value() && log->header_.number != number) {
    findings.Add({.code = "log.identity",
                  .offset = 56,
                  .expected = absl::StrCat("log file number ", number),
                  .found = absl::StrCat(log->header_.number)});
    return std::nullopt;
  }
  return log;
}

absl::StatusOr<std::string_view> LogFile::Window(uint64_t offset, uint64_t bytes) {
  if (offset < window_offset_ || offset + bytes > window_offset_ + window_.size()) {
    const uint64_t wanted = std::max(bytes, std::min(kWindow, file_.size() - offset));
    window_.resize(wanted);
    window_offset_ = offset;
    if (const absl::Status read = file_.ReadInto(offset, window_); !read.ok()) {
      window_.clear();
      return read;
    }
  }
  return std::string_view(window_).substr(offset - window_offset_, bytes);
}

absl::StatusOr<std::string> LogFile::Peek(uint64_t offset, uint64_t bytes) const {
  if (offset >= window_offset_ && offset + bytes <= window_offset_ + window_.size()) {
    return window_.substr(offset - window_offset_, bytes);
  }
  return file_.Read(offset, bytes);
}

absl::StatusOr<std::optional<LogGroup>> LogFile::GroupAt(uint64_t offset, std::string& fault,
                                                         bool& unsupported) {
  unsupported = false;
  if (offset > file_.size() || file_.size() - offset < kLogBlock) {
    fault = "the end of the file";
    return std::nullopt;
  }
  LogGroup group;
  group.offset = offset;
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view window, Window(offset, kGroupHeader));
  const std::string head(window);
  fault = ReadGroupHeader(head, group);
  if (!fault.empty()) {
    return std::nullopt;
  }
  const uint32_t body_crc = U32At(head, 44);
  group.extent_bytes = ExtentBytes(group.length);
  if (group.extent_bytes > file_.size() - offset) {
    fault = absl::StrCat("a group of ", group.length, " bytes reaches beyond the file");
    return std::nullopt;
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string last,
                           Peek(offset + group.extent_bytes - kTrailer, kTrailer));
  const std::optional<LogTrailer> trailer = DecodeTrailer(last);
  if (!trailer.has_value()) {
    fault = "the block trailer does not match its checksum";
    return std::nullopt;
  }
  group.trailer = *trailer;
  if (trailer->salt != header_.salt || trailer->offset != offset || trailer->slot != group.slot ||
      trailer->group_length != group.length || trailer->group_crc != group.crc) {
    fault = "the block trailer is of another place or group";
    return std::nullopt;
  }
  // Only now: without a trailer, bytes that look like a later version's may be a client's.
  fault = LaterVersionOf(head, group);
  unsupported = !fault.empty();
  if (unsupported) {
    return std::nullopt;
  }
  fault = ShapeFault(group);
  if (!fault.empty()) {
    return std::nullopt;
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view extent, Window(offset, group.extent_bytes));
  if (!IsZero(extent.substr(group.length, extent.size() - kTrailer - group.length))) {
    fault = "the bytes between group and trailer are not zero";
    return std::nullopt;
  }
  if (body_crc != MaskedCrc32c(extent.substr(kGroupHeader, group.length - kGroupHeader))) {
    fault = "the group's records do not match their checksum";
    return std::nullopt;
  }
  group.bytes = std::make_shared<const std::string>(extent.substr(0, group.length));
  fault = DecodeRecords(*group.bytes, group);
  return fault.empty() ? std::optional(std::move(group)) : std::nullopt;
}

absl::StatusOr<std::optional<LogTrailer>> LogFile::TrailerOfBlock(uint64_t offset) {
  if (offset > file_.size() || file_.size() - offset < kLogBlock) {
    return std::nullopt;
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view block, Window(offset, kLogBlock));
  std::optional<LogTrailer> trailer = DecodeTrailer(block.substr(kLogBlock - kTrailer));
  const bool ours = trailer.has_value() && trailer->salt == header_.salt &&
                    trailer->offset + ExtentBytes(trailer->group_length) == offset + kLogBlock;
  return ours ? trailer : std::nullopt;
}

absl::StatusOr<bool> LogFile::BlockIsZero(uint64_t offset) {
  const uint64_t bytes = std::min(kLogBlock, file_.size() - offset);
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view block, Window(offset, bytes));
  return IsZero(block);
}

}  // namespace perigee::tools::inspect
