// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulated_inode.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace perigee::storage {
namespace {

constexpr uint64_t kSizeKey = std::numeric_limits<uint64_t>::max();

// SplitMix64: a well mixed value for each (seed, key), whatever the order of the questions.
uint64_t Mix(uint64_t seed, uint64_t key) {
  uint64_t value = seed + (key + 1) * 0x9E37'79B9'7F4A'7C15ULL;
  value = (value ^ (value >> 30U)) * 0xBF58'476D'1CE4'E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D0'49BB'1331'11EBULL;
  return value ^ (value >> 31U);
}

// How many of `count` changes reached one sector or name: often none or all, sometimes a few.
uint64_t RandomVersion(uint64_t seed, uint64_t key, uint64_t count) {
  const uint64_t value = Mix(seed, key);
  switch (value % 3) {
    case 0:
      return 0;
    case 1:
      return count;
    default:
      return (value / 3) % (count + 1);
  }
}

void ApplyPart(std::string& image, const FileChange& change, uint64_t begin, uint64_t end) {
  if (change.is_truncate) {
    if (begin < image.size()) {
      const uint64_t stop = std::min<uint64_t>(end, image.size());
      std::fill(image.begin() + static_cast<std::ptrdiff_t>(begin),
                image.begin() + static_cast<std::ptrdiff_t>(stop), '\0');
    }
    return;
  }
  if (image.size() < end) {
    image.resize(end, '\0');
  }
  std::memcpy(image.data() + begin, change.bytes.data() + (begin - change.offset), end - begin);
}

uint64_t SizeAfter(uint64_t size, const FileChange& change) {
  return change.is_truncate ? change.offset
                            : std::max<uint64_t>(size, change.offset + change.bytes.size());
}

void ApplyWhole(std::string& image, const FileChange& change) {
  if (change.is_truncate) {
    image.resize(change.offset, '\0');
  } else if (!change.bytes.empty()) {
    ApplyPart(image, change, change.offset, change.offset + change.bytes.size());
  }
}

// Whether one of several changes survives where the order means nothing.
bool Survives(uint64_t seed, uint64_t change) { return (Mix(seed, change) & 1U) != 0; }

// Which changes reach which sector: the first `whole` changes everywhere; of the one behind them
// its first `part_sectors` sectors; or, when `random`, a version of its own for each sector; or,
// when `reordered`, some changes everywhere and the others nowhere.
struct Choice {
  uint64_t whole = 0;
  uint64_t part_sectors = 0;
  bool random = false;
  bool reordered = false;
  uint64_t seed = 0;
  uint64_t count = 0;

  bool Reaches(uint64_t change, uint64_t sector, uint64_t first_sector) const {
    if (reordered) {
      return Survives(seed, change);
    }
    if (random) {
      return change < RandomVersion(seed, sector, count);
    }
    return change < whole || (change == whole && sector < first_sector + part_sectors);
  }
};

std::string ApplyChosen(const std::string& durable, const std::vector<FileChange>& changes,
                        const Choice& choice) {
  constexpr uint64_t kSector = SimulatedInode::kSectorBytes;
  std::string image = durable;
  uint64_t size = durable.size();
  const uint64_t size_version =
      choice.random ? RandomVersion(choice.seed, kSizeKey, choice.count) : choice.whole;
  for (uint64_t i = 0; i < changes.size(); ++i) {
    const FileChange& change = changes[i];
    const uint64_t begin = change.offset;
    const uint64_t end = change.is_truncate ? image.size() : change.offset + change.bytes.size();
    for (uint64_t at = begin; at < end;) {
      const uint64_t stop = std::min(end, (at / kSector + 1) * kSector);
      if (choice.Reaches(i, at / kSector, begin / kSector)) {
        ApplyPart(image, change, at, stop);
        if (i == choice.whole && !choice.random && !choice.reordered && !change.is_truncate) {
          size = std::max(size, stop);
        }
      }
      at = stop;
    }
    if (choice.reordered ? Survives(choice.seed, i) : i < size_version) {
      size = SizeAfter(size, change);
    }
  }
  image.resize(size, '\0');
  return image;
}

// Stands for the name in random choices: names hold random uuids, their order does not.
uint64_t FirstOfName(const std::vector<EntryChange>& changes, const std::string& name) {
  uint64_t first = 0;
  while (changes[first].name != name) {
    ++first;
  }
  return first;
}

}  // namespace

void SimulatedInode::Write(uint64_t offset, std::span<const std::byte> bytes) {
  FileChange change{
      .offset = offset,
      .bytes = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
  ApplyWhole(visible, change);
  changes.push_back(std::move(change));
}

void SimulatedInode::Truncate(uint64_t size) {
  FileChange change{.is_truncate = true, .offset = size, .bytes = {}};
  ApplyWhole(visible, change);
  changes.push_back(std::move(change));
}

void SimulatedInode::SetEntry(const std::string& name, uint64_t inode) {
  if (inode == 0) {
    visible_entries.erase(name);
  } else {
    visible_entries[name] = inode;
  }
  entry_changes.push_back({name, inode});
}

void SimulatedInode::Sync() {
  durable = DeviceImage();
  changes.clear();
}

void SimulatedInode::FailSync(SyncFailure how) {
  sync_failed = true;
  ++failed_syncs;
  if (how == SyncFailure::kReverted) {
    visible = durable;
  } else if (!changes.empty()) {
    diverged = true;
    lost_on_eviction = lost_on_eviction || how == SyncFailure::kLostAfterEviction;
  }
  changes.clear();
}

void SimulatedInode::SyncEntries() {
  for (const EntryChange& change : entry_changes) {
    if (change.inode == 0) {
      durable_entries.erase(change.name);
    } else {
      durable_entries[change.name] = change.inode;
    }
  }
  entry_changes.clear();
}

void SimulatedInode::Evict() {
  if (lost_on_eviction) {
    visible = DeviceImage();
    diverged = false;
    lost_on_eviction = false;
  }
}

void SimulatedInode::DropCache() {
  visible = DeviceImage();
  diverged = false;
  lost_on_eviction = false;
}

std::string SimulatedInode::DeviceImage() const {
  if (!diverged) {
    return visible;
  }
  std::string image = durable;
  for (const FileChange& change : changes) {
    ApplyWhole(image, change);
  }
  return image;
}

std::string SimulatedInode::BytesAfterCrash(CrashPolicy policy, uint64_t seed) const {
  const uint64_t count = changes.size();
  switch (policy) {
    case CrashPolicy::kNothingUnsynced:
    case CrashPolicy::kNamesOnly:
      return durable;
    case CrashPolicy::kEverything:
    case CrashPolicy::kDataOnly:
      return DeviceImage();
    case CrashPolicy::kFilePrefix: {
      const uint64_t whole = Mix(seed, 0) % (count + 1);
      const bool torn = whole < count && !changes[whole].is_truncate;
      const uint64_t sectors = torn ? changes[whole].bytes.size() / kSectorBytes + 1 : 0;
      return ApplyChosen(durable, changes,
                         {.whole = whole, .part_sectors = Mix(seed, 1) % (sectors + 1)});
    }
    case CrashPolicy::kRandomSectors:
      return ApplyChosen(durable, changes, {.random = true, .seed = seed, .count = count});
    case CrashPolicy::kReordered:
      return ApplyChosen(durable, changes, {.reordered = true, .seed = seed, .count = count});
  }
  return durable;
}

DirectoryEntries SimulatedInode::EntriesAfterCrash(CrashPolicy policy, uint64_t seed) const {
  DirectoryEntries entries = durable_entries;
  const uint64_t count = entry_changes.size();
  const uint64_t prefix = Mix(seed, 0) % (count + 1);
  for (uint64_t i = 0; i < count; ++i) {
    const EntryChange& change = entry_changes[i];
    bool survives = false;
    switch (policy) {
      case CrashPolicy::kNothingUnsynced:
      case CrashPolicy::kDataOnly:
        break;
      case CrashPolicy::kEverything:
      case CrashPolicy::kNamesOnly:
        survives = true;
        break;
      case CrashPolicy::kFilePrefix:
        survives = i < prefix;
        break;
      case CrashPolicy::kRandomSectors:
        survives = i < RandomVersion(seed, FirstOfName(entry_changes, change.name), count);
        break;
      case CrashPolicy::kReordered:
        survives = Survives(seed, i);
        break;
    }
    if (!survives) {
      continue;
    }
    if (change.inode == 0) {
      entries.erase(change.name);
    } else {
      entries[change.name] = change.inode;
    }
  }
  return entries;
}

}  // namespace perigee::storage
