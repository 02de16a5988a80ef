// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/record_decoder.h"

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/value_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr uint32_t kRowsMax = 4096;
constexpr uint32_t kReceiptsMax = 20000;
constexpr uint32_t kVectorsMax = 8;
constexpr size_t kUuidBytes = 16;
constexpr size_t kNameBytesMax = 128;
constexpr size_t kSchemaBytesMax = 65536;
constexpr size_t kIdBytesMax = 257;
constexpr size_t kPayloadBytesMax = size_t{256} << 10U;
constexpr size_t kAnyBytes = size_t{16} << 20U;  // a group is not larger
// The smallest row: lengths of id and payload and the presence bits.
constexpr size_t kRowBytesMin = 12;

using Fault = std::optional<std::string>;

Fault TakeRows(ByteCursor& cursor, LoggedRecord& record) {
  const uint32_t count = cursor.U32();
  if (count > kRowsMax || count > cursor.left() / kRowBytesMin) {
    return absl::StrCat(count, " rows in ", cursor.left(), " bytes; at most ", kRowsMax);
  }
  for (uint32_t i = 0; i < count; ++i) {
    LoggedRow row;
    row.id = cursor.Counted(kIdBytesMax);
    row.presence = cursor.U32();
    if (!cursor.ok() || row.presence >= 1U << kVectorsMax) {
      return absl::StrCat("row ", i, " with presence bits ", row.presence);
    }
    for (int vector = std::popcount(row.presence); vector > 0; --vector) {
      row.vectors.push_back(cursor.Counted(kAnyBytes));
    }
    row.payload = cursor.Counted(kPayloadBytesMax);
    if (!cursor.ok()) {
      return absl::StrCat("row ", i, " ends beyond the record");
    }
    Fault fault = PointIdFault(row.id);
    if (!fault.has_value()) {
      fault = PayloadFault(row.payload);
    }
    if (fault.has_value()) {
      return absl::StrCat("row ", i, " has ", *fault);
    }
    record.rows.push_back(std::move(row));
  }
  return std::nullopt;
}

Fault TakeIds(ByteCursor& cursor, LoggedRecord& record) {
  const uint32_t count = cursor.U32();
  if (count > kRowsMax || count > cursor.left() / 4) {
    return absl::StrCat(count, " ids in ", cursor.left(), " bytes; at most ", kRowsMax);
  }
  for (uint32_t i = 0; i < count; ++i) {
    record.ids.push_back(cursor.Counted(kIdBytesMax));
    if (Fault fault = PointIdFault(record.ids.back()); fault.has_value()) {
      return absl::StrCat("place ", i, " has ", *fault);
    }
  }
  return std::nullopt;
}

Fault TakeReceipts(ByteCursor& cursor, LoggedRecord& record) {
  constexpr size_t kReceiptBytes = 48;
  const uint32_t count = cursor.U32();
  if (count > kReceiptsMax || count > cursor.left() / kReceiptBytes) {
    return absl::StrCat(count, " receipts in ", cursor.left(), " bytes; at most ", kReceiptsMax);
  }
  for (uint32_t i = 0; i < count; ++i) {
    LoggedReceipt receipt;
    receipt.segment = Uuid::From(cursor.Take(kUuidBytes));
    receipt.file_bytes = cursor.U64();
    receipt.rows = cursor.U64();
    receipt.root = HashFrom(cursor.Take(16));
    record.receipts.push_back(receipt);
  }
  return std::nullopt;
}

Fault TakeCreate(ByteCursor& cursor, LoggedRecord& record) {
  record.tenant = Uuid::From(cursor.Take(kUuidBytes));
  record.hash_seed = cursor.U64();
  record.name = std::string(cursor.Counted(kNameBytesMax));
  record.schema_bytes = std::string(cursor.Counted(kSchemaBytesMax));
  if (!cursor.ok()) {
    return "a name or schema that is too long or ends beyond the record";
  }
  std::string fault;
  const std::optional<Schema> schema = DecodeSchema(record.schema_bytes, fault);
  if (!schema.has_value()) {
    return fault;
  }
  record.schema = *schema;
  return std::nullopt;
}

}  // namespace

std::string RecordKindName(uint16_t type) {
  switch (static_cast<RecordKind>(type)) {
    case RecordKind::kCreateCollection:
      return "create";
    case RecordKind::kDropCollection:
      return "drop";
    case RecordKind::kUpsert:
      return "upsert";
    case RecordKind::kDelete:
      return "delete";
    case RecordKind::kAttach:
      return "attach";
  }
  return absl::StrCat("type ", type);
}

std::string_view MetricName(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return "cosine";
    case Metric::kL2:
      return "l2";
    case Metric::kDot:
      return "dot";
  }
  return "?";
}

std::string_view ElementName(Element element) { return element == Element::kF16 ? "f16" : "f32"; }

std::optional<Schema> DecodeSchema(std::string_view bytes, std::string& fault) {
  ByteCursor cursor(bytes);
  const uint16_t layout = cursor.U16();
  cursor.Zeros(2);
  const uint32_t count = cursor.U32();
  if (!cursor.ok() || layout != 1 || count == 0 || count > kVectorsMax) {
    fault = absl::StrCat("a schema of layout ", layout, " with ", count, " vectors");
    return std::nullopt;
  }
  Schema schema;
  for (uint32_t i = 0; i < count; ++i) {
    VectorSchema vector;
    vector.name = std::string(cursor.Counted(kNameBytesMax));
    vector.dimension = cursor.U32();
    vector.metric = static_cast<Metric>(cursor.U8());
    vector.element = static_cast<Element>(cursor.U8());
    cursor.Zeros(2);
    vector.m = cursor.U32();
    vector.ef_construction = cursor.U32();
    const bool known = vector.metric >= Metric::kCosine && vector.metric <= Metric::kDot &&
                       (vector.element == Element::kF32 || vector.element == Element::kF16);
    if (!cursor.ok() || !known || vector.dimension == 0) {
      fault = absl::StrCat("a schema whose vector ", i, " is not valid");
      return std::nullopt;
    }
    schema.push_back(std::move(vector));
  }
  if (cursor.left() != 0) {
    fault = absl::StrCat("a schema with ", cursor.left(), " bytes behind its end");
    return std::nullopt;
  }
  return schema;
}

std::optional<LoggedRecord> DecodeRecord(uint16_t type, std::string_view payload,
                                         std::string& fault) {
  ByteCursor cursor(payload);
  LoggedRecord record;
  record.kind = static_cast<RecordKind>(type);
  const uint16_t layout = cursor.U16();
  cursor.Zeros(2);
  record.collection = Uuid::From(cursor.Take(kUuidBytes));
  if (!cursor.ok() || layout != 1) {
    fault = absl::StrCat("a beginning of layout ", layout);
    return std::nullopt;
  }
  Fault found;
  switch (record.kind) {
    case RecordKind::kCreateCollection:
      found = TakeCreate(cursor, record);
      break;
    case RecordKind::kDropCollection:
      break;
    case RecordKind::kUpsert:
      found = TakeRows(cursor, record);
      break;
    case RecordKind::kDelete:
      found = TakeIds(cursor, record);
      break;
    case RecordKind::kAttach:
      found = TakeReceipts(cursor, record);
      break;
    default:
      found = absl::StrCat("unknown type ", type);
  }
  if (!found.has_value() && (!cursor.ok() || cursor.left() != 0)) {
    found = absl::StrCat(cursor.left(), " bytes behind its end, or too few");
  }
  if (found.has_value()) {
    fault = *found;
    return std::nullopt;
  }
  return record;
}

std::optional<std::string> RowsFault(const LoggedRecord& record, const Schema& schema) {
  for (size_t i = 0; i < record.rows.size(); ++i) {
    const LoggedRow& row = record.rows[i];
    size_t next = 0;
    for (size_t ordinal = 0; ordinal < kVectorsMax; ++ordinal) {
      if ((row.presence >> ordinal & 1U) == 0) {
        continue;
      }
      const size_t bytes = row.vectors[next++].size();
      if (ordinal >= schema.size() || bytes != schema[ordinal].bytes()) {
        return absl::StrCat("row ", i, " has ", bytes, " bytes for vector ", ordinal);
      }
    }
    if (next == 0) {
      return absl::StrCat("row ", i, " has no vector");
    }
  }
  return std::nullopt;
}

}  // namespace perigee::tools::inspect
