// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/deletion_marks.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace perigee::engine {
namespace {

std::vector<std::pair<uint32_t, uint64_t>> Dead(const DeletionMarks& marks, uint64_t after,
                                                uint64_t through) {
  std::vector<std::pair<uint32_t, uint64_t>> dead;
  marks.ForEachDead(after, through,
                    [&dead](uint32_t row, uint64_t lsn) { dead.emplace_back(row, lsn); });
  return dead;
}

TEST_SUITE("deletion_marks") {
  TEST_CASE("a row is visible to snapshots before its death and to none from it on") {
    DeletionMarks marks(10);
    CHECK(marks.DeadLsn(3) == kNeverDead);
    CHECK(marks.MarkDead(3, 7));
    CHECK(marks.LiveAt(3, 6));
    CHECK_FALSE(marks.LiveAt(3, 7));
    CHECK_FALSE(marks.LiveAt(3, 8));
    CHECK(marks.LiveAt(2, kNeverDead - 1));
    CHECK(marks.dead_count() == 1);
  }

  TEST_CASE("the first death stays") {
    DeletionMarks marks(10);
    CHECK(marks.MarkDead(0, 5));
    CHECK_FALSE(marks.MarkDead(0, 4));
    CHECK_FALSE(marks.MarkDead(0, 6));
    CHECK(marks.DeadLsn(0) == 5);
    CHECK(marks.dead_count() == 1);
  }

  TEST_CASE("deaths are listed in the order of rows, between two LSNs") {
    DeletionMarks marks(5'000);
    for (const uint32_t row : {4'999U, 0U, 1'023U, 1'024U}) {
      REQUIRE(marks.MarkDead(row, row + 10));
    }
    using Pairs = std::vector<std::pair<uint32_t, uint64_t>>;
    CHECK(Dead(marks, 0, kNeverDead) ==
          Pairs{{0, 10}, {1'023, 1'033}, {1'024, 1'034}, {4'999, 5'009}});
    CHECK(Dead(marks, 10, 1'033) == Pairs{{1'023, 1'033}});
  }

  TEST_CASE("memory is taken where something died") {
    DeletionMarks marks(1'000'000);
    const uint64_t empty = marks.memory_bytes();
    CHECK(empty < 16'384);
    REQUIRE(marks.MarkDead(500'000, 1));
    REQUIRE(marks.MarkDead(500'001, 2));
    const uint64_t one_block = marks.memory_bytes() - empty;
    CHECK(one_block > 0);
    CHECK(one_block < 16'384);
    DeletionMarks none(0);
    CHECK(none.dead_count() == 0);
  }

  TEST_CASE("readers at an older seq never see later deaths" * doctest::test_suite("concurrency")) {
    constexpr uint32_t kRows = 20'000;
    DeletionMarks marks(kRows);
    std::atomic<uint64_t> published{0};
    std::atomic<uint64_t> wrong{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        while (published.load() < kRows) {
          const uint64_t seq = published.load(std::memory_order_acquire);
          // Row r dies at r + 1.
          for (uint32_t row = 0; row < kRows; row += 997) {
            if (marks.LiveAt(row, seq) != (row + 1 > seq)) {
              wrong.fetch_add(1);
            }
          }
        }
      });
    }
    for (uint32_t row = 0; row < kRows; ++row) {
      marks.MarkDead(row, row + 1);
      published.store(row + 1, std::memory_order_release);
    }
    for (std::thread& reader : readers) {
      reader.join();
    }
    CHECK(wrong.load() == 0);
  }
}

}  // namespace
}  // namespace perigee::engine
