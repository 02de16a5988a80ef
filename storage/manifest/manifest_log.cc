// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_log.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/data_directory.h"
#include "storage/layout/file_names.h"
#include "storage/manifest/current_file.h"
#include "storage/manifest/manifest_transition.h"

namespace perigee::storage {
namespace {

// A reader without lock may find that the file CURRENT named a moment ago was removed.
constexpr int kReadAttempts = 3;

absl::Status StorageFailed(std::string_view what, const absl::Status& cause) {
  return ErrorWithReason(
      ErrorReason::kStorageFailed,
      absl::StrCat(std::string(what), ": ", cause.message(), "; reopen the database to go on"));
}

// Past the page cache (D6); buffered where the disk's blocks are larger than ours.
absl::StatusOr<std::unique_ptr<File>> OpenManifest(FileSystem& file_system, const std::string& path,
                                                   OpenMode mode) {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           file_system.Open(path, {.mode = mode, .direct = true}));
  if (file->alignment() <= kManifestBlockBytes) {
    return file;
  }
  return file_system.Open(
      path, {.mode = mode == OpenMode::kCreateExclusive ? OpenMode::kReadWrite : mode});
}

absl::Status WriteBlocks(File& file, uint64_t offset, std::string_view bytes) {
  AlignedBuffer buffer(bytes.size());
  std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return file.Write(offset, std::as_const(buffer).bytes());
}

ManifestRecord MarkOf(const ManifestRecord& record) {
  return {.type = ManifestRecordType::kMark,
          .version = record.version,
          .hash = record.hash,
          .offset = record.offset + ManifestRecordExtent(record.payload.size()),
          .payload = {}};
}

// A file that begins with a checkpoint, without the mark that says it is in force.
struct CheckpointFile {
  std::string content;
  ManifestRecord mark;
};

absl::StatusOr<CheckpointFile> EncodeCheckpointFile(const ManifestFileHeader& header,
                                                    const ManifestEdit& checkpoint) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, EncodeManifestEdit(checkpoint));
  const ManifestRecord record = {.type = ManifestRecordType::kCheckpoint,
                                 .version = checkpoint.version,
                                 .hash = ManifestEditHash(AsBytes(bytes)),
                                 .offset = kManifestBlockBytes,
                                 .payload = AsBytes(bytes)};
  return CheckpointFile{
      EncodeManifestFileHeader(header) + EncodeManifestRecord(header.file_uuid, record),
      MarkOf(record)};
}

std::string CurrentFor(const ManifestFileHeader& header) {
  return EncodeCurrentFile({.manifest_number = header.number,
                            .database_uuid = header.database_uuid,
                            .manifest_uuid = header.file_uuid});
}

}  // namespace

absl::StatusOr<ManifestImage> ManifestLog::ImageOf(ManifestState state) {
  state.obsolete_files.clear();
  const ManifestFileHeader header = {.features = {},
                                     .database_uuid = state.database_uuid,
                                     .file_uuid = Uuid::Random(),
                                     .number = 1,
                                     .previous_number = 0};
  PERIGEE_ASSIGN_OR_RETURN(const CheckpointFile file,
                           EncodeCheckpointFile(header, MakeCheckpoint(state)));
  return ManifestImage{ManifestName(header.number),
                       file.content + EncodeManifestRecord(header.file_uuid, file.mark),
                       CurrentFor(header)};
}

ManifestLog::ManifestLog(DataDirectory& directory, const ManifestLogOptions& options)
    : directory_(directory), options_(options), state_(std::make_shared<ManifestState>()) {}

ManifestLog::~ManifestLog() = default;

absl::StatusOr<std::unique_ptr<ManifestLog>> ManifestLog::Create(
    DataDirectory& directory, const ManifestLogOptions& options) {
  if (options.read_only) {
    return ErrorWithReason(ErrorReason::kReadOnly, "a manifest is not created read-only");
  }
  const auto current = directory.file_system().Stat(directory.PathOf(kCurrentName));
  if (!absl::IsNotFound(current.status())) {
    return current.ok() ? absl::AlreadyExistsError("the directory has a manifest already")
                        : current.status();
  }
  std::unique_ptr<ManifestLog> log(new ManifestLog(directory, options));
  absl::MutexLock lock(&log->commit_mutex_);
  ManifestState empty;
  empty.database_uuid = directory.database_uuid();
  log->Publish(std::move(empty));
  bool in_doubt = false;
  PERIGEE_RETURN_IF_ERROR(log->RollOver(in_doubt));
  return log;
}

absl::StatusOr<std::unique_ptr<ManifestLog>> ManifestLog::Open(DataDirectory& directory,
                                                               const ManifestLogOptions& options) {
  std::unique_ptr<ManifestLog> log(new ManifestLog(directory, options));
  absl::MutexLock lock(&log->commit_mutex_);
  PERIGEE_RETURN_IF_ERROR(log->Load());
  return log;
}

absl::StatusOr<AlignedBuffer> ManifestLog::ReadCurrentManifest() {
  absl::Status missing;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const auto text = directory_.files().ReadAll(kCurrentName, kCurrentFileBytesMax);
    if (absl::IsNotFound(text.status())) {
      return ErrorWithReason(
          ErrorReason::kNotADatabase,
          absl::StrCat(directory_.path(), " has no CURRENT: nothing says which manifest holds"));
    }
    PERIGEE_RETURN_IF_ERROR(text.status());
    PERIGEE_ASSIGN_OR_RETURN(const CurrentFile current, DecodeCurrentFile(*text));
    if (current.database_uuid != directory_.database_uuid()) {
      return ErrorWithReason(
          ErrorReason::kDamaged,
          absl::StrCat("CURRENT is of database ", current.database_uuid.ToString(),
                       ", IDENTITY of ", directory_.database_uuid().ToString()));
    }
    header_.number = current.manifest_number;
    header_.file_uuid = current.manifest_uuid;
    const std::string path = directory_.PathOf(ManifestName(current.manifest_number));
    auto file = OpenManifest(directory_.file_system(), path,
                             options_.read_only ? OpenMode::kReadOnly : OpenMode::kReadWrite);
    if (absl::IsNotFound(file.status())) {
      missing = file.status();
      continue;
    }
    PERIGEE_RETURN_IF_ERROR(file.status());
    file_ = *std::move(file);
    PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
    if (size > kManifestFileBytesMax) {
      return ErrorWithReason(
          ErrorReason::kDamaged,
          absl::StrCat(path, ": ", size, " bytes; a manifest has at most ", kManifestFileBytesMax));
    }
    AlignedBuffer blocks(AlignUp(size, kManifestBlockBytes));
    PERIGEE_ASSIGN_OR_RETURN(const size_t count, file_->Read(0, blocks.bytes()));
    if (count == blocks.size()) {
      return blocks;
    }
    // The file ends in the middle of a block: keep exactly what there is.
    AlignedBuffer bytes(std::min<uint64_t>(count, size));
    std::copy_n(blocks.data(), bytes.size(), bytes.data());
    return bytes;
  }
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat("the manifest that CURRENT names is missing: ", missing.message()));
}

absl::Status ManifestLog::Load() {
  PERIGEE_ASSIGN_OR_RETURN(const AlignedBuffer bytes, ReadCurrentManifest());
  const std::string name = ManifestName(header_.number);
  PERIGEE_ASSIGN_OR_RETURN(ManifestScan scan, ScanManifest(bytes.bytes(), name));
  if (scan.header.database_uuid != directory_.database_uuid() ||
      scan.header.file_uuid != header_.file_uuid || scan.header.number != header_.number) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat(name, " is not the file that CURRENT names"));
  }
  if (!options_.read_only) {
    PERIGEE_RETURN_IF_ERROR(CheckRoCompatFeatures(scan.header.features, name));
  }
  if (options_.read_only && !scan.last_durable) {
    scan.records.pop_back();  // what a crash could still take back is not shown
  }
  header_ = scan.header;
  PERIGEE_RETURN_IF_ERROR(Replay(scan));
  end_offset_ = scan.end_offset;
  if (options_.read_only) {
    file_.reset();
    return absl::OkStatus();
  }
  if (scan.clean || CanaryActive("append-after-torn-tail")) {
    // The last mark may be in memory only: its writer may have been killed before the sync. Behind
    // an edit that reached the disk without it, it would pass for damage.
    return CanaryActive("believe-unsynced-mark") ? absl::OkStatus() : file_->Sync();
  }
  // D8: a torn tail stays as it is, the state goes on in a new file; so does a last record of
  // which nobody knows whether it, or the file's name, is on the disk or only in memory (D6).
  Log(LogLevel::kWarning, "manifest.cut",
      absl::StrCat(name, " ends without a mark at ", scan.end_offset, " of ", bytes.size(),
                   " bytes; going on in a new file"));
  return BeginNewFile();
}

absl::Status ManifestLog::Replay(const ManifestScan& scan) {
  const auto at = [name = ManifestName(header_.number)](const ManifestRecord& record,
                                                        const absl::Status& status) {
    return ErrorWithReason(
        GetErrorReason(status) == ErrorReason::kUnknownFormat ? ErrorReason::kUnknownFormat
                                                              : ErrorReason::kDamaged,
        absl::StrCat(name, ": record at ", record.offset, ": ", status.message()));
  };
  ManifestState state;
  for (const ManifestRecord& record : scan.records) {
    const auto edit = DecodeManifestEdit(record.payload);
    if (!edit.ok()) {
      return at(record, edit.status());
    }
    const bool checkpoint = record.type == ManifestRecordType::kCheckpoint;
    if (edit->version != record.version || edit->is_checkpoint() != checkpoint) {
      return at(record, absl::DataLossError("the record holds another edit than it says"));
    }
    // The payload's hash was compared with the record's, so it names the edit.
    if (checkpoint) {
      auto held = StateOfCheckpoint(*edit, record.hash);
      if (!held.ok()) {
        return at(record, held.status());
      }
      state = *std::move(held);
      checkpoint_end_ = MarkOf(record).offset + kManifestBlockBytes;
    } else if (const absl::Status applied = ApplyManifestEditInPlace(*edit, record.hash, state);
               !applied.ok()) {
      return at(record, applied);
    }
  }
  if (state.database_uuid != directory_.database_uuid()) {
    return at(scan.records.front(), absl::DataLossError("a checkpoint of another database"));
  }
  edits_since_checkpoint_ = scan.records.size() - 1;
  Publish(std::move(state));
  return absl::OkStatus();
}

absl::StatusOr<CommitOutcome> ManifestLog::TryCommit(uint64_t base_version, ManifestEdit edit) {
  absl::MutexLock lock(&commit_mutex_);
  if (options_.read_only) {
    return ErrorWithReason(ErrorReason::kReadOnly, "the manifest was opened read-only");
  }
  PERIGEE_RETURN_IF_ERROR(health());
  const std::shared_ptr<const ManifestState> base = state();
  if (base->version != base_version) {
    return CommitOutcome{.result = CommitResult::kConflict, .head_version = base->version};
  }
  if (edit.is_checkpoint() || end_offset_ >= kManifestFileBytesMax / 2) {
    return edit.is_checkpoint()
               ? absl::InvalidArgumentError("checkpoints are made by the manifest itself")
               : ErrorWithReason(ErrorReason::kDiskFull,
                                 "the manifest cannot begin a new file; see the log");
  }
  edit.database_uuid = base->database_uuid;
  edit.epoch = edit.epoch == 0 ? base->epoch : edit.epoch;
  edit.commit_uuid = edit.commit_uuid.is_nil() ? Uuid::Random() : edit.commit_uuid;
  if (edit.epoch < base->epoch) {
    return ErrorWithReason(
        ErrorReason::kFenced,
        absl::StrCat("epoch ", edit.epoch, " has ended; the manifest is at ", base->epoch));
  }
  absl::Status appended = absl::OkStatus();
  const bool began_torn = torn_;
  if (!began_torn) {
    appended = AppendEdit(edit);
  }
  if (torn_ && (began_torn || !appended.ok())) {
    // The disk was full. What came of the record is torn, and so no edit, for good once CURRENT
    // names another file.
    PERIGEE_RETURN_IF_ERROR(BeginNewFile());
    appended = AppendEdit(edit);
  }
  if (!appended.ok()) {
    if (health().ok()) {
      return appended;  // refused, or a disk without room
    }
    // Perhaps it reached the disk, perhaps not: only reading it back after a reopen can tell.
    return CommitOutcome{
        .result = CommitResult::kUnknown, .head_version = state()->version, .cause = health()};
  }
  CommitOutcome outcome = {.result = CommitResult::kCommitted, .version = state()->version};
  if (torn_ || RollOverDue()) {
    if (const absl::Status rolled = BeginNewFile(); !rolled.ok()) {
      Log(LogLevel::kWarning, "manifest.rollover_failed", std::string(rolled.message()));
    }
  }
  outcome.head_version = state()->version;
  return outcome;
}

// Makes `edit` the version behind the head: its record, durable, and the mark behind it. kDiskFull
// with torn_ set when the disk had no room for the record.
absl::Status ManifestLog::AppendEdit(ManifestEdit& edit) {
  const std::shared_ptr<const ManifestState> base = state();
  edit.version = base->version + 1;
  edit.parent_hash = base->head_hash;
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, EncodeManifestEdit(edit));
  const ManifestRecord record = {.type = ManifestRecordType::kEdit,
                                 .version = edit.version,
                                 .hash = ManifestEditHash(AsBytes(bytes)),
                                 .offset = end_offset_,
                                 .payload = AsBytes(bytes)};
  PERIGEE_ASSIGN_OR_RETURN(ManifestState next, ApplyManifestEdit(*base, edit, record.hash));
  PERIGEE_RETURN_IF_ERROR(Append(record));
  // The mark belongs to the promise: with it, later damage of the edit cannot pass for a torn
  // tail, and a reader shows the edit. Where a full disk leaves no room for it, the checkpoint of
  // the next file takes its place.
  if (const absl::Status marked = Append(MarkOf(record)); !marked.ok() && !torn_) {
    return marked;
  }
  Publish(std::move(next));
  ++edits_since_checkpoint_;
  return absl::OkStatus();
}

absl::Status ManifestLog::Append(const ManifestRecord& record) {
  const std::string bytes = EncodeManifestRecord(header_.file_uuid, record);
  const absl::Status written = WriteBlocks(*file_, record.offset, bytes);
  if (absl::IsResourceExhausted(written)) {
    // Not all of it was written, and nothing may stand behind a torn record (D8).
    torn_ = true;
    return written;
  }
  absl::Status synced = written.ok() ? file_->Sync() : written;
  if (!synced.ok()) {
    Poison(synced);
    return synced;
  }
  end_offset_ = record.offset + bytes.size();
  return absl::OkStatus();
}

bool ManifestLog::RollOverDue() const {
  return end_offset_ - checkpoint_end_ >= options_.rollover_bytes ||
         edits_since_checkpoint_ >= options_.rollover_edits;
}

// A new file, from the reserve where the disk has no other room. What fails and leaves open which
// file is in force ends writing; what fails before leaves everything as it was.
absl::Status ManifestLog::BeginNewFile() {
  bool in_doubt = false;
  const absl::Status begun = directory_.reserve().Attempt(
      [this, &in_doubt]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_) {
        in_doubt = false;
        return RollOver(in_doubt);
      });
  if (in_doubt) {
    Poison(begun);
    return health();
  }
  return begun;
}

absl::Status ManifestLog::RollOver(bool& in_doubt) {
  const std::shared_ptr<const ManifestState> base = state();
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, directory_.ListManifests());
  // A file of a roll-over that was cut short keeps its number for itself.
  const uint64_t highest = numbers.empty() ? 0 : numbers.back();
  const ManifestFileHeader header = {.features = {},
                                     .database_uuid = base->database_uuid,
                                     .file_uuid = Uuid::Random(),
                                     .number = std::max(highest, header_.number) + 1,
                                     .previous_number = header_.number};
  const std::string name = ManifestName(header.number);
  const ManifestEdit checkpoint = MakeCheckpoint(*base);
  PERIGEE_ASSIGN_OR_RETURN(const CheckpointFile image, EncodeCheckpointFile(header, checkpoint));
  PERIGEE_RETURN_IF_ERROR(WriteTemporary(name, image.content));
  PERIGEE_RETURN_IF_ERROR(PutInForce(header, in_doubt));

  // CURRENT names the new file: nothing may be appended to the old one any more.
  in_doubt = true;
  PERIGEE_ASSIGN_OR_RETURN(
      file_, OpenManifest(directory_.file_system(), directory_.PathOf(name), OpenMode::kReadWrite));
  PERIGEE_ASSIGN_OR_RETURN(ManifestState state, StateOfCheckpoint(checkpoint, image.mark.hash));
  header_ = header;
  end_offset_ = image.mark.offset;
  edits_since_checkpoint_ = 0;
  torn_ = false;
  Publish(std::move(state));
  // The mark of a checkpoint says more than that of an edit: the names are durable too. Without it
  // the next Open begins a new file again, since a name whose flush failed may be seen and yet be
  // gone after a power cut, whatever is flushed later (D6).
  if (const absl::Status marked = Append(image.mark); !marked.ok()) {
    in_doubt = !torn_;
    return marked;
  }
  checkpoint_end_ = end_offset_;
  const absl::Status removed = RemoveOldFiles();
  in_doubt = !removed.ok() && !absl::IsResourceExhausted(removed);
  return removed;
}

absl::Status ManifestLog::WriteTemporary(std::string_view name, std::string_view content) {
  const std::string temporary = TemporaryName(name);
  PERIGEE_RETURN_IF_ERROR(directory_.files().Remove(temporary));  // of an attempt that failed
  const auto write = [this, &temporary, content]() -> absl::Status {
    PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                             OpenManifest(directory_.file_system(), directory_.PathOf(temporary),
                                          OpenMode::kCreateExclusive));
    PERIGEE_RETURN_IF_ERROR(WriteBlocks(*file, 0, content));
    return file->Sync();
  };
  absl::Status written = write();
  if (absl::IsResourceExhausted(written)) {
    directory_.files().Remove(temporary).IgnoreError();  // the disk can use the room
  }
  return written;
}

// Gives the finished file its name and lets CURRENT say so. Until CURRENT is replaced the old file
// holds; a failure from then on leaves open which of the two a reopen will find.
absl::Status ManifestLog::PutInForce(const ManifestFileHeader& header, bool& in_doubt) {
  const std::string name = ManifestName(header.number);
  absl::Status named = directory_.files().Publish(TemporaryName(name), name);
  if (!named.ok()) {
    // Without a name, nothing happened. With one, the flush of the directory failed (D5).
    in_doubt = !absl::IsResourceExhausted(named) ||
               !absl::IsNotFound(directory_.file_system().Stat(directory_.PathOf(name)).status());
    return named;
  }
  absl::Status replaced =
      directory_.files().WriteAtomically(kCurrentName, AsBytes(CurrentFor(header)));
  if (!replaced.ok()) {
    const absl::StatusOr<std::string> current =
        directory_.files().ReadAll(kCurrentName, kCurrentFileBytesMax);
    in_doubt =
        !absl::IsResourceExhausted(replaced) || !current.ok() || *current != CurrentFor(header_);
  }
  return replaced;
}

absl::Status ManifestLog::RemoveOldFiles() {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, directory_.ListManifests());
  std::vector<std::string> names;
  for (const uint64_t number : numbers) {
    if (number < header_.number && number != header_.previous_number) {
      names.push_back(ManifestName(number));
    }
  }
  return names.empty() ? absl::OkStatus() : directory_.files().Remove(names);
}

std::shared_ptr<const ManifestState> ManifestLog::state() const {
  absl::MutexLock lock(&state_mutex_);
  return state_;
}

absl::Status ManifestLog::health() const {
  absl::MutexLock lock(&state_mutex_);
  return failure_;
}

uint64_t ManifestLog::file_number() const {
  absl::MutexLock lock(&commit_mutex_);
  return header_.number;
}

void ManifestLog::Publish(ManifestState state) {
  auto next = std::make_shared<const ManifestState>(std::move(state));
  absl::MutexLock lock(&state_mutex_);
  state_ = std::move(next);
}

void ManifestLog::Poison(const absl::Status& cause) {
  Log(LogLevel::kError, "manifest.poisoned", std::string(cause.message()));
  absl::MutexLock lock(&state_mutex_);
  failure_ = StorageFailed("a write or flush of the manifest failed", cause);
}

}  // namespace perigee::storage
