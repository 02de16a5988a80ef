// SPDX-License-Identifier: Apache-2.0
#include "engine/database/database_maintenance.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/collection/collection_core.h"
#include "engine/collection/segment_compactor.h"
#include "engine/collection/segment_publisher.h"
#include "engine/collection/segment_sealer.h"
#include "storage/foundation/log.h"

namespace perigee::engine {

absl::Duration DatabaseMaintenance::RunOnce() {
  const absl::StatusOr<WorkPermit> permit = environment_.state.BeginWork();
  if (!permit.ok()) {
    return absl::InfiniteDuration();
  }
  if (LogTooLarge()) {
    FreezeForLog();
  }
  absl::Duration pause = environment_.tend_reserve();
  if (SealOne(&pause) || RewriteOne(&pause)) {
    return absl::ZeroDuration();
  }
  return pause;
}

void DatabaseMaintenance::FreezeForLog() {
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    // One freeze at a time: sealing what is frozen comes before more small segments.
    if (!collection->load().Has(kSourceLoaded) || collection->state().damaged() ||
        collection->state().frozen_count() > 0 || !collection->state().HasUnsealed()) {
      continue;
    }
    if (collection->state().Freeze() == 0) {
      // Deaths only: they need an edit and deletion files, but nothing is to be sealed.
      SegmentChange checkpoint;
      checkpoint.collection = collection;
      Settle(*collection, environment_.publisher->Publish(checkpoint));
    }
  }
}

bool DatabaseMaintenance::SealOne(absl::Duration* pause) {
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    if (collection->state().frozen_count() == 0 || !collection->load().Has(kSourceLoaded) ||
        collection->state().damaged() || !Due(collection->uuid(), pause) ||
        !collection->ClaimSeal()) {
      continue;
    }
    const absl::Cleanup release = [&collection] { collection->ReleaseSeal(); };
    Settle(*collection, SealOldestFrozen(collection));
    return true;
  }
  return false;
}

bool DatabaseMaintenance::RewriteOne(absl::Duration* pause) {
  for (const std::shared_ptr<CollectionCore>& collection : catalog_.List()) {
    absl::Duration seal_pause = absl::InfiniteDuration();
    if (!collection->load().Has(kAllLoaded) || !Due(collection->uuid(), &seal_pause) ||
        !RewriteDue(collection->uuid(), pause) || !collection->ClaimRewrite()) {
      continue;
    }
    const absl::Cleanup release = [&collection] { collection->ReleaseRewrite(); };
    const absl::StatusOr<bool> rewritten = RewriteSegments(collection, RewriteGoal::kWorthwhile);
    if (!rewritten.ok() && !collection->stop_requested()) {
      // The old segments serve on. A full disk may have room later, so that a rebuild must not
      // depend on further writes.
      Log(LogLevel::kWarning, "compaction.failed", std::string(rewritten.status().message()));
      absl::MutexLock lock(&mutex_);
      rewrites_not_before_[collection->uuid()] =
          absl::Now() + environment_.tuning.rewrite_retry_pause;
      *pause = std::min(*pause, environment_.tuning.rewrite_retry_pause);
    }
    if (rewritten.ok() && *rewritten) {
      return true;
    }
  }
  return false;
}

bool DatabaseMaintenance::RewriteDue(const storage::Uuid& collection, absl::Duration* pause) const {
  absl::MutexLock lock(&mutex_);
  const auto found = rewrites_not_before_.find(collection);
  if (found == rewrites_not_before_.end() || found->second <= absl::Now()) {
    return true;
  }
  *pause = std::min(*pause, found->second - absl::Now());
  return false;
}

bool DatabaseMaintenance::Due(const storage::Uuid& collection, absl::Duration* pause) const {
  absl::MutexLock lock(&mutex_);
  const auto found = retries_.find(collection);
  if (found == retries_.end()) {
    return true;
  }
  const absl::Duration left = found->second.not_before - absl::Now();
  if (left <= absl::ZeroDuration()) {
    return true;
  }
  *pause = std::min(*pause, left);
  return false;
}

void DatabaseMaintenance::Settle(const CollectionCore& collection, const absl::Status& status) {
  if (collection.stop_requested()) {
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    if (status.ok()) {
      retries_.erase(collection.uuid());
      return;
    }
    Log(LogLevel::kWarning, "seal.failed", std::string(status.message()));
    Retry& retry = retries_[collection.uuid()];
    const std::vector<absl::Duration>& pauses = environment_.tuning.seal_retry_pauses;
    // A full disk is waited out: writers are refused meanwhile, and nothing is lost.
    const bool disk_full = status.code() == absl::StatusCode::kResourceExhausted;
    if (!pauses.empty() && (disk_full || retry.failures < pauses.size())) {
      retry.not_before = absl::Now() + pauses[std::min(retry.failures, pauses.size() - 1)];
      ++retry.failures;
      return;
    }
  }
  environment_.state.Fail(status);
}

}  // namespace perigee::engine
