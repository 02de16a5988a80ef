// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/collection_schema.h"

#include <doctest/doctest.h>

#include <functional>

namespace perigee {
namespace {

CollectionSchema Schema(const std::function<void(VectorSchema&)>& change = [](VectorSchema&) {}) {
  VectorSchema vector;
  vector.dimension = 4;
  change(vector);
  return {.vectors = {vector}};
}

void Refused(const CollectionSchema& schema) { CHECK(absl::IsInvalidArgument(Validate(schema))); }

TEST_CASE("a dimension is all a schema needs") {
  CHECK(Validate(Schema()).ok());
  CHECK(Validate(Schema([](VectorSchema& v) { v.dimension = 65'535; })).ok());
}

TEST_CASE("fields out of range are refused") {
  Refused({});
  Refused(Schema([](VectorSchema& v) { v.dimension = 0; }));
  Refused(Schema([](VectorSchema& v) { v.dimension = 65'536; }));
  Refused(Schema([](VectorSchema& v) { v.hnsw.m = 1; }));
  Refused(Schema([](VectorSchema& v) { v.hnsw.m = 129; }));
  Refused(Schema([](VectorSchema& v) { v.hnsw.ef_construction = 15; }));
  Refused(Schema([](VectorSchema& v) { v.hnsw.ef_construction = 4'097; }));
  Refused(Schema([](VectorSchema& v) { v.metric = static_cast<DistanceMetric>(9); }));
  Refused(Schema([](VectorSchema& v) { v.element = static_cast<VectorElement>(0); }));
  Refused(Schema([](VectorSchema& v) { v.name = "-x"; }));
}

TEST_CASE("one to eight vectors with names of their own") {
  CollectionSchema schema = Schema();
  for (int i = 1; i < 8; ++i) {
    schema.vectors.push_back(schema.vectors[0]);
    schema.vectors.back().name = "v" + std::to_string(i);
  }
  CHECK(Validate(schema).ok());
  CHECK(schema.Find("v3") == &schema.vectors[3]);
  CHECK(schema.Find("") == &schema.vectors[0]);
  CHECK(schema.Find("v9") == nullptr);
  schema.vectors[7].name = "v1";
  Refused(schema);
  schema.vectors[7].name = "v7";
  schema.vectors.push_back(schema.vectors[0]);
  schema.vectors.back().name = "v8";
  Refused(schema);
}

TEST_CASE("collection names are letters digits and a few signs") {
  for (const std::string& good :
       {std::string("docs"), std::string("_a.b-C9"), std::string("9"), std::string(128, 'x')}) {
    CHECK(ValidateCollectionName(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string(".hidden"), std::string("-x"), std::string("a/b"),
        std::string("a b"), std::string("\u00e9"), std::string("a\0", 2), std::string(129, 'x')}) {
    CHECK(absl::IsInvalidArgument(ValidateCollectionName(bad)));
  }
}

TEST_CASE("a schema prints as JSON in a stable order") {
  CollectionSchema schema = Schema();
  schema.vectors.push_back({.name = "title",
                            .dimension = 8,
                            .metric = DistanceMetric::kDot,
                            .element = VectorElement::kFloat16,
                            .hnsw = {.m = 8, .ef_construction = 64}});
  CHECK(ToJson(schema) ==
        "{\"vectors\":{"
        "\"\":{\"dimension\":4,\"metric\":\"cosine\",\"element\":\"f32\","
        "\"hnsw\":{\"m\":16,\"ef_construction\":200}},"
        "\"title\":{\"dimension\":8,\"metric\":\"dot\",\"element\":\"f16\","
        "\"hnsw\":{\"m\":8,\"ef_construction\":64}}}}");
}

TEST_CASE("names of elements are read back") {
  for (const auto element : {VectorElement::kFloat32, VectorElement::kFloat16}) {
    CHECK(ParseVectorElement(VectorElementName(element)) == element);
  }
  CHECK_FALSE(ParseVectorElement("f64").has_value());
}

}  // namespace
}  // namespace perigee
