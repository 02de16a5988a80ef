// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/query.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>

namespace perigee {
namespace {

CollectionSchema Schema(std::vector<std::string> names) {
  CollectionSchema schema;
  for (std::string& name : names) {
    VectorSchema vector;
    vector.name = std::move(name);
    vector.dimension = 2;
    schema.vectors.push_back(std::move(vector));
  }
  return schema;
}

absl::Status Validated(const std::function<void(Query&)>& change) {
  Query query;
  query.target = std::vector<float>{1, 2};
  change(query);
  return Validate(query, Schema({"", "title"}));
}

void Refused(const std::function<void(Query&)>& change) {
  CHECK(absl::IsInvalidArgument(Validated(change)));
}

TEST_CASE("a vector or an id is all a query needs") {
  CHECK(Validated([](Query&) {}).ok());
  CHECK(Validated([](Query& q) { q.target = PointId("a"); }).ok());
  CHECK(Validated([](Query& q) { q.using_vector = "title"; }).ok());
}

TEST_CASE("limits of a query") {
  CHECK(Validated([](Query& q) { q.limit = 16'384; }).ok());
  CHECK(Validated([](Query& q) { q.offset = 16'374; }).ok());
  CHECK(Validated([](Query& q) { q.ef = 65'536; }).ok());
  CHECK(Validated([](Query& q) { q.recall = 1; }).ok());
  Refused([](Query& q) { q.limit = 0; });
  Refused([](Query& q) { q.limit = 16'385; });
  Refused([](Query& q) { q.offset = 16'375; });
  Refused([](Query& q) { q.offset = std::numeric_limits<uint32_t>::max(); });
  Refused([](Query& q) { q.ef = 0; });
  Refused([](Query& q) { q.ef = 65'537; });
  Refused([](Query& q) { q.recall = 0; });
  Refused([](Query& q) { q.recall = 1.01; });
  Refused([](Query& q) { q.recall = std::numeric_limits<double>::quiet_NaN(); });
  Refused([](Query& q) { q.timeout_ms = 0; });
  Refused([](Query& q) { q.timeout_ms = 60'001; });
  Refused([](Query& q) { q.score_threshold = std::numeric_limits<float>::quiet_NaN(); });
}

TEST_CASE("parts of a query are checked") {
  Refused([](Query& q) { q.target = std::vector<float>{1}; });
  Refused([](Query& q) { q.target = std::vector<float>{0, 0}; });
  Refused([](Query& q) { q.target = PointId(""); });
  Refused([](Query& q) { q.using_vector = "titel"; });
  Refused([](Query& q) { q.filter = Filter{OrNode{}}; });
  Refused([](Query& q) { q.with_vectors = {VectorSelector::Kind::kNames, {"titel"}}; });
  Refused([](Query& q) { q.with_payload = {PayloadSelector::Kind::kPaths, {"a["}}; });
  Refused([](Query& q) {
    q.with_payload = {PayloadSelector::Kind::kPaths, std::vector<std::string>(257, "a")};
  });
}

TEST_CASE("a query vector may leave the range of f16") {
  CollectionSchema schema = Schema({""});
  schema.vectors[0].element = VectorElement::kFloat16;
  Query query;
  query.target = std::vector<float>{1e6F, 1};
  CHECK(Validate(query, schema).ok());
}

TEST_CASE("using is needed when there is no unnamed vector") {
  const CollectionSchema unnamed = Schema({"title", ""});
  const CollectionSchema named = Schema({"title", "body"});
  CHECK(*ResolveUsing(std::nullopt, unnamed) == &unnamed.vectors[1]);
  CHECK(*ResolveUsing("body", named) == &named.vectors[1]);
  const absl::Status status = ResolveUsing(std::nullopt, named).status();
  CHECK(absl::IsInvalidArgument(status));
  CHECK(std::string(status.message()).find("title, body") != std::string::npos);
  CHECK(absl::IsInvalidArgument(ResolveUsing("", named).status()));
}

TEST_CASE("get scroll and count are checked") {
  const CollectionSchema schema = Schema({""});
  CHECK(Validate(GetRequest{.ids = {1, 1, "x"}}, schema).ok());
  CHECK(absl::IsInvalidArgument(Validate(GetRequest{.ids = {""}}, schema)));
  CHECK(absl::IsInvalidArgument(Validate(GetRequest{.ids = std::vector<PointId>(4'097)}, schema)));
  CHECK(Validate(ScrollRequest{}, schema).ok());
  CHECK(absl::IsInvalidArgument(Validate(ScrollRequest{.limit = 0}, schema)));
  CHECK(absl::IsInvalidArgument(Validate(ScrollRequest{.limit = 16'385}, schema)));
  CHECK(absl::IsInvalidArgument(
      Validate(ScrollRequest{.limit = 1, .filter = Filter{OrNode{}}}, schema)));
  CHECK(Validate(CountRequest{}).ok());
  CHECK(absl::IsInvalidArgument(Validate(CountRequest{.filter = Filter{OrNode{}}})));
}

}  // namespace
}  // namespace perigee
