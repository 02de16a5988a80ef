// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_snapshot.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/engine/collection/segment_fixture.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

std::vector<Point> Points(uint64_t first, uint64_t count) {
  Random random(first + 77);
  std::vector<Point> points;
  for (uint64_t i = first; i < first + count; ++i) {
    points.push_back(RandomPoint(random, IdOf(i)));
  }
  return points;
}

/// Everything the snapshot sees, through each of its ways.
void CheckAgainst(const CollectionSnapshot& snapshot, const Model& model) {
  CHECK(snapshot.live_count() == model.size());
  for (const auto& [encoded_id, expected] : model) {
    const std::optional<RowPlace> place = snapshot.FindRow(encoded_id);
    REQUIRE(place.has_value());
    REQUIRE(place->view->EncodedId(place->row) == encoded_id);
    REQUIRE(place->view->Lsn(place->row) == expected.version);
    REQUIRE(place->view->RowLive(place->row));
  }
  uint64_t live = 0;
  for (const SegmentView* view : snapshot.views()) {
    uint64_t live_rows = 0;
    for (uint32_t row = 0; row < view->row_count(); ++row) {
      if (!view->RowLive(row)) {
        continue;
      }
      ++live_rows;
      const auto expected = model.find(std::string(view->EncodedId(row)));
      REQUIRE(expected != model.end());
      REQUIRE(expected->second.version == view->Lsn(row));
    }
    CHECK(view->live_count() == live_rows);
    live += live_rows;
  }
  CHECK(live == model.size());
  std::vector<std::string> ids;
  for (size_t position = 0; position < snapshot.views().size(); ++position) {
    const size_t begin = ids.size();
    snapshot.ScanInIdOrder(position, "", [&](uint32_t row) {
      ids.emplace_back(snapshot.views()[position]->EncodedId(row));
      return true;
    });
    CHECK(std::is_sorted(ids.begin() + static_cast<ptrdiff_t>(begin), ids.end()));
  }
  std::sort(ids.begin(), ids.end());
  REQUIRE(ids.size() == model.size());
  CHECK(std::equal(ids.begin(), ids.end(), model.begin(),
                   [](const std::string& id, const auto& entry) { return id == entry.first; }));
}

TEST_SUITE("collection_snapshot") {
  TEST_CASE("an empty collection") {
    TestCollection collection;
    CheckAgainst(*collection.Snapshot(), {});
    CHECK(collection.Snapshot()->views().size() == 1);
    SegmentList nothing;
    const auto read_only = CollectionSnapshot::Make(
        {.collection = {}, .schema = MixedSchema(), .seq = 4, .epoch = 2}, nothing);
    CHECK(read_only->views().empty());
    CHECK(read_only->seq() == 4);
    CHECK(read_only->epoch() == 2);
    CHECK_FALSE(nothing.Contains("\1a"));
    CHECK_FALSE(nothing.MarkDead("\1a", 1));
  }

  TEST_CASE("later writes do not change a snapshot") {
    TestCollection collection;
    collection.Upsert(Points(0, 20));
    const auto first = collection.Snapshot();
    const Model at_first = collection.model();
    collection.Upsert(Points(10, 20));
    collection.Delete({IdOf(1), IdOf(12), PointId("missing")});
    collection.Seal();
    const auto second = collection.Snapshot();
    const Model at_second = collection.model();
    collection.Upsert(Points(5, 5));
    collection.Delete({IdOf(20)});
    collection.Compact();
    CheckAgainst(*first, at_first);
    CheckAgainst(*second, at_second);
    CheckAgainst(*collection.Snapshot(), collection.model());
  }

  TEST_CASE("a snapshot keeps its segments") {
    std::shared_ptr<const CollectionSnapshot> snapshot;
    Model model;
    {
      TestCollection collection;
      collection.Upsert(Points(0, 20));
      collection.Seal();
      collection.Upsert(Points(10, 20));
      snapshot = collection.Snapshot();
      model = collection.model();
    }
    CheckAgainst(*snapshot, model);
  }

  TEST_CASE("views come in order: sealed, frozen, growing") {
    TestCollection collection;
    collection.Upsert(Points(0, 5));
    collection.Seal();
    collection.Upsert(Points(5, 5));
    collection.Freeze();
    collection.Upsert(Points(10, 5));
    const auto snapshot = collection.Snapshot();
    REQUIRE(snapshot->views().size() == 3);
    CHECK(snapshot->views()[0]->name() == collection.segments().sealed[0]->name());
    CHECK(snapshot->views()[1]->name() == "growing");
    CHECK(snapshot->views()[2]->name() == "growing");
    CheckAgainst(*snapshot, collection.model());
  }

  TEST_CASE("a scan begins after an id and stops when told") {
    TestCollection collection;
    collection.Upsert(Points(0, 10));
    for (int i = 0; i < 2; ++i) {
      const auto snapshot = collection.Snapshot();
      std::vector<std::string> ids;
      snapshot->ScanInIdOrder(0, IdOf(4).Encode(), [&](uint32_t row) {
        ids.emplace_back(snapshot->views()[0]->EncodedId(row));
        return ids.size() < 3;
      });
      CHECK(ids == std::vector<std::string>{IdOf(6).Encode(), IdOf(8).Encode(), IdOf(1).Encode()});
      // After an id that is not there.
      ids.clear();
      snapshot->ScanInIdOrder(0, PointId("chunk-8").Encode(), [&](uint32_t row) {
        ids.emplace_back(snapshot->views()[0]->EncodedId(row));
        return true;
      });
      CHECK(ids == std::vector<std::string>{IdOf(9).Encode()});
      collection.Seal();
    }
  }

  TEST_CASE("random writes, seals, loads and compactions") {
    const uint64_t seed = tests::TestSeed(2024);
    CAPTURE(seed);
    Random random(seed);
    TestCollection collection;
    std::vector<std::pair<std::shared_ptr<const CollectionSnapshot>, Model>> kept;
    for (int step = 0; step < 120; ++step) {
      switch (Below(random, 10)) {
        case 0:
          collection.Seal();
          break;
        case 1:
          collection.Freeze();
          break;
        case 2:
          collection.Compact();
          break;
        case 3:
          collection.Attach(Points(Below(random, 60), 1 + Below(random, 5)));
          break;
        case 4:
        case 5:
          collection.Delete({IdOf(Below(random, 60)), IdOf(60 + Below(random, 20))});
          break;
        default:
          collection.Upsert(Points(Below(random, 60), 1 + Below(random, 10)));
      }
      if (Below(random, 10) == 0) {
        kept.emplace_back(collection.Snapshot(), collection.model());
      }
    }
    kept.emplace_back(collection.Snapshot(), collection.model());
    for (const auto& [snapshot, model] : kept) {
      CheckAgainst(*snapshot, model);
    }
  }
}

}  // namespace
}  // namespace perigee::engine
