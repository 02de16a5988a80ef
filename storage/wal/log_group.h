// SPDX-License-Identifier: Apache-2.0
//
// LogGroup: the unit of the write-ahead log (N6). A 64-byte header and the records that one flush
// makes durable; the same bytes in a file, in a message and in an object. The bytes are defined in
// docs/formats/wal_format.md. What belongs to a file only (salt, durable mark, chain over blocks)
// stands in the block trailer of log_file_format.h, never in here.
//
// Invariants:
//  1. A LogGroup that exists is valid: Decode checked every rule of the page, or a builder made it.
//  2. Records have the LSNs first_lsn, first_lsn + 1, ...; a group without records is a mark.
//  3. No length or count is used before the header's checksum and its limit were checked (F3).
//
// Thread-safety: a value; const methods may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::storage {

inline constexpr size_t kGroupHeaderBytes = 64;
inline constexpr size_t kRecordHeaderBytes = 24;
/// A whole group with its header. Object stores will want less (N6 says 4 MiB); that is a limit of
/// the writer, not of the format.
inline constexpr size_t kGroupBytesMax = size_t{16} << 20;
/// The largest payload that fits a group alone.
inline constexpr size_t kRecordPayloadBytesMax =
    kGroupBytesMax - kGroupHeaderBytes - kRecordHeaderBytes;
/// Records whose type has this bit may be skipped by a reader that does not know the type; a
/// reader refuses any other type it does not know.
inline constexpr uint16_t kSkippableRecordType = 0x8000;

/// Group flags. A group without records has exactly one of them; a group with records has none.
inline constexpr uint16_t kGroupDurableMark = 0x1;  ///< says only that all before is flushed (D7)
inline constexpr uint16_t kGroupCleanClose = 0x2;   ///< the log was closed after all before

/// One record of a group. `payload` points into the group.
struct LogRecord {
  uint64_t lsn = 0;
  uint16_t type = 0;
  uint32_t catalog_version = 0;
  std::span<const std::byte> payload;
};

/// Where a group stands: what the next one must continue.
struct LogPosition {
  uint64_t slot = 0;          ///< number of the group in the log, dense from 0
  uint64_t lsn = 1;           ///< LSN of the next record, dense from 1
  uint32_t previous_crc = 0;  ///< LogGroup::crc() of the group before, 0 for the first

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// The header's fields, as far as they can be trusted before the body has been read.
struct LogGroupHeader {
  uint64_t epoch = 0;
  LogPosition position;
  uint32_t count = 0;
  uint32_t length = 0;  ///< bytes of the group, header included
  uint32_t body_crc = 0;
  uint32_t crc = 0;  ///< CRC of this header; covers the body through body_crc
  uint16_t version = 0;
  uint16_t flags = 0;
  bool reserved_used = false;  ///< a byte that this version keeps zero is not
};

/// Bytes a record with a payload of `payload_bytes` takes in a group.
constexpr size_t RecordBytes(size_t payload_bytes) {
  return kRecordHeaderBytes + (payload_bytes + 7) / 8 * 8;
}

/// Reads the first kGroupHeaderBytes of `bytes`, a group's header of this or a later version:
/// kDataLoss unless magic and checksum are right. Nothing else is judged, so a client's payload can
/// have such bytes; only a trailer that names them proves that they were written as a header.
absl::StatusOr<LogGroupHeader> ReadGroupHeader(std::span<const std::byte> bytes);
/// kUnimplemented when version, flags or reserved bytes are of a later version.
absl::Status CheckGroupFormat(const LogGroupHeader& header);
/// Reads and judges the first kGroupHeaderBytes of `bytes`. kDataLoss when they are not a group's
/// header; kUnimplemented as of CheckGroupFormat.
absl::StatusOr<LogGroupHeader> DecodeGroupHeader(std::span<const std::byte> bytes);

class LogGroup {
 public:
  /// Takes exactly the bytes of one group. Failures as of DecodeGroupHeader.
  static absl::StatusOr<LogGroup> Decode(std::string bytes);

  uint64_t epoch() const { return header_.epoch; }
  uint64_t slot() const { return header_.position.slot; }
  uint64_t first_lsn() const { return header_.position.lsn; }
  /// first_lsn() - 1 for a mark.
  uint64_t last_lsn() const { return header_.position.lsn + header_.count - 1; }
  uint32_t count() const { return header_.count; }
  uint16_t flags() const { return header_.flags; }
  uint32_t previous_crc() const { return header_.position.previous_crc; }
  uint32_t crc() const { return header_.crc; }
  /// What the group after this one must start at.
  LogPosition next_position() const;
  /// The encoded group, valid as long as the object.
  std::span<const std::byte> bytes() const;
  /// The records in order; payloads point into this object, which must not move meanwhile.
  std::vector<LogRecord> Records() const;

 private:
  friend class LogGroupBuilder;
  LogGroup(std::string bytes, const LogGroupHeader& header)
      : bytes_(std::move(bytes)), header_(header) {}

  std::string bytes_;
  LogGroupHeader header_;
};

/// Encodes one group record by record.
class LogGroupBuilder {
 public:
  /// A group of `epoch` that continues at `position`.
  LogGroupBuilder(uint64_t epoch, const LogPosition& position);

  /// Whether a record with this payload still fits in kGroupBytesMax.
  bool Fits(size_t payload_bytes) const;
  /// Adds a record and returns its LSN. Requires: Fits(payload.size()).
  uint64_t Add(uint16_t type, uint32_t catalog_version, std::span<const std::byte> payload);
  /// Bytes of the group so far.
  size_t bytes() const { return bytes_.size(); }
  uint32_t count() const { return count_; }

  /// The group. Requires: `flags` is zero if records were added, one flag otherwise. The builder
  /// is used up.
  LogGroup Finish(uint16_t flags = 0);

 private:
  uint64_t epoch_;
  LogPosition position_;
  uint32_t count_ = 0;
  std::string bytes_;
};

}  // namespace perigee::storage
