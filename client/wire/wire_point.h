// SPDX-License-Identifier: Apache-2.0
//
// Ids, vectors and points to and from the wire. A payload travels as JSON text; decoding copies the
// text and leaves parsing to ParsePoint, so that the event loop does not do it (K10).
//
// Invariants: floats keep their bits; a list is refused by its length before it is walked.
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/point.h"

namespace perigee::wire {

using PointListReader = capnp::List<schema::Point>::Reader;
using PointListBuilder = capnp::List<schema::Point>::Builder;

/// A point whose payload is still text.
struct UnparsedPoint {
  PointId id = {};
  NamedVectors vectors = {};
  std::string payload_json = {};
};

void EncodeId(const PointId& id, schema::PointId::Builder out);
absl::StatusOr<PointId> DecodeId(schema::PointId::Reader in);
void EncodeIds(const std::vector<PointId>& ids, capnp::List<schema::PointId>::Builder out);
absl::StatusOr<std::vector<PointId>> DecodeIds(capnp::List<schema::PointId>::Reader in,
                                               size_t count_max);

void EncodeFloats(const std::vector<float>& values, capnp::List<float>::Builder out);
/// At most kDimensionMax values.
absl::StatusOr<std::vector<float>> DecodeFloats(capnp::List<float>::Reader in);
void EncodeVectors(const NamedVectors& vectors, capnp::List<schema::NamedVector>::Builder out);
absl::StatusOr<NamedVectors> DecodeVectors(capnp::List<schema::NamedVector>::Reader in);

/// The payload's text; kInvalidArgument for one that JSON cannot carry (a number that is not
/// finite, a duplicate key), which no reader could tell from another.
absl::StatusOr<std::string> PayloadText(const Payload& payload);
/// Copies a payload's text; empty stands for {}.
absl::StatusOr<std::string> CopyPayloadText(capnp::Text::Reader text);

/// `payload_json` is PayloadText of the point's payload.
void EncodePoint(const Point& point, const std::string& payload_json, schema::Point::Builder out);
/// Roughly the bytes a point takes in a message.
size_t WireBytes(const PointId& id, const NamedVectors& vectors, size_t payload_bytes);

absl::StatusOr<std::vector<UnparsedPoint>> DecodePoints(PointListReader in, size_t count_max);
absl::StatusOr<Point> ParsePoint(UnparsedPoint point);
/// An error names the position in the list.
absl::StatusOr<std::vector<Point>> ParsePoints(std::vector<UnparsedPoint> points);

}  // namespace perigee::wire
