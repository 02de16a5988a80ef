// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_core.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/database/backend_choice.h"
#include "engine/database/catalog_operation.h"
#include "engine/database/database_recovery.h"
#include "engine/database/database_snapshot.h"
#include "engine/database/database_status.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/memory_boundary.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/io/file_system_selection.h"
#include "storage/layout/open_attempts.h"
#include "storage/wal/log_connection.h"

namespace perigee::engine {
namespace {

// A read-only open races with the writer's clean-up: files that the manifest named a moment ago may
// be gone. Reading the manifest again then shows their successors.
constexpr int kReadOnlyAttempts = 5;
// The log cannot shrink below the file in use and the one prepared behind it.
constexpr uint64_t kLogFilesMin = 4;
// Writes wait when it has so many times the size at which everything is sealed (D13).
constexpr uint64_t kLogBound = 2;
// Two or three streams of reads fill a disk; verifying them takes little.
constexpr unsigned kLoaderThreadsMax = 4;

storage::DataDirectory::Options DirectoryOptions(const OpenOptions& options) {
  storage::DataDirectory::Options directory;
  directory.create_if_missing = options.create_if_missing && !options.read_only;
  directory.read_only = options.read_only;
  directory.allow_network_filesystem = options.allow_network_filesystem;
  directory.creation = {.log_file_bytes = options.creation.log_file_bytes,
                        .section_alignment_bytes = options.creation.section_alignment_bytes,
                        .reserve_bytes = options.creation.reserve_bytes};
  directory.initialise_contents = [](storage::DataDirectory& created) {
    return storage::ManifestLog::Create(created, {}).status();
  };
  return directory;
}

}  // namespace

absl::StatusOr<std::shared_ptr<DatabaseCore>> DatabaseCore::Open(const std::string& directory,
                                                                 const OpenOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(storage::SelectedFileSystem selected,
                           storage::SelectFileSystem(BackendChoiceOf(options.io_backend)));
  EngineTuning tuning;
  tuning.growing_bytes_max = std::max<uint64_t>(options.growing_segment_bytes_max, 1);
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<DatabaseCore> core,
                           Open(*selected.file_system, directory, options, tuning));
  core->owned_file_system_ = std::move(selected.file_system);
  core->io_backend_ = std::move(selected.description);
  return core;
}

absl::StatusOr<std::shared_ptr<DatabaseCore>> DatabaseCore::Open(storage::FileSystem& file_system,
                                                                 const std::string& directory,
                                                                 const OpenOptions& options,
                                                                 const EngineTuning& tuning) {
  // What was built when memory ran out is taken down here, behind the boundary.
  std::shared_ptr<DatabaseCore> core;
  Recovery recovery;
  const auto open = [&](const OpenOptions& how) {
    return WithinMemory([&]() -> absl::Status {
      core.reset(new DatabaseCore(file_system, how, tuning, recovery));
      if (const absl::Status opened = core->OpenParts(directory, recovery); !opened.ok()) {
        return WithContext(opened, absl::StrCat("opening ", directory));
      }
      core->StartStallWatch();
      return absl::OkStatus();
    });
  };
  const absl::Status opened = open(options);
  if (recovery.reason.empty()) {
    PERIGEE_RETURN_IF_ERROR(opened);
    return core;
  }
  core.reset();  // with its lock, so that an operator's tools can work while this one is read
  Log(LogLevel::kError, "open.recovery_mode", recovery.reason);
  OpenOptions reading = options;
  reading.read_only = true;
  reading.create_if_missing = false;
  if (const absl::Status read = open(reading); !read.ok()) {
    return WithContext(read, recovery.reason);
  }
  return core;
}

DatabaseCore::DatabaseCore(storage::FileSystem& file_system, const OpenOptions& options,
                           const EngineTuning& tuning, Recovery recovery)
    : file_system_(file_system),
      options_(options),
      tuning_(tuning),
      recovery_(std::move(recovery)),
      io_backend_(file_system.name()) {}

DatabaseCore::~DatabaseCore() {
  const absl::Status closed = WithinMemory([this] { return Close(); });
  if (!closed.ok()) {
    Log(LogLevel::kWarning, "database.close", Std(closed.message()));
  }
}

absl::Status DatabaseCore::OpenParts(const std::string& path, Recovery& recovery) {
  PERIGEE_RETURN_IF_ERROR(OpenDirectory(path));
  if (!options_.read_only) {
    return OpenForWriting(path, recovery);
  }
  PERIGEE_RETURN_IF_ERROR(OpenManifest());
  return OpenReadOnly();
}

absl::Status DatabaseCore::OpenForWriting(const std::string& path, Recovery& recovery) {
  constexpr std::string_view kRemedy =
      "Only reads are answered, as of the state that was published last; what is in the log is "
      "kept and shows again after an open for writing";
  storage::OpenAttempts attempts(*directory_);
  if (std::string diagnosis = attempts.Diagnosis(absl::Now());
      options_.recovery_mode && !diagnosis.empty()) {
    recovery.reason = absl::StrCat("recovery mode: ", diagnosis, ". ", Absl(kRemedy),
                                   ", which is tried ten minutes after the last failure, or when "
                                   "recovery mode is switched off");
    return absl::UnavailableError(recovery.reason);
  }
  attempts.Begin(absl::Now());
  absl::Status opened = OpenManifest();
  if (opened.ok()) {
    opened = OpenReadWrite();
  }
  if (opened.ok()) {
    return attempts.Succeeded();
  }
  if (options_.recovery_mode && !directory_->created() &&
      GetErrorReason(opened) == ErrorReason::kDiskFull) {
    // No failure of the database: it opens as soon as there is room.
    attempts.Succeeded().IgnoreError();
    recovery = {.reason = absl::StrCat("recovery mode: the disk of ", path,
                                       " has no room for an open for writing: ", opened.message(),
                                       ". ", Absl(kRemedy), " with some space"),
                .for_want_of_room = true};
    return opened;
  }
  attempts.Failed(opened);
  return opened;
}

absl::Status DatabaseCore::OpenDirectory(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(
      directory_, storage::DataDirectory::Open(file_system_, path, DirectoryOptions(options_)));
  return absl::OkStatus();
}

absl::Status DatabaseCore::OpenManifest() {
  PERIGEE_ASSIGN_OR_RETURN(
      manifest_,
      storage::ManifestLog::Open(*directory_, {.read_only = options_.read_only,
                                               .rollover_edits = tuning_.manifest_rollover_edits}));
  return absl::OkStatus();
}

bool DatabaseCore::MayReopenForWriting() const {
  return recovery_.for_want_of_room && space_guard_->HasRoom();
}

void DatabaseCore::StartEnvironment(uint64_t epoch) {
  environment_ = std::make_shared<CollectionEnvironment>(
      EngineState::Options{.epoch = epoch,
                           .read_only = options_.read_only,
                           .recovery_reason = recovery_.reason,
                           .on_storage_failed = options_.on_storage_failed});
  environment_->tuning = tuning_;
  environment_->file_system = &file_system_;
  environment_->directory = directory_.get();
  if (options_.maintenance_threads == 0) {
    environment_->tuning.room_wait_max = absl::ZeroDuration();  // nobody would make room
  }
  space_guard_ = std::make_unique<DiskSpaceGuard>(
      file_system_, directory_->path(), options_.disk_free_bytes_min,
      options_.read_only ? nullptr : &directory_->reserve());
  environment_->tend_reserve = [this] {
    return space_guard_->RefillReserve() ? absl::InfiniteDuration() : tuning_.reserve_check_every;
  };
  environment_->check_space = [this] { return space_guard_->Check(); };
  environment_->check_rewrite_space = [this](uint64_t new_bytes, uint64_t old_bytes) {
    return space_guard_->CheckRewrite(new_bytes, old_bytes);
  };
}

absl::Status DatabaseCore::OpenReadWrite() {
  const std::shared_ptr<const storage::ManifestState> before = manifest_->state();
  StartEnvironment(before->epoch + tuning_.epoch_step);
  publisher_ = std::make_unique<ManifestPublisher>(*environment_, catalog_, *manifest_);
  environment_->publisher = publisher_.get();
  DatabaseRecovery recovery(environment_, catalog_);
  std::unique_ptr<CollectionLoader> loader = MakeLoader();
  // What the manifest names is opened before the new epoch is written, so that a directory which
  // cannot be opened stays as it is.
  PERIGEE_RETURN_IF_ERROR(recovery.LoadCollections(*before, *loader));
  if (!loads_behind()) {
    PERIGEE_RETURN_IF_ERROR(loader->LoadNow());
  }
  PERIGEE_RETURN_IF_ERROR(recovery.FindStrays(*before));
  PERIGEE_RETURN_IF_ERROR(storage::CheckLogConnection(
      *directory_, {.epoch = before->epoch, .applied_lsn = before->min_applied_lsn()}));
  PERIGEE_RETURN_IF_ERROR(publisher_->BeginEpoch());
  StartLoader(std::move(loader));
  PERIGEE_RETURN_IF_ERROR(OpenLog(recovery.published_max_lsn(), recovery));
  PERIGEE_RETURN_IF_ERROR(recovery.Finish(log_->end().lsn - 1));
  for (const std::string& warning : recovery.warnings()) {
    AddWarning(warning);
  }
  publisher_->SetLog(log_.get());
  // Collections and attached segments that only the log knew.
  PERIGEE_RETURN_IF_ERROR(publisher_->PublishCatalog());
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    if (collection->state().HasUnpublished()) {
      SegmentChange repeated;
      repeated.collection = collection;
      PERIGEE_RETURN_IF_ERROR(publisher_->Publish(repeated));
    }
  }
  StartThreads();
  if (!loads_behind()) {
    environment_->tend_reserve();  // else maintenance does
  }
  return absl::OkStatus();
}

absl::Status DatabaseCore::OpenLog(uint64_t published_max_lsn, DatabaseRecovery& recovery) {
  const std::shared_ptr<const storage::ManifestState> state = manifest_->state();
  const storage::FileLogOptions options = {
      .epoch = environment_->state.epoch(),
      .applied_lsn = state->min_applied_lsn(),
      .manifest_durable_lsn = state->durable_lsn,
      .published_max_lsn = published_max_lsn,
      .log_file_bytes = directory_->identity().creation.log_file_bytes,
      .background_preallocation = tuning_.log_preallocation};
  PERIGEE_ASSIGN_OR_RETURN(
      log_,
      storage::FileLog::Open(*directory_, options, [&recovery](const storage::LogRecord& record) {
        return recovery.Replay(record);
      }));
  return absl::OkStatus();
}

void DatabaseCore::StartThreads() {
  const uint64_t file_bytes = directory_->identity().creation.log_file_bytes;
  const uint64_t seal_bytes = std::max(options_.log_bytes_max, kLogFilesMin * file_bytes);
  maintenance_ = std::make_unique<DatabaseMaintenance>(
      *environment_, catalog_, *log_,
      DatabaseMaintenance::LogLimits{.seal_bytes = seal_bytes,
                                     .bound_bytes = kLogBound * seal_bytes,
                                     .file_bytes = file_bytes});
  environment_->log_full = [this] { return maintenance_->LogFull(); };
  scheduler_ = std::make_unique<MaintenanceScheduler>(options_.maintenance_threads,
                                                      [this] { return maintenance_->RunOnce(); });
  environment_->wake_maintenance = [this] { scheduler_->Wake(); };
  directory_->reserve().SetOnReleased([this] { scheduler_->Wake(); });
  {
    const absl::MutexLock lock(&loading_mutex_);
    scheduler_ready_ = true;
  }
  queue_ = std::make_unique<storage::GroupCommitQueue>(
      *log_,
      storage::GroupCommitOptions{
          .epoch = environment_->state.epoch(),
          .durable_mark_after = tuning_.durable_mark_after,
          .on_group_applied = [this](uint64_t last_lsn) { OnGroupApplied(last_lsn); },
          .on_failed = [this](const absl::Status& status) { environment_->state.Fail(status); }});
  environment_->queue = queue_.get();
  scrubber_ = std::make_unique<SegmentScrubber>(
      *environment_, catalog_, *manifest_,
      SegmentScrubber::Options{.pace = {.bytes_per_second_min = options_.scrub_bytes_per_second},
                               .start_after = tuning_.scrub_start_after});
  if (options_.maintenance_threads > 0 && options_.scrub_bytes_per_second > 0) {
    scrubber_->Start();
  }
}

void DatabaseCore::StartStallWatch() {
  const storage::IoWatch* watch = file_system_.watch();
  if (watch != nullptr) {
    stall_watch_ = std::make_unique<StallWatch>(
        *watch,
        StallWatch::Options{.stalled_after = tuning_.io_stalled_after,
                            .failed_after = tuning_.io_failed_after,
                            .check_every = tuning_.io_check_every},
        [this](const absl::Status& status) { environment_->state.Fail(status); });
  }
}

std::unique_ptr<CollectionLoader> DatabaseCore::MakeLoader() {
  return std::make_unique<CollectionLoader>(
      CollectionLoader::Options{.warn = [this](const std::string& warning) { AddWarning(warning); },
                                .on_progress =
                                    [this] {
                                      // Sealing and rewriting wait for the parts they need.
                                      const absl::MutexLock lock(&loading_mutex_);
                                      if (scheduler_ready_) {
                                        scheduler_->Wake();
                                      }
                                    }});
}

void DatabaseCore::StartLoader(std::unique_ptr<CollectionLoader> loader) {
  if (loads_behind()) {
    loader_ = std::move(loader);
    loader_->Start(std::clamp(std::thread::hardware_concurrency(), 1U, kLoaderThreadsMax));
  }
}

void DatabaseCore::AddWarning(const std::string& warning) {
  Log(LogLevel::kWarning, "open.warning", warning);
  const absl::MutexLock lock(&loading_mutex_);
  warnings_.push_back(warning);
}

std::vector<std::string> DatabaseCore::warnings() const {
  const absl::MutexLock lock(&loading_mutex_);
  return warnings_;
}

void DatabaseCore::OnGroupApplied(uint64_t last_lsn) {
  bool work = maintenance_->LogTooLarge();
  for (const std::shared_ptr<CollectionCore>& collection : environment_->touched) {
    collection->state().PublishGroup(last_lsn);
    work = work || collection->state().frozen_count() > 0;
  }
  environment_->touched.clear();
  environment_->visible_lsn.store(last_lsn);
  if (work) {
    scheduler_->Wake();
  }
}

absl::Status DatabaseCore::OpenReadOnly() {
  absl::Status loaded = LoadReadOnly();
  for (int attempt = 1; !loaded.ok() && attempt < kReadOnlyAttempts; ++attempt) {
    PERIGEE_ASSIGN_OR_RETURN(manifest_,
                             storage::ManifestLog::Open(*directory_, {.read_only = true}));
    loaded = LoadReadOnly();
  }
  return loaded;
}

absl::Status DatabaseCore::LoadReadOnly() {
  const std::shared_ptr<const storage::ManifestState> state = manifest_->state();
  StartEnvironment(state->epoch);
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    catalog_.Remove(collection->uuid());
  }
  PERIGEE_RETURN_IF_ERROR(storage::CheckLogConnection(
      *directory_, {.epoch = state->epoch, .applied_lsn = state->min_applied_lsn()}));
  {
    const absl::MutexLock lock(&loading_mutex_);
    warnings_.clear();  // of an attempt before
  }
  DatabaseRecovery recovery(environment_, catalog_);
  std::unique_ptr<CollectionLoader> loader = MakeLoader();
  PERIGEE_RETURN_IF_ERROR(recovery.LoadCollections(*state, *loader));
  if (!loads_behind()) {
    PERIGEE_RETURN_IF_ERROR(loader->LoadNow());
  }
  for (const std::string& warning : recovery.warnings()) {
    AddWarning(warning);
  }
  const std::vector<std::shared_ptr<CollectionCore>> collections = catalog_.List();
  const bool any_missing =
      std::any_of(collections.begin(), collections.end(),
                  [](const auto& collection) { return collection->state().damaged(); });
  if (any_missing) {
    PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::ManifestLog> again,
                             storage::ManifestLog::Open(*directory_, {.read_only = true}));
    if (again->state()->version != state->version) {
      return ErrorWithReason(ErrorReason::kStale, "the writer replaced segments meanwhile");
    }
  }
  environment_->visible_lsn.store(state->min_applied_lsn());
  // The files are open: what the writer removes from now on can still be read.
  StartLoader(std::move(loader));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<CollectionCore>> DatabaseCore::CreateCollection(
    std::string_view name, const CollectionSchema& schema) {
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginWork());
  PERIGEE_RETURN_IF_ERROR(ValidateCollectionName(name));
  PERIGEE_RETURN_IF_ERROR(Validate(schema));
  CreateCollectionRecord record;
  record.collection = storage::Uuid::Random();
  record.hash_seed = directory_->identity().bucket_seed;
  record.name = std::string(name);
  record.schema = schema;
  CreateOperation operation(std::move(record), environment_, catalog_);
  PERIGEE_RETURN_IF_ERROR(queue_->Commit(operation).status());
  // The collection exists from here on; the manifest learns of it now rather than with the next
  // seal, so that read-only readers see it. A failure is told by the state of the database.
  publisher_->PublishCatalog().IgnoreError();
  return operation.created();
}

absl::StatusOr<std::shared_ptr<CollectionCore>> DatabaseCore::FindCollection(
    std::string_view name) const {
  PERIGEE_RETURN_IF_ERROR(environment_->state.CheckOpen());
  return catalog_.Require(name);
}

absl::Status DatabaseCore::DropCollection(std::string_view name) {
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginWork());
  PERIGEE_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> collection,
                           catalog_.Require(name));
  DropOperation operation(collection, catalog_);
  PERIGEE_RETURN_IF_ERROR(queue_->Commit(operation).status());
  publisher_->PublishCatalog().IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::shared_ptr<CollectionCore>>> DatabaseCore::ListCollections() const {
  PERIGEE_RETURN_IF_ERROR(environment_->state.CheckOpen());
  return catalog_.List();
}

absl::StatusOr<DatabaseStatus> DatabaseCore::Status() const {
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginLook());
  StatusSources sources{.environment = environment_.get(),
                        .catalog = &catalog_,
                        .manifest = manifest_.get(),
                        .log = log_.get(),
                        .io_backend = io_backend_,
                        .warnings = warnings()};
  if (std::string stalled = stall_watch_ == nullptr ? "" : stall_watch_->stalled();
      !stalled.empty()) {
    sources.warnings.push_back(std::move(stalled));
  }
  if (std::string low = options_.read_only ? "" : space_guard_->warning(); !low.empty()) {
    sources.warnings.push_back(std::move(low));
  }
  if (scrubber_ != nullptr) {
    sources.scrub = scrubber_->Report();
    for (const SegmentScrub& segment : sources.scrub.segments) {
      if (!segment.damage.empty()) {
        sources.warnings.push_back(absl::StrCat("damaged on the disk: ", segment.damage));
      }
    }
  }
  return MakeDatabaseStatus(sources);
}

absl::Status DatabaseCore::Flush() {
  PERIGEE_RETURN_IF_ERROR(environment_->state.CheckWritable());
  environment_->tend_reserve();
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    const absl::Status flushed = collection->Flush();
    if (!flushed.ok() && !collection->dropped()) {
      return flushed;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SnapshotReport> DatabaseCore::CreateSnapshot(const std::string& directory,
                                                            const SnapshotOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const WorkPermit permit, environment_->state.BeginWork());
  if (options_.read_only) {
    return ErrorWithReason(ErrorReason::kReadOnly,
                           "a snapshot is taken of a database that is open for writing");
  }
  return MakeSnapshot({.directory = *directory_,
                       .publisher = *publisher_,
                       .log = *log_,
                       .epoch = environment_->state.epoch()},
                      directory, options);
}

absl::Status DatabaseCore::Close() {
  if (environment_ == nullptr) {
    return absl::OkStatus();  // Open failed early
  }
  if (environment_->state.forked()) {
    LeakParts();
    return absl::OkStatus();
  }
  absl::MutexLock lock(&close_mutex_);
  if (!environment_->state.MarkClosed()) {
    return close_status_;
  }
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    collection->RequestStop();
  }
  if (loader_ != nullptr) {
    loader_->Stop();
  }
  if (scrubber_ != nullptr) {
    scrubber_->Stop();
  }
  if (scheduler_ != nullptr) {
    scheduler_->Stop();
  }
  environment_->state.WaitIdle();
  if (stall_watch_ != nullptr) {
    stall_watch_->Stop();
  }
  if (queue_ != nullptr) {
    queue_->Stop();
    // Without a queue the open was not finished, and the end of the log is not ours to seal.
    if (environment_->state.storage_error().ok()) {
      close_status_ = log_->Close();
    }
  }
  environment_->touched.clear();  // after a replay that failed they would keep each other alive
  queue_.reset();
  log_.reset();
  manifest_.reset();
  directory_.reset();  // releases the lock, last
  return close_status_;
}

void DatabaseCore::LeakParts() {
  // The threads that these would join do not exist here, and their mutexes may be held for ever.
  (void)scrubber_.release();
  (void)stall_watch_.release();
  (void)loader_.release();
  (void)scheduler_.release();
  (void)queue_.release();
  (void)log_.release();
  (void)manifest_.release();
  (void)directory_.release();
}

}  // namespace perigee::engine
