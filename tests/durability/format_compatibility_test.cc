// SPDX-License-Identifier: Apache-2.0
//
// Goal: every version reads what released ones wrote, to the bit, goes on writing there, and
// survives crashes there (F7).
// Method: copies of the golden directories below tests/golden are opened on simulated and on real
// disks, compared with the content that stands beside them, written to, rewritten, reopened, and
// their power is cut behind every change of an open and a write. The golden files themselves are
// compared with their checksums: they are never edited.
#include <doctest/doctest.h>
#include <openssl/sha.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "tests/durability/golden_directory.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/support/temporary_directory.h"

namespace perigee::engine {
namespace {

namespace fs = std::filesystem;
using storage::CrashPolicy;
using storage::SimulatedFileSystem;

constexpr std::string_view kFormat = "format-1";

OpenOptions ExistingOnly() {
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  return options;
}

std::string Sha256Of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  const std::string bytes = text.str();
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

// A point that no golden directory has, for the schema of any of their collections.
Point NewPoint(const CollectionSchema& schema) {
  Point point{.id = PointId("written later"), .vectors = {}, .payload = {{"later", true}}};
  for (const VectorSchema& vector : schema.vectors) {
    point.vectors[vector.name] = std::vector<float>(vector.dimension, 100.0F);
  }
  return point;
}

// One new point and one deleted one in every collection; the content changes with them.
absl::Status WriteToAll(const DatabaseCore& database, GoldenContent& content) {
  for (auto& [name, golden] : content) {
    const auto collection = database.FindCollection(name);
    if (!collection.ok()) {
      return collection.status();
    }
    const Point point = NewPoint((*collection)->schema());
    if (const auto written = (*collection)->Upsert({.points = {point}}); !written.ok()) {
      return written.status();
    }
    golden.points[point.id] = {point.vectors, ToJson(point.payload)};
    golden.queries.clear();
    const PointId gone = golden.points.begin()->first;
    if (const auto deleted = (*collection)->Delete({.ids = {gone}}); !deleted.ok()) {
      return deleted.status();
    }
    golden.points.erase(gone);
  }
  return absl::OkStatus();
}

// Whether every collection is as in `before`, or has some of the writes that lead to `after`, in
// their order: the new point first, then the deletion.
void CheckBetween(const DatabaseCore& database, const GoldenContent& before,
                  const GoldenContent& after) {
  for (const auto& [golden_name, golden] : before) {
    const std::string& name = golden_name;  // clang 14: no capture of a structured binding
    CAPTURE(name);
    const auto points = PointsOf(*MustFind(database, name));
    auto upserted = golden.points;
    const PointId added = PointId("written later");
    upserted[added] = after.at(name).points.at(added);
    const bool known =
        points == golden.points || points == upserted || points == after.at(name).points;
    CHECK(known);
  }
}

TEST_SUITE("durability") {
  TEST_CASE("golden files are as they were committed") {
    const fs::path root = GoldenDirectory::PathOf(kFormat);
    std::set<std::string> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file() && entry.path().filename() != "SHA256SUMS") {
        files.insert(fs::relative(entry.path(), root).generic_string());
      }
    }
    CHECK(files.size() > 20);
    std::ifstream sums(root / "SHA256SUMS");
    for (std::string line; std::getline(sums, line);) {
      REQUIRE(line.size() > 66);
      const std::string name = line.substr(66);
      CAPTURE(name);
      CHECK(files.erase(name) == 1);
      CHECK(Sha256Of(root / name) == line.substr(0, 64));
    }
    CHECK(files.empty());
  }

  TEST_CASE("golden directories are read and written and rewritten") {
    const std::vector<std::string> names = GoldenDirectory::NamesOf(kFormat);
    CHECK(names ==
          std::vector<std::string>{"clean-close", "killed", "segments-and-deletions", "torn-tail"});
    for (const std::string& name : names) {
      CAPTURE(name);
      const GoldenDirectory golden(kFormat, name);
      const auto disk = golden.OnSimulatedDisk();
      GoldenContent content = golden.content();
      {
        const auto database = MustOpen(*disk, ExistingOnly());
        CHECK(database->Status()->warnings.empty());
        CheckContent(*database, content);
      }
      {
        const auto database = MustOpen(*disk, ExistingOnly());
        CheckContent(*database, content);
        REQUIRE(WriteToAll(*database, content).ok());
        CheckContent(*database, content);
      }
      {
        const auto database = MustOpen(*disk, ExistingOnly());
        CheckContent(*database, content);
        REQUIRE(database->Flush().ok());
        CheckContent(*database, content);
        for (const auto& [collection, points] : content) {
          REQUIRE(MustFind(*database, collection)->Optimize().ok());
        }
        CheckContent(*database, content);
      }
      const auto database = MustOpen(*disk, ExistingOnly());
      CheckContent(*database, content);
      for (const auto& [collection, points] : content) {
        CHECK(MustFind(*database, collection)->Describe()->state == "ready");
      }
    }
  }

  TEST_CASE("golden directories are read on a real disk and read-only") {
    for (const std::string& name : GoldenDirectory::NamesOf(kFormat)) {
      CAPTURE(name);
      const GoldenDirectory golden(kFormat, name);
      const storage::TemporaryDirectory directory;
      golden.CopyTo(directory.path());
      OpenOptions options = ExistingOnly();
      options.allow_network_filesystem = true;
      {
        const auto database = DatabaseCore::Open(directory.path(), options);
        REQUIRE_MESSAGE(database.ok(), database.status().ToString());
        CheckContent(**database, golden.content());
        REQUIRE((*database)->Flush().ok());
      }
      options.read_only = true;
      const auto database = DatabaseCore::Open(directory.path(), options);
      REQUIRE_MESSAGE(database.ok(), database.status().ToString());
      CheckContent(**database, golden.content());
    }
  }

  TEST_CASE("golden directories survive a power cut behind every change") {
    uint64_t states = 0;
    for (const std::string& name : GoldenDirectory::NamesOf(kFormat)) {
      CAPTURE(name);
      const GoldenDirectory golden(kFormat, name);
      bool finished = false;
      GoldenContent after = golden.content();
      REQUIRE(WriteToAll(*MustOpen(*golden.OnSimulatedDisk(), ExistingOnly()), after).ok());
      for (uint64_t change = 0; !finished; ++change) {
        CAPTURE(change);
        const auto disk = golden.OnSimulatedDisk();
        const uint64_t before = disk->changes();
        disk->StopAfterChange(before + change);
        {
          const auto database = OpenOn(*disk, ExistingOnly());
          GoldenContent written = golden.content();
          finished = database.ok() && WriteToAll(**database, written).ok() &&
                     (*database)->Flush().ok() && (*database)->Close().ok();
        }
        for (const CrashPolicy policy : {CrashPolicy::kNothingUnsynced, CrashPolicy::kEverything,
                                         CrashPolicy::kRandomSectors, CrashPolicy::kFilePrefix}) {
          CAPTURE(static_cast<int>(policy));
          const auto left = disk->Crash(policy, change);
          const auto database = MustOpen(*left, ExistingOnly());
          CheckBetween(*database, golden.content(), after);
          if (finished) {
            CheckContent(*database, after);
          }
          ++states;
        }
      }
    }
    MESSAGE("durability: ", states, " crash states of golden directories, 0 lost, 0 resurrected");
  }
}

}  // namespace
}  // namespace perigee::engine
