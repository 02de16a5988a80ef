// SPDX-License-Identifier: Apache-2.0
#include "engine/database/scrub_ledger.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

namespace perigee::engine {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

storage::Uuid Number(uint8_t number) {
  std::vector<std::byte> bytes(storage::Uuid::kBytes, std::byte{1});
  bytes[0] = std::byte{number};
  return storage::Uuid::FromBytes(bytes);
}

// One collection with segments of these numbers, a MiB each.
storage::ManifestState Named(const std::vector<uint8_t>& segments) {
  storage::ManifestState state;
  storage::CollectionEntry& collection = state.collections[Number(99)];
  for (const uint8_t segment : segments) {
    collection.segments[Number(segment)] = {.uuid = Number(segment), .file_bytes = 1U << 20U};
  }
  return state;
}

// Verifies all that is due; which segments these were, in that order.
std::vector<storage::Uuid> VerifyDue(ScrubLedger& ledger, absl::Time now) {
  std::vector<storage::Uuid> order;
  while (const auto due = ledger.Next(now)) {
    REQUIRE(order.size() < 1'000);
    ledger.Advance(due->entry.uuid, 0, now);
    ledger.Settle(due->entry.uuid, "", now);
    order.push_back(due->entry.uuid);
  }
  return order;
}

TEST_CASE("every segment is due once, and again after its time, the oldest first") {
  ScrubLedger ledger({});
  ledger.Observe(Named({1, 2, 3}), kStart);
  CHECK(ledger.bytes_total() == 3U << 20U);
  CHECK(ledger.bytes_verified(kStart) == 0);
  CHECK(ledger.last_full_pass() == absl::InfinitePast());
  absl::Time now = kStart;
  std::vector<storage::Uuid> order;
  for (int i = 0; i < 3; ++i) {
    CHECK(ledger.last_full_pass() == absl::InfinitePast());
    const auto due = ledger.Next(now);
    REQUIRE(due.has_value());
    ledger.Settle(due->entry.uuid, "", now);
    order.push_back(due->entry.uuid);
    CHECK(ledger.segments().at(due->entry.uuid).verified_at == now);
    now += absl::Hours(1);
  }
  CHECK(std::set(order.begin(), order.end()).size() == 3);
  CHECK(!ledger.Next(now).has_value());
  CHECK(ledger.last_full_pass() == kStart + absl::Hours(3));
  CHECK(ledger.bytes_verified(now) == 3U << 20U);
  CHECK(!ledger.Next(kStart + absl::Hours(71)).has_value());
  CHECK(VerifyDue(ledger, kStart + absl::Hours(73)) ==
        std::vector<storage::Uuid>(order.begin(), order.begin() + 2));
  CHECK(VerifyDue(ledger, kStart + absl::Hours(200)).front() == order[2]);
}

TEST_CASE("segments of an equal age come in an order that each ledger draws") {
  std::set<storage::Uuid> first;
  for (int i = 0; i < 200; ++i) {
    ScrubLedger ledger({});
    ledger.Observe(Named({1, 2, 3}), kStart);
    first.insert(ledger.Next(kStart)->entry.uuid);
  }
  CHECK(first.size() == 3);
}

TEST_CASE("what the manifest names no longer is forgotten, and what is new was just read back") {
  ScrubLedger ledger({});
  ledger.Observe(Named({1, 2}), kStart);
  VerifyDue(ledger, kStart);
  ledger.Observe(Named({2, 3}), kStart + absl::Hours(1));
  CHECK(ledger.segments().size() == 2);
  CHECK(ledger.segments().count(Number(1)) == 0);
  CHECK(ledger.segments().at(Number(3)).verified_at == kStart);
  CHECK(ledger.bytes_total() == 2U << 20U);
  CHECK(!ledger.Next(kStart + absl::Hours(1)).has_value());
  CHECK(ledger.Settle(Number(1), "gone", kStart) == false);

  ledger.Advance(Number(3), 4096, kStart + absl::Hours(1));
  CHECK(ledger.current() == Number(3));
  ledger.Observe(Named({2}), kStart + absl::Hours(2));
  CHECK(ledger.current().is_nil());
  ledger.Advance(Number(3), 4096, kStart);
  CHECK(ledger.current().is_nil());
}

TEST_CASE("a record carries everything over a restart") {
  ScrubLedger ledger({});
  ledger.Observe(Named({1, 2, 3}), kStart);
  ledger.Settle(Number(1), "", kStart);
  ledger.Settle(Number(2), "page 7", kStart);
  ledger.Advance(Number(3), 0, kStart + absl::Hours(1));
  ledger.Advance(Number(3), 4096, kStart + absl::Hours(2));
  const storage::ScrubRecord record = ledger.Record(Number(50));
  CHECK(record.database_uuid == Number(50));

  const absl::Time later = kStart + absl::Hours(3);
  ScrubLedger resumed({});
  resumed.Resume(record, later);
  resumed.Observe(Named({1, 2, 3, 4}), later);
  CHECK(resumed.segments().at(Number(1)).verified_at == kStart);
  // What was damaged, and what was made while nobody looked, is not known to be right.
  CHECK(resumed.segments().at(Number(2)).verified_at == absl::InfinitePast());
  CHECK(resumed.segments().at(Number(4)).verified_at == absl::InfinitePast());
  CHECK(resumed.damages_found() == 1);
  const auto due = resumed.Next(later);
  REQUIRE(due.has_value());
  CHECK(due->entry.uuid == Number(3));
  CHECK(due->offset == 4096);
  CHECK(resumed.bytes_verified(later) == (1U << 20U) + 4096);
  resumed.Advance(Number(3), due->offset, later);
  resumed.Settle(Number(3), "", later);
  // Its first bytes were read then.
  CHECK(resumed.segments().at(Number(3)).verified_at == kStart + absl::Hours(1));
  CHECK(VerifyDue(resumed, later).size() == 2);
  CHECK(resumed.last_full_pass() == later);
}

TEST_CASE("what was read too long ago, or at a time that lies ahead, is read once more") {
  ScrubLedger ledger({});
  ledger.Observe(Named({1, 2}), kStart);
  ledger.Settle(Number(1), "", kStart);
  ledger.Advance(Number(2), 0, kStart);
  ledger.Advance(Number(2), 4096, kStart);
  const storage::ScrubRecord record = ledger.Record(Number(50));
  const absl::Time later = kStart + absl::Hours(73);
  ScrubLedger slow({});
  slow.Resume(record, later);
  slow.Observe(Named({1, 2}), later);
  REQUIRE(slow.Next(later).has_value());
  CHECK(slow.Next(later)->offset == 0);
  slow.Advance(Number(2), 0, later);
  slow.Settle(Number(2), "", later);
  CHECK(slow.segments().at(Number(2)).verified_at == later);

  const absl::Time earlier = kStart - absl::Hours(1);
  ScrubLedger back({});
  back.Resume(record, earlier);
  back.Observe(Named({1, 2}), earlier);
  CHECK(back.segments().at(Number(1)).verified_at == absl::InfinitePast());
  CHECK(back.Next(earlier)->offset == 0);
  CHECK(VerifyDue(back, earlier).size() == 2);
  // In the same process, too.
  CHECK(VerifyDue(back, earlier - absl::Hours(1)).size() == 2);
}

TEST_CASE("a record of other files does no harm") {
  storage::ScrubRecord record;
  record.current_segment = Number(1);
  record.current_offset = uint64_t{1} << 60U;
  record.current_since_ms = absl::ToUnixMillis(kStart);
  record.verified_at_ms = {{Number(77), 1}};
  ScrubLedger ledger({});
  ledger.Resume(record, kStart);
  ledger.Observe(Named({1}), kStart);
  CHECK(ledger.segments().size() == 1);
  REQUIRE(ledger.Next(kStart).has_value());
  CHECK(ledger.Next(kStart)->offset == 0);
}

TEST_CASE("damage is counted once and goes when the segment does, or proves right") {
  ScrubLedger ledger({});
  ledger.Observe(Named({1, 2}), kStart);
  CHECK(ledger.Settle(Number(1), "page 7", kStart));
  CHECK(ledger.segments().at(Number(1)).damage == "page 7");
  CHECK(ledger.segments().at(Number(1)).verified_at == absl::InfinitePast());
  CHECK(!ledger.Settle(Number(1), "page 7", kStart));
  CHECK(ledger.damages_found() == 1);
  VerifyDue(ledger, kStart);
  CHECK(ledger.bytes_verified(kStart) == 1U << 20U);
  CHECK(ledger.Settle(Number(2), "page 8", kStart));
  CHECK(!ledger.Settle(Number(2), "", kStart));
  CHECK(ledger.segments().at(Number(2)).damage.empty());
  CHECK(ledger.damages_found() == 2);
}

TEST_CASE("the rate rises with what there is, so that all is read in two days") {
  ScrubLedger ledger({.bytes_per_second_min = 100});
  storage::ManifestState state = Named({1});
  CHECK(ledger.bytes_per_second() == 100);
  state.collections.begin()->second.segments.begin()->second.file_bytes = 48 * 3600 * 101 - 1;
  ledger.Observe(state, kStart);
  CHECK(ledger.bytes_per_second() == 101);
  state.collections.begin()->second.segments.begin()->second.file_bytes = uint64_t{1} << 50U;
  ledger.Observe(state, kStart);
  CHECK(ledger.bytes_per_second() >= (uint64_t{1} << 50U) / (48 * 3600));
}

}  // namespace
}  // namespace perigee::engine
