// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/collection_schema.h"

#include "absl/strings/ascii.h"
#include "engine/model/json_writer.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

static_assert(limits::kVectorNameBytesMax == limits::kCollectionNameBytesMax);

/// [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
absl::Status ValidateName(std::string_view what, std::string_view name) {
  if (name.empty()) return InvalidError(Absl(what), " is empty; give 1 to 128 characters");
  if (name.size() > limits::kCollectionNameBytesMax) {
    return LimitError(Absl(what), " ", QuoteForMessage(name), " has ", name.size(),
                      " bytes; the limit is ", limits::kCollectionNameBytesMax);
  }
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
    if (letter || (i > 0 && (c == '.' || c == '-'))) continue;
    return InvalidError(Absl(what), " ", QuoteForMessage(name), " has ",
                        QuoteForMessage(name.substr(i, 1)), " at position ", i,
                        "; allowed are letters, digits, _ and, after the first, . and -");
  }
  return absl::OkStatus();
}

absl::Status ValidateHnsw(const std::string& what, const HnswOptions& hnsw) {
  if (hnsw.m < 2 || hnsw.m > limits::kHnswMMax) {
    return LimitError(what, ": m is ", hnsw.m, "; 2 to ", limits::kHnswMMax, " is allowed");
  }
  if (hnsw.ef_construction < hnsw.m || hnsw.ef_construction > limits::kHnswEfConstructionMax) {
    return LimitError(what, ": ef_construction is ", hnsw.ef_construction, "; m (", hnsw.m, ") to ",
                      limits::kHnswEfConstructionMax, " is allowed");
  }
  return absl::OkStatus();
}

absl::Status ValidateVectorSchema(const VectorSchema& vector) {
  if (!vector.name.empty()) {
    PERIGEE_RETURN_IF_ERROR(ValidateName("vector name", vector.name));
  }
  const std::string what = absl::StrCat("vector ", QuoteForMessage(vector.name));
  if (vector.dimension < 1 || vector.dimension > limits::kDimensionMax) {
    return LimitError(what, ": dimension is ", vector.dimension, "; 1 to ", limits::kDimensionMax,
                      " is allowed");
  }
  if (DistanceMetricName(vector.metric) == "unknown") {
    return InvalidError(what, ": metric is ", static_cast<int>(vector.metric),
                        "; cosine, l2 and dot are allowed");
  }
  if (VectorElementName(vector.element) == "unknown") {
    return InvalidError(what, ": element is ", static_cast<int>(vector.element),
                        "; f32 and f16 are allowed");
  }
  return ValidateHnsw(what, vector.hnsw);
}

void AppendName(std::string_view name, std::string& out) {
  AppendJsonString(name, out);
  out += ':';
}

void AppendText(std::string_view key, std::string_view value, std::string& out) {
  AppendName(key, out);
  AppendJsonString(value, out);
}

}  // namespace

std::string_view VectorElementName(VectorElement element) {
  switch (element) {
    case VectorElement::kFloat32:
      return "f32";
    case VectorElement::kFloat16:
      return "f16";
  }
  return "unknown";
}

std::optional<VectorElement> ParseVectorElement(std::string_view name) {
  if (name == "f32") return VectorElement::kFloat32;
  if (name == "f16") return VectorElement::kFloat16;
  return std::nullopt;
}

const VectorSchema* CollectionSchema::Find(std::string_view name) const {
  for (const VectorSchema& vector : vectors) {
    if (vector.name == name) return &vector;
  }
  return nullptr;
}

absl::Status Validate(const CollectionSchema& schema) {
  if (schema.vectors.empty() || schema.vectors.size() > limits::kNamedVectorsMax) {
    return LimitError("collection has ", schema.vectors.size(), " vectors; 1 to ",
                      limits::kNamedVectorsMax, " are allowed");
  }
  for (const VectorSchema& vector : schema.vectors) {
    PERIGEE_RETURN_IF_ERROR(ValidateVectorSchema(vector));
    if (schema.Find(vector.name) != &vector) {
      return InvalidError("vector name ", QuoteForMessage(vector.name),
                          " is given twice; names have to differ");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateCollectionName(std::string_view name) {
  return ValidateName("collection name", name);
}

std::string ToJson(const CollectionSchema& schema) {
  std::string out = "{\"vectors\":{";
  for (size_t i = 0; i < schema.vectors.size(); ++i) {
    const VectorSchema& vector = schema.vectors[i];
    if (i > 0) out += ',';
    AppendName(vector.name, out);
    absl::StrAppend(&out, "{\"dimension\":", vector.dimension, ",");
    AppendText("metric", DistanceMetricName(vector.metric), out);
    out += ',';
    AppendText("element", VectorElementName(vector.element), out);
    absl::StrAppend(&out, ",\"hnsw\":{\"m\":", vector.hnsw.m,
                    ",\"ef_construction\":", vector.hnsw.ef_construction, "}}");
  }
  out += "}}";
  return out;
}

}  // namespace perigee
