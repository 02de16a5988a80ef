// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_state.h"

#include <doctest/doctest.h>

#include <thread>

#include "engine/collection/collection_writer.h"
#include "storage/encoding/byte_codec.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

// A state of its own, driven like the log writer drives it.
struct Bench {
  explicit Bench(uint64_t bytes_max = 1 << 20) {
    tuning = SmallTuning();
    tuning.growing_bytes_max = bytes_max;
    CollectionState::Options options;
    options.identity.schema = schema;
    options.tuning = &tuning;
    state = std::make_unique<CollectionState>(std::move(options));
  }

  void Upsert(uint64_t first, uint64_t count, uint64_t lsn, bool publish = true) {
    const std::string bytes =
        EncodeUpsertRequest(PlaneUpsert(first, count, 1), storage::Uuid(), *schema).value();
    state->BeginGroup();
    state->ApplyUpsert(DecodeUpsert(storage::AsBytes(bytes)).value(), lsn);
    if (publish) {
      state->PublishGroup(lsn);
    }
  }
  uint64_t Delete(uint64_t id, uint64_t lsn) {
    const std::string encoded = PointId(id).Encode();
    state->BeginGroup();
    const uint64_t existed = state->ApplyDelete({storage::Uuid(), {encoded}}, lsn);
    state->PublishGroup(lsn);
    return existed;
  }

  std::shared_ptr<const CollectionSchema> schema =
      std::make_shared<const CollectionSchema>(PlaneSchema());
  EngineTuning tuning;
  std::unique_ptr<CollectionState> state;
};

bool HasId(const CollectionState& state, uint64_t id) {
  return state.Contains(PointId(id).Encode());
}

TEST_CASE("readers see whole groups only") {
  Bench bench;
  bench.Upsert(1, 2, 1);
  const auto before = bench.state->snapshot();
  bench.Upsert(2, 2, 2, /*publish=*/false);
  CHECK(bench.state->snapshot() == before);
  CHECK(HasId(*bench.state, 3));
  CHECK_FALSE(bench.state->BeginGroup());
  bench.state->PublishGroup(2);
  CHECK(bench.state->snapshot()->live_count() == 3);
  CHECK(bench.state->snapshot()->seq() == 2);
  CHECK(before->live_count() == 2);
  CHECK_FALSE(before->FindRow(PointId(uint64_t{3}).Encode()).has_value());
}

TEST_CASE("deletes count the points that existed") {
  Bench bench;
  bench.Upsert(1, 2, 1);
  CHECK(bench.Delete(1, 2) == 1);
  CHECK(bench.Delete(1, 3) == 0);
  CHECK_FALSE(HasId(*bench.state, 1));
}

TEST_CASE("a full segment is frozen before the next write, at the LSN before it") {
  Bench bench(1);
  bench.Upsert(1, 2, 5);
  CHECK(bench.state->frozen_count() == 0);
  bench.Upsert(3, 2, 7);
  REQUIRE(bench.state->frozen_count() == 1);
  const auto work = bench.state->OldestFrozen();
  REQUIRE(work.has_value());
  CHECK(work->horizon_lsn == 5);
  CHECK(work->segment->row_count() == 2);
}

TEST_CASE("freezing an empty segment does nothing") {
  Bench bench;
  CHECK(bench.state->Freeze() == 0);
  CHECK_FALSE(bench.state->OldestFrozen().has_value());
  bench.Upsert(1, 1, 3);
  CHECK(bench.state->Freeze() == 3);
  CHECK(bench.state->Freeze() == 3);
  CHECK(bench.state->frozen_count() == 1);
}

TEST_CASE("a checkpoint advances to the horizon, or to the end of the log when all is sealed") {
  Bench bench;
  bench.Upsert(1, 2, 5);
  CHECK_FALSE(bench.state->Cut(nullptr, 9).advances);
  bench.state->Freeze();
  const auto work = bench.state->OldestFrozen();
  CHECK(bench.state->Cut(work->segment.get(), 9).applied_lsn == 9);
  bench.Upsert(3, 1, 10);
  const CheckpointCut cut = bench.state->Cut(work->segment.get(), 10);
  CHECK(cut.advances);
  CHECK(cut.applied_lsn == 5);
  bench.state->Checkpointed(cut);
  CHECK(bench.state->applied_lsn() == 5);
  bench.state->ReplaceFrozen(*work, nullptr);
  CHECK(bench.state->frozen_count() == 0);
  CHECK(bench.state->HasUnsealed());
}

TEST_CASE("an idle collection follows the log without a segment") {
  Bench bench;
  CHECK_FALSE(bench.state->HasUnsealed());
  const CheckpointCut cut = bench.state->Cut(nullptr, 4);
  CHECK(cut.advances);
  CHECK(cut.applied_lsn == 4);
  CHECK(cut.deaths.empty());
}

TEST_CASE("a writer waits for room until it is told to stop") {
  Bench bench(1);
  bench.Upsert(1, 1, 1);
  bench.Upsert(2, 1, 2);
  std::atomic<bool> stop = false;
  CHECK(bench.state->WaitForRoom(2, absl::ZeroDuration(), stop));
  CHECK_FALSE(bench.state->WaitForRoom(1, absl::ZeroDuration(), stop));
  std::thread waiter(
      [&] { CHECK_FALSE(bench.state->WaitForRoom(1, absl::InfiniteDuration(), stop)); });
  stop.store(true);
  bench.state->Wake();
  waiter.join();
}

TEST_CASE("maintenance waits for the end of a group") {
  Bench bench;
  bench.Upsert(1, 1, 1, /*publish=*/false);
  std::atomic<bool> published = false;
  std::thread freezer([&] {
    CHECK(bench.state->Freeze() == 1);
    CHECK(published.load());
  });
  published.store(true);
  bench.state->PublishGroup(1);
  freezer.join();
}

TEST_CASE("sealed to means that every frozen segment up to the LSN is gone") {
  Bench bench(1);
  CHECK(bench.state->WaitSealedTo(100, absl::ZeroDuration()));
  bench.Upsert(1, 1, 5);
  bench.state->Freeze();
  CHECK(bench.state->WaitSealedTo(4, absl::ZeroDuration()));
  CHECK_FALSE(bench.state->WaitSealedTo(5, absl::ZeroDuration()));
}

}  // namespace
}  // namespace perigee::engine
