// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/write.h"

#include <doctest/doctest.h>

#include "storage/foundation/error_reason.h"

namespace perigee {
namespace {

CollectionSchema Schema(uint32_t dimension = 2) {
  VectorSchema vector;
  vector.dimension = dimension;
  return {.vectors = {vector}};
}

Point MakePoint(PointId id) {
  return {.id = std::move(id), .vectors = {{"", {1, 2}}}, .payload = {}};
}

bool LimitExceeded(const absl::Status& status) {
  return GetErrorReason(status) == ErrorReason::kLimit;
}

TEST_CASE("names of modes") {
  CHECK(UpsertModeName(UpsertMode::kUpsert) == "upsert");
  CHECK(UpsertModeName(UpsertMode::kInsert) == "insert");
  CHECK(UpsertModeName(UpsertMode::kUpdate) == "update");
}

TEST_CASE("a batch has points that are valid and differ") {
  CHECK(Validate(UpsertRequest{.points = {MakePoint(7), MakePoint("7")}}, Schema()).ok());
  for (const UpsertRequest& bad :
       {UpsertRequest{}, UpsertRequest{.points = {MakePoint(7), MakePoint(8), MakePoint(7)}},
        UpsertRequest{.points = {MakePoint("")}},
        UpsertRequest{.points = {MakePoint(1)}, .mode = static_cast<UpsertMode>(9)}}) {
    CHECK(absl::IsInvalidArgument(Validate(bad, Schema())));
  }
  CHECK(absl::IsInvalidArgument(Validate(UpsertRequest{.points = {MakePoint(1)}}, Schema(3))));
}

TEST_CASE("a batch is limited in points and bytes") {
  UpsertRequest request;
  for (uint64_t id = 0; id < 4'096; ++id) request.points.push_back(MakePoint(id));
  CHECK(Validate(request, Schema()).ok());
  request.points.push_back(MakePoint(5'000));
  CHECK(LimitExceeded(Validate(request, Schema())));
  request.points.clear();
  for (uint64_t id = 0; id < 70; ++id) {
    request.points.push_back(
        {.id = id, .vectors = {{"", std::vector<float>(60'000, 1.0F)}}, .payload = {}});
  }
  CHECK(LimitExceeded(Validate(request, Schema(60'000))));
  request.points.resize(60);
  CHECK(Validate(request, Schema(60'000)).ok());
}

TEST_CASE("a delete names valid ids that differ") {
  CHECK(Validate(DeleteRequest{.ids = {1, "1"}}).ok());
  for (const DeleteRequest& bad :
       {DeleteRequest{}, DeleteRequest{.ids = {1, 2, 1}}, DeleteRequest{.ids = {""}}}) {
    CHECK(absl::IsInvalidArgument(Validate(bad)));
  }
  CHECK(LimitExceeded(Validate(DeleteRequest{.ids = std::vector<PointId>(4'097, PointId(1))})));
}

}  // namespace
}  // namespace perigee
