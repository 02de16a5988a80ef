// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_script.h"

#include <doctest/doctest.h>

#include <utility>

#include "engine/database/bulk_load.h"
#include "perigee/model/limits.h"

namespace perigee::engine {

World ReadWorld(const DatabaseCore& database) {
  World world;
  const auto collections = database.ListCollections();
  REQUIRE(collections.ok());
  for (const std::shared_ptr<CollectionCore>& collection : *collections) {
    world[collection->name()] = Content(*collection);
  }
  return world;
}

CrashScript::CrashScript(storage::FileSystem& disk, const EngineTuning& tuning)
    : disk_(disk, [this] { RunMeanwhile(); }),
      tuning_(tuning),
      acknowledged_(std::make_shared<const World>()),
      attempted_(acknowledged_) {}

CrashPromise CrashScript::promise() const {
  CrashPromise promise{acknowledged_, attempted_};
  promise.snapshots = snapshots_;
  if (database_ != nullptr && promise.in_flight()) {
    const World seen = ReadWorld(*database_);
    promise.attempted_was_seen = seen == *attempted_;
    CHECK_MESSAGE((promise.attempted_was_seen || seen == *acknowledged_),
                  "a reader sees neither the state before an operation nor the one after");
  }
  return promise;
}

CrashScript& CrashScript::Run(const std::function<absl::Status()>& operation,
                              const World& outcome) {
  if (!running()) {
    return *this;
  }
  attempted_ = std::make_shared<const World>(outcome);
  const absl::Status done = operation();
  if (running()) {
    failure_ = done;
  }
  if (running()) {
    acknowledged_ = attempted_;
  }
  return *this;
}

CrashScript& CrashScript::Open() {
  return Run(
      [this] {
        auto database = OpenOn(disk_, SmallOptions(), tuning_);
        if (database.ok()) {
          database_ = *std::move(database);
        }
        return database.status();
      },
      acknowledged());
}

CrashScript& CrashScript::Close() {
  return Run(
      [this] {
        const std::shared_ptr<DatabaseCore> closing = std::move(database_);
        database_ = nullptr;
        return closing->Close();
      },
      acknowledged());
}

CrashScript& CrashScript::Create(const std::string& collection) {
  World outcome = acknowledged();
  outcome[collection] = {};
  return Run([&] { return database_->CreateCollection(collection, PlaneSchema()).status(); },
             outcome);
}

CrashScript& CrashScript::Drop(const std::string& collection) {
  World outcome = acknowledged();
  outcome.erase(collection);
  return Run([&] { return database_->DropCollection(collection); }, outcome);
}

CrashScript& CrashScript::Upsert(const std::string& collection, uint64_t first, uint64_t count,
                                 int64_t value) {
  World outcome = acknowledged();
  for (uint64_t id = first; id < first + count; ++id) {
    outcome[collection][id] = value;
  }
  return Run(
      [&] {
        return MustFind(*database_, collection)->Upsert(PlaneUpsert(first, count, value)).status();
      },
      outcome);
}

CrashScript& CrashScript::Delete(const std::string& collection, uint64_t first, uint64_t count) {
  World outcome = acknowledged();
  DeleteRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    outcome[collection].erase(id);
    request.ids.emplace_back(id);
  }
  return Run([&] { return MustFind(*database_, collection)->Delete(request).status(); }, outcome);
}

CrashScript& CrashScript::Flush(const std::string& collection) {
  return Run([&] { return MustFind(*database_, collection)->Flush(); }, acknowledged());
}

CrashScript& CrashScript::Optimize(const std::string& collection) {
  return Run([&] { return MustFind(*database_, collection)->Optimize(); }, acknowledged());
}

CrashScript& CrashScript::Load(const std::string& collection, uint64_t first, uint64_t count,
                               int64_t value) {
  World outcome = acknowledged();
  for (uint64_t id = first; id < first + count; ++id) {
    outcome[collection][id] = value;
  }
  return Run(
      [&] {
        BulkLoad load(MustFind(*database_, collection),
                      {.build_threads = 1, .segment_rows_max = count / 2 + 1});
        for (uint64_t id = first; id < first + count; ++id) {
          REQUIRE(load.Add(PlanePoint(id, value)).ok());
        }
        return load.Publish().status();
      },
      outcome);
}

CrashScript& CrashScript::Snapshot(const std::string& directory) {
  if (running()) {
    snapshots_[directory].world = acknowledged();
  }
  Run([&] { return database_->CreateSnapshot(directory, {}).status(); }, acknowledged());
  if (running()) {
    snapshots_[directory].acknowledged = true;
  }
  return *this;
}

CrashScript& CrashScript::Scrub() {
  return Run(
      [this] {
        SegmentScrubber& scrubber = database_->scrubber();
        scrubber.Resume();
        while (scrubber.VerifyNext()) {
        }
        scrubber.Save();
        const bool damaged = scrubber.Report().damages_found > 0;
        return damaged ? absl::DataLossError("the scrub found damage") : absl::OkStatus();
      },
      acknowledged());
}

CrashScript& CrashScript::BeforeCall(uint64_t n, std::function<void(CrashScript&)> meanwhile) {
  calls_before_meanwhile_ = n;
  meanwhile_ = std::move(meanwhile);
  return *this;
}

void CrashScript::RunMeanwhile() {
  if (meanwhile_ && --calls_before_meanwhile_ == 0) {
    const std::function<void(CrashScript&)> now = std::move(meanwhile_);
    meanwhile_ = nullptr;
    now(*this);
  }
}

CrashScript& CrashScript::RollLog(const std::string& collection) {
  constexpr uint64_t kNobody = uint64_t{1} << 40U;
  constexpr uint64_t kIds = limits::kWriteBatchPointsMax;
  return Delete(collection, kNobody, kIds).Delete(collection, kNobody, kIds);
}

}  // namespace perigee::engine
