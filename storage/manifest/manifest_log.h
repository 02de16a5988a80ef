// SPDX-License-Identifier: Apache-2.0
//
// ManifestLog: the durable, atomic record of which files are live. Edits are appended to
// MANIFEST-<n>; CURRENT names the file in use (docs/formats/manifest_format.md).
//
// Invariants:
//  1. TryCommit says kCommitted only after the edit is durable; the state then survives any crash.
//  2. Each record starts on a block of its own, and an acknowledged one is followed by a durable
//     mark: bytes of committed edits are never written again, and a damaged record with a mark or
//     a record behind it is damage (refused), never taken for a torn tail.
//  3. A file whose end was torn is never appended to (D8): Open rolls over to a new file.
//  4. After a failed write or sync nothing is written until the next Open (D5). A full disk is no
//     such failure: the edit is not made, and the next one goes into a new file, since nothing may
//     stand behind a record that is there in part.
//  5. CURRENT always names a complete file that begins with a checkpoint; the checkpoint's mark is
//     written once that name is durable. The file before is kept, older ones are removed.
//
// Thread-safety: TryCommit calls are serialised inside; state() may be called from every thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/file_system.h"
#include "storage/manifest/manifest_edit.h"
#include "storage/manifest/manifest_frame.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::storage {

class DataDirectory;

struct ManifestLogOptions {
  /// N9: writes nothing, and shows the last edit that is known to be durable.
  bool read_only = false;
  /// A new file is begun when this much, or this many edits, follow the checkpoint.
  uint64_t rollover_bytes = uint64_t{4} * 1024 * 1024;
  uint64_t rollover_edits = 1000;
};

enum class CommitResult {
  kCommitted,
  kConflict,  ///< the base version is not the head; nothing was written
  kUnknown,   ///< a write or sync failed: the next Open shows whether the edit is there
};

struct CommitOutcome {
  CommitResult result = CommitResult::kUnknown;
  uint64_t version = 0;       ///< of the edit, when committed
  uint64_t head_version = 0;  ///< base for the next edit (a roll-over takes a version too)
  absl::Status cause = {};    ///< of kUnknown: the storage failure
};

/// A manifest that holds one state, and the CURRENT that names it.
struct ManifestImage {
  std::string name = {};  ///< "MANIFEST-000001"
  std::string manifest = {};
  std::string current = {};
};

class ManifestLog {
 public:
  /// The files of a copy of the database that holds what `state` names, and nothing obsolete.
  static absl::StatusOr<ManifestImage> ImageOf(ManifestState state);

  /// Writes MANIFEST-000001 with an empty state of version 1 and CURRENT, and opens them: what
  /// DataDirectory::Options::initialise_contents is for. `directory` must outlive the log.
  /// kAlreadyExists when CURRENT exists.
  static absl::StatusOr<std::unique_ptr<ManifestLog>> Create(DataDirectory& directory,
                                                             const ManifestLogOptions& options);
  /// Reads CURRENT and the file it names, verifies every record and the chain of hashes.
  /// kDataLoss naming file and offset when something acknowledged is damaged; kNotADatabase
  /// without CURRENT; kUnknownFormat for a newer format.
  static absl::StatusOr<std::unique_ptr<ManifestLog>> Open(DataDirectory& directory,
                                                           const ManifestLogOptions& options);
  ~ManifestLog();
  ManifestLog(const ManifestLog&) = delete;
  ManifestLog& operator=(const ManifestLog&) = delete;

  /// Makes `edit` the version after `base_version`: fills in version, database, parent and the
  /// defaults, checks it against the state, appends and syncs it. An error means that the edit was
  /// not made: it was refused (see ApplyManifestEdit), the disk is full (kDiskFull; a later edit
  /// may succeed), the log is read-only (kReadOnly) or poisoned (kStorageFailed). After kCommitted
  /// the log may be poisoned as well, when the roll-over behind the edit failed.
  absl::StatusOr<CommitOutcome> TryCommit(uint64_t base_version, ManifestEdit edit)
      ABSL_LOCKS_EXCLUDED(commit_mutex_, state_mutex_);

  /// The state of the head; an immutable value that later commits do not change.
  std::shared_ptr<const ManifestState> state() const ABSL_LOCKS_EXCLUDED(state_mutex_);
  /// kStorageFailed after a failed write or sync, else ok.
  absl::Status health() const ABSL_LOCKS_EXCLUDED(state_mutex_);
  /// Number n of the MANIFEST-<n> in use.
  uint64_t file_number() const ABSL_LOCKS_EXCLUDED(commit_mutex_);

 private:
  ManifestLog(DataDirectory& directory, const ManifestLogOptions& options);

  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::StatusOr<AlignedBuffer> ReadCurrentManifest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status Replay(const ManifestScan& scan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status Append(const ManifestRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  bool RollOverDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status AppendEdit(ManifestEdit& edit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status BeginNewFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  /// One attempt; `in_doubt` says after a failure that a reopen may find the new file in force.
  absl::Status RollOver(bool& in_doubt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status WriteTemporary(std::string_view name, std::string_view content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status PutInForce(const ManifestFileHeader& header, bool& in_doubt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  absl::Status RemoveOldFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_);
  void Publish(ManifestState state) ABSL_LOCKS_EXCLUDED(state_mutex_);
  void Poison(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(state_mutex_);

  DataDirectory& directory_;
  const ManifestLogOptions options_;

  /// Held while a commit writes; state_mutex_ only while a pointer is copied.
  mutable absl::Mutex commit_mutex_ ABSL_ACQUIRED_BEFORE(state_mutex_);
  std::unique_ptr<File> file_ ABSL_GUARDED_BY(commit_mutex_);
  ManifestFileHeader header_ ABSL_GUARDED_BY(commit_mutex_);
  uint64_t end_offset_ ABSL_GUARDED_BY(commit_mutex_) = 0;      // where the next record goes
  uint64_t checkpoint_end_ ABSL_GUARDED_BY(commit_mutex_) = 0;  // behind the checkpoint's mark
  uint64_t edits_since_checkpoint_ ABSL_GUARDED_BY(commit_mutex_) = 0;
  /// Something that is no record may stand at end_offset_: the disk was full.
  bool torn_ ABSL_GUARDED_BY(commit_mutex_) = false;

  mutable absl::Mutex state_mutex_;
  std::shared_ptr<const ManifestState> state_ ABSL_GUARDED_BY(state_mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(state_mutex_);
};

}  // namespace perigee::storage
