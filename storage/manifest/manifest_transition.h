// SPDX-License-Identifier: Apache-2.0
//
// The rules by which a ManifestEdit turns one ManifestState into the next, as pure functions: the
// log that makes edits durable, a replay and a follower all use these.
//
// Invariants:
//  1. A refused edit changes nothing (ApplyManifestEdit); equal inputs give equal states.
//  2. StateOfCheckpoint(MakeCheckpoint(s)) holds the same collections and obsolete files as s.
//  3. Every state that an edit is allowed to lead to fits one checkpoint, so a roll-over cannot
//     fail for its size.
//
// Thread-safety: functions without state.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/manifest/manifest_edit.h"
#include "storage/manifest/manifest_state.h"

namespace perigee::storage {

/// The state after `edit`, whose encoded bytes have the hash `edit_hash`. Refuses, with the reason:
/// a wrong version, parent or database, a falling epoch (kDataLoss: these come from the chain); a
/// precondition that does not hold (kFailedPrecondition); names and uuids that are taken or
/// missing (kAlreadyExists, kNotFound); broken invariants (kInvalidArgument); too many segments or
/// collections (kResourceExhausted, kOverloaded).
absl::StatusOr<ManifestState> ApplyManifestEdit(const ManifestState& state,
                                                const ManifestEdit& edit,
                                                const ContentHash& edit_hash);
/// The same for a state that is not needed after a refusal; avoids the copy while replaying.
absl::Status ApplyManifestEditInPlace(const ManifestEdit& edit, const ContentHash& edit_hash,
                                      ManifestState& state);

/// The edit of version state.version + 1 that holds all of `state`, with its head as parent.
ManifestEdit MakeCheckpoint(const ManifestState& state);
/// The state that a checkpoint holds, whatever was before it. kDataLoss when it contradicts
/// itself. Requires: edit.is_checkpoint().
absl::StatusOr<ManifestState> StateOfCheckpoint(const ManifestEdit& edit,
                                                const ContentHash& edit_hash);
/// Bytes of the encoded checkpoint of `state`, without making it.
size_t CheckpointBytes(const ManifestState& state);

}  // namespace perigee::storage
