// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/wal_operation.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "engine/collection/schema_codec.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

using storage::ByteReader;
using storage::ByteWriter;
using storage::Uuid;

// Every payload begins with this, so that a later layout is refused rather than misread.
constexpr uint16_t kLayout = 1;

constexpr size_t kEncodedIdBytesMax = 1 + limits::kPointIdBytesMax;
constexpr size_t kVectorBytesMax = size_t{limits::kDimensionMax} * sizeof(float);
// Name, parameters and the length before them, eight times.
constexpr size_t kSchemaBytesMax =
    8 + limits::kNamedVectorsMax * (limits::kVectorNameBytesMax + 20);
// A payload may take more bytes encoded than its JSON text has; the batch limit bounds it.
constexpr size_t kPayloadRecordBytesMax = limits::kWriteBatchBytesMax;
constexpr size_t kRowBytesMin = 4 + 4 + 4;
constexpr size_t kReceiptBytes = Uuid::kBytes + 8 + 8 + 16;

ByteWriter BeginRecord(const Uuid& collection) {
  ByteWriter writer;
  writer.U16(kLayout);
  writer.U16(0);
  writer.Bytes(collection.bytes());
  return writer;
}

Uuid ReadUuid(ByteReader& reader) {
  const std::span<const std::byte> bytes = reader.Bytes(Uuid::kBytes);
  return reader.ok() ? Uuid::FromBytes(bytes) : Uuid();
}

// Reads what BeginRecord wrote; kUnimplemented for a layout of a later version.
absl::StatusOr<Uuid> ReadBeginning(ByteReader& reader) {
  const uint16_t layout = reader.U16();
  if (reader.ok() && layout != kLayout) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("log record has layout ", layout, "; this version reads layout ", kLayout));
  }
  reader.Zeros(2);
  const Uuid collection = ReadUuid(reader);
  PERIGEE_RETURN_IF_ERROR(reader.status());
  return collection;
}

absl::Status CheckId(std::string_view encoded_id) {
  if (const absl::Status valid = ValidateEncodedPointId(encoded_id); !valid.ok()) {
    return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("log record: ", valid.message()));
  }
  return absl::OkStatus();
}

RowImage ReadRow(ByteReader& reader) {
  RowImage row;
  row.encoded_id = reader.LengthPrefixedText(kEncodedIdBytesMax);
  row.presence_bits = reader.U32();
  if (reader.ok() && (row.presence_bits >> limits::kNamedVectorsMax) != 0) {
    reader.Fail("a row has vectors beyond the eighth");
  }
  for (size_t ordinal = 0; reader.ok() && ordinal < limits::kNamedVectorsMax; ++ordinal) {
    if ((row.presence_bits & (1U << ordinal)) != 0) {
      row.vectors[ordinal] = reader.LengthPrefixed(kVectorBytesMax);
    }
  }
  row.payload = reader.LengthPrefixed(kPayloadRecordBytesMax);
  return row;
}

}  // namespace

std::string EncodeRecord(const CreateCollectionRecord& record) {
  ByteWriter writer = BeginRecord(record.collection);
  writer.Bytes(record.tenant.bytes());
  writer.U64(record.hash_seed);
  writer.LengthPrefixed(record.name);
  writer.LengthPrefixed(EncodeSchema(record.schema));
  return writer.Take();
}

std::string EncodeRecord(const DropCollectionRecord& record) {
  return BeginRecord(record.collection).Take();
}

std::string EncodeRecord(const UpsertRecord& record) {
  ByteWriter writer = BeginRecord(record.collection);
  writer.U32(static_cast<uint32_t>(record.rows.size()));
  for (const RowImage& row : record.rows) {
    writer.LengthPrefixed(row.encoded_id);
    writer.U32(row.presence_bits);
    for (size_t ordinal = 0; ordinal < limits::kNamedVectorsMax; ++ordinal) {
      if ((row.presence_bits & (1U << ordinal)) != 0) {
        writer.LengthPrefixed(row.vectors[ordinal]);
      }
    }
    writer.LengthPrefixed(row.payload);
  }
  return writer.Take();
}

std::string EncodeRecord(const DeleteRecord& record) {
  ByteWriter writer = BeginRecord(record.collection);
  writer.U32(static_cast<uint32_t>(record.encoded_ids.size()));
  for (const std::string_view encoded_id : record.encoded_ids) {
    writer.LengthPrefixed(encoded_id);
  }
  return writer.Take();
}

std::string EncodeRecord(const AttachRecord& record) {
  ByteWriter writer = BeginRecord(record.collection);
  writer.U32(static_cast<uint32_t>(record.segments.size()));
  for (const SegmentReceipt& receipt : record.segments) {
    writer.Bytes(receipt.segment.bytes());
    writer.U64(receipt.file_bytes);
    writer.U64(receipt.row_count);
    writer.Bytes(receipt.root_checksum);
  }
  return writer.Take();
}

absl::StatusOr<CreateCollectionRecord> DecodeCreateCollection(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  CreateCollectionRecord record;
  PERIGEE_ASSIGN_OR_RETURN(record.collection, ReadBeginning(reader));
  record.tenant = ReadUuid(reader);
  record.hash_seed = reader.U64();
  record.name = std::string(reader.LengthPrefixedText(limits::kCollectionNameBytesMax));
  const std::span<const std::byte> schema = reader.LengthPrefixed(kSchemaBytesMax);
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  if (const absl::Status valid = ValidateCollectionName(record.name); !valid.ok()) {
    return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("log record: ", valid.message()));
  }
  PERIGEE_ASSIGN_OR_RETURN(record.schema, DecodeSchema(schema));
  return record;
}

absl::StatusOr<DropCollectionRecord> DecodeDropCollection(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  DropCollectionRecord record;
  PERIGEE_ASSIGN_OR_RETURN(record.collection, ReadBeginning(reader));
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

absl::StatusOr<UpsertRecord> DecodeUpsert(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  UpsertRecord record;
  PERIGEE_ASSIGN_OR_RETURN(record.collection, ReadBeginning(reader));
  const uint32_t count = reader.Count(limits::kWriteBatchPointsMax, kRowBytesMin);
  if (reader.ok()) {
    record.rows.reserve(count);
  }
  for (uint32_t i = 0; reader.ok() && i < count; ++i) {
    record.rows.push_back(ReadRow(reader));
    PERIGEE_RETURN_IF_ERROR(reader.status());
    PERIGEE_RETURN_IF_ERROR(CheckId(record.rows.back().encoded_id));
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

absl::StatusOr<DeleteRecord> DecodeDelete(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  DeleteRecord record;
  PERIGEE_ASSIGN_OR_RETURN(record.collection, ReadBeginning(reader));
  const uint32_t count = reader.Count(limits::kWriteBatchPointsMax, sizeof(uint32_t));
  if (reader.ok()) {
    record.encoded_ids.reserve(count);
  }
  for (uint32_t i = 0; reader.ok() && i < count; ++i) {
    record.encoded_ids.push_back(reader.LengthPrefixedText(kEncodedIdBytesMax));
    PERIGEE_RETURN_IF_ERROR(reader.status());
    PERIGEE_RETURN_IF_ERROR(CheckId(record.encoded_ids.back()));
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

absl::StatusOr<AttachRecord> DecodeAttach(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  AttachRecord record;
  PERIGEE_ASSIGN_OR_RETURN(record.collection, ReadBeginning(reader));
  const uint32_t count = reader.Count(kAttachSegmentsMax, kReceiptBytes);
  if (reader.ok()) {
    record.segments.reserve(count);
  }
  for (uint32_t i = 0; reader.ok() && i < count; ++i) {
    SegmentReceipt receipt;
    receipt.segment = ReadUuid(reader);
    receipt.file_bytes = reader.U64();
    receipt.row_count = reader.U64();
    const std::span<const std::byte> checksum = reader.Bytes(receipt.root_checksum.size());
    std::copy(checksum.begin(), checksum.end(), receipt.root_checksum.begin());
    record.segments.push_back(receipt);
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

size_t StoredVectorBytes(const VectorSchema& schema) {
  return size_t{schema.dimension} * (schema.element == VectorElement::kFloat16 ? 2 : 4);
}

absl::Status CheckRowsAgainstSchema(const UpsertRecord& record, const CollectionSchema& schema) {
  for (const RowImage& row : record.rows) {
    const auto vectors = static_cast<size_t>(std::bit_width(row.presence_bits));
    if (vectors == 0 || vectors > schema.vectors.size()) {
      return ErrorWithReason(
          ErrorReason::kDamaged,
          absl::StrCat("log record: a row has vector bits ", row.presence_bits,
                       "; the collection has ", schema.vectors.size(), " vectors"));
    }
    for (size_t ordinal = 0; ordinal < vectors; ++ordinal) {
      const bool present = (row.presence_bits & (1U << ordinal)) != 0;
      const size_t expected = present ? StoredVectorBytes(schema.vectors[ordinal]) : 0;
      if (row.vectors[ordinal].size() != expected) {
        return ErrorWithReason(
            ErrorReason::kDamaged,
            absl::StrCat("log record: vector ", ordinal, " of a row takes ",
                         row.vectors[ordinal].size(), " bytes; the collection expects ", expected));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace perigee::engine
