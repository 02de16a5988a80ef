// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle_state.h"

#include <doctest/doctest.h>

#include "tests/support/operation_stream.h"

namespace perigee::tests {
namespace {

using Kind = OracleEntry::Kind;

Point PointOf(const std::string& id, float first) {
  return {.id = PointId(id), .vectors = {{"", {first, 1, 0, 0, 0, 0, 0, 0}}}};
}

OracleOperation UpsertOf(std::vector<Point> points, UpsertMode mode = UpsertMode::kUpsert) {
  return {.upsert = {.points = std::move(points), .mode = mode}};
}

OracleStored Holding(const std::vector<Point>& points) {
  OracleStored stored;
  for (const Point& point : points) {
    stored.points[point.id.Encode()] = point;
  }
  return stored;
}

// A writer whose operations are answered as told.
struct Writer {
  OracleState state{0, SystemTestSchema()};
  uint64_t number = 0;

  absl::Status Intend(OracleOperation operation) {
    return state.Apply({.number = ++number, .operation = std::move(operation)});
  }
  absl::Status Answer(Kind kind, uint64_t seq = 0, absl::StatusCode code = absl::StatusCode::kOk) {
    return state.Apply({.kind = kind, .number = number, .seq = seq, .epoch = 1, .code = code});
  }
  void Acknowledge(OracleOperation operation) {
    REQUIRE(Intend(std::move(operation)).ok());
    REQUIRE(Answer(Kind::kAcknowledged, number * 10).ok());
  }
  bool Allows(const OracleStored& stored) const { return state.Judge(stored).ok(); }
};

TEST_CASE("every acknowledged operation must be there, and nothing else") {
  Writer writer;
  writer.Acknowledge(UpsertOf({PointOf("a", 1), PointOf("b", 2)}));
  writer.Acknowledge(UpsertOf({PointOf("a", 3)}));
  CHECK(writer.Allows(Holding({PointOf("a", 3), PointOf("b", 2)})));
  CHECK_FALSE(writer.Allows(Holding({PointOf("a", 1), PointOf("b", 2)})));
  CHECK_FALSE(writer.Allows(Holding({PointOf("b", 2)})));
  CHECK_FALSE(writer.Allows(Holding({PointOf("a", 3), PointOf("b", 2), PointOf("c", 1)})));
  CHECK_FALSE(writer.Allows(
      {.points = Holding({PointOf("a", 3), PointOf("b", 2)}).points, .side = StoredPoints()}));
}

TEST_CASE("what is under way is there wholly or not at all") {
  Writer writer;
  writer.Acknowledge(UpsertOf({PointOf("a", 1)}));
  REQUIRE(writer.Intend(UpsertOf({PointOf("b", 2), PointOf("c", 3)})).ok());
  const auto without = writer.state.Judge(Holding({PointOf("a", 1)}));
  REQUIRE(without.ok());
  CHECK_FALSE((*without)->applied);
  const auto with =
      writer.state.Judge(Holding({PointOf("a", 1), PointOf("b", 2), PointOf("c", 3)}));
  REQUIRE(with.ok());
  CHECK((*with)->applied);
  CHECK_FALSE(writer.Allows(Holding({PointOf("a", 1), PointOf("b", 2)})));
  CHECK_FALSE(writer.Allows(Holding({PointOf("b", 2), PointOf("c", 3)})));
  REQUIRE(writer.state.Apply(**with).ok());
  CHECK(writer.Allows(Holding({PointOf("a", 1), PointOf("b", 2), PointOf("c", 3)})));
  CHECK_FALSE(writer.Allows(Holding({PointOf("a", 1)})));
}

TEST_CASE("what a reader saw must be there") {
  Writer writer;
  writer.Acknowledge(UpsertOf({PointOf("a", 1)}));
  REQUIRE(writer.Intend(UpsertOf({PointOf("a", 2)})).ok());
  CHECK(writer.Allows(Holding({PointOf("a", 1)})));
  REQUIRE(writer.state.Apply({.kind = Kind::kSeen, .number = 1}).ok());
  CHECK(writer.Allows(Holding({PointOf("a", 1)})));
  REQUIRE(writer.state.Apply({.kind = Kind::kSeen, .number = 2}).ok());
  CHECK_FALSE(writer.Allows(Holding({PointOf("a", 1)})));
  CHECK(writer.Allows(Holding({PointOf("a", 2)})));
  CHECK(absl::IsDataLoss(writer.state.Apply({.kind = Kind::kSeen, .number = 3})));
}

TEST_CASE("answers must be those of a right server") {
  Writer writer;
  writer.Acknowledge(UpsertOf({PointOf("a", 1)}));
  REQUIRE(writer.Intend(UpsertOf({PointOf("a", 2)}, UpsertMode::kInsert)).ok());
  CHECK(absl::IsDataLoss(writer.Answer(Kind::kAcknowledged, 20)));
  Writer other;
  REQUIRE(other.Intend(UpsertOf({PointOf("a", 2)})).ok());
  CHECK(absl::IsDataLoss(other.Answer(Kind::kRefused, 0, absl::StatusCode::kAlreadyExists)));
  Writer full;
  REQUIRE(full.Intend(UpsertOf({PointOf("a", 2)})).ok());
  REQUIRE(full.Answer(Kind::kRefused, 0, absl::StatusCode::kResourceExhausted).ok());
  CHECK(full.Allows(Holding({})));
  CHECK(absl::IsDataLoss(full.Answer(Kind::kAcknowledged, 5)));  // nothing is under way
}

TEST_CASE("the side collection is judged with its existence") {
  Writer writer;
  REQUIRE(writer
              .Intend({.kind = OracleOperation::Kind::kSideUpsert,
                       .upsert = {.points = {PointOf("s", 1)}}})
              .ok());
  REQUIRE(writer.Answer(Kind::kRefused, 0, absl::StatusCode::kNotFound).ok());
  writer.Acknowledge({.kind = OracleOperation::Kind::kSideCreate});
  CHECK(writer.Allows({.side = StoredPoints()}));
  CHECK_FALSE(writer.Allows({}));
  writer.Acknowledge(
      {.kind = OracleOperation::Kind::kSideUpsert, .upsert = {.points = {PointOf("s", 1)}}});
  CHECK(writer.Allows({.side = Holding({PointOf("s", 1)}).points}));
  CHECK_FALSE(writer.Allows({.side = StoredPoints()}));
  REQUIRE(writer.Intend({.kind = OracleOperation::Kind::kSideDrop}).ok());
  CHECK(writer.Allows({.side = Holding({PointOf("s", 1)}).points}));
  CHECK(writer.Allows({}));
  CHECK_FALSE(writer.Allows({.side = StoredPoints()}));
}

TEST_CASE("positions in the log are never given twice") {
  Writer writer;
  writer.Acknowledge(UpsertOf({PointOf("a", 1)}));
  REQUIRE(writer.Intend(UpsertOf({PointOf("a", 2)})).ok());
  CHECK(absl::IsDataLoss(writer.Answer(Kind::kAcknowledged, 10)));
  OracleState first(1, SystemTestSchema());
  OracleState second(2, SystemTestSchema());
  const auto acknowledge = [](OracleState& state, uint32_t writer_number, uint64_t epoch,
                              uint64_t seq) {
    REQUIRE(state.Apply({.writer = writer_number, .number = 1}).ok());
    REQUIRE(state
                .Apply({.kind = Kind::kAcknowledged,
                        .writer = writer_number,
                        .number = 1,
                        .seq = seq,
                        .epoch = epoch})
                .ok());
  };
  acknowledge(first, 1, 1, 10);
  acknowledge(second, 2, 2, 10);
  CHECK(absl::IsDataLoss(CheckSeqs({&first, &second})));
  OracleState third(3, SystemTestSchema());
  acknowledge(third, 3, 2, 11);
  CHECK(CheckSeqs({&first, &third}).ok());
}

}  // namespace
}  // namespace perigee::tests
