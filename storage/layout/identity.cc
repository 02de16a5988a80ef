// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/identity.h"

#include <bit>
#include <optional>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kMagic = "PRGIDENT";
constexpr size_t kReservedOffset = 12;
constexpr size_t kReservedEnd = 16;
constexpr size_t kReservedBytes = 36;  // behind the last field
constexpr uint64_t kBlockBytes = 4096;
constexpr uint32_t kSectionAlignmentSmall = 4U << 10U;
constexpr uint32_t kSectionAlignmentLarge = 64U << 10U;

absl::Status Damaged(std::string_view what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("IDENTITY: ", Absl(what)));
}

}  // namespace

absl::Status ValidateCreationParameters(const CreationParameters& parameters) {
  if (parameters.log_file_bytes < CreationParameters::kLogFileBytesMin ||
      parameters.log_file_bytes > CreationParameters::kLogFileBytesMax ||
      parameters.log_file_bytes % kBlockBytes != 0) {
    return ErrorWithReason(
        ErrorReason::kLimit,
        absl::StrCat("log_file_bytes is ", parameters.log_file_bytes,
                     "; it takes a multiple of 4096 from ", CreationParameters::kLogFileBytesMin,
                     " to ", CreationParameters::kLogFileBytesMax));
  }
  if (parameters.section_alignment_bytes != kSectionAlignmentSmall &&
      parameters.section_alignment_bytes != kSectionAlignmentLarge) {
    return ErrorWithReason(ErrorReason::kLimit, absl::StrCat("section_alignment_bytes is ",
                                                             parameters.section_alignment_bytes,
                                                             "; it takes 4096 or 65536"));
  }
  if (parameters.reserve_bytes > CreationParameters::kReserveBytesMax ||
      parameters.reserve_bytes % kBlockBytes != 0) {
    return ErrorWithReason(
        ErrorReason::kLimit,
        absl::StrCat("reserve_bytes is ", parameters.reserve_bytes,
                     "; it takes a multiple of 4096 up to ", CreationParameters::kReserveBytesMax));
  }
  return absl::OkStatus();
}

Identity NewIdentity(const CreationParameters& parameters) {
  PERIGEE_CHECK(ValidateCreationParameters(parameters).ok());
  Identity identity;
  identity.database_uuid = Uuid::Random();
  identity.creation = parameters;
  identity.bucket_seed = ByteReader(Uuid::Random().bytes()).U64();
  return identity;
}

std::string EncodeIdentity(const Identity& identity) {
  ByteWriter writer;
  writer.Bytes(kMagic);
  writer.U32(identity.format_version);
  writer.U32(0);
  writer.U64(identity.features.compat);
  writer.U64(identity.features.ro_compat);
  writer.U64(identity.features.incompat);
  writer.Bytes(identity.database_uuid.bytes());
  writer.U64(identity.creation.log_file_bytes);
  writer.U64(identity.creation.reserve_bytes);
  writer.U32(identity.creation.section_alignment_bytes);
  writer.U32(static_cast<uint32_t>(identity.bucket_function));
  writer.U64(identity.bucket_seed);
  writer.Zeros(kReservedBytes);
  writer.U32(Crc32c(writer.bytes()));
  PERIGEE_CHECK(writer.size() == kIdentityBytes, "size ", writer.size());
  return writer.Take();
}

absl::StatusOr<Identity> DecodeIdentity(std::span<const std::byte> bytes) {
  if (bytes.size() != kIdentityBytes) {
    return Damaged(absl::StrCat(bytes.size(), " bytes instead of ", kIdentityBytes));
  }
  const std::optional<std::span<const std::byte>> checked = WithoutCrc(bytes);
  if (!checked.has_value()) {
    return Damaged("wrong checksum");
  }
  ByteReader reader(*checked);
  if (reader.Text(kMagic.size()) != kMagic) {
    return Damaged("wrong magic");
  }
  Identity identity;
  identity.format_version = reader.U32();
  if (identity.format_version != kLayoutFormatVersion) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("the directory has layout version ", identity.format_version,
                     "; this version knows ", kLayoutFormatVersion));
  }
  reader.Skip(kReservedEnd - kReservedOffset);
  identity.features.compat = reader.U64();
  identity.features.ro_compat = reader.U64();
  identity.features.incompat = reader.U64();
  PERIGEE_RETURN_IF_ERROR(CheckIncompatFeatures(identity.features, "IDENTITY"));
  PERIGEE_RETURN_IF_ERROR(reader.status());  // a failed reader has no sixteen bytes to give
  identity.database_uuid = Uuid::FromBytes(reader.Bytes(Uuid::kBytes));
  identity.creation.log_file_bytes = reader.U64();
  identity.creation.reserve_bytes = reader.U64();
  identity.creation.section_alignment_bytes = reader.U32();
  const uint32_t bucket_function = reader.U32();
  identity.bucket_seed = reader.U64();
  PERIGEE_RETURN_IF_ERROR(reader.status());
  PERIGEE_RETURN_IF_ERROR(CheckReserved(*checked, kReservedOffset, kReservedEnd, "IDENTITY"));
  PERIGEE_RETURN_IF_ERROR(CheckReserved(*checked, reader.position(), checked->size(), "IDENTITY"));
  if (identity.database_uuid.is_nil() ||
      bucket_function != static_cast<uint32_t>(BucketFunction::kSha256) ||
      !ValidateCreationParameters(identity.creation).ok()) {
    return Damaged("a value is outside its limits");
  }
  return identity;
}

absl::Status CheckWritable(const Identity& identity) {
  return CheckRoCompatFeatures(identity.features, "IDENTITY");
}

uint32_t BucketOf(uint64_t bucket_seed, std::string_view encoded_id) {
  ByteWriter writer;
  writer.U64(bucket_seed);
  writer.Bytes(encoded_id);
  return static_cast<uint32_t>(ByteReader(Sha256Half(writer.bytes())).U64() % kBucketCount);
}

}  // namespace perigee::storage
