// SPDX-License-Identifier: Apache-2.0
//
// Goal: perigee-inspect verify finds everything that is not as a snapshot's list says, and takes a
// snapshot that is. Method: the page's example, changed in every byte; a snapshot of the public
// API, each of whose files is changed, cut, lengthened and removed, in ways that nothing but the
// list can tell.
#include "tools/inspect/snapshot_verifier.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "perigee/snapshot.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/database_verifier.h"

namespace perigee::tools::inspect {
namespace {

std::string WithSum(const std::string& lines) {
  return lines + "sha256 " + Sha256Hex(lines) + "\n";
}

const std::string kHead =
    "perigee snapshot 1\ndatabase c0ffee00-1234-4567-89ab-cdef01234567\nepoch 7\nseq 1234\n";

std::string Entry(const std::string& content, const std::string& name) {
  return Sha256Hex(content) + " " + std::to_string(content.size()) + " " + name + "\n";
}

std::optional<SnapshotList> Decode(const std::string& text, FindingList* findings = nullptr) {
  FindingList list;
  FileFindings file(findings == nullptr ? list : *findings, "SNAPSHOT");
  return DecodeSnapshotList(text, file);
}

TEST_CASE("the example of the page is a list, and no other bytes are") {
  const std::string text =
      WithSum(kHead + "files 2\n" + Entry("test", "CURRENT") + Entry("hello", "IDENTITY"));
  const auto list = Decode(text);
  REQUIRE(list.has_value());
  CHECK(list->epoch == 7);
  CHECK(list->seq == 1234);
  REQUIRE(list->files.size() == 2);
  CHECK(list->files[1].name == "IDENTITY");
  CHECK(list->files[1].bytes == 5);
  // The page prints exactly this.
  CHECK(text.find("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 5 IDENTITY") !=
        std::string::npos);
  CHECK(text.ends_with("6b58278744b1c82e0f8141205a8534cd0233f47b160ea33faf7c2b070a11692e\n"));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(Decode(changed).has_value());
    CHECK_FALSE(Decode(text.substr(0, i)).has_value());
  }
  CHECK_FALSE(Decode(text + "\n").has_value());
}

TEST_CASE("rules behind a right checksum are checked") {
  const std::string hostile[] = {
      kHead + "files 1\n",
      kHead + "files 01\n" + Entry("x", "CURRENT"),
      kHead + "files 100001\n",
      kHead + "files 2\n" + Entry("x", "IDENTITY") + Entry("x", "CURRENT"),
      kHead + "files 2\n" + Entry("x", "CURRENT") + Entry("x", "CURRENT"),
      kHead + "files 1\n" + Entry("x", "LOCK"),
      kHead + "files 1\n" + Entry("x", "SNAPSHOT"),
      kHead + "files 1\n" + Entry("x", "tmp/CURRENT"),
      kHead + "files 1\n" + Entry("x", "../CURRENT"),
      kHead + "files 1\n" + Entry("x", "/etc/passwd"),
      kHead + "files 1\n" + Entry("x", "wal/1.wal"),
      kHead + "files 1\n" + Entry("x", "seg/C0FFEE00-1234-4567-89AB-CDEF01234567"),
      kHead + "files 1\n" + Entry("x", "CURRENT") + Entry("x", "IDENTITY"),
      "perigee snapshot 1\ndatabase C0FFEE00-1234-4567-89ab-cdef01234567\nepoch 7\nseq 1\nfiles "
      "0\n",
  };
  for (const std::string& lines : hostile) {
    FindingList findings;
    CHECK_FALSE(Decode(WithSum(lines), &findings).has_value());
    CHECK(findings.Has(Severity::kDamage));
  }
  FindingList findings;
  CHECK_FALSE(Decode(WithSum("perigee snapshot 2\nwhatever\n"), &findings).has_value());
  CHECK(findings.Has(Severity::kUnsupported));
  CHECK_FALSE(findings.Has(Severity::kDamage));
}

struct Snapshot {
  Snapshot() {
    const std::string living = directory.PathOf("db");
    const auto database = tests::OpenSmall(living);
    REQUIRE(database->CreateCollection("docs", tests::TwoVectors()).ok());
    tests::UpsertRange(*database, "docs", 0, 300, 1);
    REQUIRE(database->Flush().ok());
    tests::DeleteRange(*database, "docs", 3, 2);
    REQUIRE(database->Flush().ok());
    tests::UpsertRange(*database, "docs", 400, 3, 1);
    const auto made = database->CreateSnapshot(path, {});
    REQUIRE_MESSAGE(made.ok(), made.status().ToString());
  }
  // Whether a finding about the file has the code.
  bool Finds(const std::string& file, const std::string& code) const {
    const auto report = VerifyDatabase(path, {});
    REQUIRE(report.ok());
    for (const Finding& finding : report->findings.findings()) {
      if (finding.file == file && finding.code == code) {
        return finding.severity == Severity::kDamage;
      }
    }
    return false;
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("snapshot");
};

TEST_CASE_FIXTURE(Snapshot, "a snapshot is verified with its list") {
  const auto report = VerifyDatabase(path, {});
  REQUIRE(report.ok());
  for (const Finding& finding : report->findings.findings()) {
    FAIL_CHECK(finding.code << " " << finding.file << " " << finding.found);
  }
  CHECK(report->findings.findings().empty());
}

TEST_CASE_FIXTURE(Snapshot, "a snapshot that is not what its list says is damaged") {
  for (const std::string& name : tests::FilesOf(path)) {
    CAPTURE(name);
    const std::string file = path + "/" + name;
    const std::string bytes = tests::ReadBytes(file);
    const bool is_list = name == "SNAPSHOT";
    const std::string code = is_list ? "snapshot.list" : "snapshot.file";
    std::string changed = bytes;
    changed[changed.size() - 5] = static_cast<char>(changed[changed.size() - 5] ^ 1);
    tests::WriteBytes(file, changed);
    // Without IDENTITY, CURRENT or manifest there is no telling what the rest is.
    const bool essential = name == "IDENTITY" || name == "CURRENT" || name.starts_with("MANIFEST");
    CHECK((essential || Finds(name, code)));
    CHECK_FALSE(VerifyDatabase(path, {})->findings.clean());
    tests::WriteBytes(file, bytes + "x");
    CHECK((essential || Finds(name, code)));
    if (!is_list && !essential) {
      std::filesystem::remove(file);
      CHECK(Finds(name, "snapshot.missing"));
    }
    tests::WriteBytes(file, bytes);
  }
  CHECK(VerifyDatabase(path, {})->findings.clean());
  // Bytes that nobody else looks at: the zeros behind the end of the log.
  std::string log;
  for (const std::string& name : tests::FilesOf(path)) {
    log = name.starts_with("wal/") ? name : log;
  }
  const std::string bytes = tests::ReadBytes(path + "/" + log);
  tests::WriteBytes(path + "/" + log, bytes.substr(0, bytes.size() - 1) + "x");
  CHECK(Finds(log, "snapshot.file"));
  tests::WriteBytes(path + "/" + log, bytes);
  tests::WriteBytes(path + "/seg/c0ffee00-1234-4567-89ab-cdef01234567", "x");
  CHECK(Finds("seg/c0ffee00-1234-4567-89ab-cdef01234567", "snapshot.extra"));
}

}  // namespace
}  // namespace perigee::tools::inspect
