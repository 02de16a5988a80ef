// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_disk.h"

#include <atomic>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

std::atomic<uint64_t> next_device{1};

// Whether callers of the kernel make the call again after this error.
bool IsRepeated(CallKind kind, int error) {
  switch (kind) {
    case CallKind::kRead:
    case CallKind::kWrite:
      return error == EINTR || error == EAGAIN;
    case CallKind::kOpen:
    case CallKind::kCreate:
    case CallKind::kSync:
    case CallKind::kTruncate:
    case CallKind::kAllocate:
    case CallKind::kSyncDirectory:
    case CallKind::kList:
    case CallKind::kLock:
    case CallKind::kSpace:
      return error == EINTR;
    default:
      return false;
  }
}

bool SameSite(const IoSite& left, const IoSite& right) {
  return left.line == right.line && std::string_view(left.file) == right.file;
}

std::vector<std::string> Parts(std::string_view path) {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(Absl(path), '/', absl::SkipEmpty())) {
    if (part != ".") {
      parts.emplace_back(part);
    }
  }
  return parts;
}

}  // namespace

uint64_t SimulatedDisk::NewDevice() { return next_device.fetch_add(1); }

bool IsChange(CallKind kind) {
  switch (kind) {
    case CallKind::kCreate:
    case CallKind::kWrite:
    case CallKind::kSync:
    case CallKind::kTruncate:
    case CallKind::kAllocate:
    case CallKind::kCreateDirectory:
    case CallKind::kSyncDirectory:
    case CallKind::kRename:
    case CallKind::kLink:
    case CallKind::kRemoveFile:
    case CallKind::kRemoveDirectory:
      return true;
    case CallKind::kOpen:
    case CallKind::kRead:
    case CallKind::kSize:
    case CallKind::kStat:
    case CallKind::kList:
    case CallKind::kLock:
    case CallKind::kSpace:
      return false;
  }
  return false;
}

int SimulatedDisk::Begin(CallKind kind, const std::string& path, IoSite site,
                         Disturbance* disturbance) {
  const uint64_t change = IsChange(kind) ? 1 : 0;
  if (stopped || (calls_max.has_value() && trace.size() >= *calls_max) ||
      (changes_max.has_value() && changes + change > *changes_max)) {
    stopped = true;
    return EIO;
  }
  trace.push_back({kind, path, site});
  changes += change;
  for (ErrorPlan& plan : plans) {
    const bool matches = (plan.call_number == 0 || plan.call_number == trace.size()) &&
                         (!plan.kind.has_value() || *plan.kind == kind) &&
                         path.find(plan.path_contains) != std::string::npos &&
                         (!plan.site.has_value() || SameSite(*plan.site, site));
    if (!matches) {
      continue;
    }
    if (plan.skip > 0) {
      --plan.skip;
      continue;
    }
    if (plan.error_number == 0) {
      continue;  // used up
    }
    ++planned_failures;
    const int error = plan.error_number;
    if (disturbance != nullptr) {
      *disturbance = {.error_number = error, .short_bytes = plan.short_bytes};
    }
    if (!plan.forever) {
      plan.error_number = 0;
    }
    return IsRepeated(kind, error) ? 0 : error;
  }
  return 0;
}

SimulatedDisk::Place SimulatedDisk::Resolve(const std::string& path) const {
  const std::vector<std::string> parts = Parts(path);
  Place place{.inode = kRootInode};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "..") {
      return {.error = EINVAL};
    }
    if (place.inode == 0) {
      return {.error = ENOENT};
    }
    const SimulatedInode& directory = Look(place.inode);
    if (!directory.is_directory) {
      return {.error = ENOTDIR};
    }
    place.parent = place.inode;
    place.name = parts[i];
    const auto entry = directory.visible_entries.find(parts[i]);
    place.inode = entry == directory.visible_entries.end() ? 0 : entry->second;
  }
  return place;
}

uint64_t SimulatedDisk::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [number, inode] : inodes) {
    used += inode->visible.size();
  }
  return used;
}

uint64_t SimulatedDisk::Make(bool is_directory) {
  const uint64_t number = next_inode++;
  inodes[number] = std::make_shared<SimulatedInode>();
  inodes[number]->is_directory = is_directory;
  return number;
}

SimulatedInode& SimulatedDisk::At(uint64_t inode) {
  std::shared_ptr<SimulatedInode>& held = inodes.at(inode);
  // A copy of the disk that lets go meanwhile costs us a needless copy, no more.
  if (held.use_count() > 1) {
    held = std::make_shared<SimulatedInode>(*held);
  }
  return *held;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::AfterCrash(CrashPolicy policy, uint64_t seed) const {
  auto state = std::make_shared<SimulatedDisk>();
  const absl::MutexLock old_lock(&mutex);
  const absl::MutexLock new_lock(&state->mutex);
  state->next_inode = next_inode;
  state->direct_alignment = direct_alignment;
  state->is_network = is_network;
  state->capacity_bytes = capacity_bytes;
  // What cannot be reached from the root any more is gone.
  std::vector<uint64_t> pending = {kRootInode};
  while (!pending.empty()) {
    const uint64_t number = pending.back();
    pending.pop_back();
    if (state->inodes.count(number) > 0) {
      continue;
    }
    const SimulatedInode& before = Look(number);
    if (before.IsSettled()) {
      state->inodes[number] = inodes.at(number);
    } else {
      const uint64_t own_seed = seed * 1'000'003 + number;
      auto after = std::make_shared<SimulatedInode>();
      after->is_directory = before.is_directory;
      after->durable = before.BytesAfterCrash(policy, own_seed);
      after->visible = after->durable;
      after->durable_entries = before.EntriesAfterCrash(policy, own_seed);
      after->visible_entries = after->durable_entries;
      state->inodes[number] = std::move(after);
    }
    for (const auto& [entry, child] : state->Look(number).durable_entries) {
      pending.push_back(child);
    }
  }
  return state;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::AfterKill() const {
  auto state = std::make_shared<SimulatedDisk>();
  const absl::MutexLock old_lock(&mutex);
  const absl::MutexLock new_lock(&state->mutex);
  state->inodes = inodes;
  for (const auto& [number, inode] : inodes) {
    if (inode->sync_failed) {
      state->At(number).sync_failed = false;  // a new process may sync what the old one must not
    }
  }
  state->next_inode = next_inode;
  state->direct_alignment = direct_alignment;
  state->is_network = is_network;
  state->capacity_bytes = capacity_bytes;
  return state;
}

}  // namespace perigee::storage
