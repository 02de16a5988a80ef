// SPDX-License-Identifier: Apache-2.0
//
// Goal: damage of a derived section (id order, graph) never costs an answer: the segment is read
// without it, the state says so, and the section is written anew, in a new file that takes the
// damaged one's place by a durable edit (D16). Damage of a source section fails the reads of its
// collection, names file, section and page, and touches nothing else.
// Method: every derived section of a database with several segments is damaged in turn; it is
// rebuilt by Optimize, by background maintenance, with a full disk in between, and with the power
// cut behind every change of the rebuild. Answers are compared all the time.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/segment/segment_reader.h"
#include "tests/durability/damage_trial.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;
using storage::SectionEntry;
using storage::SectionKind;
using storage::SimulatedFileSystem;

constexpr std::string_view kRebuilding = "index: rebuilding";

struct SectionPlace {
  std::string path;
  SectionEntry section;
};

std::vector<SectionPlace> Sections(SimulatedFileSystem& disk, const ByteRoles& roles) {
  std::vector<SectionPlace> places;
  for (const auto& [path, file] : roles.files) {
    if (path.find("/seg/") == std::string::npos || file.unread) {
      continue;
    }
    const auto reader = storage::SegmentReader::Open(disk, path, {});
    REQUIRE(reader.ok());
    for (const SectionEntry& section : (*reader)->sections()) {
      places.push_back({path, section});
    }
  }
  return places;
}

void Damage(SimulatedFileSystem& disk, const SectionPlace& place) {
  disk.Corrupt(place.path, place.section.offset + place.section.length / 2, 0x10);
}

size_t CountRebuilding(const DatabaseReading& reading) {
  size_t count = 0;
  for (const auto& [name, answers] : reading) {
    count += answers.state == kRebuilding ? 1 : 0;
  }
  return count;
}

bool Has(const SimulatedFileSystem& disk, const std::string& path) {
  return disk.Contents(path).ok();
}

// Every derived section of every live segment reads well.
void CheckDerivedSections(const SimulatedFileSystem& disk, SectionKind kind) {
  const auto copy = CopyOf(disk);
  size_t found = 0;
  for (const SectionPlace& place : Sections(*copy, RolesOf(disk))) {
    const auto reader = storage::SegmentReader::Open(*copy, place.path, {});
    REQUIRE(reader.ok());
    CHECK((*reader)->ReadSection(place.section).ok());
    found += place.section.kind == kind ? 1 : 0;
  }
  CHECK(found > 0);
}

void OptimizeAll(const DatabaseCore& database) {
  const auto collections = database.ListCollections();
  REQUIRE(collections.ok());
  for (const std::shared_ptr<CollectionCore>& collection : *collections) {
    const absl::Status status = collection->Optimize();
    CHECK_MESSAGE(status.ok(), status.ToString());
  }
}

void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) {
    std::this_thread::yield();
  }
}

OpenOptions WithThreads() {
  OpenOptions options = SmallOptions();
  options.maintenance_threads = 1;
  return options;
}

TEST_SUITE("durability") {
  TEST_CASE("rebuild: without maintenance a damaged section waits for optimize") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const ByteRoles roles = RolesOf(*sample.disk);
    size_t damaged = 0;
    for (const SectionPlace& place : Sections(*CopyOf(*sample.disk), roles)) {
      if (!place.section.derived()) {
        continue;
      }
      CAPTURE(place.section.name());
      ++damaged;
      const auto disk = CopyOf(*sample.disk);
      Damage(*disk, place);
      for (int opens = 0; opens < 2; ++opens) {  // it blocks no open and loops nowhere
        const auto database = MustOpen(*disk, SmallOptions(), sample.tuning);
        const DatabaseReading reading = ReadEverything(*database);
        CHECK(SameAnswers(reading, sample.expected()));
        CHECK(CountRebuilding(reading) == 1);
        CHECK(database->Status()->warnings.size() >= 1);
        CHECK(Has(*disk, place.path));
      }
      {
        const auto database = MustOpen(*disk, SmallOptions(), sample.tuning);
        OptimizeAll(*database);
        const DatabaseReading reading = ReadEverything(*database);
        CHECK(SameAnswers(reading, sample.expected()));
        CHECK(CountRebuilding(reading) == 0);
        CHECK_FALSE(Has(*disk, place.path));
      }
      CheckDerivedSections(*disk, place.section.kind);
      const auto database = MustOpen(*disk, SmallOptions(), sample.tuning);
      CHECK(SameAnswers(ReadEverything(*database), sample.expected()));
      CHECK(database->Status()->warnings.empty());
    }
    CHECK(damaged >= 6);
  }

  TEST_CASE("rebuild: optimize writes a segment anew for nothing but its damaged section") {
    SimulatedFileSystem whole;
    {
      EngineTuning tuning = SmallTuning();
      tuning.growing_bytes_max = 1 << 20;
      const auto database = MustOpen(whole, SmallOptions(), tuning);
      const auto docs = MustCreate(*database, "docs");
      REQUIRE(docs->Upsert(PlaneUpsert(1, 80, 1)).ok());
      REQUIRE(docs->Flush().ok());
      REQUIRE(docs->Optimize().ok());
      CHECK(docs->Describe()->segments_sealed == 1);
    }
    size_t damaged = 0;
    for (const SectionPlace& place : Sections(*CopyOf(whole), RolesOf(whole))) {
      if (!place.section.derived()) {
        continue;
      }
      CAPTURE(place.section.name());
      ++damaged;
      const auto disk = CopyOf(whole);
      Damage(*disk, place);
      const auto database = MustOpen(*disk);
      const auto docs = MustFind(*database, "docs");
      CHECK(docs->Describe()->state == kRebuilding);
      REQUIRE(docs->Optimize().ok());
      CHECK(docs->Describe()->state == "ready");
      CHECK(docs->Describe()->vectors[0].vectors_unindexed == 0);
      CHECK_FALSE(Has(*disk, place.path));
      CHECK(Content(*docs).size() == 80);
    }
    CHECK(damaged == 2);
  }

  TEST_CASE("rebuild: maintenance writes a damaged section anew") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const ByteRoles roles = RolesOf(*sample.disk);
    for (const SectionPlace& place : Sections(*CopyOf(*sample.disk), roles)) {
      if (!place.section.derived()) {
        continue;
      }
      CAPTURE(place.section.name());
      const auto disk = CopyOf(*sample.disk);
      Damage(*disk, place);
      {
        const auto database = MustOpen(*disk, WithThreads(), sample.tuning);
        CHECK(SameAnswers(ReadEverything(*database), sample.expected()));
        WaitUntil([&] {
          const DatabaseReading reading = ReadEverything(*database);
          CHECK(SameAnswers(reading, sample.expected()));
          return CountRebuilding(reading) == 0 && !Has(*disk, place.path);
        });
      }
      CheckDerivedSections(*disk->Crash(CrashPolicy::kNothingUnsynced), place.section.kind);
      const auto after = disk->Crash(CrashPolicy::kNothingUnsynced);
      const auto database = MustOpen(*after, SmallOptions(), sample.tuning);
      CHECK(SameAnswers(ReadEverything(*database), sample.expected()));
      CHECK(CountRebuilding(ReadEverything(*database)) == 0);
    }
  }

  TEST_CASE("rebuild: a full disk puts it off and nothing else") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const auto disk = CopyOf(*sample.disk);
    for (const SectionPlace& place : Sections(*disk, RolesOf(*sample.disk))) {
      if (place.section.kind == SectionKind::kHnsw) {
        Damage(*disk, place);
      }
    }
    EngineTuning tuning = sample.tuning;
    tuning.rewrite_retry_pause = absl::Milliseconds(1);
    disk->AddErrorPlan({.path_contains = "tmp/seg", .error_number = ENOSPC, .forever = true});
    const auto database = MustOpen(*disk, WithThreads(), tuning);
    WaitUntil([&] { return disk->planned_failures() > 5; });
    DatabaseReading reading = ReadEverything(*database);
    CHECK(SameAnswers(reading, sample.expected()));
    CHECK(CountRebuilding(reading) == 2);
    CHECK(database->environment().state.storage_error().ok());
    REQUIRE(MustFind(*database, "docs")->Upsert(PlaneUpsert(900, 1, 9)).ok());
    REQUIRE(MustFind(*database, "docs")->Delete({.ids = {900}}).ok());
    disk->ClearErrorPlans();
    WaitUntil([&] { return CountRebuilding(ReadEverything(*database)) == 0; });
    reading = ReadEverything(*database);
    CHECK(reading["docs"].rows == sample.expected().at("docs").rows);
    CHECK(SameAnswers(reading["named"], sample.expected().at("named")));
  }

  TEST_CASE("rebuild: the power goes behind every change of it") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const auto damaged = CopyOf(*sample.disk);
    for (const SectionPlace& place : Sections(*damaged, RolesOf(*sample.disk))) {
      if (place.section.derived()) {
        Damage(*damaged, place);
      }
    }
    uint64_t states = 0;
    bool finished = false;
    for (uint64_t change = 0; !finished; ++change) {
      CAPTURE(change);
      const auto disk = CopyOf(*damaged);
      disk->StopAfterChange(change);
      {
        const auto database = OpenOn(*disk, SmallOptions(), sample.tuning);
        finished = database.ok();
        for (const std::string_view name : {"docs", "named"}) {
          finished = finished && MustFind(**database, name)->Optimize().ok();
        }
      }
      for (const CrashPolicy policy :
           {CrashPolicy::kNothingUnsynced, CrashPolicy::kRandomSectors, CrashPolicy::kEverything}) {
        const auto after = disk->Crash(policy, change);
        const auto database = MustOpen(*after, SmallOptions(), sample.tuning);
        const DatabaseReading reading = ReadEverything(*database);
        CHECK(SameAnswers(reading, sample.expected()));
        CHECK((!finished || CountRebuilding(reading) == 0));
        ++states;
      }
    }
    MESSAGE("durability: ", states, " crash states of a rebuild, 0 wrong answers");
  }

  TEST_CASE("source damage names file and section and page and touches nothing else") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const DamageTrial trial(sample);
    for (const SectionPlace& place :
         Sections(*CopyOf(*sample.disk), trial.roles(OpenKind::kReadWrite))) {
      if (place.section.derived() || place.section.length == 0) {
        continue;
      }
      CAPTURE(place.section.name());
      const auto disk = CopyOf(*sample.disk);
      Damage(*disk, place);
      const DamageFinding finding = trial.Look(*disk, OpenKind::kReadWrite);
      CHECK(finding.outcome == DamageOutcome::kFailed);
      CHECK(finding.steps_back == 0);
      CHECK(finding.message.find(place.path) != std::string::npos);
      CHECK(finding.message.find("section " + place.section.name()) != std::string::npos);
      CHECK(finding.message.find("page ") != std::string::npos);
      // It is no accident of one reading, and no maintenance makes it worse.
      const auto database = MustOpen(*disk, WithThreads(), sample.tuning);
      ReadEverything(*database);  // waits until everything is loaded that can be
      size_t suspect = 0;
      const auto status = database->Status();
      REQUIRE(status.ok());
      for (const CollectionDescription& collection : status->collections) {
        suspect += collection.state.starts_with("damaged: 1 segment") ? 1 : 0;
      }
      CHECK(suspect == 1);
      CHECK(Has(*disk, place.path));
    }
  }
}

}  // namespace
}  // namespace perigee::engine
