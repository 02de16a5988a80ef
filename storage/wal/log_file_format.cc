// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/feature_masks.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kHeaderMagic = "PERIGWAL";
constexpr uint32_t kHeaderVersion = 1;
constexpr size_t kHeaderCrcOffset = 8;
constexpr size_t kHeaderCrcCoverage = 12;
constexpr size_t kHeaderUsedBytes = 152;
constexpr uint32_t kTrailerMagic = 0x544C'4750;  // "PGLT"
constexpr size_t kTrailerCrcOffset = 4;
constexpr size_t kTrailerCrcCoverage = 8;
constexpr size_t kTrailerReservedBytes = 12;

absl::Status Damaged(const std::string& what) {
  return ErrorWithReason(ErrorReason::kDamaged, what);
}

}  // namespace

std::string EncodeLogFileHeader(const LogFileHeader& header) {
  ByteWriter writer;
  writer.Bytes(kHeaderMagic);
  writer.U32(0);
  writer.U32(kHeaderVersion);
  writer.U64(0);  // compat, ro_compat and incompat features
  writer.U64(0);
  writer.U64(0);
  writer.Bytes(header.database_uuid.bytes());
  writer.U64(header.number);
  writer.U64(header.file_bytes);
  writer.U64(header.salt);
  writer.U64(header.epoch);
  writer.U64(header.predecessor_number);
  writer.U64(header.start.slot);
  writer.U64(header.start.lsn);
  writer.U32(header.start.previous_crc);
  writer.U32(header.chain);
  writer.U64(header.durable_lsn);
  writer.U32(0);     // cipher: none
  writer.Zeros(20);  // key id
  PERIGEE_CHECK(writer.size() == kHeaderUsedBytes, "size ", writer.size());
  writer.Zeros(kLogBlockBytes - kHeaderUsedBytes);
  writer.PatchU32(kHeaderCrcOffset, MaskCrc(Crc32c(writer.bytes().subspan(kHeaderCrcCoverage))));
  return writer.Take();
}

absl::StatusOr<LogFileHeader> DecodeLogFileHeader(std::span<const std::byte> block) {
  if (block.size() != kLogBlockBytes) {
    return Damaged(
        absl::StrCat("log file header has ", block.size(), " bytes, not ", kLogBlockBytes));
  }
  ByteReader reader(block);
  if (reader.Text(kHeaderMagic.size()) != kHeaderMagic) {
    return Damaged("log file header has no magic number");
  }
  if (reader.U32() != MaskCrc(Crc32c(block.subspan(kHeaderCrcCoverage)))) {
    return Damaged("log file header does not match its checksum");
  }
  const uint32_t version = reader.U32();
  FeatureMasks features;
  features.compat = reader.U64();
  features.ro_compat = reader.U64();
  features.incompat = reader.U64();
  LogFileHeader header;
  const std::span<const std::byte> uuid = reader.Bytes(Uuid::kBytes);
  header.number = reader.U64();
  header.file_bytes = reader.U64();
  header.salt = reader.U64();
  header.epoch = reader.U64();
  header.predecessor_number = reader.U64();
  header.start.slot = reader.U64();
  header.start.lsn = reader.U64();
  header.start.previous_crc = reader.U32();
  header.chain = reader.U32();
  header.durable_lsn = reader.U64();
  const uint32_t cipher = reader.U32();
  if (version != kHeaderVersion || cipher != 0) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("log file has version ", version, ", cipher ", cipher,
                     "; this program knows version ", kHeaderVersion, " without a cipher"));
  }
  PERIGEE_RETURN_IF_ERROR(CheckIncompatFeatures(features, "log file"));
  PERIGEE_RETURN_IF_ERROR(CheckRoCompatFeatures(features, "log file"));  // it is opened to go on
  PERIGEE_RETURN_IF_ERROR(reader.status());
  // The key too: it comes with a cipher.
  PERIGEE_RETURN_IF_ERROR(
      CheckReserved(block, reader.position(), kLogBlockBytes, "log file header"));
  header.database_uuid = Uuid::FromBytes(uuid);
  if (header.file_bytes < 2 * kLogBlockBytes || header.file_bytes % kLogBlockBytes != 0 ||
      header.start.lsn == 0 || header.predecessor_number >= header.number) {
    return Damaged(absl::StrCat("log file header: size ", header.file_bytes, ", LSN ",
                                header.start.lsn, ", number ", header.number, " after ",
                                header.predecessor_number, " is impossible"));
  }
  return header;
}

std::string EncodeBlockTrailer(const BlockTrailer& trailer) {
  ByteWriter writer;
  writer.U32(kTrailerMagic);
  writer.U32(0);
  writer.U64(trailer.salt);
  writer.U64(trailer.durable_lsn);
  writer.U64(trailer.slot);
  writer.U64(trailer.file_offset);
  writer.U32(trailer.group_length);
  writer.U32(trailer.group_crc);
  writer.U32(trailer.chain);
  writer.Zeros(kTrailerReservedBytes);
  PERIGEE_CHECK(writer.size() == kBlockTrailerBytes, "size ", writer.size());
  writer.PatchU32(kTrailerCrcOffset, MaskCrc(Crc32c(writer.bytes().subspan(kTrailerCrcCoverage))));
  return writer.Take();
}

absl::StatusOr<BlockTrailer> DecodeBlockTrailer(std::span<const std::byte> bytes) {
  if (bytes.size() != kBlockTrailerBytes) {
    return Damaged(absl::StrCat("block trailer has ", bytes.size(), " bytes"));
  }
  ByteReader reader(bytes);
  if (reader.U32() != kTrailerMagic) {
    return Damaged("block trailer has no magic number");
  }
  if (reader.U32() != MaskCrc(Crc32c(bytes.subspan(kTrailerCrcCoverage)))) {
    return Damaged("block trailer does not match its checksum");
  }
  BlockTrailer trailer;
  trailer.salt = reader.U64();
  trailer.durable_lsn = reader.U64();
  trailer.slot = reader.U64();
  trailer.file_offset = reader.U64();
  trailer.group_length = reader.U32();
  trailer.group_crc = reader.U32();
  trailer.chain = reader.U32();
  const std::span<const std::byte> reserved = reader.Bytes(kTrailerReservedBytes);
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  trailer.reserved_used = std::any_of(reserved.begin(), reserved.end(),
                                      [](std::byte byte) { return byte != std::byte{0}; });
  return trailer;
}

uint32_t NextChain(uint32_t chain, uint32_t group_crc) {
  ByteWriter writer;
  writer.U32(chain);
  writer.U32(group_crc);
  return MaskCrc(Crc32c(writer.bytes()));
}

uint32_t EncodeExtent(const LogGroup& group, const ExtentPlace& place,
                      std::span<std::byte> extent) {
  const std::span<const std::byte> bytes = group.bytes();
  PERIGEE_CHECK(extent.size() == ExtentBytes(bytes.size()), "extent ", extent.size(), " group ",
                bytes.size());
  const uint32_t chain = NextChain(place.chain, group.crc());
  const std::string trailer =
      EncodeBlockTrailer({.salt = place.salt,
                          .durable_lsn = place.durable_lsn,
                          .slot = group.slot(),
                          .file_offset = place.file_offset,
                          .group_length = static_cast<uint32_t>(bytes.size()),
                          .group_crc = group.crc(),
                          .chain = chain});
  std::copy(bytes.begin(), bytes.end(), extent.begin());
  const std::span<std::byte> rest = extent.subspan(bytes.size());
  std::fill(rest.begin(), rest.end(), std::byte{0});
  std::memcpy(rest.data() + rest.size() - kBlockTrailerBytes, trailer.data(), trailer.size());
  return chain;
}

}  // namespace perigee::storage
