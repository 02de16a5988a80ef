// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/scrub_record.h"

#include <optional>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kMagic = "PRGSCRUB";
constexpr uint32_t kVersion = 1;
constexpr size_t kCrcBytes = 4;
constexpr size_t kHeadBytes = 80;
constexpr size_t kEntryBytes = Uuid::kBytes + sizeof(int64_t);
static_assert(kHeadBytes + kScrubSegmentsMax * kEntryBytes + kCrcBytes <= kScrubRecordBytesMax);

absl::Status Damaged(std::string_view what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("SCRUB: ", Absl(what)));
}

}  // namespace

std::string EncodeScrubRecord(const ScrubRecord& record) {
  PERIGEE_CHECK(record.verified_at_ms.size() <= kScrubSegmentsMax, record.verified_at_ms.size());
  ByteWriter writer;
  writer.Reserve(kHeadBytes + record.verified_at_ms.size() * kEntryBytes + kCrcBytes);
  writer.Bytes(kMagic);
  writer.U32(kVersion);
  writer.U32(static_cast<uint32_t>(record.verified_at_ms.size()));
  writer.Bytes(record.database_uuid.bytes());
  writer.I64(record.last_full_pass_ms);
  writer.U64(record.damages_found);
  writer.Bytes(record.current_segment.bytes());
  writer.U64(record.current_offset);
  writer.I64(record.current_since_ms);
  PERIGEE_CHECK(writer.size() == kHeadBytes, writer.size());
  for (const auto& [segment, verified_at_ms] : record.verified_at_ms) {
    writer.Bytes(segment.bytes());
    writer.I64(verified_at_ms);
  }
  writer.U32(Crc32c(writer.bytes()));
  return writer.Take();
}

absl::StatusOr<ScrubRecord> DecodeScrubRecord(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeadBytes + kCrcBytes || bytes.size() > kScrubRecordBytesMax) {
    return Damaged(absl::StrCat("has ", bytes.size(), " bytes"));
  }
  const std::optional<std::span<const std::byte>> checked = WithoutCrc(bytes);
  if (!checked.has_value()) {
    return Damaged("wrong checksum");
  }
  ByteReader reader(*checked);
  if (reader.Text(kMagic.size()) != kMagic) {
    return Damaged("wrong magic");
  }
  if (const uint32_t version = reader.U32(); version != kVersion) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("SCRUB has version ", version, "; this version knows ", kVersion));
  }
  const uint32_t count = reader.U32();
  if (count > kScrubSegmentsMax || checked->size() != kHeadBytes + count * kEntryBytes) {
    return Damaged(absl::StrCat(count, " segments in ", bytes.size(), " bytes"));
  }
  // From here on every field is there: the size was compared.
  ScrubRecord record;
  record.database_uuid = Uuid::FromBytes(reader.Bytes(Uuid::kBytes));
  record.last_full_pass_ms = reader.I64();
  record.damages_found = reader.U64();
  record.current_segment = Uuid::FromBytes(reader.Bytes(Uuid::kBytes));
  record.current_offset = reader.U64();
  record.current_since_ms = reader.I64();
  const bool none = record.current_offset == 0 && record.current_since_ms == 0;
  bool valid = record.last_full_pass_ms >= 0 && record.current_since_ms >= 0 &&
               (none || !record.current_segment.is_nil());
  for (uint32_t i = 0; i < count; ++i) {
    const Uuid segment = Uuid::FromBytes(reader.Bytes(Uuid::kBytes));
    const int64_t verified_at_ms = reader.I64();
    const bool ascends =
        record.verified_at_ms.empty() || record.verified_at_ms.rbegin()->first < segment;
    valid = valid && ascends && verified_at_ms >= 0;
    record.verified_at_ms.emplace_hint(record.verified_at_ms.end(), segment, verified_at_ms);
  }
  return valid ? absl::StatusOr<ScrubRecord>(std::move(record))
               : Damaged("a value is outside its limits");
}

}  // namespace perigee::storage
