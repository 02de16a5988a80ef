// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/snapshot_cell.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "engine/collection/collection_snapshot.h"
#include "tests/engine/collection/segment_fixture.h"

namespace perigee::engine {
namespace {

std::shared_ptr<const CollectionSnapshot> At(uint64_t seq) {
  return CollectionSnapshot::Make(
      {.collection = {}, .schema = MixedSchema(), .seq = seq, .epoch = 1}, SegmentList());
}

TEST_SUITE("snapshot_cell") {
  TEST_CASE("nothing, then the newest") {
    SnapshotCell cell;
    CHECK(cell.Load() == nullptr);
    cell.Store(At(1));
    const auto first = cell.Load();
    cell.Store(At(2));
    CHECK(first->seq() == 1);
    CHECK(cell.Load()->seq() == 2);
  }

  TEST_CASE("readers never go back in time" * doctest::test_suite("concurrency")) {
    constexpr uint64_t kSnapshots = 3'000;
    SnapshotCell cell;
    cell.Store(At(0));
    std::atomic<uint64_t> wrong{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        uint64_t last = 0;
        while (last < kSnapshots) {
          const uint64_t seq = cell.Load()->seq();
          wrong.fetch_add(seq < last ? 1 : 0);
          last = seq;
        }
      });
    }
    for (uint64_t seq = 1; seq <= kSnapshots; ++seq) {
      cell.Store(At(seq));
    }
    for (std::thread& reader : readers) {
      reader.join();
    }
    CHECK(wrong.load() == 0);
  }
}

}  // namespace
}  // namespace perigee::engine
