// SPDX-License-Identifier: Apache-2.0
#include "engine/database/segment_scrubber.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/collection/segment_compactor.h"
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
  Watched(SimulatedFileSystem& disk, DatabaseCore& database) {
    auto opened = storage::DataDirectory::Open(
        disk, std::string(kTestDirectory), {.read_only = true, .allow_network_filesystem = true});
    REQUIRE(opened.ok());
    directory = *std::move(opened);
    auto read = storage::ManifestLog::Open(*directory, {.read_only = true});
    REQUIRE(read.ok());
    manifest = *std::move(read);
    scrubber = std::make_unique<SegmentScrubber>(
        database.environment(), catalog, *manifest,
        SegmentScrubber::Options{.bytes_per_second = 1'000,
                                 .verify_every = absl::Hours(10),
                                 .now = [this] { return now; },
                                 .sleep = [this](absl::Duration d) { slept += d; }});
  }
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  absl::Duration slept;
  CollectionCatalog catalog;
  std::unique_ptr<storage::DataDirectory> directory;
  std::unique_ptr<storage::ManifestLog> manifest;
  std::unique_ptr<SegmentScrubber> scrubber;
};

TEST_CASE("every segment is verified once in its time, at the pace that was asked for") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  Watched watched(disk, *database);
  uint64_t bytes = 0;
  for (const std::string& file : SegmentFiles(disk)) {
    if (file.find("seg/") == std::string::npos) {
      bytes += disk.Stat(file)->size;
      continue;
    }
    const auto reader = storage::SegmentReader::Open(disk, file, {});
    REQUIRE(reader.ok());
    for (const storage::SectionEntry& section : (*reader)->sections()) {
      bytes += section.length;
    }
  }
  const auto segments = MustFind(*database, "docs")->state().sealed();
  REQUIRE(segments.size() == 2);
  CHECK(watched.scrubber->verified_at(segments[0]->uuid()) == absl::InfinitePast());
  CHECK(VerifyDue(*watched.scrubber) == 2);
  const absl::Duration expected = absl::Milliseconds(static_cast<int64_t>(bytes));
  CHECK(watched.slept > expected - absl::Milliseconds(1));
  CHECK(watched.slept < expected + absl::Milliseconds(1));
  CHECK(watched.scrubber->verified_at(segments[0]->uuid()) == watched.now);
  CHECK(watched.scrubber->findings().empty());

  watched.now += absl::Hours(9);
  CHECK(VerifyDue(*watched.scrubber) == 0);
  watched.now += absl::Hours(1);
  CHECK(VerifyDue(*watched.scrubber) == 2);
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
    CHECK(VerifyDue(database->scrubber()) == 2);
    REQUIRE(database->scrubber().findings().size() == 1);
    CHECK(database->scrubber().findings()[0].find(path.substr(1)) != std::string::npos);
    const auto status = database->Status();
    REQUIRE(status.ok());
    REQUIRE(status->warnings.size() == 1);
    CHECK(status->warnings[0] == database->scrubber().findings()[0]);
    CHECK(Content(*docs) == content);

    CHECK(Rewrite(*database));
    CHECK(database->scrubber().findings().empty());
    CHECK(database->Status()->warnings.empty());
    VerifyDue(database->scrubber());
    CHECK(database->scrubber().findings().empty());
    REQUIRE(database->Close().ok());
    const auto again = MustOpen(disk);
    CHECK(again->Status()->warnings.empty());
    CHECK(Content(*MustFind(*again, "docs")) == content);
  }
}

TEST_CASE("a segment that goes while it is due is no finding") {
  SimulatedFileSystem disk;
  const auto database = WithSegments(disk);
  REQUIRE(database->DropCollection("docs").ok());
  CHECK(VerifyDue(database->scrubber()) == 0);
  CHECK(database->scrubber().findings().empty());
}

TEST_SUITE("concurrency") {
  TEST_CASE("a database with the scrubber's thread closes at once") {
    SimulatedFileSystem disk;
    OpenOptions options = SmallOptions();
    options.maintenance_threads = 1;
    const auto database = MustOpen(disk, options);
    CHECK(database->Close().ok());
  }
}

}  // namespace
}  // namespace perigee::engine
