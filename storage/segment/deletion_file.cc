// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/deletion_file.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kDeletionMagic = 0x314C'4544'4752'4550;  // "PERGDEL1"
constexpr uint32_t kDeletionFormatVersion = 1;
constexpr size_t kHeaderBytes = 192;
constexpr size_t kHeaderCrcOffset = kHeaderBytes - sizeof(uint32_t);
constexpr size_t kReservedOffset = 12;
constexpr size_t kReservedEnd = 16;

// Rows first, then LSNs, each array aligned to 8. Requires: count <= kSegmentRowsMax.
uint64_t BodyBytes(uint64_t count) {
  return AlignUp(count * sizeof(uint32_t), 8) + count * sizeof(uint64_t);
}

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("deletion file ", what));
}

// What is wrong with the values, or "" (one rule for the encoder and the decoder).
std::string Contradiction(const DeletionFile& file) {
  if (file.segment_rows > kSegmentRowsMax || file.dead_rows.size() > file.segment_rows) {
    return absl::StrCat("with ", file.dead_rows.size(), " dead of ", file.segment_rows, " rows");
  }
  if (file.generation == 0 || file.deletion_uuid.is_nil() || file.segment_uuid.is_nil()) {
    return "without generation or uuid";
  }
  for (size_t i = 0; i < file.dead_rows.size(); ++i) {
    const DeadRow& dead = file.dead_rows[i];
    if (dead.row >= file.segment_rows || (i > 0 && dead.row <= file.dead_rows[i - 1].row)) {
      return absl::StrCat("with row ", dead.row, " at position ", i, " out of order or beyond ",
                          file.segment_rows, " rows");
    }
    if (dead.lsn == 0 || dead.lsn > file.complete_lsn) {
      return absl::StrCat("with LSN ", dead.lsn, " of row ", dead.row, " outside 1 to ",
                          file.complete_lsn);
    }
  }
  return "";
}

Uuid ReadUuid(ByteReader& reader) {
  const std::span<const std::byte> bytes = reader.Bytes(Uuid::kBytes);
  return bytes.size() == Uuid::kBytes ? Uuid::FromBytes(bytes) : Uuid();
}

// Past the page cache where the file system allows it: also used to verify what was written.
absl::StatusOr<std::string> ReadFile(FileSystem& file_system, const std::string& path,
                                     uint64_t bytes_max) {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           file_system.Open(path, {.mode = OpenMode::kReadOnly, .direct = true}));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > bytes_max) {
    return Damaged(absl::StrCat("of ", size, " bytes; at most ", bytes_max, " are possible"));
  }
  const size_t alignment = std::max(file->alignment(), AlignedBuffer::kDefaultAlignment);
  AlignedBuffer buffer(AlignUp(size, alignment), alignment);
  PERIGEE_ASSIGN_OR_RETURN(const size_t count, file->Read(0, buffer.bytes()));
  return std::string(AsText(buffer.bytes().first(std::min<uint64_t>(count, size))));
}

DeletionReference ReferenceTo(const DeletionFile& file, std::string_view bytes) {
  return {.uuid = file.deletion_uuid,
          .generation = file.generation,
          .complete_lsn = file.complete_lsn,
          .dead_rows = file.dead_rows.size(),
          .file_bytes = bytes.size(),
          // The header holds the hash of the body, so this covers all of the file.
          .checksum = Sha256Half(AsBytes(bytes.substr(0, kHeaderBytes)))};
}

absl::StatusOr<DeletionFile> ReadExpected(FileSystem& file_system, const std::string& path,
                                          const DeletionExpectation& expected) {
  const uint64_t bytes_max =
      kHeaderBytes + BodyBytes(std::min(expected.segment_rows, kSegmentRowsMax));
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file_system, path, bytes_max));
  PERIGEE_ASSIGN_OR_RETURN(DeletionFile file, DecodeDeletionFile(AsBytes(bytes)));
  const bool is_expected = ReferenceTo(file, bytes) == expected.reference &&
                           file.database_uuid == expected.database_uuid &&
                           file.segment_uuid == expected.segment_uuid &&
                           file.segment_rows == expected.segment_rows;
  if (!is_expected && !CanaryActive("deletion-file-mismatch-accepted")) {
    return Damaged(absl::StrCat("is stale or foreign: it is generation ", file.generation,
                                " of segment ", file.segment_uuid.ToString(), ", expected was ",
                                expected.reference.generation, " of ",
                                expected.segment_uuid.ToString()));
  }
  return file;
}

}  // namespace

absl::StatusOr<std::string> EncodeDeletionFile(const DeletionFile& file) {
  if (const std::string wrong = Contradiction(file); !wrong.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("deletion file ", wrong));
  }
  ByteWriter body;
  body.Reserve(BodyBytes(file.dead_rows.size()));
  for (const DeadRow& dead : file.dead_rows) {
    body.U32(dead.row);
  }
  body.Pad(8);
  for (const DeadRow& dead : file.dead_rows) {
    body.U64(dead.lsn);
  }
  ByteWriter writer;
  writer.Reserve(kHeaderBytes + body.size());
  writer.U64(kDeletionMagic);
  writer.U32(kDeletionFormatVersion);
  writer.U32(0);
  writer.Zeros(3 * sizeof(uint64_t));  // feature masks: none so far
  writer.Bytes(file.database_uuid.bytes());
  writer.Bytes(file.segment_uuid.bytes());
  writer.Bytes(file.deletion_uuid.bytes());
  writer.U64(file.generation);
  writer.U64(file.complete_lsn);
  writer.U64(file.segment_rows);
  writer.U64(file.dead_rows.size());
  writer.Bytes(Sha256Half(body.bytes()));
  writer.Zeros(kHeaderCrcOffset - writer.size());
  writer.U32(MaskCrc(Crc32c(writer.bytes())));
  writer.Bytes(body.bytes());
  return writer.Take();
}

absl::StatusOr<DeletionFile> DecodeDeletionFile(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Damaged(
        absl::StrCat("of ", bytes.size(), " bytes; the header alone has ", kHeaderBytes));
  }
  ByteReader reader(bytes);
  ByteReader crc(bytes.subspan(kHeaderCrcOffset));
  if (reader.U64() != kDeletionMagic ||
      crc.U32() != MaskCrc(Crc32c(bytes.first(kHeaderCrcOffset)))) {
    return Damaged("with a damaged header");
  }
  const uint32_t version = reader.U32();
  reader.Skip(kReservedEnd - kReservedOffset);
  FeatureMasks features;
  features.compat = reader.U64();
  features.ro_compat = reader.U64();
  features.incompat = reader.U64();
  if (version != kDeletionFormatVersion) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("deletion file of format version ", version,
                                        "; this version reads ", kDeletionFormatVersion));
  }
  PERIGEE_RETURN_IF_ERROR(CheckIncompatFeatures(features, "deletion file"));
  DeletionFile file;
  file.read_only = HasUnknownRoCompat(features);
  file.database_uuid = ReadUuid(reader);
  file.segment_uuid = ReadUuid(reader);
  file.deletion_uuid = ReadUuid(reader);
  file.generation = reader.U64();
  file.complete_lsn = reader.U64();
  file.segment_rows = reader.U64();
  const uint64_t count = reader.U64();
  const std::span<const std::byte> body_hash = reader.Bytes(sizeof(ContentHash));
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(bytes, kReservedOffset, kReservedEnd, "deletion file header"));
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(bytes, reader.position(), kHeaderCrcOffset, "deletion file header"));
  const std::span<const std::byte> body = bytes.subspan(kHeaderBytes);
  if (count > kSegmentRowsMax || BodyBytes(count) != body.size()) {
    return Damaged(absl::StrCat("of ", bytes.size(), " bytes for ", count, " rows"));
  }
  if (const ContentHash hash = Sha256Half(body); !std::ranges::equal(hash, body_hash)) {
    return Damaged("with a damaged list of rows");
  }
  file.dead_rows.resize(count);
  ByteReader list(body);
  for (DeadRow& dead : file.dead_rows) {
    dead.row = list.U32();
  }
  list.Pad(8);
  for (DeadRow& dead : file.dead_rows) {
    dead.lsn = list.U64();
  }
  PERIGEE_RETURN_IF_ERROR(list.Finish());
  if (const std::string wrong = Contradiction(file); !wrong.empty()) {
    return Damaged(wrong);
  }
  return file;
}

absl::StatusOr<DeletionReference> WriteDeletionFile(FileSystem& file_system,
                                                    const std::string& path,
                                                    const DeletionFile& file) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, EncodeDeletionFile(file));
  {
    PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> handle,
                             file_system.Open(path, {.mode = OpenMode::kCreateExclusive}));
    PERIGEE_RETURN_IF_ERROR(handle->Write(0, AsBytes(bytes)));
    PERIGEE_RETURN_IF_ERROR(handle->Sync());
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string back, ReadFile(file_system, path, bytes.size()));
  if (back != bytes) {
    return WithContext(Damaged("reads back with other bytes than written"), path);
  }
  return ReferenceTo(file, bytes);
}

absl::StatusOr<DeletionFile> ReadDeletionFile(FileSystem& file_system, const std::string& path,
                                              const DeletionExpectation& expected) {
  absl::StatusOr<DeletionFile> file = ReadExpected(file_system, path, expected);
  if (absl::IsDataLoss(file.status())) {
    Log(LogLevel::kWarning, "deletion.reread", std::string(file.status().message()));
    file = ReadExpected(file_system, path, expected);  // F1: once more
  }
  if (!file.ok()) {
    return WithContext(file.status(), path);
  }
  return file;
}

}  // namespace perigee::storage
