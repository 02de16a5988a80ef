// SPDX-License-Identifier: Apache-2.0
//
// Goal: after wal repair the engine opens with exactly the records up to the LSN that was named,
// and nothing else is given up; everything else is refused. Method: databases of the public API
// whose log is damaged at a known record; a crash in the middle is a directory in which only the
// first steps were done.
#include "tools/inspect/log_repair.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/log_verifier.h"

namespace perigee::tools::inspect {
namespace {

constexpr uint64_t kWrites = 6;  // LSN 1 creates the collection, LSN n + 2 writes point n

struct Fixture {
  Fixture() {
    // Two opens, so two files; a process that is killed, so no clean end.
    {
      const auto database = tests::OpenSmall(living);
      REQUIRE(database->CreateCollection("docs", tests::TwoVectors()).ok());
      Write(*database, 0, 3);
      REQUIRE(database->Close().ok());
    }
    const auto database = tests::OpenSmall(living);
    Write(*database, 3, kWrites - 3);
    tests::CopyDirectory(living, path);
  }
  static void Write(Database& database, uint64_t first, uint64_t count) {
    for (uint64_t id = first; id < first + count; ++id) {
      tests::UpsertRange(database, "docs", id, 1, 1);
    }
  }
  // Changes a byte of the group that holds `lsn`.
  void Damage(uint64_t lsn) const {
    FindingList findings;
    const LoadedManifest loaded = LoadManifest(path, findings);
    DirectorySurvey survey;
    REQUIRE(SurveyDirectory(path, survey, findings).ok());
    LogVisitor visitor;
    std::string name;
    uint64_t offset = 0;
    visitor.on_group = [&](const LogFileSummary& file, const LogGroup& group) {
      if (group.count > 0 && group.first_lsn == lsn) {
        name = path + "/" + LogNameOf(file.number);
        offset = group.offset;
      }
    };
    VerifyLog(path, survey.logs,
              {.database = loaded.state.database,
               .manifest_epoch = loaded.state.epoch,
               .applied_lsn = loaded.state.min_applied_lsn()},
              findings, visitor);
    REQUIRE_FALSE(name.empty());
    std::string bytes = tests::ReadBytes(name);
    bytes[offset + 70] = static_cast<char>(bytes[offset + 70] ^ 1);
    tests::WriteBytes(name, bytes);
  }
  uint64_t Points() const {
    const auto database = tests::OpenSmall(path);
    const auto collection = database->OpenCollection("docs");
    REQUIRE(collection.ok());
    return collection->Count({})->count;
  }
  bool Opens() const { return Database::Open(path, tests::SmallFiles()).ok(); }

  storage::TemporaryDirectory directory;
  std::string living = directory.PathOf("living");
  std::string path = directory.PathOf("db");
};

TEST_CASE_FIXTURE(Fixture, "a cut behind each record leaves exactly the records before") {
  for (uint64_t damaged = 3; damaged < kWrites + 1; ++damaged) {
    CAPTURE(damaged);
    const std::string origin = directory.PathOf("origin");
    tests::CopyDirectory(path, origin);
    Damage(damaged);
    CHECK_FALSE(Opens());
    const auto plan = PlanLogRepair(path, damaged - 1);
    REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().message()));
    CHECK(plan->lost_readable == kWrites + 1 - damaged);
    CHECK(plan->lost_up_to_lsn == kWrites + 1);
    CHECK_FALSE(Opens());  // a plan changes nothing
    const absl::Status applied = ApplyLogRepair(*plan);
    REQUIRE_MESSAGE(applied.ok(), std::string(applied.message()));
    const auto report = VerifyDatabase(path, {});
    REQUIRE(report.ok());
    CHECK(report->findings.clean());
    CHECK(report->log.last_lsn == damaged - 1);
    for (const uint64_t number : plan->quarantined) {
      CHECK(std::filesystem::exists(path + "/quarantine/" + LogNameOf(number).substr(4) +
                                    ".cut-at-" + std::to_string(damaged - 1)));
    }
    CHECK(Points() == damaged - 2);
    {
      const auto database = tests::OpenSmall(path);
      Write(*database, 100, 2);
      REQUIRE(database->Close().ok());
    }
    CHECK(Points() == damaged);
    CHECK(VerifyDatabase(path, {})->findings.clean());
    std::filesystem::remove_all(path);
    std::filesystem::rename(origin, path);
  }
}

TEST_CASE_FIXTURE(Fixture, "what cannot be done rightly is refused and changes nothing") {
  CHECK(absl::IsFailedPrecondition(PlanLogRepair(path, 3).status()));  // the log is whole
  CHECK(absl::IsNotFound(PlanLogRepair(directory.PathOf("none"), 3).status()));
  Damage(5);
  CHECK(absl::IsInvalidArgument(PlanLogRepair(path, 5).status()));  // behind the damage
  CHECK(absl::IsInvalidArgument(PlanLogRepair(path, 99).status()));
  CHECK(PlanLogRepair(path, 4).ok());
  CHECK(PlanLogRepair(path, 2).ok());
}

TEST_CASE_FIXTURE(Fixture, "nothing is given up that the manifest knows") {
  {
    const auto database = tests::OpenSmall(path);
    REQUIRE(database->Flush().ok());
    Write(*database, 50, 3);
    REQUIRE(database->Close().ok());
  }
  Damage(kWrites + 3);
  const auto refused = PlanLogRepair(path, 4);
  CHECK(absl::IsInvalidArgument(refused.status()));
  const auto plan = PlanLogRepair(path, kWrites + 2);
  REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().message()));
  REQUIRE(ApplyLogRepair(*plan).ok());
  CHECK(Points() == kWrites + 1);
}

TEST_CASE_FIXTURE(Fixture, "a database that somebody has open is left alone") {
  // The damage is made under the feet of the process that has it open.
  const auto database = tests::OpenSmall(path);
  Write(*database, 50, 3);
  Damage(kWrites + 2);
  const auto plan = PlanLogRepair(path, kWrites + 1);
  REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().message()));
  CHECK(absl::IsAborted(ApplyLogRepair(*plan)));
}

TEST_CASE_FIXTURE(Fixture, "a repair that a crash cut short is done by repeating it") {
  Damage(4);
  const auto plan = PlanLogRepair(path, 3);
  REQUIRE(plan.ok());
  // Quarantined and written, not yet named.
  tests::WriteBytes(path + "/tmp/" + "wal-" + LogNameOf(plan->new_number).substr(4), "half");
  CHECK_FALSE(Opens());
  REQUIRE(ApplyLogRepair(*plan).ok());
  // Named, later files not yet gone.
  for (const uint64_t number : plan->removed) {
    std::filesystem::copy_file(path + "/quarantine/" + LogNameOf(number).substr(4) + ".cut-at-3",
                               path + "/" + LogNameOf(number));
  }
  CHECK(VerifyDatabase(path, {})->findings.clean());
  CHECK(Points() == 2);
}

// A disk that notes what is done to it, so that every state can be made that a power cut leaves.
class NotedDisk : public RepairDisk {
 public:
  struct Step {
    enum class Kind { kMakeDirectory, kLink, kWrite, kRename, kRemove, kSync } kind;
    std::string path;
    std::string other = {};  // the old name, or the bytes
  };

  absl::Status MakeDirectory(const std::string& path) override {
    steps_.push_back({Step::Kind::kMakeDirectory, path});
    return RepairDisk::MakeDirectory(path);
  }
  absl::Status Keep(const std::string& from, const std::string& to) override {
    steps_.push_back({Step::Kind::kLink, to, from});
    return RepairDisk::Keep(from, to);
  }
  absl::Status WriteNew(const std::string& path, const std::string& bytes) override {
    steps_.push_back({Step::Kind::kWrite, path, bytes});
    return RepairDisk::WriteNew(path, bytes);
  }
  absl::Status GiveName(const std::string& from, const std::string& to) override {
    steps_.push_back({Step::Kind::kRename, to, from});
    return RepairDisk::GiveName(from, to);
  }
  absl::Status Remove(const std::string& path) override {
    steps_.push_back({Step::Kind::kRemove, path});
    return RepairDisk::Remove(path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    steps_.push_back({Step::Kind::kSync, path});
    return RepairDisk::SyncDirectory(path);
  }
  const std::vector<Step>& steps() const { return steps_; }

  // Does to the copy `to` of `from` those of the first `count` steps that no crash can take back,
  // and of the others those whose bit is set in `kept`. Returns how many others there are.
  size_t Replay(const std::string& from, const std::string& to, size_t count, uint64_t kept) const {
    size_t open = 0;
    for (size_t i = 0; i < count; ++i) {
      const Step& step = steps_[i];
      if (step.kind == Step::Kind::kSync) {
        continue;
      }
      const std::string folder = step.path.substr(0, step.path.rfind('/'));
      bool synced = false;
      for (size_t later = i + 1; later < count; ++later) {
        synced =
            synced || (steps_[later].kind == Step::Kind::kSync && steps_[later].path == folder);
      }
      if (synced || (kept >> open++ & 1U) != 0) {
        Do(step, from, to);
      }
    }
    return open;
  }

 private:
  void Do(const Step& step, const std::string& from, const std::string& to) const {
    const auto in_copy = [&](const std::string& path) { return to + path.substr(from.size()); };
    const std::string path = in_copy(step.path);
    std::error_code ignored;
    switch (step.kind) {
      case Step::Kind::kMakeDirectory:
        std::filesystem::create_directory(path, ignored);
        break;
      case Step::Kind::kLink:
        std::filesystem::create_hard_link(in_copy(step.other), path, ignored);
        break;
      case Step::Kind::kWrite:
        if (std::filesystem::exists(path.substr(0, path.rfind('/')))) {
          tests::WriteBytes(path, step.other);
        }
        break;
      case Step::Kind::kRename:
        std::filesystem::rename(in_copy(step.other), path, ignored);
        if (ignored) {  // the old name was lost; the new one is of the same file
          tests::WriteBytes(path, WrittenTo(step.other));
        }
        break;
      case Step::Kind::kRemove:
        std::filesystem::remove(path, ignored);
        break;
      case Step::Kind::kSync:
        break;
    }
  }

  const std::string& WrittenTo(const std::string& path) const {
    for (const Step& step : steps_) {
      if (step.kind == Step::Kind::kWrite && step.path == path) {
        return step.other;
      }
    }
    FAIL("nothing was written to " << path);
    return path;
  }

  std::vector<Step> steps_;
};

TEST_CASE_FIXTURE(Fixture,
                  "a power cut at any step of a repair leaves the old log or the new one") {
  Damage(4);
  const std::string origin = directory.PathOf("origin");
  tests::CopyDirectory(path, origin);
  const auto plan = PlanLogRepair(path, 3);
  REQUIRE(plan.ok());
  REQUIRE_FALSE(plan->removed.empty());
  NotedDisk disk;
  REQUIRE(ApplyLogRepair(*plan, disk).ok());
  CHECK(Points() == 2);
  REQUIRE(disk.steps().size() > 8);
  const std::string repaired = path;
  path = directory.PathOf("cut");
  uint64_t states = 0;
  uint64_t old_logs = 0;
  for (size_t count = 0; count <= disk.steps().size(); ++count) {
    for (uint64_t kept = 0;; ++kept) {
      CAPTURE(count);
      CAPTURE(kept);
      std::filesystem::remove_all(path);
      tests::CopyDirectory(origin, path);
      const size_t open = disk.Replay(repaired, path, count, kept);
      ++states;
      if (!Opens()) {
        ++old_logs;
        // Nothing is lost that the damage had not taken: repeating the command does it.
        const auto again = PlanLogRepair(path, 3);
        REQUIRE_MESSAGE(again.ok(), again.status().ToString());
        CHECK(again->lost_readable == plan->lost_readable);
        REQUIRE(ApplyLogRepair(*again).ok());
      }
      CHECK(Points() == 2);
      CHECK(VerifyDatabase(path, {})->findings.clean());
      if (kept + 1 >= uint64_t{1} << open) {
        break;
      }
    }
  }
  CHECK(old_logs > 10);
  CHECK(states - old_logs > 2);
  MESSAGE("durability: ", states, " power cuts of a repair, ", old_logs, " left the old log");
}

TEST_CASE_FIXTURE(Fixture, "a log file whose header is lost") {
  std::string name;
  for (const std::string& file : tests::FilesOf(path)) {
    name = file.starts_with("wal/") ? path + "/" + file : name;
  }
  std::string bytes = tests::ReadBytes(name);
  bytes[3] = 'x';
  tests::WriteBytes(name, bytes);
  CHECK_FALSE(Opens());
  const auto plan = PlanLogRepair(path, 4);
  REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().message()));
  REQUIRE(ApplyLogRepair(*plan).ok());
  CHECK(Points() == 3);
}

}  // namespace
}  // namespace perigee::tools::inspect
