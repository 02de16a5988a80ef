// SPDX-License-Identifier: Apache-2.0
#include "engine/database/collection_loader.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/engine/database/gated_file_system.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

OpenOptions Behind() {
  OpenOptions options = SmallOptions();
  options.maintenance_threads = 1;
  return options;
}

std::string SegmentIn(const SimulatedFileSystem& disk) {
  for (const std::string& file : disk.Files()) {
    if (file.find("seg/") != std::string::npos) {
      return "/" + file;
    }
  }
  FAIL("there is no segment");
  return {};
}

storage::SectionEntry SectionOf(SimulatedFileSystem& disk, storage::SectionKind kind) {
  const auto reader = storage::SegmentReader::Open(disk, SegmentIn(disk), {});
  REQUIRE(reader.ok());
  const storage::SectionEntry* section = (*reader)->Find(kind);
  REQUIRE(section != nullptr);
  return *section;
}

// A byte of that section.
uint64_t MiddleOf(SimulatedFileSystem& disk, storage::SectionKind kind) {
  const storage::SectionEntry section = SectionOf(disk, kind);
  return section.offset + section.length / 2;
}

// A tuning under which the segment of WriteSealed has a graph.
EngineTuning Indexed() {
  EngineTuning tuning = SmallTuning();
  tuning.index_rows_min = 10;
  return tuning;
}

// Points 1 to 60 with value 1 in a sealed segment with a graph, 1 to 5 deleted; closed cleanly.
void WriteSealed(SimulatedFileSystem& disk) {
  const auto database = MustOpen(disk, SmallOptions(), Indexed());
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 60, 1)).ok());
  REQUIRE(docs->Flush().ok());
  for (uint64_t id = 1; id <= 5; ++id) {
    REQUIRE(docs->Delete({.ids = {PointId(id)}}).ok());
  }
  REQUIRE(docs->Flush().ok());
}

// The database of WriteSealed, open while the gate holds reads of its segment.
struct HeldDatabase {
  explicit HeldDatabase(void (*hold)(SimulatedFileSystem&, ReadGate&)) {
    WriteSealed(disk);
    hold(disk, gated.gate());
    database = MustOpen(gated, Behind());
    docs = MustFind(*database, "docs");
  }
  ReadGate& gate() { return gated.gate(); }

  SimulatedFileSystem disk;
  GatedFileSystem gated{disk};
  std::shared_ptr<DatabaseCore> database;
  std::shared_ptr<CollectionCore> docs;
};

// What a process leaves that is killed behind `write`.
std::unique_ptr<SimulatedFileSystem> KilledAfter(
    SimulatedFileSystem& disk, const std::function<void(CollectionCore&)>& write) {
  const auto database = MustOpen(disk);
  write(*MustFind(*database, "docs"));
  return disk.KillProcess();
}

void HoldAll(SimulatedFileSystem& /*disk*/, ReadGate& gate) { gate.Hold(); }
// LSNs stand behind the ids, and payloads behind those.
void HoldIds(SimulatedFileSystem& disk, ReadGate& gate) {
  gate.Hold(SectionOf(disk, storage::SectionKind::kIds).offset,
            SectionOf(disk, storage::SectionKind::kLsns).offset);
}
// The order of ids stands behind payloads and vectors.
void HoldPayloadsAndVectors(SimulatedFileSystem& disk, ReadGate& gate) {
  gate.Hold(SectionOf(disk, storage::SectionKind::kPayload).offset,
            SectionOf(disk, storage::SectionKind::kIdOrder).offset);
}

Query NearOrigin() { return {.target = std::vector<float>{0, 0}}; }

void CheckDamaged(CollectionCore& docs) {
  REQUIRE(docs.WaitLoaded(kAllLoaded).ok());
  CHECK(docs.Query(NearOrigin()).status().code() == kDataLoss);
  CHECK(docs.Count({}).status().code() == kDataLoss);
  CHECK(docs.Get({.ids = {PointId(uint64_t{9})}}).status().code() == kDataLoss);
  CHECK(docs.Scroll({}).status().code() == kDataLoss);
  CHECK(docs.Upsert(PlaneUpsert(1, 1, 2)).status().code() == kDataLoss);
  CHECK(docs.Flush().code() == kDataLoss);
  Query partial = NearOrigin();
  partial.allow_partial = true;
  const auto answer = docs.Query(partial);
  REQUIRE(answer.ok());
  CHECK(answer->coverage.segments_done < answer->coverage.segments_total);
  CHECK(docs.Describe()->state.find("damaged") == 0);
}

TEST_SUITE("concurrency") {
  TEST_CASE("a database that loads behind its open answers as one that loads before it") {
    SimulatedFileSystem disk;
    WriteSealed(disk);
    const auto before = Content(*MustFind(*MustOpen(disk), "docs"));
    const auto database = MustOpen(disk, Behind());
    const auto docs = MustFind(*database, "docs");
    CHECK(Content(*docs) == before);
    REQUIRE(docs->Upsert(PlaneUpsert(3, 10, 2)).ok());
    REQUIRE(docs->Optimize().ok());
    CHECK(docs->Describe()->state == "ready");
    auto expected = before;
    for (uint64_t id = 3; id < 13; ++id) {
      expected[id] = 2;
    }
    CHECK(Content(*docs) == expected);
    REQUIRE(database->Close().ok());
    CHECK(Content(*MustFind(*MustOpen(disk), "docs")) == expected);
  }

  TEST_CASE("calls wait for the parts they need and for no others") {
    HeldDatabase held(HoldAll);
    held.gate().AwaitReader();
    CHECK(held.docs->Describe()->state == "loading: ids");
    CHECK(held.docs->Describe()->points == 55);
    CHECK(held.docs->Count({})->count == 55);
    CHECK(held.database->Status().ok());
    Query hasty = NearOrigin();
    hasty.timeout_ms = 1;
    const absl::Status late = held.docs->Query(hasty).status();
    CHECK(late.code() == absl::StatusCode::kDeadlineExceeded);
    CHECK(std::string(late.message()).find("loading: ids") != std::string::npos);
    CHECK(held.docs->Explain(hasty).status().code() == absl::StatusCode::kDeadlineExceeded);
    CHECK_FALSE(held.docs->load().Has(kIdsLoaded));
    held.gate().Open();
    CHECK(Content(*held.docs).size() == 55);
    REQUIRE(held.docs->WaitLoaded(kAllLoaded).ok());
    CHECK(held.docs->Describe()->state == "ready");
  }

  TEST_CASE("writes and looks for ids go on while payloads and vectors are still being read") {
    HeldDatabase held(HoldPayloadsAndVectors);
    REQUIRE(held.docs->Upsert(PlaneUpsert(7, 1, 2)).ok());
    REQUIRE(held.docs->Delete({.ids = {PointId(uint64_t{8})}}).ok());
    GetRequest bare = {.ids = {PointId(uint64_t{7}), PointId(uint64_t{8}), PointId(uint64_t{9})}};
    bare.with_payload.kind = PayloadSelector::Kind::kNone;
    CHECK(held.docs->Get(bare)->points.size() == 2);
    CHECK(held.docs->Count({})->count == 54);
    CHECK_FALSE(held.docs->load().Has(kSourceLoaded));
    held.gate().Open();
    const auto content = Content(*held.docs);
    CHECK(content.size() == 54);
    CHECK(content.at(7) == 2);
  }

  TEST_CASE("no collection is called complete while one of its ids is still being read") {
    if (std::thread::hardware_concurrency() < 2) {
      return;  // one loader cannot overtake itself
    }
    HeldDatabase held(HoldIds);
    held.gate().AwaitReader();  // a loader is at the ids, the other reads on
    REQUIRE(held.docs->WaitLoaded(kPayloadLoaded | kVectorsLoaded).ok());
    absl::SleepFor(absl::Milliseconds(20));
    CHECK_FALSE(held.docs->load().Has(kIndexesLoaded));
    held.gate().Open();
    REQUIRE(held.docs->WaitLoaded(kAllLoaded).ok());
    CHECK(Content(*held.docs).size() == 55);
  }

  TEST_CASE("closing in the midst of loading ends the waits and the loading") {
    HeldDatabase held(HoldAll);
    std::array<absl::Status, 3> answers;
    std::array<std::thread, 3> waiting = {
        std::thread([&] { answers[0] = held.docs->Query(NearOrigin()).status(); }),
        std::thread([&] { answers[1] = held.docs->Upsert(PlaneUpsert(1, 1, 2)).status(); }),
        std::thread([&] { answers[2] = held.docs->Flush(); })};
    held.gate().AwaitReader();
    std::thread closer([&] { CHECK(held.database->Close().ok()); });
    // The waits end although the read does not; it is the disk's to end.
    for (std::thread& thread : waiting) {
      thread.join();
    }
    for (const absl::Status& answer : answers) {
      CHECK(answer.code() == absl::StatusCode::kFailedPrecondition);
    }
    held.gate().Open();
    closer.join();
    CHECK(Content(*MustFind(*MustOpen(held.disk), "docs")).size() == 55);
  }

  TEST_CASE("dropping a collection that is being loaded ends its waits") {
    HeldDatabase held(HoldAll);
    absl::Status answer;
    std::thread waiting([&] { answer = held.docs->Query(NearOrigin()).status(); });
    held.gate().AwaitReader();
    REQUIRE(held.database->DropCollection("docs").ok());
    waiting.join();
    CHECK(answer.code() == absl::StatusCode::kNotFound);
    held.gate().Open();
    const auto again = MustCreate(*held.database, "docs");
    REQUIRE(again->Upsert(PlaneUpsert(1, 2, 3)).ok());
    CHECK(Content(*again).size() == 2);
  }

  TEST_CASE("damage that is found behind the open is what damage found before it is") {
    for (const storage::SectionKind kind :
         {storage::SectionKind::kIds, storage::SectionKind::kLsns, storage::SectionKind::kPayload,
          storage::SectionKind::kVectors, storage::SectionKind::kNorms}) {
      CAPTURE(static_cast<int>(kind));
      SimulatedFileSystem disk;
      WriteSealed(disk);
      const std::string segment = SegmentIn(disk);
      const uint64_t place = MiddleOf(disk, kind);
      disk.Corrupt(segment, place, 1);
      {
        const auto database = MustOpen(disk, Behind());
        CheckDamaged(*MustFind(*database, "docs"));
        const auto status = database->Status();
        REQUIRE(status.ok());
        REQUIRE(status->warnings.size() == 1);
        CHECK(status->warnings[0].find("cannot be read") != std::string::npos);
      }
      disk.Corrupt(segment, place, 1);
      CHECK(Content(*MustFind(*MustOpen(disk, Behind()), "docs")).size() == 55);
    }
  }

  TEST_CASE("a damaged part is finished only when its segment has become a missing one") {
    if (std::thread::hardware_concurrency() < 2) {
      return;  // one loader cannot overtake itself
    }
    SimulatedFileSystem disk;
    WriteSealed(disk);
    const std::string segment = SegmentIn(disk);
    disk.Corrupt(segment, MiddleOf(disk, storage::SectionKind::kPayload), 1);
    GatedFileSystem gated(disk);
    HoldIds(disk, gated.gate());
    const auto database = MustOpen(gated, Behind());
    const auto docs = MustFind(*database, "docs");
    // A loader is at the ids, or is spared them because the other has found the damage already.
    REQUIRE(docs->WaitLoaded(kPayloadLoaded).ok());
    CHECK(docs->state().damaged());
    gated.gate().Open();
    CheckDamaged(*docs);
  }

  TEST_CASE("a damaged graph that is found behind the open is done without and built anew") {
    SimulatedFileSystem disk;
    WriteSealed(disk);
    const std::string segment = SegmentIn(disk);
    disk.Corrupt(segment, MiddleOf(disk, storage::SectionKind::kHnsw), 1);
    const auto database = MustOpen(disk, Behind(), Indexed());
    const auto docs = MustFind(*database, "docs");
    CHECK(Content(*docs).size() == 55);
    REQUIRE(docs->WaitLoaded(kAllLoaded).ok());
    REQUIRE(database->Status()->warnings.size() == 1);
    REQUIRE(docs->Optimize().ok());
    CHECK(docs->Describe()->state == "ready");
    CHECK(Content(*docs).size() == 55);
  }

  TEST_CASE("what a killed process wrote is replayed over segments that are being loaded") {
    SimulatedFileSystem disk;
    WriteSealed(disk);
    std::map<uint64_t, int64_t> expected;
    const auto killed = KilledAfter(disk, [&expected](CollectionCore& docs) {
      REQUIRE(docs.Upsert(PlaneUpsert(10, 200, 2)).ok());
      REQUIRE(docs.Upsert(PlaneUpsert(200, 200, 3)).ok());
      REQUIRE(docs.Delete({.ids = {PointId(uint64_t{6})}}).ok());
      expected = Content(docs);
    });
    const auto database = MustOpen(*killed, Behind());
    CHECK(Content(*MustFind(*database, "docs")) == expected);
  }

  TEST_CASE("replay waits for the ids that its records are about") {
    SimulatedFileSystem disk;
    WriteSealed(disk);
    std::map<uint64_t, int64_t> expected;
    const auto killed = KilledAfter(disk, [&expected](CollectionCore& docs) {
      REQUIRE(docs.Delete({.ids = {PointId(uint64_t{6})}}).ok());
      REQUIRE(docs.Upsert(PlaneUpsert(7, 1, 2)).ok());
      expected = Content(docs);
    });
    GatedFileSystem gated(*killed);
    gated.gate().Hold();
    std::shared_ptr<DatabaseCore> database;
    std::thread opening([&] { database = MustOpen(gated, Behind()); });
    gated.gate().AwaitReader();
    absl::SleepFor(absl::Milliseconds(50));  // for a replay that does not wait
    gated.gate().Open();
    opening.join();
    CHECK(Content(*MustFind(*database, "docs")) == expected);
  }

  TEST_CASE("damage found while the log is replayed ends neither the open nor in a wrong answer") {
    for (const storage::SectionKind kind :
         {storage::SectionKind::kIds, storage::SectionKind::kVectors}) {
      SimulatedFileSystem disk;
      WriteSealed(disk);
      const auto killed = KilledAfter(disk, [](CollectionCore& docs) {
        // More than growing segments hold, so that replay wants to seal.
        for (uint64_t first = 100; docs.Upsert(PlaneUpsert(first, 50, 2)).ok();) {
          first += 50;
        }
        REQUIRE(docs.state().frozen_count() > 0);
      });
      const std::string segment = SegmentIn(*killed);
      killed->Corrupt(segment, MiddleOf(*killed, kind), 1);
      const auto database = MustOpen(*killed, Behind());
      CheckDamaged(*MustFind(*database, "docs"));
    }
  }

  TEST_CASE("a read-only handle loads behind its open too") {
    SimulatedFileSystem disk;
    WriteSealed(disk);
    OpenOptions options = Behind();
    options.read_only = true;
    const auto database = MustOpen(disk, options);
    CHECK(Content(*MustFind(*database, "docs")).size() == 55);
    disk.Corrupt(SegmentIn(disk), MiddleOf(disk, storage::SectionKind::kPayload), 1);
    const auto damaged = MustOpen(disk, options);
    const auto docs = MustFind(*damaged, "docs");
    REQUIRE(docs->WaitLoaded(kAllLoaded).ok());
    CHECK(docs->Query(NearOrigin()).status().code() == kDataLoss);
  }
}

}  // namespace
}  // namespace perigee::engine
