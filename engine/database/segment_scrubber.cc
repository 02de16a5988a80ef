// SPDX-License-Identifier: Apache-2.0
#include "engine/database/segment_scrubber.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/memory_boundary.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/file_names.h"
#include "storage/layout/scrub_record.h"
#include "storage/segment/deletion_file.h"

namespace perigee::engine {
namespace {

// One read: small against a second at the slowest rate one would choose, and whole pages.
constexpr uint64_t kPartBytes = uint64_t{1} << 20U;
static_assert(kPartBytes % storage::kChecksumPageBytesMax == 0);
// How often a thread with nothing to do looks which segments there are, and which are due.
constexpr absl::Duration kIdle = absl::Minutes(1);
// Before something is tried again that failed for reasons of its own.
constexpr absl::Duration kRetry = absl::Minutes(1);

// A file that cannot be read is as good as damaged, whatever the reason, as long as it is one of
// that file: no descriptors and no memory are not.
bool IsDamage(const absl::Status& status) {
  return !status.ok() && !absl::IsResourceExhausted(status) && !absl::IsCancelled(status);
}

absl::StatusOr<storage::ScrubRecord> ReadRecord(storage::DataDirectory& directory) {
  PERIGEE_ASSIGN_OR_RETURN(
      const std::string bytes,
      directory.files().ReadAll(storage::kScrubRecordName, storage::kScrubRecordBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(storage::ScrubRecord record,
                           storage::DecodeScrubRecord(storage::AsBytes(bytes)));
  if (record.database_uuid != directory.database_uuid()) {
    return ErrorWithReason(ErrorReason::kDamaged, "SCRUB is of another database");
  }
  return record;
}

int64_t UnixMillis(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixMillis(time);
}

}  // namespace

SegmentScrubber::SegmentScrubber(CollectionEnvironment& environment,
                                 const CollectionCatalog& catalog,
                                 const storage::ManifestLog& manifest, const Options& options)
    : environment_(environment),
      catalog_(catalog),
      manifest_(manifest),
      options_(options),
      ledger_(options.pace) {}

SegmentScrubber::~SegmentScrubber() { Stop(); }

void SegmentScrubber::Start() {
  Resume();
  {
    const absl::MutexLock lock(&mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { Run(); });
}

void SegmentScrubber::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SegmentScrubber::Run() {
  absl::Duration pause = options_.start_after;
  while (Sleep(pause)) {
    // Nobody is there to be told that memory ran out, and there may be more later.
    bool any = false;
    const absl::Status done = WithinMemory([&] {
      any = VerifyNext();
      return absl::OkStatus();
    });
    pause = any ? absl::ZeroDuration() : kIdle;
    const absl::MutexLock lock(&mutex_);
    pause = retry_later_ || !done.ok() ? kRetry : pause;
  }
  WithinMemory([&] {
    Look();  // what was made since the last look is known to the next process, too
    Save();
    return absl::OkStatus();
  }).IgnoreError();
}

bool SegmentScrubber::Sleep(absl::Duration duration) {
  if (options_.sleep != nullptr) {
    return options_.sleep(duration);
  }
  const absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&stopping_), duration);
}

void SegmentScrubber::Resume() {
  storage::DataDirectory& directory = *environment_.directory;
  const absl::StatusOr<storage::ScrubRecord> record = ReadRecord(directory);
  if (record.ok()) {
    const absl::MutexLock lock(&mutex_);
    ledger_.Resume(*record, options_.now());
  } else if (!absl::IsNotFound(record.status())) {
    Log(LogLevel::kWarning, "scrub.record",
        absl::StrCat(record.status().message(), "; every segment is verified anew"));
  }
  Look();
  const absl::MutexLock lock(&mutex_);
  // What is known now need not be written: a process that verifies nothing writes nothing.
  saved_bytes_ = storage::EncodeScrubRecord(ledger_.Record(directory.database_uuid()));
}

void SegmentScrubber::Save() {
  std::string bytes;
  {
    const absl::MutexLock lock(&mutex_);
    bytes = storage::EncodeScrubRecord(ledger_.Record(environment_.directory->database_uuid()));
  }
  saved_at_ = options_.now();
  if (bytes == saved_bytes_ || !environment_.state.storage_error().ok()) {
    return;
  }
  const absl::Status saved = environment_.directory->files().WriteAdvisory(
      storage::kScrubRecordName, storage::AsBytes(bytes));
  if (saved.ok()) {
    saved_bytes_ = std::move(bytes);
  } else {
    Log(LogLevel::kWarning, "scrub.record",
        absl::StrCat(saved.message(), "; after a restart segments may be verified anew"));
  }
}

void SegmentScrubber::Look() {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  const absl::MutexLock lock(&mutex_);
  ledger_.Observe(*state, options_.now());
}

bool SegmentScrubber::VerifyNext() {
  Look();
  std::optional<ScrubLedger::Due> due;
  {
    const absl::MutexLock lock(&mutex_);
    retry_later_ = false;
    due = ledger_.Next(options_.now());
  }
  if (!due.has_value()) {
    Save();
    return false;
  }
  absl::Status verified = Verify(*due);
  if (absl::IsUnavailable(verified)) {
    verified = Verify(*due);  // F1: once more, in case bus or disk had a glitch
  }
  if (absl::IsCancelled(verified)) {
    return false;
  }
  const bool damaged = IsDamage(verified) && StillNamed(*due);
  bool is_new = false;
  if (verified.ok() || damaged) {
    const absl::MutexLock lock(&mutex_);
    is_new = ledger_.Settle(due->entry.uuid, std::string(verified.message()), options_.now());
  } else if (StillNamed(*due)) {
    Log(LogLevel::kWarning, "scrub.failed", std::string(verified.message()));
    const absl::MutexLock lock(&mutex_);
    retry_later_ = true;
    return false;
  }
  if (damaged) {
    if (is_new) {
      Log(LogLevel::kError, "scrub.damage", std::string(verified.message()));
    }
    MarkForRewrite(*due);
  }
  if (options_.now() - saved_at_ >= options_.save_every) {
    Save();
  }
  return true;
}

absl::Status SegmentScrubber::Verify(const ScrubLedger::Due& due) {
  const absl::Time begin = options_.now();
  storage::DataDirectory& directory = *environment_.directory;
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SegmentReader> reader,
      storage::SegmentReader::Open(*environment_.file_system,
                                   directory.PathOf(storage::SegmentName(due.entry.uuid)),
                                   {.segment_uuid = due.entry.uuid,
                                    .database_uuid = directory.database_uuid(),
                                    .file_bytes = due.entry.file_bytes,
                                    .root_checksum = due.entry.root_checksum}));
  PERIGEE_RETURN_IF_ERROR(VerifyPages(*reader, due));
  if (!due.entry.deletion.has_value()) {
    return absl::OkStatus();
  }
  PERIGEE_RETURN_IF_ERROR(
      storage::ReadDeletionFile(*environment_.file_system,
                                directory.PathOf(storage::DeletionName(due.entry.deletion->uuid)),
                                {.database_uuid = directory.database_uuid(),
                                 .segment_uuid = due.entry.uuid,
                                 .segment_rows = due.entry.row_count,
                                 .reference = *due.entry.deletion})
          .status());
  return Pace(due.entry.deletion->file_bytes, std::max(begin, options_.now()));
}

absl::Status SegmentScrubber::VerifyPages(const storage::SegmentReader& reader,
                                          const ScrubLedger::Due& due) {
  storage::AlignedBuffer buffer(kPartBytes);
  for (uint64_t offset = due.offset; offset < due.entry.file_bytes;) {
    const absl::Time begin = options_.now();
    {
      const absl::MutexLock lock(&mutex_);
      ledger_.Advance(due.entry.uuid, offset, begin);
    }
    if (begin - saved_at_ >= options_.save_every) {
      Save();
    }
    PERIGEE_ASSIGN_OR_RETURN(const uint64_t next, reader.VerifyFrom(offset, buffer.bytes()));
    PERIGEE_RETURN_IF_ERROR(Pace(next - offset, begin));
    offset = CanaryActive("scrub-skips-pages") ? due.entry.file_bytes : next;
  }
  return absl::OkStatus();
}

absl::Status SegmentScrubber::Pace(uint64_t bytes, absl::Time begin) {
  uint64_t rate = 0;
  {
    const absl::MutexLock lock(&mutex_);
    rate = std::max<uint64_t>(ledger_.bytes_per_second(), 1);
  }
  const absl::Duration share =
      absl::Seconds(static_cast<double>(bytes) / static_cast<double>(rate));
  // Reading took a part of its share of the time already.
  const absl::Duration left = share - (options_.now() - begin);
  return Sleep(std::clamp(left, absl::ZeroDuration(), share))
             ? absl::OkStatus()
             : absl::CancelledError("the database is being closed");
}

// Deletion files are replaced, segments rewritten, collections dropped meanwhile.
bool SegmentScrubber::StillNamed(const ScrubLedger::Due& due) const {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  const storage::CollectionEntry* collection = state->FindCollection(due.collection);
  if (collection == nullptr) {
    return false;
  }
  const auto found = collection->segments.find(due.entry.uuid);
  return found != collection->segments.end() && found->second == due.entry;
}

void SegmentScrubber::MarkForRewrite(const ScrubLedger::Due& due) {
  const std::shared_ptr<CollectionCore> collection = catalog_.FindUuid(due.collection);
  if (collection == nullptr) {
    return;
  }
  for (const std::shared_ptr<SealedSegment>& segment : collection->state().sealed()) {
    if (segment->uuid() == due.entry.uuid) {
      segment->MarkForRewrite();
    }
  }
  if (environment_.wake_maintenance != nullptr) {
    environment_.wake_maintenance();
  }
}

// What becomes of a damaged segment: only what is in memory, verified, can be written anew.
std::string SegmentScrubber::Remedy(const ScrubLedger::Segment& segment) const {
  const std::shared_ptr<CollectionCore> collection = catalog_.FindUuid(segment.collection);
  const SealedSegment* loaded = nullptr;
  std::vector<std::shared_ptr<SealedSegment>> sealed;
  if (collection != nullptr) {
    sealed = collection->state().sealed();
    for (const std::shared_ptr<SealedSegment>& candidate : sealed) {
      loaded = candidate->uuid() == segment.entry.uuid ? candidate.get() : loaded;
    }
  }
  if (loaded == nullptr) {
    return "it could not be read into memory either: restore it from a backup";
  }
  if (!environment_.state.storage_error().ok()) {
    return "writing has ended, so it stays as it is; answers come from the copy in memory until "
           "the database is closed: export the collection before";
  }
  if (loaded->read_only()) {
    return "it has features that allow this version to read it, not to rewrite it; answers come "
           "from the copy in memory until the database is closed: let a later version open it, or "
           "restore it from a backup";
  }
  if (collection->state().damaged()) {
    return "another segment of the collection cannot be read, so this one is not written anew; "
           "answers come from the copy in memory until the database is closed: restore both from "
           "a backup";
  }
  return "it is written anew from the copy in memory, from which answers come: keep the database "
         "open until then";
}

ScrubStatus SegmentScrubber::Report() const {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  const absl::Time now = options_.now();
  ScrubStatus status;
  std::vector<ScrubLedger::Segment> damaged;
  {
    const absl::MutexLock lock(&mutex_);
    status.state = !running_                    ? "off"
                   : ledger_.current().is_nil() ? "waiting"
                                                : "verifying " + ledger_.current().ToString();
    status.bytes_per_second = running_ ? ledger_.bytes_per_second() : 0;
    status.bytes_total = ledger_.bytes_total();
    status.bytes_verified = ledger_.bytes_verified(now);
    status.last_full_pass_ms = UnixMillis(ledger_.last_full_pass());
    status.damages_found = ledger_.damages_found();
    for (const auto& [uuid, segment] : ledger_.segments()) {
      const storage::CollectionEntry* collection = state->FindCollection(segment.collection);
      if (collection == nullptr || !collection->segments.contains(uuid)) {
        continue;  // gone since the last look
      }
      status.segments.push_back({.collection = collection->name,
                                 .segment = uuid.ToString(),
                                 .bytes = segment.bytes(),
                                 .verified_at_ms = UnixMillis(segment.verified_at),
                                 .damage = segment.damage});
      if (!segment.damage.empty()) {
        damaged.push_back(segment);
      }
    }
  }
  // Locks of the collections are taken without ours.
  auto next = damaged.begin();
  for (SegmentScrub& segment : status.segments) {
    if (!segment.damage.empty()) {
      absl::StrAppend(&segment.damage, "; ", Remedy(*next++));
    }
  }
  return status;
}

}  // namespace perigee::engine
