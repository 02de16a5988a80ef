// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/growing_segment.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "perigee/model/limits.h"
#include "tests/engine/collection/segment_fixture.h"

namespace perigee::engine {
namespace {

RowImage SmallImage(std::string_view encoded_id) {
  static const std::vector<std::byte> values(5 * 2, std::byte{0x3C});
  RowImage image{.encoded_id = encoded_id, .presence_bits = 0b010, .vectors = {}, .payload = {}};
  image.vectors[1] = values;
  return image;
}

TEST_SUITE("growing_segment") {
  TEST_CASE("a snapshot finds the version that it sees") {
    const auto segment = GrowingSegment::Create(MixedSchema(), {});
    const std::string id = PointId("a").Encode();
    CHECK(segment->FindLive(id) == std::nullopt);
    CHECK(segment->Append(SmallImage(id), 1) == 0);
    CHECK(segment->MarkDead(0, 3));  // replaced at 3
    CHECK(segment->Append(SmallImage(id), 3) == 1);
    CHECK(segment->MarkDead(1, 5));  // deleted at 5
    CHECK(segment->FindRow(id, 1, 1) == 0);
    CHECK(segment->FindRow(id, 1, 2) == 0);
    CHECK(segment->FindRow(id, 2, 3) == 1);
    CHECK(segment->FindRow(id, 2, 4) == 1);
    CHECK(segment->FindRow(id, 2, 5) == std::nullopt);
    CHECK(segment->FindRow(id, 0, 0) == std::nullopt);
    CHECK(segment->FindLive(id) == std::nullopt);
    CHECK(segment->Append(SmallImage(id), 7) == 2);
    CHECK(segment->FindLive(id) == 2);
    CHECK(segment->FindRow(id, 2, 6) == std::nullopt);
    CHECK(segment->FindRow(id, 3, 7) == 2);
    CHECK(segment->min_lsn() == 1);
    CHECK(segment->max_lsn() == 7);
  }

  TEST_CASE("7 and the string 7 are two points") {
    const auto segment = GrowingSegment::Create(MixedSchema(), {});
    segment->Append(SmallImage(PointId(uint64_t{7}).Encode()), 1);
    CHECK(segment->FindLive(PointId("7").Encode()) == std::nullopt);
    segment->Append(SmallImage(PointId("7").Encode()), 1);
    CHECK(segment->FindLive(PointId(uint64_t{7}).Encode()) == 0);
    CHECK(segment->FindLive(PointId("7").Encode()) == 1);
  }

  TEST_CASE("the id table grows with the ids") {
    const auto segment = GrowingSegment::Create(MixedSchema(), {});
    constexpr uint32_t kIds = 20'000;
    for (uint32_t i = 0; i < kIds; ++i) {
      REQUIRE(segment->Append(SmallImage(IdOf(i).Encode()), i + 1) == i);
    }
    for (uint32_t i = 0; i < kIds; ++i) {
      REQUIRE(segment->FindRow(IdOf(i).Encode(), kIds, kIds) == i);
      REQUIRE(segment->FindRow(IdOf(i).Encode(), i, i) == std::nullopt);
    }
    CHECK(segment->FindLive(IdOf(kIds).Encode()) == std::nullopt);
  }

  TEST_CASE("full by rows or by bytes, with room for one more batch") {
    const auto by_rows = GrowingSegment::Create(MixedSchema(), {.rows_max = 2});
    by_rows->Append(SmallImage(IdOf(0).Encode()), 1);
    CHECK_FALSE(by_rows->full());
    for (uint32_t i = 1; i <= limits::kWriteBatchPointsMax; ++i) {
      by_rows->Append(SmallImage(IdOf(i).Encode()), 2);
    }
    CHECK(by_rows->full());
    CHECK(by_rows->row_count() == limits::kWriteBatchPointsMax + 1);

    const auto by_bytes = GrowingSegment::Create(MixedSchema(), {.bytes_max = 100'000});
    const std::string payload(60'000, 'x');
    RowImage image = SmallImage("\1a");
    image.payload = std::as_bytes(std::span(payload));
    by_bytes->Append(image, 1);
    CHECK_FALSE(by_bytes->full());
    image.encoded_id = "\1b";
    by_bytes->Append(image, 2);
    CHECK(by_bytes->full());
    CHECK(by_bytes->memory_bytes() >= 120'000);
  }

  TEST_CASE("one writer and several readers" * doctest::test_suite("concurrency")) {
    // Operation L = 1, 2, ... writes id L * 7919 % kIds or, if L is a multiple of 5, deletes it.
    // What an id is at every seq is known before.
    constexpr uint64_t kOperations = 30'000;
    constexpr uint64_t kIds = 257;
    struct Change {
      uint64_t lsn;
      bool alive;
    };
    std::vector<std::vector<Change>> history(kIds);
    for (uint64_t lsn = 1; lsn <= kOperations; ++lsn) {
      history[lsn * 7919 % kIds].push_back({lsn, lsn % 5 != 0});
    }
    const auto segment = GrowingSegment::Create(MixedSchema(), {});
    struct Cut {
      uint64_t seq;
      uint32_t row_count;
    };
    std::vector<Cut> cuts(kOperations + 1);
    std::atomic<uint64_t> published{0};
    std::atomic<uint64_t> wrong{0};
    std::vector<std::thread> readers;
    for (uint64_t reader = 0; reader < 3; ++reader) {
      readers.emplace_back([&, reader] {
        Random random(reader);
        while (published.load(std::memory_order_relaxed) < kOperations) {
          const Cut cut = cuts[published.load(std::memory_order_acquire)];
          const uint64_t id = Below(random, kIds);
          const Change* last = nullptr;
          for (const Change& change : history[id]) {
            if (change.lsn > cut.seq) {
              break;
            }
            last = &change;
          }
          const std::string encoded_id = IdOf(id).Encode();
          const std::optional<uint32_t> row = segment->FindRow(encoded_id, cut.row_count, cut.seq);
          const bool expected = last != nullptr && last->alive;
          const bool right =
              row.has_value() == expected &&
              (!row.has_value() ||
               (segment->Lsn(*row) == last->lsn && segment->EncodedId(*row) == encoded_id &&
                segment->VectorBytes(*row, 1)[3] == std::byte{0x3C} &&
                segment->rows().Vectors(1, cut.row_count).Present(*row)));
          wrong.fetch_add(right ? 0 : 1, std::memory_order_relaxed);
        }
      });
    }
    for (uint64_t lsn = 1; lsn <= kOperations; ++lsn) {
      const std::string encoded_id = IdOf(lsn * 7919 % kIds).Encode();
      if (const std::optional<uint32_t> row = segment->FindLive(encoded_id); row.has_value()) {
        segment->MarkDead(*row, lsn);
      }
      if (lsn % 5 != 0) {
        segment->Append(SmallImage(encoded_id), lsn);
      }
      cuts[lsn] = {lsn, segment->row_count()};
      published.store(lsn, std::memory_order_release);
    }
    for (std::thread& reader : readers) {
      reader.join();
    }
    CHECK(wrong.load() == 0);
  }
}

}  // namespace
}  // namespace perigee::engine
