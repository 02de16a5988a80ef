// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/schema_codec.h"

#include "absl/strings/str_cat.h"
#include "perigee/model/limits.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr uint16_t kLayout = 1;
// Name length, dimension, metric, element, two zero bytes, m, ef_construction.
constexpr size_t kVectorBytesMin = 4 + 4 + 1 + 1 + 2 + 4 + 4;

}  // namespace

std::string EncodeSchema(const CollectionSchema& schema) {
  storage::ByteWriter writer;
  writer.U16(kLayout);
  writer.U16(0);
  writer.U32(static_cast<uint32_t>(schema.vectors.size()));
  for (const VectorSchema& vector : schema.vectors) {
    writer.LengthPrefixed(vector.name);
    writer.U32(vector.dimension);
    writer.U8(static_cast<uint8_t>(vector.metric));
    writer.U8(static_cast<uint8_t>(vector.element));
    writer.U16(0);
    writer.U32(vector.hnsw.m);
    writer.U32(vector.hnsw.ef_construction);
  }
  return writer.Take();
}

absl::StatusOr<CollectionSchema> DecodeSchema(std::span<const std::byte> bytes) {
  storage::ByteReader reader(bytes);
  const uint16_t layout = reader.U16();
  if (reader.ok() && layout != kLayout) {
    return ErrorWithReason(ErrorReason::kUnknownFormat,
                           absl::StrCat("collection schema has layout ", layout,
                                        "; this version reads layout ", kLayout));
  }
  reader.Zeros(2);
  CollectionSchema schema;
  const uint32_t count = reader.Count(limits::kNamedVectorsMax, kVectorBytesMin);
  for (uint32_t i = 0; reader.ok() && i < count; ++i) {
    VectorSchema vector;
    vector.name = std::string(reader.LengthPrefixedText(limits::kVectorNameBytesMax));
    vector.dimension = reader.U32();
    vector.metric = static_cast<DistanceMetric>(reader.U8());
    vector.element = static_cast<VectorElement>(reader.U8());
    reader.Zeros(2);
    vector.hnsw.m = reader.U32();
    vector.hnsw.ef_construction = reader.U32();
    schema.vectors.push_back(std::move(vector));
  }
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  for (const VectorSchema& vector : schema.vectors) {
    const auto metric = static_cast<uint8_t>(vector.metric);
    const auto element = static_cast<uint8_t>(vector.element);
    if (metric < 1 || metric > 3 || element < 1 || element > 2) {
      return ErrorWithReason(ErrorReason::kDamaged,
                             absl::StrCat("collection schema: metric ", metric, " or element ",
                                          element, " is not one that exists"));
    }
  }
  if (const absl::Status valid = Validate(schema); !valid.ok()) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("collection schema: ", valid.message()));
  }
  return schema;
}

}  // namespace perigee::engine
