// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_file_system.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/errno_status.h"
#include "tests/support/simulated_file.h"

namespace perigee::storage {
namespace {

class HeldLock final : public FileLock {
 public:
  HeldLock(std::shared_ptr<SimulatedDisk> disk, uint64_t inode)
      : disk_(std::move(disk)), inode_(inode) {}
  ~HeldLock() override {
    const absl::MutexLock lock(&disk_->mutex);
    disk_->locked.erase(inode_);
  }

 private:
  const std::shared_ptr<SimulatedDisk> disk_;
  const uint64_t inode_;
};

}  // namespace

SimulatedFileSystem::SimulatedFileSystem()
    : SimulatedFileSystem(std::make_shared<SimulatedDisk>()) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->inodes[SimulatedDisk::kRootInode] = std::make_shared<SimulatedInode>();
  disk_->At(SimulatedDisk::kRootInode).is_directory = true;
}

SimulatedFileSystem::SimulatedFileSystem(std::shared_ptr<SimulatedDisk> disk)
    : disk_(std::move(disk)) {}

SimulatedFileSystem::~SimulatedFileSystem() = default;

absl::StatusOr<std::unique_ptr<File>> SimulatedFileSystem::DoOpen(const std::string& path,
                                                                  const OpenOptions& options,
                                                                  IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  const bool create = options.mode == OpenMode::kCreateExclusive;
  int error = disk_->Begin(create ? CallKind::kCreate : CallKind::kOpen, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error;
  }
  if (error == 0 && create) {
    error = place.inode != 0 ? EEXIST : 0;
  } else if (error == 0) {
    error = place.inode == 0 ? ENOENT : disk_->Look(place.inode).is_directory ? EINVAL : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "open", path);
  }
  if (create) {
    place.inode = disk_->Make(false);
    disk_->At(place.parent).SetEntry(place.name, place.inode);
  }
  const bool direct = options.direct && disk_->direct_alignment > 0;
  const bool past_the_cache = direct && disk_->direct_alignment <= AlignedBuffer::kDefaultAlignment;
  if (options.direct && !past_the_cache && !create && disk_->Look(place.inode).diverged) {
    // As backends do where direct I/O is refused, or asks for blocks that callers do not have.
    disk_->At(place.inode).DropCache();
  }
  return std::make_unique<SimulatedFile>(
      disk_, SimulatedFile::Parts{.path = path,
                                  .inode = place.inode,
                                  .writable = options.mode != OpenMode::kReadOnly,
                                  .is_direct = direct,
                                  .alignment = direct ? disk_->direct_alignment : 1,
                                  .failed_syncs = disk_->Look(place.inode).failed_syncs});
}

absl::Status SimulatedFileSystem::DoCreateDirectory(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kCreateDirectory, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0 ? place.error : place.inode != 0 ? EEXIST : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "create directory", path);
  }
  disk_->At(place.parent).SetEntry(place.name, disk_->Make(true));
  return absl::OkStatus();
}

absl::Status SimulatedFileSystem::DoSyncDirectory(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  const uint64_t failures = disk_->planned_failures;
  int error = disk_->Begin(CallKind::kSyncDirectory, path, site);
  const SimulatedDisk::Place place = disk_->Resolve(path);
  if (error == 0) {
    error = place.error != 0                         ? place.error
            : place.inode == 0                       ? ENOENT
            : !disk_->Look(place.inode).is_directory ? ENOTDIR
                                                     : 0;
  } else if (disk_->planned_failures > failures && place.inode != 0 && error != EMFILE) {
    // Without a descriptor nothing was flushed, so nothing was lost either.
    disk_->At(place.inode).FailSyncEntries();
  }
  if (error != 0) {
    return ErrnoStatus(error, "sync directory", path);
  }
  disk_->At(place.inode).SyncEntries();
  return absl::OkStatus();
}

absl::Status SimulatedFileSystem::DoRename(const std::string& from, const std::string& to,
                                           IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  const std::string both = absl::StrCat(from, " to ", to);
  int error = disk_->Begin(CallKind::kRename, both, site);
  SimulatedDisk::Place source;
  SimulatedDisk::Place target;
  if (error == 0) {
    source = disk_->Resolve(from);
    target = disk_->Resolve(to);
    error = source.error != 0    ? source.error
            : target.error != 0  ? target.error
            : source.inode == 0  ? ENOENT
            : target.parent == 0 ? EINVAL
                                 : 0;
  }
  if (error == 0 && target.inode != 0 &&
      (disk_->Look(source.inode).is_directory || disk_->Look(target.inode).is_directory)) {
    error = EISDIR;  // we never replace directories
  }
  if (error != 0) {
    return ErrnoStatus(error, "rename", both);
  }
  if (source.inode != target.inode) {
    disk_->At(target.parent).SetEntry(target.name, source.inode);
    disk_->At(source.parent).RemoveEntry(source.name);
  }
  return absl::OkStatus();
}

absl::Status SimulatedFileSystem::DoLink(const std::string& from, const std::string& to,
                                         IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  const std::string both = absl::StrCat(from, " to ", to);
  int error = disk_->Begin(CallKind::kLink, both, site);
  SimulatedDisk::Place source;
  SimulatedDisk::Place target;
  if (error == 0) {
    source = disk_->Resolve(from);
    target = disk_->Resolve(to);
    error = source.error != 0                        ? source.error
            : target.error != 0                      ? target.error
            : source.inode == 0                      ? ENOENT
            : target.inode != 0                      ? EEXIST
            : disk_->Look(source.inode).is_directory ? EPERM
                                                     : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "link", both);
  }
  disk_->At(target.parent).SetEntry(target.name, source.inode);
  return absl::OkStatus();
}

absl::Status SimulatedFileSystem::DoRemoveFile(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kRemoveFile, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0                        ? place.error
            : place.inode == 0                      ? ENOENT
            : disk_->Look(place.inode).is_directory ? EISDIR
                                                    : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "remove", path);
  }
  disk_->At(place.parent).RemoveEntry(place.name);
  return absl::OkStatus();
}

absl::Status SimulatedFileSystem::DoRemoveDirectory(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kRemoveDirectory, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0                                    ? place.error
            : place.inode == 0                                  ? ENOENT
            : place.inode == SimulatedDisk::kRootInode          ? EBUSY
            : !disk_->Look(place.inode).is_directory            ? ENOTDIR
            : !disk_->Look(place.inode).visible_entries.empty() ? ENOTEMPTY
                                                                : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "remove directory", path);
  }
  disk_->At(place.parent).RemoveEntry(place.name);
  return absl::OkStatus();
}

absl::StatusOr<FileStatus> SimulatedFileSystem::DoStat(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kStat, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0 ? place.error : place.inode == 0 ? ENOENT : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "stat", path);
  }
  const SimulatedInode& inode = disk_->Look(place.inode);
  return FileStatus{.size = inode.visible.size(),
                    .is_directory = inode.is_directory,
                    .is_regular_file = !inode.is_directory,
                    .device = disk_->device,
                    .inode = place.inode};
}

absl::StatusOr<std::vector<std::string>> SimulatedFileSystem::DoList(const std::string& path,
                                                                     IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kList, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0                         ? place.error
            : place.inode == 0                       ? ENOENT
            : !disk_->Look(place.inode).is_directory ? ENOTDIR
                                                     : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "list", path);
  }
  std::vector<std::string> names;
  for (const auto& [entry, inode] : disk_->Look(place.inode).visible_entries) {
    names.push_back(entry);
  }
  return names;
}

absl::StatusOr<std::unique_ptr<FileLock>> SimulatedFileSystem::DoLock(const std::string& path,
                                                                      IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  int error = disk_->Begin(CallKind::kLock, path, site);
  SimulatedDisk::Place place;
  if (error == 0) {
    place = disk_->Resolve(path);
    error = place.error != 0                        ? place.error
            : place.inode == 0                      ? ENOENT
            : disk_->Look(place.inode).is_directory ? EINVAL
                                                    : 0;
  }
  if (error != 0) {
    return ErrnoStatus(error, "lock", path);
  }
  if (!disk_->locked.insert(place.inode).second) {
    return ErrorWithReason(ErrorReason::kLocked, absl::StrCat("lock ", path, ": it is taken"));
  }
  return std::make_unique<HeldLock>(disk_, place.inode);
}

absl::StatusOr<SpaceStatus> SimulatedFileSystem::DoSpace(const std::string& path, IoSite site) {
  const absl::MutexLock lock(&disk_->mutex);
  if (const int error = disk_->Begin(CallKind::kSpace, path, site); error != 0) {
    return ErrnoStatus(error, "statfs", path);
  }
  constexpr uint64_t kUnlimited = 1ULL << 40U;
  const uint64_t total = disk_->capacity_bytes.value_or(kUnlimited);
  const uint64_t used = disk_->UsedBytes();
  return SpaceStatus{.total_bytes = total,
                     .available_bytes = total > used ? total - used : 0,
                     .is_network = disk_->is_network};
}

uint64_t SimulatedFileSystem::calls() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->trace.size();
}

uint64_t SimulatedFileSystem::changes() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->changes;
}

std::vector<CallRecord> SimulatedFileSystem::Trace() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->trace;
}

void SimulatedFileSystem::StopAfterCall(uint64_t call_number) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->calls_max = call_number;
}

void SimulatedFileSystem::StopAfterChange(uint64_t change_number) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->changes_max = change_number;
}

bool SimulatedFileSystem::stopped() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->stopped;
}

void SimulatedFileSystem::AddErrorPlan(ErrorPlan plan) {
  PERIGEE_CHECK(plan.error_number > 0, "error_number ", plan.error_number);
  const absl::MutexLock lock(&disk_->mutex);
  disk_->plans.push_back(std::move(plan));
}

void SimulatedFileSystem::ClearErrorPlans() {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->plans.clear();
}

uint64_t SimulatedFileSystem::planned_failures() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->planned_failures;
}

void SimulatedFileSystem::SetSyncFailure(SyncFailure how) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->sync_failure = how;
}

void SimulatedFileSystem::EvictPageCache() {
  const absl::MutexLock lock(&disk_->mutex);
  for (const auto& [number, inode] : disk_->inodes) {
    if (inode->lost_on_eviction) {
      disk_->At(number).Evict();
    }
  }
}

uint64_t SimulatedFileSystem::syncs_after_failed_sync() const {
  const absl::MutexLock lock(&disk_->mutex);
  return disk_->syncs_after_failed_sync;
}

void SimulatedFileSystem::SetCapacityBytes(uint64_t bytes) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->capacity_bytes = bytes;
}

void SimulatedFileSystem::SetNetwork(bool is_network) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->is_network = is_network;
}

void SimulatedFileSystem::SetDirectAlignment(size_t alignment) {
  const absl::MutexLock lock(&disk_->mutex);
  disk_->direct_alignment = alignment;
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::Crash(CrashPolicy policy,
                                                                uint64_t seed) const {
  return std::unique_ptr<SimulatedFileSystem>(
      new SimulatedFileSystem(disk_->AfterCrash(policy, seed)));
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::KillProcess() const {
  return std::unique_ptr<SimulatedFileSystem>(new SimulatedFileSystem(disk_->AfterKill()));
}

absl::StatusOr<std::string> SimulatedFileSystem::Contents(const std::string& path) const {
  const absl::MutexLock lock(&disk_->mutex);
  const SimulatedDisk::Place place = disk_->Resolve(path);
  if (place.error != 0 || place.inode == 0 || disk_->Look(place.inode).is_directory) {
    return ErrnoStatus(ENOENT, "contents", path);
  }
  return disk_->Look(place.inode).visible;
}

void SimulatedFileSystem::SetContents(const std::string& path, std::string_view bytes) {
  const absl::MutexLock lock(&disk_->mutex);
  SimulatedDisk::Place place = disk_->Resolve(path);
  PERIGEE_CHECK(place.error == 0 && place.parent != 0, "no directory for ", path);
  SimulatedInode& parent = disk_->At(place.parent);
  if (place.inode == 0) {
    place.inode = disk_->Make(false);
    parent.visible_entries[place.name] = place.inode;
    parent.durable_entries[place.name] = place.inode;
  }
  SimulatedInode& inode = disk_->At(place.inode);
  inode.visible = std::string(bytes);
  inode.durable = inode.visible;
  inode.changes.clear();
  inode.diverged = false;
}

void SimulatedFileSystem::Corrupt(const std::string& path, uint64_t offset, uint8_t mask) {
  const absl::MutexLock lock(&disk_->mutex);
  const SimulatedDisk::Place place = disk_->Resolve(path);
  PERIGEE_CHECK(place.error == 0 && place.inode != 0, "no file ", path);
  SimulatedInode& inode = disk_->At(place.inode);
  PERIGEE_CHECK(offset < inode.visible.size(), path, " has ", inode.visible.size(), " bytes");
  for (std::string* image : {&inode.visible, &inode.durable}) {
    if (offset < image->size()) {
      (*image)[offset] = static_cast<char>(static_cast<uint8_t>((*image)[offset]) ^ mask);
    }
  }
}

uint64_t SimulatedFileSystem::Fingerprint() const {
  const absl::MutexLock lock(&disk_->mutex);
  uint64_t print = 0;
  std::vector<uint64_t> pending = {SimulatedDisk::kRootInode};
  while (!pending.empty()) {
    const SimulatedInode& inode = disk_->Look(pending.back());
    pending.pop_back();
    print = absl::HashOf(print, inode.visible, inode.IsSettled());
    for (const auto& [entry, child] : inode.visible_entries) {
      print = absl::HashOf(print, entry);
      pending.push_back(child);
    }
  }
  return print;
}

std::vector<std::string> SimulatedFileSystem::Files() const {
  const absl::MutexLock lock(&disk_->mutex);
  std::vector<std::string> files;
  std::vector<std::pair<std::string, uint64_t>> pending = {{"", SimulatedDisk::kRootInode}};
  while (!pending.empty()) {
    const auto [prefix, number] = pending.back();
    pending.pop_back();
    for (const auto& [entry, child] : disk_->Look(number).visible_entries) {
      const std::string path = absl::StrCat(prefix, entry);
      if (disk_->Look(child).is_directory) {
        pending.emplace_back(path + "/", child);
      } else {
        files.push_back(path);
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace perigee::storage
