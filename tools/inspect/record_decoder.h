// SPDX-License-Identifier: Apache-2.0
//
// Decodes the payload of a log record after docs/formats/log_records_format.md, and schemas, which
// stand in such records and in the manifest.
//
// Invariants: a record is valid exactly if it fulfils the page's five rules; the fifth needs the
// schema and is RowsFault's.
// Thread-safety: functions without state; rows refer to the bytes they were decoded from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/inspect/checksum.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

enum class RecordKind : uint16_t {
  kCreateCollection = 1,
  kDropCollection = 2,
  kUpsert = 3,
  kDelete = 4,
  kAttach = 5,
};
/// A reader that does not know the type may skip the record.
inline constexpr uint16_t kSkippableRecord = 0x8000;

enum class Metric : uint8_t { kCosine = 1, kL2 = 2, kDot = 3 };
enum class Element : uint8_t { kF32 = 1, kF16 = 2 };

struct VectorSchema {
  std::string name = {};
  uint32_t dimension = 0;
  Metric metric = Metric::kCosine;
  Element element = Element::kF32;
  uint32_t m = 0;
  uint32_t ef_construction = 0;
  uint64_t bytes() const { return uint64_t{dimension} * (element == Element::kF16 ? 2 : 4); }
};
using Schema = std::vector<VectorSchema>;

struct LoggedRow {
  std::string_view id = {};
  uint32_t presence = 0;
  std::vector<std::string_view> vectors = {};
  std::string_view payload = {};
};

struct LoggedReceipt {
  Uuid segment = {};
  uint64_t file_bytes = 0;
  uint64_t rows = 0;
  Hash root = {};
};

/// A decoded record; which members count follows from its kind.
struct LoggedRecord {
  RecordKind kind = RecordKind::kUpsert;
  Uuid collection = {};
  Uuid tenant = {};
  uint64_t hash_seed = 0;
  std::string name = {};
  std::string schema_bytes = {};
  Schema schema = {};
  std::vector<LoggedRow> rows = {};
  std::vector<std::string_view> ids = {};
  std::vector<LoggedReceipt> receipts = {};
};

/// "upsert", …; "type 9" for one that is not known.
std::string RecordKindName(uint16_t type);
std::string_view MetricName(Metric metric);
std::string_view ElementName(Element element);

/// Decodes a schema; on failure nothing, and `fault` says why.
std::optional<Schema> DecodeSchema(std::string_view bytes, std::string& fault);
/// Decodes a record of a known type; on failure nothing, and `fault` says why.
std::optional<LoggedRecord> DecodeRecord(uint16_t type, std::string_view payload,
                                         std::string& fault);
/// What is wrong with an upsert's rows under `schema`; nothing when they fit.
std::optional<std::string> RowsFault(const LoggedRecord& record, const Schema& schema);

}  // namespace perigee::tools::inspect
