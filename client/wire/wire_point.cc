// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_point.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

// JSON spells a byte with at most six ("\u0001"), and numbers take more room than eight bytes; what
// the payload's own limit allows always fits, and the parser then checks that limit.
constexpr size_t kPayloadTextBytesMax = 8 * limits::kPayloadBytesMax;
constexpr size_t kPointOverheadBytes = 64;
constexpr size_t kVectorOverheadBytes = 40;

}  // namespace

void EncodeId(const PointId& id, schema::PointId::Builder out) {
  if (id.is_integer()) {
    out.setInteger(id.integer());
  } else {
    out.setString(WireText(id.string()));
  }
}

absl::StatusOr<PointId> DecodeId(schema::PointId::Reader in) {
  if (in.isInteger()) {
    return PointId(in.getInteger());
  }
  if (in.isString()) {
    // A bound of memory; an id that is too long is the model's to refuse, which names it.
    PERIGEE_ASSIGN_OR_RETURN(std::string text,
                             CopyText("a point id", in.getString(), kNameBytesMax));
    return PointId(std::move(text));
  }
  return absl::InvalidArgumentError("a point id of a kind that this version does not know");
}

void EncodeIds(const std::vector<PointId>& ids, capnp::List<schema::PointId>::Builder out) {
  for (size_t i = 0; i < ids.size(); ++i) {
    EncodeId(ids[i], out[WireCount(i)]);
  }
}

absl::StatusOr<std::vector<PointId>> DecodeIds(capnp::List<schema::PointId>::Reader in,
                                               size_t count_max) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("the list of ids", in.size(), count_max));
  std::vector<PointId> ids;
  ids.reserve(in.size());
  for (const schema::PointId::Reader element : in) {
    PERIGEE_ASSIGN_OR_RETURN(PointId id, DecodeId(element));
    ids.push_back(std::move(id));
  }
  return ids;
}

void EncodeFloats(const std::vector<float>& values, capnp::List<float>::Builder out) {
  for (size_t i = 0; i < values.size(); ++i) {
    out.set(WireCount(i), values[i]);
  }
}

absl::StatusOr<std::vector<float>> DecodeFloats(capnp::List<float>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("a vector", in.size(), limits::kDimensionMax));
  std::vector<float> values(in.size());
  for (kj::uint i = 0; i < in.size(); ++i) {
    values[i] = in[i];
  }
  return values;
}

void EncodeVectors(const NamedVectors& vectors, capnp::List<schema::NamedVector>::Builder out) {
  kj::uint i = 0;
  for (const auto& [name, values] : vectors) {
    schema::NamedVector::Builder vector = out[i++];
    vector.setName(WireText(name));
    EncodeFloats(values, vector.initValues(WireCount(values.size())));
  }
}

absl::StatusOr<NamedVectors> DecodeVectors(capnp::List<schema::NamedVector>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(
      CheckCount("the vectors of a point", in.size(), limits::kNamedVectorsMax));
  NamedVectors vectors;
  for (const schema::NamedVector::Reader element : in) {
    PERIGEE_ASSIGN_OR_RETURN(std::string name,
                             CopyText("a vector name", element.getName(), kNameBytesMax));
    PERIGEE_ASSIGN_OR_RETURN(std::vector<float> values, DecodeFloats(element.getValues()));
    if (!vectors.emplace(name, std::move(values)).second) {
      return absl::InvalidArgumentError(absl::StrCat("vector '", name, "' is given twice"));
    }
  }
  return vectors;
}

absl::StatusOr<std::string> PayloadText(const Payload& payload) {
  if (payload.empty()) {
    return std::string();
  }
  PERIGEE_RETURN_IF_ERROR(Validate(payload));
  return ToJson(payload);
}

absl::StatusOr<std::string> CopyPayloadText(capnp::Text::Reader text) {
  return CopyText("a payload", text, kPayloadTextBytesMax);
}

void EncodePoint(const Point& point, const std::string& payload_json, schema::Point::Builder out) {
  EncodeId(point.id, out.initId());
  EncodeVectors(point.vectors, out.initVectors(WireCount(point.vectors.size())));
  if (!payload_json.empty()) {
    out.setPayload(WireText(payload_json));
  }
}

size_t WireBytes(const PointId& id, const NamedVectors& vectors, size_t payload_bytes) {
  size_t bytes = kPointOverheadBytes + payload_bytes;
  bytes += id.is_integer() ? 0 : id.string().size();
  for (const auto& [name, values] : vectors) {
    bytes += kVectorOverheadBytes + name.size() + values.size() * sizeof(float);
  }
  return bytes;
}

absl::StatusOr<std::vector<UnparsedPoint>> DecodePoints(PointListReader in, size_t count_max) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("the list of points", in.size(), count_max));
  std::vector<UnparsedPoint> points;
  points.reserve(in.size());
  for (const schema::Point::Reader element : in) {
    UnparsedPoint point;
    PERIGEE_ASSIGN_OR_RETURN(point.id, DecodeId(element.getId()));
    PERIGEE_ASSIGN_OR_RETURN(point.vectors, DecodeVectors(element.getVectors()));
    PERIGEE_ASSIGN_OR_RETURN(point.payload_json, CopyPayloadText(element.getPayload()));
    points.push_back(std::move(point));
  }
  return points;
}

absl::StatusOr<Point> ParsePoint(UnparsedPoint point) {
  Point parsed = {.id = std::move(point.id), .vectors = std::move(point.vectors), .payload = {}};
  if (!point.payload_json.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(parsed.payload, ParsePayloadJson(point.payload_json));
  }
  return parsed;
}

absl::StatusOr<std::vector<Point>> ParsePoints(std::vector<UnparsedPoint> points) {
  std::vector<Point> parsed;
  parsed.reserve(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    absl::StatusOr<Point> point = ParsePoint(std::move(points[i]));
    if (!point.ok()) {
      return WithContext(point.status(), absl::StrCat("points[", i, "]"));
    }
    parsed.push_back(*std::move(point));
  }
  return parsed;
}

}  // namespace perigee::wire
