// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_group.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

constexpr uint32_t kMagic = 0x474C'4750;  // "PGLG"
constexpr uint16_t kVersion = 1;
constexpr uint16_t kKnownFlags = kGroupDurableMark | kGroupCleanClose;
constexpr size_t kCrcOffset = 4;
constexpr size_t kCrcCoverage = 8;  // the header's checksum covers the bytes from here on
constexpr size_t kReservedBytes = 12;
constexpr size_t kRecordAlignment = 8;
static_assert(kGroupHeaderBytes % kRecordAlignment == 0 &&
              kRecordHeaderBytes % kRecordAlignment == 0);

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("log group: ", what));
}

bool IsOneFlag(uint16_t flags) { return flags == kGroupDurableMark || flags == kGroupCleanClose; }

absl::Status CheckHeader(const LogGroupHeader& header) {
  if (header.length < kGroupHeaderBytes || header.length > kGroupBytesMax ||
      header.length % kRecordAlignment != 0) {
    return Damaged(absl::StrCat("length ", header.length, " is not a multiple of 8 from ",
                                kGroupHeaderBytes, " to ", kGroupBytesMax));
  }
  if (header.count > (header.length - kGroupHeaderBytes) / kRecordHeaderBytes) {
    return Damaged(absl::StrCat(header.count, " records do not fit in ", header.length, " bytes"));
  }
  const bool is_mark = header.count == 0;
  if (is_mark ? header.length != kGroupHeaderBytes || !IsOneFlag(header.flags)
              : header.flags != 0) {
    return Damaged(absl::StrCat("flags ", header.flags, " and length ", header.length,
                                " do not go with ", header.count, " records"));
  }
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  if (header.position.lsn == 0 || header.position.lsn > kMax - header.count ||
      header.position.slot == kMax) {
    return Damaged(absl::StrCat("LSN ", header.position.lsn, " or slot ", header.position.slot,
                                " is out of range"));
  }
  return absl::OkStatus();
}

// Reads one record at the reader's position; the reader fails if it is not record `lsn`.
LogRecord ReadRecord(ByteReader& reader, uint64_t lsn) {
  const uint32_t length = reader.U32();
  LogRecord record;
  record.type = reader.U16();
  const uint16_t flags = reader.U16();
  record.lsn = reader.U64();
  const uint32_t payload_crc = reader.U32();
  record.catalog_version = reader.U32();
  record.payload = reader.Bytes(length);
  reader.Pad(kRecordAlignment);
  if (reader.ok() && (flags != 0 || record.lsn != lsn)) {
    reader.Fail("record flags or LSN are wrong");
  }
  if (reader.ok() && payload_crc != MaskCrc(Crc32c(record.payload))) {
    reader.Fail("record payload does not match its checksum");
  }
  return record;
}

}  // namespace

absl::StatusOr<LogGroupHeader> ReadGroupHeader(std::span<const std::byte> bytes) {
  if (bytes.size() < kGroupHeaderBytes) {
    return Damaged(absl::StrCat(bytes.size(), " bytes are less than a header"));
  }
  const std::span<const std::byte> raw = bytes.first(kGroupHeaderBytes);
  ByteReader reader(raw);
  LogGroupHeader header;
  if (reader.U32() != kMagic) {
    return Damaged("no magic number");
  }
  header.crc = reader.U32();
  if (header.crc != MaskCrc(Crc32c(raw.subspan(kCrcCoverage)))) {
    return Damaged("header does not match its checksum");
  }
  header.epoch = reader.U64();
  header.position.slot = reader.U64();
  header.position.lsn = reader.U64();
  header.count = reader.U32();
  header.position.previous_crc = reader.U32();
  header.length = reader.U32();
  header.body_crc = reader.U32();
  header.version = reader.U16();
  header.flags = reader.U16();
  const std::span<const std::byte> reserved = reader.Bytes(kReservedBytes);
  header.reserved_used = std::any_of(reserved.begin(), reserved.end(),
                                     [](std::byte byte) { return byte != std::byte{0}; });
  return header;
}

absl::Status CheckGroupFormat(const LogGroupHeader& header) {
  if (header.version != kVersion || (header.flags & ~kKnownFlags) != 0 || header.reserved_used) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("log group has version ", header.version, " and flags ", header.flags,
                     header.reserved_used ? " and uses reserved bytes" : "",
                     "; this program reads version ", kVersion, ", flags up to ", kKnownFlags,
                     " and no reserved bytes; open it with a later version"));
  }
  return absl::OkStatus();
}

absl::StatusOr<LogGroupHeader> DecodeGroupHeader(std::span<const std::byte> bytes) {
  PERIGEE_ASSIGN_OR_RETURN(const LogGroupHeader header, ReadGroupHeader(bytes));
  PERIGEE_RETURN_IF_ERROR(CheckGroupFormat(header));
  PERIGEE_RETURN_IF_ERROR(CheckHeader(header));
  return header;
}

absl::StatusOr<LogGroup> LogGroup::Decode(std::string bytes) {
  const std::span<const std::byte> all = AsBytes(bytes);
  PERIGEE_ASSIGN_OR_RETURN(const LogGroupHeader header, DecodeGroupHeader(all));
  if (header.length != all.size()) {
    return Damaged(absl::StrCat("length ", header.length, " but ", all.size(), " bytes"));
  }
  const std::span<const std::byte> body = all.subspan(kGroupHeaderBytes);
  if (header.body_crc != MaskCrc(Crc32c(body))) {
    return Damaged("records do not match their checksum");
  }
  ByteReader reader(body);
  for (uint32_t i = 0; reader.ok() && i < header.count; ++i) {
    ReadRecord(reader, header.position.lsn + i);
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return LogGroup(std::move(bytes), header);
}

LogPosition LogGroup::next_position() const {
  return {.slot = slot() + 1, .lsn = first_lsn() + count(), .previous_crc = crc()};
}

std::span<const std::byte> LogGroup::bytes() const { return AsBytes(bytes_); }

std::vector<LogRecord> LogGroup::Records() const {
  std::vector<LogRecord> records;
  records.reserve(header_.count);
  ByteReader reader(AsBytes(bytes_).subspan(kGroupHeaderBytes));
  for (uint32_t i = 0; i < header_.count; ++i) {
    LogRecord record;
    const uint32_t length = reader.U32();
    record.type = reader.U16();
    reader.Skip(sizeof(uint16_t));
    record.lsn = reader.U64();
    reader.Skip(sizeof(uint32_t));
    record.catalog_version = reader.U32();
    record.payload = reader.Bytes(length);
    reader.Pad(kRecordAlignment);
    records.push_back(record);
  }
  PERIGEE_CHECK(reader.ok(), "a validated group does not parse");
  return records;
}

LogGroupBuilder::LogGroupBuilder(uint64_t epoch, const LogPosition& position)
    : epoch_(epoch), position_(position), bytes_(kGroupHeaderBytes, '\0') {
  PERIGEE_CHECK(position.lsn > 0, "LSNs begin at 1");
}

bool LogGroupBuilder::Fits(size_t payload_bytes) const {
  return payload_bytes <= kRecordPayloadBytesMax &&
         RecordBytes(payload_bytes) <= kGroupBytesMax - bytes_.size();
}

uint64_t LogGroupBuilder::Add(uint16_t type, uint32_t catalog_version,
                              std::span<const std::byte> payload) {
  PERIGEE_CHECK(Fits(payload.size()), "payload of ", payload.size(), " bytes after ",
                bytes_.size());
  const uint64_t lsn = position_.lsn + count_;
  ByteWriter header;
  header.U32(static_cast<uint32_t>(payload.size()));
  header.U16(type);
  header.U16(0);
  header.U64(lsn);
  header.U32(MaskCrc(Crc32c(payload)));
  header.U32(catalog_version);
  bytes_ += header.buffer();
  bytes_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  bytes_.append(RecordBytes(payload.size()) - kRecordHeaderBytes - payload.size(), '\0');
  ++count_;
  return lsn;
}

LogGroup LogGroupBuilder::Finish(uint16_t flags) {
  PERIGEE_CHECK(count_ == 0 ? IsOneFlag(flags) : flags == 0, "flags ", flags, " with ", count_,
                " records");
  LogGroupHeader header;
  header.epoch = epoch_;
  header.position = position_;
  header.count = count_;
  header.length = static_cast<uint32_t>(bytes_.size());
  header.body_crc = MaskCrc(Crc32c(AsBytes(bytes_).subspan(kGroupHeaderBytes)));
  header.flags = flags;
  ByteWriter writer;
  writer.U32(kMagic);
  writer.U32(0);
  writer.U64(header.epoch);
  writer.U64(header.position.slot);
  writer.U64(header.position.lsn);
  writer.U32(header.count);
  writer.U32(header.position.previous_crc);
  writer.U32(header.length);
  writer.U32(header.body_crc);
  writer.U16(kVersion);
  writer.U16(header.flags);
  writer.Zeros(kReservedBytes);
  header.crc = MaskCrc(Crc32c(writer.bytes().subspan(kCrcCoverage)));
  writer.PatchU32(kCrcOffset, header.crc);
  PERIGEE_CHECK(writer.size() == kGroupHeaderBytes);
  bytes_.replace(0, kGroupHeaderBytes, writer.buffer());
  return LogGroup(std::move(bytes_), header);
}

}  // namespace perigee::storage
