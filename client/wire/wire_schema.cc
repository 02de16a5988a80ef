// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_schema.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

// Values that no enumerator has become invalid, which the other side refuses.
schema::VectorElement EncodeElement(VectorElement element) {
  switch (element) {
    case VectorElement::kFloat32:
      return schema::VectorElement::FLOAT32;
    case VectorElement::kFloat16:
      return schema::VectorElement::FLOAT16;
  }
  return schema::VectorElement::INVALID;
}

absl::StatusOr<VectorElement> DecodeElement(schema::VectorElement element) {
  switch (element) {
    case schema::VectorElement::FLOAT32:
      return VectorElement::kFloat32;
    case schema::VectorElement::FLOAT16:
      return VectorElement::kFloat16;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown vector element ", static_cast<int>(element)));
  }
}

}  // namespace

schema::DistanceMetric EncodeMetric(DistanceMetric metric) {
  switch (metric) {
    case DistanceMetric::kCosine:
      return schema::DistanceMetric::COSINE;
    case DistanceMetric::kL2:
      return schema::DistanceMetric::L2;
    case DistanceMetric::kDot:
      return schema::DistanceMetric::DOT;
  }
  return schema::DistanceMetric::INVALID;
}

absl::StatusOr<DistanceMetric> DecodeMetric(schema::DistanceMetric metric) {
  switch (metric) {
    case schema::DistanceMetric::COSINE:
      return DistanceMetric::kCosine;
    case schema::DistanceMetric::L2:
      return DistanceMetric::kL2;
    case schema::DistanceMetric::DOT:
      return DistanceMetric::kDot;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown distance metric ", static_cast<int>(metric)));
  }
}

void EncodeSchema(const CollectionSchema& collection, schema::CollectionSchema::Builder out) {
  auto vectors = out.initVectors(WireCount(collection.vectors.size()));
  for (size_t i = 0; i < collection.vectors.size(); ++i) {
    const VectorSchema& vector = collection.vectors[i];
    schema::VectorSchema::Builder element = vectors[WireCount(i)];
    element.setName(WireText(vector.name));
    element.setDimension(vector.dimension);
    element.setMetric(EncodeMetric(vector.metric));
    element.setElement(EncodeElement(vector.element));
    element.setHnswM(vector.hnsw.m);
    element.setHnswEfConstruction(vector.hnsw.ef_construction);
  }
}

absl::StatusOr<CollectionSchema> DecodeSchema(schema::CollectionSchema::Reader in) {
  PERIGEE_RETURN_IF_ERROR(
      CheckCount("the schema", in.getVectors().size(), limits::kNamedVectorsMax));
  CollectionSchema collection;
  for (const schema::VectorSchema::Reader element : in.getVectors()) {
    VectorSchema vector;
    PERIGEE_ASSIGN_OR_RETURN(vector.name,
                             CopyText("a vector name", element.getName(), kNameBytesMax));
    vector.dimension = element.getDimension();
    PERIGEE_ASSIGN_OR_RETURN(vector.metric, DecodeMetric(element.getMetric()));
    PERIGEE_ASSIGN_OR_RETURN(vector.element, DecodeElement(element.getElement()));
    vector.hnsw = {.m = element.getHnswM(), .ef_construction = element.getHnswEfConstruction()};
    collection.vectors.push_back(std::move(vector));
  }
  return collection;
}

}  // namespace perigee::wire
