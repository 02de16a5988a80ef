// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/injection_script.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/database/bulk_load.h"
#include "engine/database/snapshot_restore.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

constexpr std::string_view kWide = "wide";
constexpr uint32_t kWideDimension = 2'048;
constexpr uint64_t kWideRows = 160;  // together more than the 1 MiB of one read request

absl::StatusOr<std::map<uint64_t, int64_t>> TryContent(const CollectionCore& collection) {
  std::map<uint64_t, int64_t> content;
  ScrollRequest request{.limit = 1'000};
  do {
    PERIGEE_ASSIGN_OR_RETURN(const ScrollResult page, collection.Scroll(request));
    for (const Point& point : page.points) {
      const PayloadValue* value = FindMember(point.payload, "value");
      const bool is_new =
          value != nullptr && content.emplace(point.id.integer(), *value->As<int64_t>()).second;
      if (!is_new) {
        return absl::InternalError("a point without value, or twice");
      }
    }
    request.cursor = page.next_cursor;
  } while (!request.cursor.empty());
  return content;
}

std::string Summary(const World& world) {
  std::string text;
  for (const auto& [name, points] : world) {
    absl::StrAppend(&text, name, ":", points.size(), " ");
  }
  return text;
}

}  // namespace

World ReadSmallWorld(const DatabaseCore& database) {
  World world;
  const auto collections = database.ListCollections();
  REQUIRE(collections.ok());
  for (const std::shared_ptr<CollectionCore>& collection : *collections) {
    if (collection->name() != kWide) {
      world[collection->name()] = Content(*collection);
    }
  }
  return world;
}

InjectionScript::InjectionScript(storage::SimulatedFileSystem& disk, const EngineTuning& tuning,
                                 World base)
    : disk_(disk), tuning_(tuning), possible_{std::move(base)} {}

bool InjectionScript::storage_failed() const {
  return database_ != nullptr && !database_->environment().state.storage_error().ok();
}

void InjectionScript::Fail(const std::string& name, const std::string& what) {
  findings_.push_back(absl::StrCat(name, ": ", what));
}

// The error of the disk must be told as what it is (errors.md), and not as something else.
void InjectionScript::CheckFits(const std::string& name, const absl::Status& status) {
  const std::optional<ErrorReason> reason = GetErrorReason(status);
  if (reason == ErrorReason::kStorageFailed) {
    return;
  }
  bool fits = false;
  for (const int error : planned_errors_) {
    switch (error) {
      case ENOSPC:
        fits = fits || reason == ErrorReason::kDiskFull;
        break;
      case EMFILE:
        fits = fits || absl::IsResourceExhausted(status);
        break;
      default:
        fits = fits || absl::IsUnavailable(status);
        break;
    }
    // Writers that wait for a seal which cannot be done are told to come again.
    fits = fits || reason == ErrorReason::kOverloaded;
  }
  if (!fits) {
    Fail(name, absl::StrCat("errno ", absl::StrJoin(planned_errors_, ", "), " became ",
                            status.ToString()));
  }
}

absl::StatusOr<World> InjectionScript::TryRead(const DatabaseCore& database) {
  World world;
  PERIGEE_ASSIGN_OR_RETURN(const auto collections, database.ListCollections());
  for (const std::shared_ptr<CollectionCore>& collection : collections) {
    if (collection->name() == kWide) {
      continue;
    }
    PERIGEE_ASSIGN_OR_RETURN(world[collection->name()], TryContent(*collection));
  }
  return world;
}

// What a reader sees must be explained, and binds us: visible means durable (promise 2).
void InjectionScript::Observe(const std::string& name, const World& found) {
  const auto known = std::find(possible_.begin(), possible_.end(), found);
  if (known == possible_.end()) {
    std::string all;
    for (const World& world : possible_) {
      absl::StrAppend(&all, "[", Summary(world), "] ");
    }
    Fail(name, absl::StrCat("shows ", Summary(found), "where ", all, "is possible"));
  } else if (known != possible_.begin() || !storage_failed()) {
    possible_ = {found};
  }
}

void InjectionScript::Look(const std::string& name) {
  if (database_ == nullptr || read_only_) {
    return;
  }
  const absl::StatusOr<World> found = TryRead(*database_);
  if (found.ok()) {
    Observe(name, *found);
  } else {
    CheckFits(absl::StrCat("reading after ", name), found.status());
  }
}

InjectionScript& InjectionScript::Run(const std::string& name,
                                      const std::function<absl::Status()>& operation,
                                      const Effect& effect) {
  if (database_ == nullptr) {
    return *this;
  }
  const bool failed_before = storage_failed();
  const absl::Status status = operation();
  std::vector<World> after = possible_;
  std::for_each(after.begin(), after.end(), effect);
  if (status.ok()) {
    const bool writes = after != possible_;
    if (failed_before && writes) {
      Fail(name, "was taken after a storage failure");
    }
    possible_ = std::move(after);
    return *this;
  }
  CheckFits(name, status);
  if (!failed_before && storage_failed()) {
    // The outcome is open. Later writes are refused, so this stays the only one.
    possible_.insert(possible_.end(), after.begin(), after.end());
  }
  Look(name);
  return *this;
}

InjectionScript& InjectionScript::RunOn(
    const std::string& name, const std::string& collection,
    const std::function<absl::Status(CollectionCore&)>& operation, const Effect& effect) {
  if (database_ == nullptr) {
    return *this;
  }
  const auto found = database_->FindCollection(collection);
  if (!found.ok()) {
    const auto missing = std::find_if(possible_.begin(), possible_.end(), [&](const World& world) {
      return !world.contains(collection);
    });
    if (missing == possible_.end() || !absl::IsNotFound(found.status())) {
      Fail(name, found.status().ToString());
    }
    return *this;
  }
  return Run(
      absl::StrCat(name, " ", collection), [&] { return operation(**found); }, effect);
}

absl::Status InjectionScript::OpenOnce(bool read_only) {
  OpenOptions options = SmallOptions();
  options.read_only = read_only;
  failures_told_ = 0;
  options.on_storage_failed = [this](const absl::Status&) {
    ++failures_told_;
    ever_failed_ = true;
  };
  auto database = OpenOn(disk_, options, tuning_);
  if (database.ok()) {
    database_ = *std::move(database);
    read_only_ = read_only;
  }
  return database.status();
}

InjectionScript& InjectionScript::Open() {
  database_.reset();
  for (int attempt = 1; database_ == nullptr && attempt <= 2; ++attempt) {
    const absl::Status opened = OpenOnce(false);
    if (!opened.ok()) {
      CheckFits("open", opened);
      if (mends_ && attempt == 2) {
        Fail("open", absl::StrCat("does not mend: ", opened.ToString()));
      }
    }
  }
  Look("open");
  return *this;
}

InjectionScript& InjectionScript::OpenReadOnly() {
  database_.reset();
  if (const absl::Status opened = OpenOnce(true); !opened.ok()) {
    CheckFits("open read-only", opened);
  }
  return *this;
}

InjectionScript& InjectionScript::OpenTwice() {
  return Call("open twice", [this] {
    const absl::Status second = OpenOn(disk_, SmallOptions(), tuning_).status();
    if (second.ok()) {
      return absl::InternalError("two handles hold one directory");
    }
    return GetErrorReason(second) == ErrorReason::kLocked ? absl::OkStatus() : second;
  });
}

InjectionScript& InjectionScript::OpenLocked() {
  database_.reset();
  const auto held = disk_.Lock(absl::StrCat(std::string(kTestDirectory), "/LOCK"));
  REQUIRE(held.ok());
  const absl::Status opened = OpenOn(disk_, SmallOptions(), tuning_).status();
  if (GetErrorReason(opened) != ErrorReason::kLocked) {
    CheckFits("open locked", opened);
  }
  return *this;
}

InjectionScript& InjectionScript::SnapshotAndRestore() {
  Call("snapshot", [this] {
    const absl::Status taken = database_->CreateSnapshot(kSnapshotDirectory, {}).status();
    if (taken.ok()) {
      snapshot_ = possible_.front();
    }
    return taken;
  });
  Upsert("a", 90, 2, 1);
  if (snapshot_.has_value()) {
    Call("restore", [this] {
      const absl::Status made =
          RestoreOn(disk_, kSnapshotDirectory, kRestoredDirectory, {}).status();
      restored_ = made.ok();
      return made;
    });
  }
  if (restored_) {
    Call("open what was restored", [this]() -> absl::Status {
      PERIGEE_ASSIGN_OR_RETURN(
          const std::shared_ptr<DatabaseCore> database,
          DatabaseCore::Open(disk_, kRestoredDirectory, SmallOptions(), tuning_));
      PERIGEE_ASSIGN_OR_RETURN(const World found, TryRead(*database));
      return found == *snapshot_ ? database->Close() : absl::InternalError("it is another");
    });
  }
  return *this;
}

InjectionScript& InjectionScript::Call(const std::string& name,
                                       const std::function<absl::Status()>& operation) {
  return Run(name, operation, [](World&) {});
}

InjectionScript& InjectionScript::Close() {
  Call("close", [this] { return database_->Close(); });
  database_.reset();
  return *this;
}

InjectionScript& InjectionScript::Create(const std::string& collection) {
  return Run(
      "create",
      [&] {
        const absl::Status created =
            database_->CreateCollection(collection, PlaneSchema()).status();
        // When dropping it failed.
        const bool exists = absl::IsAlreadyExists(created) && possible_[0].contains(collection);
        return exists ? absl::OkStatus() : created;
      },
      [&](World& world) { world.try_emplace(collection); });
}

InjectionScript& InjectionScript::Drop(const std::string& collection) {
  return RunOn(
      "drop", collection, [&](CollectionCore&) { return database_->DropCollection(collection); },
      [&](World& world) { world.erase(collection); });
}

InjectionScript& InjectionScript::Upsert(const std::string& collection, uint64_t first,
                                         uint64_t count, int64_t value) {
  return RunOn(
      "upsert", collection,
      [&](CollectionCore& core) { return core.Upsert(PlaneUpsert(first, count, value)).status(); },
      [&](World& world) {
        for (uint64_t id = first; id < first + count; ++id) {
          world[collection][id] = value;
        }
      });
}

InjectionScript& InjectionScript::Delete(const std::string& collection, uint64_t first,
                                         uint64_t count) {
  DeleteRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    request.ids.emplace_back(id);
  }
  return RunOn(
      "delete", collection, [&](CollectionCore& core) { return core.Delete(request).status(); },
      [&](World& world) {
        for (uint64_t id = first; id < first + count; ++id) {
          world[collection].erase(id);
        }
      });
}

InjectionScript& InjectionScript::Flush(const std::string& collection) {
  return RunOn(
      "flush", collection, [](CollectionCore& core) { return core.Flush(); }, [](World&) {});
}

InjectionScript& InjectionScript::Optimize(const std::string& collection) {
  return RunOn(
      "optimize", collection, [](CollectionCore& core) { return core.Optimize(); }, [](World&) {});
}

InjectionScript& InjectionScript::Load(const std::string& collection, uint64_t first,
                                       uint64_t count, int64_t value) {
  return RunOn(
      "load", collection,
      [&](CollectionCore& core) -> absl::Status {
        BulkLoad load(core.shared_from_this(),
                      {.build_threads = 1, .segment_rows_max = count / 2 + 1});
        for (uint64_t id = first; id < first + count; ++id) {
          PERIGEE_RETURN_IF_ERROR(load.Add(PlanePoint(id, value)));
        }
        return load.Publish().status();
      },
      [&](World& world) {
        for (uint64_t id = first; id < first + count; ++id) {
          world[collection][id] = value;
        }
      });
}

InjectionScript& InjectionScript::Search(const std::string& collection) {
  return RunOn(
      "search", collection,
      [&](CollectionCore& core) -> absl::Status {
        perigee::Query query{.target = std::vector<float>{0, 0}, .limit = 10'000, .exact = true};
        PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, core.Query(query));
        const bool complete =
            std::any_of(possible_.begin(), possible_.end(), [&](const World& world) {
              return world.contains(collection) &&
                     world.at(collection).size() == result.hits.size();
            });
        if (!complete && !read_only_) {
          return absl::InternalError(absl::StrCat(result.hits.size(), " hits"));
        }
        return absl::OkStatus();
      },
      [](World&) {});
}

InjectionScript& InjectionScript::Status() {
  return Call("status", [this] { return database_->Status().status(); });
}

InjectionScript& InjectionScript::Scrub() {
  return Call("scrub", [this] {
    SegmentScrubber& scrubber = database_->scrubber();
    scrubber.Resume();
    while (scrubber.VerifyNext()) {
    }
    scrubber.Save();
    return absl::OkStatus();  // it tells in status what is wrong; and nothing of it matters
  });
}

InjectionScript& InjectionScript::CreateWide() {
  return Call("wide", [this]() -> absl::Status {
    CollectionSchema schema;
    schema.vectors.push_back(
        {.name = "", .dimension = kWideDimension, .metric = DistanceMetric::kL2});
    PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> wide,
                             database_->CreateCollection(kWide, schema));
    for (uint64_t id = 1; id <= kWideRows; ++id) {
      Point point;
      point.id = PointId(id);
      point.vectors[""] = std::vector<float>(kWideDimension, static_cast<float>(id));
      PERIGEE_RETURN_IF_ERROR(wide->Upsert({.points = {point}}).status());
    }
    return wide->Flush();
  });
}

InjectionScript& InjectionScript::CreateByLongGroup() {
  return Call("long group", [this]() -> absl::Status {
    constexpr uint32_t kDimension = 512;
    constexpr uint64_t kRows = 1'024;
    CollectionSchema schema;
    schema.vectors.push_back({.name = "", .dimension = kDimension, .metric = DistanceMetric::kL2});
    PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> collection,
                             database_->CreateCollection(kWide, schema));
    UpsertRequest request;
    for (uint64_t id = 1; id <= kRows; ++id) {
      Point point;
      point.id = PointId(id);
      point.vectors[""] = std::vector<float>(kDimension, static_cast<float>(id));
      request.points.push_back(std::move(point));
    }
    return collection->Upsert(request).status();
  });
}

InjectionScript& InjectionScript::SearchWide() {
  return Call("search wide", [this]() -> absl::Status {
    PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> wide,
                             database_->FindCollection(kWide));
    perigee::Query query{
        .target = std::vector<float>(kWideDimension), .limit = kWideRows + 1, .exact = true};
    PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, wide->Query(query));
    const bool right = result.hits.size() == kWideRows && result.hits[0].id == PointId(uint64_t{1});
    return right ? absl::OkStatus() : absl::InternalError("wrong hits");
  });
}

void InjectionScript::Settle() {
  planned_errors_.clear();
  if (database_ == nullptr || read_only_) {
    return;
  }
  const bool failed = storage_failed();
  if (failures_told_ != (failed ? 1 : 0)) {
    Fail("settle", absl::StrCat("the host was told ", failures_told_, " times"));
  }
  const absl::StatusOr<World> found = TryRead(*database_);
  if (!found.ok()) {
    Fail("settle", absl::StrCat("cannot be read any more: ", found.status().ToString()));
    return;
  }
  Observe("settle", *found);
  if (failed) {
    const absl::Status created = database_->CreateCollection("more", PlaneSchema()).status();
    if (GetErrorReason(created) != ErrorReason::kStorageFailed) {
      Fail("settle", absl::StrCat("a failed database answers ", created.ToString()));
    }
    return;
  }
  // What waited for the disk goes on by itself (D14).
  if (const absl::Status flushed = database_->Flush(); !flushed.ok()) {
    Fail("settle", absl::StrCat("cannot seal any more: ", flushed.ToString()));
  }
  if (!found->contains("more")) {
    Create("more");
  }
  Upsert("more", 1, 2, 9).Flush("more");
  Look("settle");
}

void InjectionScript::Finish(bool close) {
  if (database_ != nullptr && close) {
    const absl::Status closed = database_->Close();
    if (!closed.ok() && !storage_failed()) {
      Fail("close", closed.ToString());
    }
  }
  database_.reset();
}

}  // namespace perigee::engine
