// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/manifest_replay.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::tools::inspect {
namespace {

constexpr size_t kSegmentsMax = 20000;
constexpr size_t kCollectionsMax = 10000;
constexpr uint64_t kRowsMax = 4294967294;
constexpr uint32_t kBuckets = 4096;
constexpr size_t kCheckpointMax = size_t{8} << 20U;

// What is wrong with a segment's entry by itself.
std::string EntryFault(const SegmentEntry& segment) {
  if (segment.uuid.is_nil() || segment.file_bytes == 0 || segment.rows > kRowsMax) {
    return absl::StrCat("segment of ", segment.file_bytes, " bytes and ", segment.rows, " rows");
  }
  if (segment.min_lsn > segment.max_lsn) {
    return absl::StrCat("segment with LSNs ", segment.min_lsn, " to ", segment.max_lsn);
  }
  if (segment.bucket_first >= segment.bucket_end || segment.bucket_end > kBuckets) {
    return absl::StrCat("segment of buckets ", segment.bucket_first, " to ", segment.bucket_end);
  }
  if (segment.deletion.has_value() &&
      (segment.deletion->uuid.is_nil() || segment.deletion->generation == 0 ||
       segment.deletion->dead_rows > segment.rows)) {
    return absl::StrCat("deletions of generation ", segment.deletion->generation, " with ",
                        segment.deletion->dead_rows, " of ", segment.rows, " rows");
  }
  return "";
}

class Replay {
 public:
  Replay(const ManifestEdit& edit, ManifestState& state) : edit_(edit), state_(state) {}

  std::string Run() {
    for (const ManifestItem& item : edit_.items) {
      if (item.kind == ItemKind::kFileForgotten) {
        RetireBooks();
        if (std::string fault = FilesFault(); !fault.empty()) {
          return fault;
        }
      }
      if (std::string fault = Apply(item); !fault.empty()) {
        return absl::StrCat(Absl(ItemKindName(item.kind)), ": ", fault);
      }
    }
    RetireBooks();
    if (std::string fault = FilesFault(); !fault.empty()) {
      return fault;
    }
    return CheckLimits();
  }

 private:
  std::string Apply(const ManifestItem& item) {
    const bool in_checkpoint = item.kind == ItemKind::kCollectionAdded ||
                               item.kind == ItemKind::kSegmentOfCollection ||
                               item.kind == ItemKind::kFileObsolete;
    if (edit_.is_checkpoint && !in_checkpoint) {
      return "in a checkpoint";
    }
    switch (item.kind) {
      case ItemKind::kSegmentRequired:
        return Live(item) == nullptr ? "the segment is not live" : "";
      case ItemKind::kCollectionDropped:
        return Drop(item);
      case ItemKind::kCollectionAdded:
        return AddCollection(item);
      case ItemKind::kSegmentOfCollection:
        return added_ == nullptr ? "without a collection" : AddSegment(*added_, item.segment);
      case ItemKind::kSegmentRemoved:
        return RemoveSegment(item);
      case ItemKind::kSegmentAdded: {
        CollectionEntry* collection = Find(item.collection);
        return collection == nullptr ? "no such collection" : AddSegment(*collection, item.segment);
      }
      case ItemKind::kDeletions:
        return SetDeletions(item);
      case ItemKind::kAppliedLsn:
        return SetApplied(item);
      case ItemKind::kFileForgotten:
        return state_.obsolete.erase(item.file) == 0 ? "the file is not obsolete" : "";
      case ItemKind::kFileObsolete:
        if (!edit_.is_checkpoint) {
          return "outside of a checkpoint";
        }
        state_.obsolete.insert(item.file);
        return "";
    }
    return "unknown";
  }

  CollectionEntry* Find(const Uuid& uuid) {
    const auto found = state_.collections.find(uuid);
    return found == state_.collections.end() ? nullptr : &found->second;
  }

  SegmentEntry* Live(const ManifestItem& item) {
    CollectionEntry* collection = Find(item.collection);
    if (collection == nullptr) {
      return nullptr;
    }
    const auto found = collection->segments.find(item.segment.uuid);
    return found == collection->segments.end() ? nullptr : &found->second;
  }

  void Retire(const SegmentEntry& segment) {
    state_.obsolete.insert({FileKind::kSegment, segment.uuid});
    segments_.erase(segment.uuid);
    if (segment.deletion.has_value()) {
      state_.obsolete.insert({FileKind::kDeletion, segment.deletion->uuid});
    }
    if (!segment.codebook.is_nil()) {
      books_.insert(segment.codebook);
    }
  }

  // Codebooks are shared: one is obsolete when the last segment that had it is gone.
  void RetireBooks() {
    for (const Uuid& book : std::exchange(books_, {})) {
      if (const NamedFile file{FileKind::kCodebook, book}; state_.LiveFiles().count(file) == 0) {
        state_.obsolete.insert(file);
      }
    }
  }

  // What is wrong with the files that the edit named so far: each is one segment's, codebooks
  // aside, and waits for no removal.
  std::string FilesFault() {
    std::set<NamedFile> named;
    for (const ManifestItem& item : edit_.items) {
      const bool has_entry =
          item.kind == ItemKind::kSegmentOfCollection || item.kind == ItemKind::kSegmentAdded;
      if (item.kind == ItemKind::kDeletions) {
        named.insert({FileKind::kDeletion, item.deletion.uuid});
      }
      if (has_entry) {
        named.insert({FileKind::kSegment, item.segment.uuid});
        named.insert({FileKind::kCodebook, item.segment.codebook});
        named.insert({FileKind::kDeletion, item.segment.deletion.value_or(DeletionEntry()).uuid});
      }
    }
    std::set<NamedFile> own;
    for (const auto& [uuid, collection] : state_.collections) {
      for (const auto& [segment_uuid, segment] : collection.segments) {
        const NamedFile deletions = {FileKind::kDeletion,
                                     segment.deletion.value_or(DeletionEntry()).uuid};
        if (segment.deletion.has_value() && named.count(deletions) > 0 &&
            !own.insert(deletions).second) {
          return absl::StrCat(PathOf(deletions), " belongs to two segments");
        }
        for (const NamedFile& file : {NamedFile{FileKind::kSegment, segment_uuid}, deletions,
                                      NamedFile{FileKind::kCodebook, segment.codebook}}) {
          if (named.count(file) > 0 && state_.obsolete.count(file) > 0 && !file.uuid.is_nil()) {
            return absl::StrCat(PathOf(file), " is live and waits for its removal");
          }
        }
      }
    }
    return "";
  }

  std::string Drop(const ManifestItem& item) {
    CollectionEntry* collection = Find(item.collection);
    if (collection == nullptr) {
      return "no such collection";
    }
    for (const auto& [uuid, segment] : collection->segments) {
      Retire(segment);
    }
    state_.collections.erase(item.collection);
    return "";
  }

  std::string AddCollection(const ManifestItem& item) {
    if (item.collection.is_nil() || item.name.empty() || item.created_lsn > item.applied_lsn ||
        item.applied_lsn > state_.durable_lsn) {
      return absl::StrCat("'", item.name, "' created at LSN ", item.created_lsn, ", applied up to ",
                          item.applied_lsn, ", durable up to ", state_.durable_lsn);
    }
    if (names_.empty()) {
      for (const auto& [uuid, other] : state_.collections) {
        names_.emplace(other.tenant, other.name);
      }
    }
    if (Find(item.collection) != nullptr || !names_.emplace(item.tenant, item.name).second) {
      return absl::StrCat("'", item.name, "' is there already");
    }
    added_ = &state_.collections[item.collection];
    *added_ = {.uuid = item.collection,
               .tenant = item.tenant,
               .name = item.name,
               .schema = item.schema,
               .created_lsn = item.created_lsn,
               .applied_lsn = item.applied_lsn,
               .hash_seed = item.hash_seed};
    return "";
  }

  std::string AddSegment(CollectionEntry& collection, const SegmentEntry& segment) {
    if (std::string fault = EntryFault(segment); !fault.empty()) {
      return fault;
    }
    const uint64_t complete = segment.deletion.has_value() ? segment.deletion->complete_lsn : 0;
    if (std::max({segment.max_lsn, segment.stamped_lsn, complete}) > state_.durable_lsn) {
      return absl::StrCat("up to LSN ", std::max(segment.max_lsn, segment.stamped_lsn),
                          ", durable up to ", state_.durable_lsn);
    }
    if (!counted_) {
      counted_ = true;
      for (const auto& [uuid, other] : state_.collections) {
        for (const auto& [other_uuid, entry] : other.segments) {
          segments_.insert(other_uuid);
        }
      }
    }
    if (state_.obsolete.count({FileKind::kSegment, segment.uuid}) > 0 ||
        !segments_.insert(segment.uuid).second) {
      return absl::StrCat("segment ", segment.uuid.ToString(), " is there already");
    }
    collection.segments.emplace(segment.uuid, segment);
    return "";
  }

  std::string RemoveSegment(const ManifestItem& item) {
    const SegmentEntry* segment = Live(item);
    if (segment == nullptr) {
      return "the segment is not live";
    }
    Retire(*segment);
    Find(item.collection)->segments.erase(item.segment.uuid);
    return "";
  }

  std::string SetDeletions(const ManifestItem& item) {
    SegmentEntry* segment = Live(item);
    if (segment == nullptr) {
      return "the segment is not live";
    }
    const DeletionEntry before = segment->deletion.value_or(DeletionEntry());
    const DeletionEntry& after = item.deletion;
    if (after.generation <= before.generation || after.complete_lsn < before.complete_lsn ||
        after.dead_rows < before.dead_rows || after.complete_lsn > state_.durable_lsn ||
        after.uuid == before.uuid || state_.obsolete.count({FileKind::kDeletion, after.uuid}) > 0) {
      return absl::StrCat("generation ", after.generation, " up to LSN ", after.complete_lsn,
                          " with ", after.dead_rows, " rows follows generation ", before.generation,
                          " up to ", before.complete_lsn, " with ", before.dead_rows);
    }
    if (segment->deletion.has_value()) {
      state_.obsolete.insert({FileKind::kDeletion, before.uuid});
    }
    segment->deletion = after;
    return EntryFault(*segment);
  }

  std::string SetApplied(const ManifestItem& item) {
    CollectionEntry* collection = Find(item.collection);
    if (collection == nullptr) {
      return "no such collection";
    }
    if (item.applied_lsn < collection->applied_lsn || item.applied_lsn > state_.durable_lsn) {
      return absl::StrCat("LSN ", item.applied_lsn, " of '", collection->name, "' follows ",
                          collection->applied_lsn, "; durable up to ", state_.durable_lsn);
    }
    collection->applied_lsn = item.applied_lsn;
    return "";
  }

  std::string CheckLimits() const {
    size_t segments = 0;
    size_t bytes = 88 + state_.obsolete.size() * (8 + 17);
    for (const auto& [uuid, collection] : state_.collections) {
      segments += collection.segments.size();
      bytes += 8 + 64 + collection.name.size() + collection.schema.size();
      for (const auto& [segment_uuid, segment] : collection.segments) {
        // 114 bytes and the length of the routing summary; 64 more with deletions.
        bytes += 8 + 115 + segment.routing.size() + (segment.deletion.has_value() ? 64 : 0);
      }
    }
    if (segments > kSegmentsMax || state_.collections.size() > kCollectionsMax ||
        bytes > kCheckpointMax) {
      return absl::StrCat(segments, " segments, ", state_.collections.size(),
                          " collections and a checkpoint of ", bytes, " bytes are too much");
    }
    return "";
  }

  const ManifestEdit& edit_;
  ManifestState& state_;
  CollectionEntry* added_ = nullptr;
  bool counted_ = false;
  std::set<Uuid> segments_;  // live ones, once counted_
  std::set<std::pair<Uuid, std::string>> names_;
  std::set<Uuid> books_;
};

// What is wrong with the edit as the successor of `state`.
std::string ChainFault(const ManifestEdit& edit, const ManifestState& state) {
  if (state.version == 0) {
    if (!edit.is_checkpoint || edit.version == 0 || edit.database.is_nil()) {
      return absl::StrCat("version ", edit.version, " begins the chain and is no checkpoint");
    }
    return "";
  }
  if (edit.is_checkpoint) {
    return "a checkpoint in the middle of a file";
  }
  if (edit.version != state.version + 1) {
    return absl::StrCat("version ", edit.version, " follows ", state.version);
  }
  if (edit.parent != state.head) {
    return absl::StrCat("parent ", HexOf(edit.parent), " where the edit before has ",
                        HexOf(state.head));
  }
  if (edit.database != state.database) {
    return absl::StrCat("database ", edit.database.ToString());
  }
  if (edit.epoch < state.epoch) {
    return absl::StrCat("epoch ", edit.epoch, " follows ", state.epoch);
  }
  if (edit.durable_lsn != 0 && edit.durable_lsn < state.durable_lsn) {
    return absl::StrCat("durable LSN ", edit.durable_lsn, " follows ", state.durable_lsn);
  }
  return "";
}

}  // namespace

uint64_t ManifestState::min_applied_lsn() const {
  uint64_t smallest = durable_lsn;
  for (const auto& [uuid, collection] : collections) {
    smallest = std::min(smallest, collection.applied_lsn);
  }
  return smallest;
}

uint64_t ManifestState::published_max_lsn() const {
  uint64_t largest = 0;
  for (const auto& [uuid, collection] : collections) {
    for (const auto& [segment_uuid, segment] : collection.segments) {
      largest = std::max(largest, segment.max_lsn);
    }
  }
  return largest;
}

std::set<NamedFile> ManifestState::LiveFiles() const {
  std::set<NamedFile> files;
  for (const auto& [uuid, collection] : collections) {
    for (const auto& [segment_uuid, segment] : collection.segments) {
      files.insert({FileKind::kSegment, segment_uuid});
      if (segment.deletion.has_value()) {
        files.insert({FileKind::kDeletion, segment.deletion->uuid});
      }
      if (!segment.codebook.is_nil()) {
        files.insert({FileKind::kCodebook, segment.codebook});
      }
    }
  }
  return files;
}

bool ApplyEdit(const ManifestEdit& edit, const Hash& hash, uint64_t offset, ManifestState& state,
               FileFindings& findings) {
  std::string fault = ChainFault(edit, state);
  if (fault.empty()) {
    if (edit.is_checkpoint) {
      state.database = edit.database;
      state.durable_lsn = edit.durable_lsn;
    }
    state.durable_lsn = std::max(state.durable_lsn, edit.durable_lsn);
    state.version = edit.version;
    state.epoch = edit.epoch;
    state.head = hash;
    fault = Replay(edit, state).Run();
  }
  if (fault.empty()) {
    return true;
  }
  return findings.Add({.code = "manifest.replay",
                       .offset = offset,
                       .expected = absl::StrCat("an edit that can follow version ", state.version),
                       .found = absl::StrCat("version ", edit.version, ": ", fault)});
}

}  // namespace perigee::tools::inspect
