// SPDX-License-Identifier: Apache-2.0
//
// ManifestReplay: applies decoded edits one after the other, under the rules of
// docs/formats/manifest_format.md, and holds the state that they lead to.
//
// Invariants: an edit is applied wholly or refused with a finding; created LSN <= applied LSN <=
// durable LSN of every collection (I6); versions, the epoch and LSNs never fall; each edit names
// the hash of the one before.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tools/inspect/finding.h"
#include "tools/inspect/manifest_edit_decoder.h"

namespace perigee::tools::inspect {

struct CollectionEntry {
  Uuid uuid = {};
  Uuid tenant = {};
  std::string name = {};
  std::string schema = {};
  uint64_t created_lsn = 0;
  uint64_t applied_lsn = 0;
  uint64_t hash_seed = 0;
  std::map<Uuid, SegmentEntry> segments = {};

  friend bool operator==(const CollectionEntry&, const CollectionEntry&) = default;
};

struct ManifestState {
  uint64_t version = 0;
  uint64_t epoch = 0;
  uint64_t durable_lsn = 0;
  Uuid database = {};
  Hash head = {};
  std::map<Uuid, CollectionEntry> collections = {};
  std::set<NamedFile> obsolete = {};

  /// Replay of the log starts behind it: the smallest applied LSN, the durable LSN without
  /// collections.
  uint64_t min_applied_lsn() const;
  /// The highest LSN of any row of a segment.
  uint64_t published_max_lsn() const;
  std::set<NamedFile> LiveFiles() const;

  friend bool operator==(const ManifestState&, const ManifestState&) = default;
};

/// Applies `edit`, whose bytes have `hash` and stand at `offset`. The first one must be a
/// checkpoint. Returns false with a finding when a rule is broken; the state is then undefined.
bool ApplyEdit(const ManifestEdit& edit, const Hash& hash, uint64_t offset, ManifestState& state,
               FileFindings& findings);

}  // namespace perigee::tools::inspect
