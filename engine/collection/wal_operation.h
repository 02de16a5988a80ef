// SPDX-License-Identifier: Apache-2.0
//
// The operations of the log as bytes: create and drop a collection, upsert, delete, and attach
// (bulk load). Records hold effects (D3): whole rows and ids, never conditions, so replay reads no
// clock, no randomness and no configuration. docs/formats/log_records_format.md defines the bytes.
//
// Invariants:
//  1. Decoding bounds every length and count before it is used; bytes left over are damage.
//  2. A decoded record points into the bytes it was decoded from and holds valid encoded ids.
//  3. Vectors of a row stand in the order of the schema; a bit of presence_bits says which exist.
//
// Thread-safety: functions without state, value types.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/limits.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

/// Values stand in the log. The high bit is kept for types that old readers may skip.
enum class LogRecordType : uint16_t {
  kCreateCollection = 1,
  kDropCollection = 2,
  kUpsert = 3,
  kDelete = 4,
  kAttach = 5,
};

struct CreateCollectionRecord {
  storage::Uuid collection;
  storage::Uuid tenant;
  uint64_t hash_seed = 0;
  std::string name;
  CollectionSchema schema;
};

struct DropCollectionRecord {
  storage::Uuid collection;
};

/// One point as it is stored: `vectors[ordinal]` in the element type of the schema, empty if
/// absent.
struct RowImage {
  std::string_view encoded_id;
  uint32_t presence_bits = 0;
  std::array<std::span<const std::byte>, limits::kNamedVectorsMax> vectors;
  std::span<const std::byte> payload;
};

struct UpsertRecord {
  storage::Uuid collection;
  std::vector<RowImage> rows;
};

struct DeleteRecord {
  storage::Uuid collection;
  std::vector<std::string_view> encoded_ids;
};

/// What proves that a segment file is the one that was built (N17).
struct SegmentReceipt {
  storage::Uuid segment;
  uint64_t file_bytes = 0;
  uint64_t row_count = 0;
  std::array<std::byte, 16> root_checksum{};  ///< a storage::ContentHash

  friend bool operator==(const SegmentReceipt&, const SegmentReceipt&) = default;
};

struct AttachRecord {
  storage::Uuid collection;
  std::vector<SegmentReceipt> segments;
};

inline constexpr size_t kAttachSegmentsMax = 20'000;  ///< N19

std::string EncodeRecord(const CreateCollectionRecord& record);
std::string EncodeRecord(const DropCollectionRecord& record);
std::string EncodeRecord(const UpsertRecord& record);
std::string EncodeRecord(const DeleteRecord& record);
std::string EncodeRecord(const AttachRecord& record);

absl::StatusOr<CreateCollectionRecord> DecodeCreateCollection(std::span<const std::byte> bytes);
absl::StatusOr<DropCollectionRecord> DecodeDropCollection(std::span<const std::byte> bytes);
absl::StatusOr<UpsertRecord> DecodeUpsert(std::span<const std::byte> bytes);
absl::StatusOr<DeleteRecord> DecodeDelete(std::span<const std::byte> bytes);
absl::StatusOr<AttachRecord> DecodeAttach(std::span<const std::byte> bytes);

/// kDataLoss unless every vector of every row belongs to `schema` and has exactly its bytes.
absl::Status CheckRowsAgainstSchema(const UpsertRecord& record, const CollectionSchema& schema);

/// Bytes that one vector takes in records and segments.
size_t StoredVectorBytes(const VectorSchema& schema);

}  // namespace perigee::engine
