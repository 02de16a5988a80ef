// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/load_progress.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace perigee::engine {

void LoadProgress::Finish(uint32_t parts) {
  const absl::MutexLock lock(&mutex_);
  loaded_.fetch_or(parts, std::memory_order_release);
}

absl::Status LoadProgress::Wait(uint32_t parts, const Cancellation& cancellation) const {
  const auto over = [this, parts, &cancellation] {
    return Has(parts) || !cancellation.Check().ok();
  };
  const absl::Time deadline =
      cancellation.deadline() == Cancellation::Clock::time_point::max()
          ? absl::InfiniteFuture()
          : absl::Now() + absl::FromChrono(cancellation.deadline() - Cancellation::Clock::now());
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&over), deadline);
  if (Has(parts)) {
    return absl::OkStatus();
  }
  const absl::Status why = cancellation.Check();
  return why.ok() ? absl::DeadlineExceededError("the collection is still being loaded") : why;
}

std::string LoadProgress::InWords() const {
  if (!Has(kIdsLoaded)) {
    return "loading: ids";
  }
  if (!Has(kPayloadLoaded)) {
    return "loading: payloads";
  }
  if (!Has(kVectorsLoaded)) {
    return "loading: vectors";
  }
  return Has(kIndexesLoaded) ? "" : "loading: indexes; vectors are compared one by one";
}

}  // namespace perigee::engine
