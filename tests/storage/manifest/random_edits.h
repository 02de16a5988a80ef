// SPDX-License-Identifier: Apache-2.0
//
// RandomEdits: an endless source of valid manifest edits, with a model of what they lead to that is
// kept by the plainest means, for property and crash tests.
//
// Invariants: Next() is valid on the state that all earlier edits led to; model() is that state's
// content. The same seed gives the same edits.
// Thread-safety: an object belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>

#include "storage/manifest/manifest_edit.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::storage {

/// What of a state is not its version: two states of different histories can be compared.
struct ManifestContent {
  uint64_t epoch = 0;
  uint64_t durable_lsn = 0;
  std::map<Uuid, CollectionEntry> collections = {};
  std::set<ManifestFile> obsolete_files = {};

  friend bool operator==(const ManifestContent&, const ManifestContent&) = default;
};

ManifestContent ContentOf(const ManifestState& state);

class RandomEdits {
 public:
  explicit RandomEdits(uint64_t seed) : random_(seed) {}

  /// The next edit, without version, database and parent; the model moves on with it.
  ManifestEdit Next();
  const ManifestContent& model() const { return model_; }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  Uuid NewUuid();
  SegmentEntry NewSegment();
  void AddCollection(ManifestEdit& edit);
  void DropCollection(ManifestEdit& edit, CollectionEntry& collection);
  void ChangeCollection(ManifestEdit& edit, CollectionEntry& collection);
  void SetDeletion(ManifestEdit& edit, CollectionEntry& collection, SegmentEntry& segment);
  void Retire(const SegmentEntry& segment);

  std::mt19937_64 random_;
  ManifestContent model_;
  uint64_t names_ = 0;
};

}  // namespace perigee::storage
