// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_verdict.h"

#include <doctest/doctest.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/database/snapshot_restore.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr uint64_t kMarker = 7;

// Files by what a second open may do to them (I10).
bool MayChange(std::string_view name) { return name == "LOCK" || name == "CURRENT"; }

std::map<std::string, std::string> FilesOf(const SimulatedFileSystem& disk) {
  const std::string root = absl::StrCat(std::string(kTestDirectory).substr(1), "/");
  std::map<std::string, std::string> files;
  for (const std::string& path : disk.Files()) {
    if (path.starts_with(root) && !MayChange(path.substr(root.size()))) {
      files[path.substr(root.size())] = *disk.Contents(path);
    }
  }
  return files;
}

void CheckTmpEmpty(const SimulatedFileSystem& disk) {
  for (const std::string& path : disk.Files()) {
    const bool in_tmp = path.find("/tmp/") != std::string::npos;
    CHECK_MESSAGE(!in_tmp, "tmp/ is not empty after the open (I9): ", path);
  }
}

}  // namespace

std::string CrashCounts::ToString() const {
  return absl::StrCat(states, " crash states, ", lost, " lost, ", resurrected, " resurrected, ",
                      holes, " holes, ", refusals, " refusals");
}

void CrashVerdict::Judge(SimulatedFileSystem& disk, const CrashPromise& promise, uint64_t mix,
                         const std::string& name) {
  ++counts_.states;
  INFO("again: PERIGEE_TEST_CRASH_STATE='", name,
       "' perigee_durability_tests -tc='crash enumeration: one state again'");
  // Some with threads, which load segments behind the open and seal and compact at once.
  const uint32_t threads = mix / 4 % 8 == 0 ? 1 : 0;
  std::shared_ptr<DatabaseCore> database = Open(disk, threads);
  if (database == nullptr) {
    return;
  }
  if (threads == 0) {
    CheckTmpEmpty(disk);
  }
  World found = ReadWorld(*database);
  Compare(found, promise);
  CheckInvariants(*database, found);
  CheckSnapshots(disk, promise);
  const auto how = static_cast<SecondStop>(mix % 4);
  if (how != SecondStop::kPowerCutUnwritten) {
    if (!found.contains("after")) {
      found["after"] = {};
      MustCreate(*database, "after");
    }
    const auto written = MustFind(*database, "after")->Upsert(PlaneUpsert(1, 2, kMarker));
    CHECK_MESSAGE(written.ok(), written.status().ToString());
    found["after"] = {{1, kMarker}, {2, kMarker}};
  }
  StopAndOpenAgain(disk, std::move(database), how, found);
}

std::shared_ptr<DatabaseCore> CrashVerdict::Open(SimulatedFileSystem& disk, uint32_t threads) {
  OpenOptions options = SmallOptions();
  options.maintenance_threads = threads;
  auto database = OpenOn(disk, options, tuning_);
  if (!database.ok()) {
    ++counts_.refusals;
    FAIL_CHECK("refused: ", database.status().ToString());
    return nullptr;
  }
  return *std::move(database);
}

void CrashVerdict::Compare(const World& found, const CrashPromise& promise) {
  if (promise.Allows(found)) {
    return;
  }
  // Points of both states that are allowed, and points of neither.
  const auto holds = [](const World& world, const std::string& name, uint64_t id, int64_t value) {
    const auto collection = world.find(name);
    if (collection == world.end()) {
      return false;
    }
    const auto point = collection->second.find(id);
    return point != collection->second.end() && point->second == value;
  };
  for (const auto& [name, points] : *promise.acknowledged) {
    for (const auto& [id, value] : points) {
      if (holds(*promise.attempted, name, id, value) && !holds(found, name, id, value)) {
        ++counts_.lost;
        FAIL_CHECK("lost: point ", id, " of '", name, "' with value ", value);
        return;
      }
    }
  }
  for (const auto& [name, points] : found) {
    for (const auto& [id, value] : points) {
      if (!holds(*promise.acknowledged, name, id, value) &&
          !holds(*promise.attempted, name, id, value)) {
        ++counts_.resurrected;
        FAIL_CHECK("resurrected: point ", id, " of '", name, "' with value ", value);
        return;
      }
    }
  }
  ++counts_.holes;
  const bool seen = promise.attempted_was_seen && found == *promise.acknowledged;
  const std::string what = seen ? "readers had seen the operation in flight, and it is gone"
                                : "the operation in flight is there in part";
  FAIL_CHECK("a hole: ", what);
}

// An acknowledged snapshot can be restored; one in flight can, or is refused.
void CrashVerdict::CheckSnapshots(SimulatedFileSystem& disk, const CrashPromise& promise) {
  for (const auto& [directory, snapshot] : promise.snapshots) {
    const std::string restored = directory + "-restored";
    const absl::Status status = RestoreOn(disk, directory, restored, {}).status();
    if (!status.ok() && !snapshot.acknowledged) {
      continue;
    }
    const auto database = status.ok() ? DatabaseCore::Open(disk, restored, SmallOptions(), tuning_)
                                      : absl::StatusOr<std::shared_ptr<DatabaseCore>>(status);
    if (!database.ok()) {
      ++counts_.refusals;
      FAIL_CHECK("refused: snapshot ", directory, ": ", database.status().ToString());
    } else if (ReadWorld(**database) != snapshot.world) {
      ++counts_.holes;
      FAIL_CHECK("a hole: snapshot ", directory, " holds another state than that of its moment");
    }
  }
}

void CrashVerdict::CheckInvariants(const DatabaseCore& database, const World& found) const {
  const auto status = database.Status();
  REQUIRE(status.ok());
  CHECK(status->storage_error.empty());
  for (const std::string& warning : status->warnings) {
    const bool about_damage = warning.find("is not part of the database") == std::string::npos;
    CHECK_MESSAGE(!about_damage, "warned: ", warning);
  }
  for (const CollectionDescription& collection : status->collections) {
    const auto points = found.find(collection.name);
    REQUIRE(points != found.end());
    CHECK_MESSAGE(collection.points == points->second.size(), "counts differ (I11)");
    CHECK_MESSAGE(collection.applied_seq <= status->seq, "applied beyond the log (I6)");
  }
}

void CrashVerdict::StopAndOpenAgain(SimulatedFileSystem& disk,
                                    std::shared_ptr<DatabaseCore> database, SecondStop how,
                                    const World& expected) {
  std::unique_ptr<SimulatedFileSystem> stopped;
  switch (how) {
    case SecondStop::kClose: {
      const absl::Status closed = database->Close();
      CHECK_MESSAGE(closed.ok(), closed.ToString());
      database = nullptr;
      CheckReopenChangesNothing(disk);
      stopped = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
      break;
    }
    case SecondStop::kPowerCut:
    case SecondStop::kPowerCutUnwritten:
      stopped = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
      break;
    case SecondStop::kKill:
      stopped = disk.KillProcess();
      break;
  }
  database = nullptr;
  const std::shared_ptr<DatabaseCore> again = Open(*stopped);
  if (again == nullptr) {
    return;
  }
  const World found = ReadWorld(*again);
  if (found != expected) {
    ++counts_.lost;
    FAIL_CHECK("lost: what was there after the first recovery is not there after the second");
  }
}

// I10: opening a directory that was closed, and closing it, appends an edit for the new epoch to
// the manifest (or goes on in a new one) and touches nothing else.
void CrashVerdict::CheckReopenChangesNothing(SimulatedFileSystem& disk) {
  const std::map<std::string, std::string> before = FilesOf(disk);
  if (const std::shared_ptr<DatabaseCore> database = Open(disk); database != nullptr) {
    CHECK(database->Close().ok());
  }
  const std::map<std::string, std::string> after = FilesOf(disk);
  for (const auto& file : after) {
    const std::string& name = file.first;
    const std::string& bytes = file.second;
    const auto found = before.find(name);
    const bool is_manifest = name.starts_with("MANIFEST-");
    if (found == before.end()) {
      CHECK_MESSAGE(is_manifest, "a second open made ", name, " (I10)");
    } else if (is_manifest) {
      CHECK_MESSAGE(bytes.starts_with(found->second), "a second open rewrote ", name, " (I10)");
    } else {
      CHECK_MESSAGE(bytes == found->second, "a second open changed ", name, " (I10)");
    }
  }
  for (const auto& file : before) {
    const std::string& name = file.first;
    CHECK_MESSAGE((name.starts_with("MANIFEST-") || after.contains(name)), "a second open removed ",
                  name, " (I10)");
  }
}

}  // namespace perigee::engine
