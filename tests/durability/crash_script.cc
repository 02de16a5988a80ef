// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_script.h"

#include <doctest/doctest.h>

#include "engine/database/bulk_load.h"

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

CrashScript& CrashScript::Run(const std::function<absl::Status()>& operation,
                              const World& outcome) {
  if (!running_) {
    return *this;
  }
  attempted_ = outcome;
  running_ = operation().ok();
  if (running_) {
    acknowledged_ = outcome;
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
      acknowledged_);
}

CrashScript& CrashScript::Close() {
  return Run([this] { return database_->Close(); }, acknowledged_);
}

CrashScript& CrashScript::Create(const std::string& collection) {
  World outcome = acknowledged_;
  outcome[collection] = {};
  return Run([&] { return database_->CreateCollection(collection, PlaneSchema()).status(); },
             outcome);
}

CrashScript& CrashScript::Drop(const std::string& collection) {
  World outcome = acknowledged_;
  outcome.erase(collection);
  return Run([&] { return database_->DropCollection(collection); }, outcome);
}

CrashScript& CrashScript::Upsert(const std::string& collection, uint64_t first, uint64_t count,
                                 int64_t value) {
  World outcome = acknowledged_;
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
  World outcome = acknowledged_;
  DeleteRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    outcome[collection].erase(id);
    request.ids.emplace_back(id);
  }
  return Run([&] { return MustFind(*database_, collection)->Delete(request).status(); }, outcome);
}

CrashScript& CrashScript::Flush(const std::string& collection) {
  return Run([&] { return MustFind(*database_, collection)->Flush(); }, acknowledged_);
}

CrashScript& CrashScript::Optimize(const std::string& collection) {
  return Run([&] { return MustFind(*database_, collection)->Optimize(); }, acknowledged_);
}

CrashScript& CrashScript::Load(const std::string& collection, uint64_t first, uint64_t count,
                               int64_t value) {
  World outcome = acknowledged_;
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

}  // namespace perigee::engine
