// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/segment_sealer.h"

#include <array>
#include <utility>

#include "engine/collection/collection_core.h"
#include "engine/collection/named_segment.h"
#include "engine/collection/segment_publisher.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {

absl::Status SealOldestFrozen(const std::shared_ptr<CollectionCore>& collection,
                              const SealOptions& options) {
  const std::optional<FrozenWork> work = collection->state().OldestFrozen();
  if (!work.has_value()) {
    return absl::OkStatus();
  }
  CollectionEnvironment& environment = collection->environment();
  const std::array<const RowSource*, 1> sources = {work->segment.get()};
  PERIGEE_ASSIGN_OR_RETURN(
      NamedSegment named,
      BuildNamedSegment(environment, collection->identity(), sources,
                        {.horizon_lsn = work->horizon_lsn,
                         .with_indexes = options.with_indexes,
                         .cancellation = Cancellation::OnFlag(&collection->stop_requested())}));
  const storage::Uuid uuid = named.entry.uuid;
  const bool has_file = named.segment != nullptr;
  SegmentChange change;
  change.collection = collection;
  change.sealed_from = *work;
  change.added = std::move(named.segment);
  change.added_entry = std::move(named.entry);
  const absl::Status published = environment.publisher->Publish(change);
  if (!published.ok() && has_file && environment.state.storage_error().ok()) {
    // After a storage failure the edit may be durable all the same, and then names the file.
    RemoveUnpublished(environment, uuid);
  }
  return published;
}

}  // namespace perigee::engine
