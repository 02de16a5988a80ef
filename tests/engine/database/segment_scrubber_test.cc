// SPDX-License-Identifier: Apache-2.0
#include "engine/database/segment_scrubber.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "engine/collection/segment_compactor.h"
#include "storage/encoding/byte_codec.h"
#include "storage/layout/scrub_record.h"
#include "storage/segment/segment_reader.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

std::vector<std::string> SegmentFiles(const SimulatedFileSystem& disk) {
  std::vector<std::string> files;
  for (const std::string& file : disk.Files()) {
    if (file.find("seg/") != std::string::npos || file.find("del/") != std::string::npos) {
      files.push_back("/" + file);
    }
  }
  return files;
}

// Two segments, the first with a deletion file.
std::shared_ptr<DatabaseCore> WithSegments(SimulatedFileSystem& disk) {
  const auto database = MustOpen(disk);
  const auto docs = MustCreate(*database, "docs");
  REQUIRE(docs->Upsert(PlaneUpsert(1, 60, 1)).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Upsert(PlaneUpsert(1, 3, 2)).ok());
  REQUIRE(docs->Flush().ok());
  return database;
}

// All segments; how many were due.
int VerifyDue(SegmentScrubber& scrubber) {
  int count = 0;
  while (scrubber.VerifyNext()) {
    ++count;
  }
  return count;
}

bool Rewrite(DatabaseCore& database) {
  const auto docs = MustFind(database, "docs");
  bool any = false;
  while (true) {
    const auto rewritten = RewriteSegments(docs, RewriteGoal::kWorthwhile);
    REQUIRE(rewritten.ok());
    if (!*rewritten) {
      return any;
    }
    any = true;
  }
}

// A scrubber of its own clock over the segments of `database`.
struct Watched {
  explicit Watched(SimulatedFileSystem& disk, DatabaseCore& core) : database(core) {
    auto opened = storage::DataDirectory::Open(
        disk, std::string(kTestDirectory), {.read_only = true, .allow_network_filesystem = true});
    REQUIRE(opened.ok());
    directory = *std::move(opened);
    auto read = storage::ManifestLog::Open(*directory, {.read_only = true});
    REQUIRE(read.ok());
    manifest = *std::move(read);
    Restart();
  }
  // As if by another process.
  void Restart() {
    scrubber = std::make_unique<SegmentScrubber>(
        database.environment(), database.catalog(), *manifest,
        SegmentScrubber::Options{.pace = {.bytes_per_second_min = 1'000},
                                 .now = [this] { return now; },
                                 .sleep =
                                     [this](absl::Duration d) {
                                       slept += d;
                                       return sleeps_left == 0 || --sleeps_left > 0;
                                     }});
    scrubber->Resume();
  }
  absl::Time VerifiedAt(size_t segment) const {
    const int64_t ms = scrubber->Report().segments[segment].verified_at_ms;
    return ms == 0 ? absl::InfinitePast() : absl::FromUnixMillis(ms);
  }

  DatabaseCore& database;
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  absl::Duration slept;
  int sleeps_left = 0;  // the last one is interrupted; 0: none is
  std::unique_ptr<storage::DataDirectory> directory;
  std::unique_ptr<storage::ManifestLog> manifest;
  std::unique_ptr<SegmentScrubber> scrubber;
};

std::vector<std::string> Damages(const SegmentScrubber& scrubber) {
  std::vector<std::string> damages;
  for (const SegmentScrub& segment : scrubber.Report().segments) {
    if (!segment.damage.empty()) {
      damages.push_back(segment.damage);
    }
  }
  return damages;
}

TEST_CASE("every segment is verified once in its time, at the pace that was asked for") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  uint64_t bytes = 0;
  for (const std::string& file : SegmentFiles(disk)) {
    bytes += disk.Stat(file)->size;
  }
  ScrubStatus report = watched.scrubber->Report();
  CHECK(report.state == "off");
  CHECK(report.bytes_per_second == 0);
  CHECK(report.bytes_total == bytes);
  CHECK(report.bytes_verified == 0);
  REQUIRE(report.segments.size() == 2);
  CHECK(report.segments[0].collection == "docs");
  CHECK(report.segments[0].verified_at_ms == 0);
  CHECK(VerifyDue(*watched.scrubber) == 2);
  const absl::Duration expected = absl::Milliseconds(static_cast<int64_t>(bytes));
  CHECK(watched.slept > expected - absl::Milliseconds(1));
  CHECK(watched.slept < expected + absl::Milliseconds(1));
  CHECK(watched.VerifiedAt(0) == watched.now);
  CHECK(watched.VerifiedAt(1) == watched.now);
  report = watched.scrubber->Report();
  CHECK(report.bytes_verified == bytes);
  CHECK(report.last_full_pass_ms == absl::ToUnixMillis(watched.now));
  CHECK(report.damages_found == 0);

  watched.now += absl::Hours(71);
  CHECK(VerifyDue(*watched.scrubber) == 0);
  watched.now += absl::Hours(1);
  CHECK(VerifyDue(*watched.scrubber) == 2);
}

TEST_CASE("a restart goes on where the record ends, and begins anew without one") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  const std::string record = "/db/SCRUB";
  CHECK(!disk.Stat(record).ok());
  CHECK(watched.scrubber->VerifyNext());
  watched.now += absl::Minutes(2);  // so that the next part saves
  watched.sleeps_left = 3;
  CHECK(!watched.scrubber->VerifyNext());
  watched.scrubber->Save();
  const ScrubStatus before = watched.scrubber->Report();
  CHECK(before.state == "off");
  CHECK(before.bytes_verified > 0);
  CHECK(before.bytes_verified < before.bytes_total);

  watched.now += absl::Hours(1);
  watched.slept = {};
  watched.Restart();
  CHECK(watched.scrubber->Report().bytes_verified == before.bytes_verified);
  CHECK(VerifyDue(*watched.scrubber) == 1);
  // In the file of the record were parts that need not be read again.
  CHECK(absl::ToInt64Milliseconds(watched.slept) <
        static_cast<int64_t>(before.bytes_total - before.bytes_verified) + 4096);
  CHECK(watched.scrubber->Report().bytes_verified == before.bytes_total);
  watched.scrubber->Save();
  const std::string saved = *disk.Contents(record);

  const auto restarted_with = [&](const std::string& bytes) {
    disk.SetContents(record, bytes);
    watched.Restart();
    return watched.scrubber->Report().bytes_verified;
  };
  CHECK(restarted_with(saved) == before.bytes_total);
  for (size_t at = 0; at < saved.size(); at += 5) {
    std::string damaged = saved;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    CHECK(restarted_with(damaged) == 0);
    CHECK(restarted_with(saved.substr(0, at)) == 0);
  }
  storage::ScrubRecord foreign = *storage::DecodeScrubRecord(storage::AsBytes(saved));
  foreign.database_uuid = storage::Uuid::Random();
  CHECK(restarted_with(storage::EncodeScrubRecord(foreign)) == 0);
  CHECK(VerifyDue(*watched.scrubber) == 2);
}

TEST_CASE("a record that cannot be written or read hinders nothing") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  for (const storage::CallKind kind : {storage::CallKind::kCreate, storage::CallKind::kWrite,
                                       storage::CallKind::kSync, storage::CallKind::kRename}) {
    disk.AddErrorPlan({.kind = kind, .path_contains = "SCRUB", .forever = true});
    watched.now += absl::Hours(100);
    CHECK(VerifyDue(*watched.scrubber) == 2);
    CHECK(!disk.Stat("/db/SCRUB").ok());
    disk.ClearErrorPlans();
  }
  CHECK(database->environment().state.storage_error().ok());
  watched.now += absl::Hours(100);
  CHECK(VerifyDue(*watched.scrubber) == 2);
  CHECK(disk.Stat("/db/SCRUB").ok());
  disk.AddErrorPlan({.kind = storage::CallKind::kOpen, .path_contains = "SCRUB"});
  watched.Restart();
  CHECK(VerifyDue(*watched.scrubber) == 2);
  CHECK(database->environment().state.storage_error().ok());
}

TEST_CASE("nothing is written once storage has failed") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  database->environment().state.Fail(absl::UnavailableError("for the test"));
  CHECK(VerifyDue(*watched.scrubber) == 2);
  CHECK(!disk.Stat("/db/SCRUB").ok());
}

TEST_CASE("damage on the disk is told, answers go on, and the segment is written anew") {
  SimulatedFileSystem sample;
  WithSegments(sample);
  const size_t files = SegmentFiles(sample).size();
  REQUIRE(files == 3);
  for (size_t file = 0; file < files; ++file) {
    CAPTURE(file);
    SimulatedFileSystem disk;
    const auto database = WithSegments(disk);
    const auto docs = MustFind(*database, "docs");
    const auto content = Content(*docs);
    const std::string path = SegmentFiles(disk)[file];
    uint64_t place = 20;
    if (path.find("seg/") != std::string::npos) {
      const auto reader = storage::SegmentReader::Open(disk, path, {});
      REQUIRE(reader.ok());
      const storage::SectionEntry* vectors = (*reader)->Find(storage::SectionKind::kVectors);
      REQUIRE(vectors != nullptr);
      place = vectors->offset + vectors->length - 1;
    }
    disk.Corrupt(path, place, 4);
    SegmentScrubber& scrubber = database->scrubber();
    CHECK(VerifyDue(scrubber) == 2);
    REQUIRE(Damages(scrubber).size() == 1);
    const std::string damage = Damages(scrubber)[0];
    CHECK(damage.find(path.substr(1)) != std::string::npos);
    CHECK(damage.find("written anew") != std::string::npos);
    if (path.find("seg/") != std::string::npos) {
      CHECK(damage.find("section vectors") != std::string::npos);
      CHECK(damage.find("page ") != std::string::npos);
    }
    const auto status = database->Status();
    REQUIRE(status.ok());
    REQUIRE(status->warnings.size() == 1);
    CHECK(status->warnings[0] == "damaged on the disk: " + damage);
    CHECK(status->scrub.damages_found == 1);
    CHECK(Content(*docs) == content);

    CHECK(Rewrite(*database));
    CHECK(Damages(scrubber).empty());
    CHECK(database->Status()->warnings.empty());
    VerifyDue(scrubber);
    CHECK(Damages(scrubber).empty());
    CHECK(scrubber.Report().damages_found == 1);
    REQUIRE(database->Close().ok());
    const auto again = MustOpen(disk);
    CHECK(again->Status()->warnings.empty());
    CHECK(Content(*MustFind(*again, "docs")) == content);
  }
}

// Each block of a segment, whatever it holds: pages, padding, tables, directory, footer.
TEST_CASE("the scrub reads every page, and the padding") {
  SimulatedFileSystem disk;
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 64 << 20;
  const auto database = MustOpen(disk, SmallOptions(), tuning);
  CollectionSchema schema;
  schema.vectors.push_back({.name = "", .dimension = 2'048, .metric = DistanceMetric::kL2});
  const auto wide = database->CreateCollection("wide", schema);
  REQUIRE(wide.ok());
  for (uint64_t id = 1; id <= 160; ++id) {
    Point point;
    point.id = PointId(id);
    point.vectors[""] = std::vector<float>(2'048, static_cast<float>(id));
    REQUIRE((*wide)->Upsert({.points = {point}}).ok());
  }
  REQUIRE((*wide)->Flush().ok());
  const std::string path = SegmentFiles(disk)[0];
  const auto reader = storage::SegmentReader::Open(disk, path, {});
  REQUIRE(reader.ok());
  REQUIRE((*reader)->Find(storage::SectionKind::kVectors)->length > 1U << 20U);
  Watched watched(disk, *database);
  const uint64_t size = disk.Stat(path)->size;
  for (uint64_t place = 511; place < size; place += 7 * 512) {
    disk.Corrupt(path, place, 1);
    watched.now += absl::Hours(100);
    CHECK(watched.scrubber->VerifyNext());
    CHECK_MESSAGE(Damages(*watched.scrubber).size() == 1, "at ", place);
    disk.Corrupt(path, place, 1);
  }
  watched.now += absl::Hours(100);
  CHECK(watched.scrubber->VerifyNext());
  CHECK(Damages(*watched.scrubber).empty());
}

TEST_CASE("what cannot be written anew is told with what can be done") {
  SimulatedFileSystem disk;
  {
    const auto database = WithSegments(disk);
    REQUIRE(MustFind(*database, "docs")->state().sealed().size() == 2);
    REQUIRE(database->Close().ok());
  }
  const std::string one = SegmentFiles(disk)[1];
  const std::string other = SegmentFiles(disk)[2];
  const uint64_t damaged_page = disk.Stat(one)->size / 2 / 4096 * 4096;
  disk.Corrupt(one, damaged_page, 1);
  disk.Corrupt(one, 20, 1);  // the header, so that it cannot be opened
  const auto database = MustOpen(disk);
  SegmentScrubber& scrubber = database->scrubber();
  CHECK(VerifyDue(scrubber) == 2);
  REQUIRE(Damages(scrubber).size() == 1);
  CHECK(Damages(scrubber)[0].find("restore it from a backup") != std::string::npos);

  // The other one is in memory, and its collection is not maintained (collection_state.h).
  Watched watched(disk, *database);
  disk.Corrupt(other, 20, 1);
  CHECK(VerifyDue(*watched.scrubber) == 2);
  REQUIRE(Damages(*watched.scrubber).size() == 2);
  const auto told = [&watched](const std::string& what) {
    int count = 0;
    for (const std::string& damage : Damages(*watched.scrubber)) {
      count += damage.find(what) != std::string::npos ? 1 : 0;
    }
    return count;
  };
  CHECK(told("another segment of the collection cannot be read") == 1);
  CHECK(told("written anew from the copy") == 0);
  CHECK(!Rewrite(*database));
  database->environment().state.Fail(absl::UnavailableError("for the test"));
  CHECK(told("writing has ended") == 1);
  CHECK(told("could not be read into memory either") == 1);
}

TEST_CASE("an error of the machine is no finding, and one of the disk is") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  disk.AddErrorPlan({.kind = storage::CallKind::kOpen,
                     .path_contains = "/seg/",
                     .error_number = EMFILE,
                     .forever = true});
  CHECK(!watched.scrubber->VerifyNext());
  CHECK(Damages(*watched.scrubber).empty());
  CHECK(watched.VerifiedAt(0) == absl::InfinitePast());
  disk.ClearErrorPlans();
  // Once may be a glitch.
  disk.AddErrorPlan({.kind = storage::CallKind::kRead, .path_contains = "/seg/"});
  CHECK(VerifyDue(*watched.scrubber) == 2);
  CHECK(Damages(*watched.scrubber).empty());
  watched.now += absl::Hours(100);
  disk.AddErrorPlan({.kind = storage::CallKind::kRead, .path_contains = "/seg/", .forever = true});
  CHECK(VerifyDue(*watched.scrubber) == 2);
  CHECK(Damages(*watched.scrubber).size() == 2);
  disk.ClearErrorPlans();
  CHECK(Rewrite(*database));
}

TEST_CASE("a read-only handle has no scrub") {
  SimulatedFileSystem disk;
  REQUIRE(WithSegments(disk)->Close().ok());
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  options.read_only = true;
  options.maintenance_threads = 1;
  const auto database = MustOpen(disk, options);
  const auto status = database->Status();
  REQUIRE(status.ok());
  CHECK(status->scrub.state == "off");
  CHECK(status->scrub.bytes_per_second == 0);
}

TEST_CASE("a segment that goes while it is due is no finding") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  REQUIRE(database->DropCollection("docs").ok());
  CHECK(VerifyDue(database->scrubber()) == 0);
  CHECK(Damages(database->scrubber()).empty());
}

TEST_SUITE("concurrency") {
  TEST_CASE("a database with the scrubber's thread closes at once") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    const auto database = MustOpen(disk, options);
    CHECK(database->Status()->scrub.state == "waiting");
    CHECK(database->Close().ok());
    CHECK(!disk.Stat("/db/SCRUB").ok());
  }

  TEST_CASE("segments come, go and are asked for while the scrubber reads") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    options.scrub_bytes_per_second = 1U << 30U;
    EngineTuning tuning = SmallTuning();
    tuning.scrub_start_after = absl::ZeroDuration();
    {
      const auto database = MustOpen(disk, options, tuning);
      const auto docs = MustCreate(*database, "docs");
      for (int64_t value = 1; value <= 30; ++value) {
        REQUIRE(docs->Upsert(PlaneUpsert(static_cast<uint64_t>(value), 20, value)).ok());
        REQUIRE(docs->Flush().ok());
        const auto status = database->Status();
        REQUIRE(status.ok());
        CHECK(status->scrub.damages_found == 0);
        CHECK(status->scrub.bytes_per_second == 1U << 30U);
      }
      REQUIRE(docs->Optimize().ok());
      REQUIRE(database->Close().ok());
    }
    CHECK(disk.Stat("/db/SCRUB").ok());
    disk.SetContents("/db/SCRUB", "nothing");
    const auto database = MustOpen(disk, options, tuning);
    const auto all_verified = [&database] {
      const ScrubStatus scrub = database->Status()->scrub;
      return scrub.bytes_total > 0 && scrub.bytes_verified == scrub.bytes_total;
    };
    while (!all_verified()) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    REQUIRE(database->Close().ok());
    CHECK(*disk.Contents("/db/SCRUB") != "nothing");
  }

  TEST_CASE("maintenance mends what the scrub finds, by itself") {
    SimulatedFileSystem disk;
    const auto content = [&disk] {
      const auto database = WithSegments(disk);
      auto all = Content(*MustFind(*database, "docs"));
      REQUIRE(database->Close().ok());
      return all;
    }();
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    options.scrub_bytes_per_second = 1U << 30U;
    EngineTuning tuning = SmallTuning();
    tuning.scrub_start_after = absl::Hours(1);  // its own thread waits; this one verifies
    const auto database = MustOpen(disk, options, tuning);
    const auto docs = MustFind(*database, "docs");
    CHECK(Content(*docs) == content);  // all of it is in memory now
    const std::vector<std::string> files = SegmentFiles(disk);
    std::vector<std::string> damaged;
    for (const std::string& file : files) {
      if (file.find("/seg/") != std::string::npos) {
        disk.Corrupt(file, 4096, 1);
        damaged.push_back(file);
      }
    }
    CHECK(VerifyDue(database->scrubber()) >= static_cast<int>(damaged.size()));
    const auto replaced = [&disk, &damaged] {
      return std::none_of(damaged.begin(), damaged.end(),
                          [&disk](const std::string& file) { return disk.Stat(file).ok(); });
    };
    while (!replaced()) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    REQUIRE(database->Close().ok());
    const auto again = MustOpen(disk);
    CHECK(again->Status()->warnings.empty());
    CHECK(Content(*MustFind(*again, "docs")) == content);
  }
}

}  // namespace
}  // namespace perigee::engine
