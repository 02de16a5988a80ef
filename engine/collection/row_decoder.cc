// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/row_decoder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/payload/payload_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

absl::Status DamagedRow(const RowPlace& place, const absl::Status& cause) {
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat("segment ", place.view->name(), " row ", place.row, ": ", cause.message()));
}

bool Selects(const VectorSelector& selector, const std::string& name) {
  switch (selector.kind) {
    case VectorSelector::Kind::kNone:
      return false;
    case VectorSelector::Kind::kAll:
      return true;
    case VectorSelector::Kind::kNames:
      return std::find(selector.names.begin(), selector.names.end(), name) != selector.names.end();
  }
  return false;
}

}  // namespace

absl::StatusOr<PointId> RowDecoder::DecodeId(const RowPlace& place) const {
  absl::StatusOr<PointId> id = PointId::Decode(place.view->EncodedId(place.row));
  return id.ok() ? id : DamagedRow(place, id.status());
}

absl::StatusOr<std::optional<Payload>> RowDecoder::DecodePayload(const RowPlace& place) const {
  if (with_payload_.kind == PayloadSelector::Kind::kNone) {
    return std::nullopt;
  }
  absl::StatusOr<Payload> payload = engine::DecodePayload(place.view->EncodedPayload(place.row));
  if (!payload.ok()) {
    return DamagedRow(place, payload.status());
  }
  if (with_payload_.kind == PayloadSelector::Kind::kAll) {
    return *std::move(payload);
  }
  return SelectPayload(*payload, with_payload_);
}

NamedVectors RowDecoder::DecodeVectors(const RowPlace& place) const {
  NamedVectors vectors;
  if (with_vectors_.kind == VectorSelector::Kind::kNone) {
    return vectors;
  }
  const uint32_t presence = place.view->PresenceBits(place.row);
  for (size_t ordinal = 0; ordinal < schema_.vectors.size(); ++ordinal) {
    const VectorSchema& vector = schema_.vectors[ordinal];
    if ((presence >> ordinal & 1U) == 0 || !Selects(with_vectors_, vector.name)) {
      continue;
    }
    std::vector<float> values(vector.dimension);
    place.view->Vectors(ordinal).CopyRow(place.row, values);
    vectors.emplace(vector.name, std::move(values));
  }
  return vectors;
}

absl::StatusOr<Point> RowDecoder::DecodePoint(const RowPlace& place) const {
  Point point;
  PERIGEE_ASSIGN_OR_RETURN(point.id, DecodeId(place));
  PERIGEE_ASSIGN_OR_RETURN(std::optional<Payload> payload, DecodePayload(place));
  point.payload = std::move(payload).value_or(Payload());
  point.vectors = DecodeVectors(place);
  return point;
}

}  // namespace perigee::engine
