// SPDX-License-Identifier: Apache-2.0
//
// Goal: verify finds nothing in any state that the engine leaves a directory in, and names what is
// wrong when something is. Method: databases of the public API, files taken away or exchanged.
#include "tools/inspect/database_verifier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/verify_report.h"

namespace perigee::tools::inspect {
namespace {

VerifyReport Verify(const std::string& path, bool deep = false) {
  const auto report = VerifyDatabase(path, {.deep = deep});
  REQUIRE_MESSAGE(report.ok(), std::string(report.status().message()));
  return *report;
}

std::string Text(const VerifyReport& report) {
  std::ostringstream text;
  PrintReport(report, text);
  return text.str();
}

bool Has(const VerifyReport& report, std::string_view code) {
  return std::any_of(report.findings.findings().begin(), report.findings.findings().end(),
                     [code](const Finding& finding) { return finding.code == code; });
}

struct Fixture {
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("db");
};

TEST_CASE_FIXTURE(Fixture, "nothing is wrong with any database that the engine leaves") {
  for (const tests::DatabaseKind& kind : tests::DatabaseKinds()) {
    CAPTURE(kind.name);
    const std::string place = directory.PathOf(kind.name);
    kind.make(place);
    const VerifyReport report = Verify(place, true);
    CHECK_MESSAGE(report.findings.clean(), Text(report));
    CHECK(report.passes == 1);
    CHECK(report.manifest.version > 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "figures are those of the public API") {
  tests::MakeDatabase("sealed", path);
  const VerifyReport report = Verify(path, true);
  REQUIRE(report.collections.size() == 1);
  CHECK(report.collections[0].name == "docs");
  CHECK(report.collections[0].segments == 2);
  CHECK(report.collections[0].rows == 1550);
  CHECK(report.collections[0].dead_rows == 85);
  CHECK(report.log.end == LogEnd::kClosed);
  CHECK(report.records_to_replay == 1);
  REQUIRE(report.deep.size() == 4);
  CHECK(std::count_if(report.deep.begin(), report.deep.end(), [](const DeepFigures& figures) {
          return figures.has_graph && figures.recall_at_10 > 0.9;
        }) >= 1);
}

TEST_CASE_FIXTURE(Fixture, "a missing file is named") {
  tests::MakeDatabase("sealed", path);
  for (const auto& missing :
       std::vector<std::pair<std::string, std::string>>{{"seg/", "segment.missing"},
                                                        {"del/", "deletion.missing"},
                                                        {"wal/", "log.missing"},
                                                        {"MANIFEST-", "manifest.missing"},
                                                        {"CURRENT", "current.missing"},
                                                        {"IDENTITY", "identity.missing"}}) {
    const std::string& folder = missing.first;
    CAPTURE(folder);
    const std::string copy = directory.PathOf("copy");
    tests::CopyDirectory(path, copy);
    const std::vector<std::string> files = tests::FilesOf(copy);
    for (const std::string& name : files) {
      if (name.starts_with(folder)) {
        std::filesystem::remove(copy + "/" + name);
      }
    }
    const VerifyReport report = Verify(copy);
    CHECK(Has(report, missing.second));
    CHECK(VerifyExitCode(report.findings) == 2);
    CHECK(report.passes == 2);  // a finding counts when a second look confirms it
    std::filesystem::remove_all(copy);
  }
}

TEST_CASE_FIXTURE(Fixture, "an older copy of a file is recognised") {
  tests::MakeDatabase("several", path);
  const std::string older = directory.PathOf("older");
  tests::CopyDirectory(path, older);
  {
    const auto database = tests::OpenSmall(path);
    tests::UpsertRange(*database, "c1", 100, 40, 5);
    REQUIRE(database->Flush().ok());
    REQUIRE(database->Close().ok());
  }
  REQUIRE(Verify(path).findings.clean());
  const std::string manifest = Verify(older).current->manifest_name;
  std::filesystem::copy_file(older + "/" + manifest, path + "/" + manifest,
                             std::filesystem::copy_options::overwrite_existing);
  CHECK_FALSE(Verify(path).findings.clean());
}

TEST_CASE_FIXTURE(Fixture, "two segments with exchanged names are recognised") {
  tests::MakeDatabase("bulk-loaded", path);
  const std::vector<std::string> files = tests::FilesOf(path + "/seg");
  REQUIRE(files.size() >= 2);
  const std::string first = tests::ReadBytes(path + "/seg/" + files[0]);
  tests::WriteBytes(path + "/seg/" + files[0], tests::ReadBytes(path + "/seg/" + files[1]));
  tests::WriteBytes(path + "/seg/" + files[1], first);
  CHECK(Has(Verify(path), "segment.identity"));
}

TEST_CASE_FIXTURE(Fixture, "strangers and leftovers are notices") {
  tests::MakeDatabase("clean", path);
  tests::WriteBytes(path + "/notes.txt", "mine");
  tests::WriteBytes(path + "/seg/c0ffee00-1234-4567-89ab-cdef01234567", "stray");
  tests::WriteBytes(path + "/tmp/CURRENT", "unfinished");
  const VerifyReport report = Verify(path);
  CHECK(report.findings.clean());
  CHECK(Has(report, "directory.unknown"));
  CHECK(Has(report, "directory.stray"));
  CHECK(Has(report, "directory.temporary"));
}

TEST_CASE_FIXTURE(Fixture, "what is no database is told from a damaged one") {
  CHECK(absl::IsNotFound(VerifyDatabase(path, {}).status()));
  std::filesystem::create_directory(path);
  CHECK(absl::IsFailedPrecondition(VerifyDatabase(path, {}).status()));
  std::filesystem::create_directory(path + "/tmp");
  tests::WriteBytes(path + "/tmp/INITIALISING", "");
  const VerifyReport report = Verify(path);
  CHECK(report.uninitialised);
  CHECK(report.findings.clean());
}

TEST_CASE_FIXTURE(Fixture, "verify changes nothing") {
  tests::MakeDatabase("killed", path);
  std::vector<std::string> before;
  for (const std::string& name : tests::FilesOf(path)) {
    before.push_back(name + tests::ReadBytes(path + "/" + name));
  }
  CHECK(Verify(path, true).findings.clean());
  std::vector<std::string> after;
  for (const std::string& name : tests::FilesOf(path)) {
    after.push_back(name + tests::ReadBytes(path + "/" + name));
  }
  CHECK(before == after);
}

TEST_CASE_FIXTURE(Fixture,
                  "a damaged derived section costs speed only and is damage all the same") {
  tests::MakeDatabase("sealed", path);
  bool found = false;
  for (const std::string& name : tests::FilesOf(path + "/seg")) {
    const std::string file = path + "/seg/" + name;
    std::string bytes = tests::ReadBytes(file);
    const size_t graph = bytes.find("PGHN");
    if (graph == std::string::npos) {
      continue;
    }
    bytes[graph + 100] = static_cast<char>(bytes[graph + 100] ^ 1);
    tests::WriteBytes(file, bytes);
    found = true;
  }
  REQUIRE(found);
  const VerifyReport report = Verify(path);
  CHECK(Has(report, "segment.derived_page"));
  CHECK(VerifyExitCode(report.findings) == 2);
}

}  // namespace
}  // namespace perigee::tools::inspect
