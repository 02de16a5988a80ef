// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/manifest/random_edits.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace perigee::storage {

ManifestContent ContentOf(const ManifestState& state) {
  return {.epoch = state.epoch,
          .durable_lsn = state.durable_lsn,
          .collections = state.collections,
          .obsolete_files = state.obsolete_files};
}

Uuid RandomEdits::NewUuid() {
  std::array<std::byte, Uuid::kBytes> bytes;
  for (std::byte& b : bytes) {
    b = static_cast<std::byte>(random_());
  }
  return Uuid(bytes);
}

SegmentEntry RandomEdits::NewSegment() {
  SegmentEntry segment;
  segment.uuid = NewUuid();
  segment.file_bytes = 4096 * (1 + Below(1000));
  segment.row_count = Below(1000);
  segment.max_lsn = Below(model_.durable_lsn + 1);
  segment.min_lsn = Below(segment.max_lsn + 1);
  segment.stamped_lsn = Below(2) * segment.max_lsn;
  for (std::byte& b : segment.root_checksum) {
    b = static_cast<std::byte>(random_());
  }
  segment.routing = std::string(Below(kRoutingBytesMax + 1), static_cast<char>('a' + Below(26)));
  return segment;
}

void RandomEdits::Retire(const SegmentEntry& segment) {
  model_.obsolete_files.insert({ManifestFileKind::kSegment, segment.uuid});
  if (segment.deletion) {
    model_.obsolete_files.insert({ManifestFileKind::kDeletion, segment.deletion->uuid});
  }
}

void RandomEdits::AddCollection(ManifestEdit& edit) {
  CollectionEntry collection;
  collection.uuid = NewUuid();
  collection.tenant_uuid = NewUuid();
  collection.name = "collection-" + std::to_string(++names_);
  collection.schema = std::string(Below(200), 's');
  collection.applied_lsn = Below(model_.durable_lsn + 1);
  collection.created_lsn = Below(collection.applied_lsn + 1);
  collection.hash_seed = random_();
  for (uint64_t i = Below(3); i > 0; --i) {
    SegmentEntry segment = NewSegment();
    collection.segments.emplace(segment.uuid, segment);
  }
  edit.collections_added.push_back(collection);
  model_.collections.emplace(collection.uuid, collection);
}

void RandomEdits::DropCollection(ManifestEdit& edit, CollectionEntry& collection) {
  edit.collections_dropped.push_back(collection.uuid);
  for (const auto& [uuid, segment] : collection.segments) {
    Retire(segment);
  }
  model_.collections.erase(Uuid(collection.uuid));
}

void RandomEdits::SetDeletion(ManifestEdit& edit, CollectionEntry& collection,
                              SegmentEntry& segment) {
  const DeletionReference before = segment.deletion.value_or(DeletionReference());
  const DeletionReference after = {
      .uuid = NewUuid(),
      .generation = before.generation + 1 + Below(3),
      .complete_lsn = before.complete_lsn + Below(model_.durable_lsn - before.complete_lsn + 1),
      .dead_rows = before.dead_rows + Below(segment.row_count - before.dead_rows + 1),
      .file_bytes = 192,
      .checksum = {}};
  if (segment.deletion) {
    model_.obsolete_files.insert({ManifestFileKind::kDeletion, before.uuid});
  }
  segment.deletion = after;
  edit.deletions_set.push_back({collection.uuid, segment.uuid, after});
}

void RandomEdits::ChangeCollection(ManifestEdit& edit, CollectionEntry& collection) {
  if (!collection.segments.empty() && Below(2) == 0) {
    const SegmentEntry removed = collection.segments.begin()->second;
    edit.preconditions.push_back({collection.uuid, removed.uuid});
    edit.segments_removed.push_back({collection.uuid, removed.uuid});
    Retire(removed);
    collection.segments.erase(removed.uuid);
  }
  for (uint64_t i = Below(3); i > 0; --i) {
    const SegmentEntry added = NewSegment();
    edit.segments_added.push_back({collection.uuid, added});
    collection.segments.emplace(added.uuid, added);
  }
  for (auto& [uuid, segment] : collection.segments) {
    if (Below(3) == 0) {
      SetDeletion(edit, collection, segment);
    }
  }
  if (Below(2) == 0) {
    collection.applied_lsn += Below(model_.durable_lsn - collection.applied_lsn + 1);
    edit.applied_lsns.push_back({collection.uuid, collection.applied_lsn});
  }
}

ManifestEdit RandomEdits::Next() {
  ManifestEdit edit;
  model_.epoch += Below(4) == 0 ? 1 : 0;
  edit.epoch = model_.epoch;
  if (Below(2) == 0) {
    model_.durable_lsn += Below(100);
    edit.durable_lsn = model_.durable_lsn;
  }
  std::vector<Uuid> before;
  for (const auto& [uuid, collection] : model_.collections) {
    before.push_back(uuid);
  }
  // An edit of at least one item now and then touches everything.
  if (before.size() > 3 && Below(3) == 0) {
    DropCollection(edit, model_.collections.at(before.back()));
    before.pop_back();
  }
  if (before.empty() || Below(3) == 0) {
    AddCollection(edit);
  }
  for (const Uuid& uuid : before) {
    if (Below(2) == 0) {
      ChangeCollection(edit, model_.collections.at(uuid));
    }
  }
  while (!model_.obsolete_files.empty() && Below(2) == 0) {
    edit.files_forgotten.push_back(*model_.obsolete_files.begin());
    model_.obsolete_files.erase(model_.obsolete_files.begin());
  }
  return edit;
}

}  // namespace perigee::storage
