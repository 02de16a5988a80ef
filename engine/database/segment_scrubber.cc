// SPDX-License-Identifier: Apache-2.0
#include "engine/database/segment_scrubber.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/file_names.h"
#include "storage/segment/deletion_file.h"
#include "storage/segment/segment_reader.h"

namespace perigee::engine {
namespace {

// Small against a second at the slowest rate one would choose, and a multiple of every page.
constexpr uint64_t kPieceBytes = uint64_t{1} << 20U;
// How often a thread with nothing to do looks for a segment that became due.
constexpr absl::Duration kIdle = absl::Minutes(10);

}  // namespace

SegmentScrubber::SegmentScrubber(CollectionEnvironment& environment,
                                 const CollectionCatalog& catalog,
                                 const storage::ManifestLog& manifest, const Options& options)
    : environment_(environment),
      catalog_(catalog),
      manifest_(manifest),
      options_(options),
      order_(storage::Uuid::Random()) {}

SegmentScrubber::~SegmentScrubber() { Stop(); }

void SegmentScrubber::Start() {
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
  while (!SleepOrStop(pause)) {
    pause = VerifyNext() ? absl::ZeroDuration() : kIdle;
  }
}

bool SegmentScrubber::SleepOrStop(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&stopping_), duration);
}

bool SegmentScrubber::VerifyNext() {
  const std::optional<Due> due = NextDue();
  if (!due.has_value()) {
    return false;
  }
  const absl::Status verified = Verify(*due);
  if (absl::IsCancelled(verified)) {
    return false;
  }
  const bool finding = !verified.ok() && StillNamed(*due);
  {
    const absl::MutexLock lock(&mutex_);
    looked_at_[due->segment] = options_.now();
    if (finding) {
      findings_[due->segment] = std::string(verified.message());
    } else {
      findings_.erase(due->segment);
    }
  }
  if (finding) {
    Log(LogLevel::kWarning, "scrub.damage", std::string(verified.message()));
    MarkForRewrite(*due);
  }
  return true;
}

std::optional<SegmentScrubber::Due> SegmentScrubber::NextDue() const {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  const absl::Time due_before = options_.now() - options_.verify_every;
  std::optional<Due> next;
  std::tuple<absl::Time, size_t> next_key;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [uuid, collection] : state->collections) {
    for (const auto& [segment, entry] : collection.segments) {
      const auto found = looked_at_.find(segment);
      const std::tuple key(found == looked_at_.end() ? absl::InfinitePast() : found->second,
                           absl::HashOf(order_.ToString(), segment.ToString()));
      if (std::get<0>(key) <= due_before && (!next.has_value() || key < next_key)) {
        next = Due{.collection = uuid, .segment = segment, .entry = entry};
        next_key = key;
      }
    }
  }
  return next;
}

absl::Status SegmentScrubber::Verify(const Due& due) {
  const storage::DataDirectory& directory = *environment_.directory;
  PERIGEE_ASSIGN_OR_RETURN(
      const std::unique_ptr<storage::SegmentReader> reader,
      storage::SegmentReader::Open(*environment_.file_system,
                                   directory.PathOf(storage::SegmentName(due.segment)),
                                   {.segment_uuid = due.segment,
                                    .database_uuid = directory.database_uuid(),
                                    .file_bytes = due.entry.file_bytes,
                                    .root_checksum = due.entry.root_checksum}));
  storage::AlignedBuffer piece(kPieceBytes);
  for (const storage::SectionEntry& section : reader->sections()) {
    for (uint64_t offset = 0; offset < section.length; offset += kPieceBytes) {
      if (offset > 0 && CanaryActive("scrub-skips-pages")) {
        break;
      }
      const uint64_t bytes = std::min(kPieceBytes, section.length - offset);
      PERIGEE_RETURN_IF_ERROR(reader->ReadRange(section, offset, piece.bytes().first(bytes)));
      PERIGEE_RETURN_IF_ERROR(Pace(bytes));
    }
  }
  if (!due.entry.deletion.has_value()) {
    return absl::OkStatus();
  }
  PERIGEE_RETURN_IF_ERROR(
      storage::ReadDeletionFile(*environment_.file_system,
                                directory.PathOf(storage::DeletionName(due.entry.deletion->uuid)),
                                {.database_uuid = directory.database_uuid(),
                                 .segment_uuid = due.segment,
                                 .segment_rows = due.entry.row_count,
                                 .reference = *due.entry.deletion})
          .status());
  return Pace(due.entry.deletion->file_bytes);
}

absl::Status SegmentScrubber::Pace(uint64_t bytes) {
  const absl::Duration share =
      absl::Seconds(static_cast<double>(bytes) / static_cast<double>(options_.bytes_per_second));
  if (options_.sleep != nullptr) {
    options_.sleep(share);
  } else if (SleepOrStop(share)) {
    return absl::CancelledError("the database is being closed");
  }
  return absl::OkStatus();
}

// Deletion files are replaced, segments rewritten, collections dropped meanwhile.
bool SegmentScrubber::StillNamed(const Due& due) const {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  const storage::CollectionEntry* collection = state->FindCollection(due.collection);
  if (collection == nullptr) {
    return false;
  }
  const auto found = collection->segments.find(due.segment);
  return found != collection->segments.end() && found->second == due.entry;
}

void SegmentScrubber::MarkForRewrite(const Due& due) {
  const std::shared_ptr<CollectionCore> collection = catalog_.FindUuid(due.collection);
  if (collection == nullptr) {
    return;
  }
  for (const std::shared_ptr<SealedSegment>& segment : collection->state().sealed()) {
    if (segment->uuid() == due.segment) {
      segment->MarkForRewrite();
    }
  }
  if (environment_.wake_maintenance != nullptr) {
    environment_.wake_maintenance();
  }
}

std::vector<std::string> SegmentScrubber::findings() const {
  const std::shared_ptr<const storage::ManifestState> state = manifest_.state();
  std::vector<std::string> lines;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [uuid, collection] : state->collections) {
    for (const auto& [segment, entry] : collection.segments) {
      if (const auto found = findings_.find(segment); found != findings_.end()) {
        lines.push_back(absl::StrCat("damaged on the disk: ", found->second,
                                     "; it is being written anew from memory"));
      }
    }
  }
  return lines;
}

absl::Time SegmentScrubber::verified_at(const storage::Uuid& segment) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = looked_at_.find(segment);
  return found == looked_at_.end() || findings_.contains(segment) ? absl::InfinitePast()
                                                                  : found->second;
}

}  // namespace perigee::engine
