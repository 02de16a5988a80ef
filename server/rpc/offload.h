// SPDX-License-Identifier: Apache-2.0
//
// Offload: runs a piece of a request on the dispatcher's threads and comes back to the event loop
// with its answer. Every exception of the work stops here and becomes kInternal with a correlation
// id; its text goes to the log, never to the peer (K8).
//
// Invariants:
//  1. The work touches no object of the event loop; what it captures moves to the other thread and
//     is destroyed there.
//  2. When nobody waits for the answer any more, work of the read lane that has not begun is
//     skipped (K5). A write that was admitted runs.
// Thread-safety: called on the event loop; the work runs on another thread.
#pragma once

#include <kj/async.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/service/request_dispatcher.h"

namespace perigee::server {

/// kInternal with a new correlation id, which the log has too, beside what happened.
absl::Status InternalError(const kj::Exception& exception);

/// The answer of `work`, whatever it does.
template <typename Result>
absl::StatusOr<Result> RunStoppingExceptions(absl::AnyInvocable<absl::StatusOr<Result>() &&> work) {
  std::optional<absl::StatusOr<Result>> result;
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&]() { result.emplace(std::move(work)()); })) {
    return InternalError(*exception);
  }
  return *std::move(result);
}

struct OffloadRequest {
  Lane lane = Lane::kRead;
  /// Bytes of the request's parameters.
  uint64_t bytes = 0;
};

template <typename Result>
kj::Promise<absl::StatusOr<Result>> Offload(RequestDispatcher& dispatcher,
                                            const OffloadRequest& request,
                                            absl::AnyInvocable<absl::StatusOr<Result>() &&> work) {
  // Set when the promise is gone, so that queued work need not run.
  struct Interest {
    explicit Interest(std::shared_ptr<std::atomic<bool>> flag) : abandoned(std::move(flag)) {}
    ~Interest() { abandoned->store(true, std::memory_order_relaxed); }
    std::shared_ptr<std::atomic<bool>> abandoned;
  };
  auto pair = kj::newPromiseAndCrossThreadFulfiller<absl::StatusOr<Result>>();
  auto abandoned = std::make_shared<std::atomic<bool>>(false);
  const bool skippable = request.lane == Lane::kRead;
  const absl::Status submitted = dispatcher.Submit(
      request.lane, request.bytes,
      [fulfiller = kj::mv(pair.fulfiller), work = std::move(work), abandoned, skippable]() mutable {
        if (skippable && abandoned->load(std::memory_order_relaxed)) {
          return;
        }
        fulfiller->fulfill(RunStoppingExceptions<Result>(std::move(work)));
      });
  if (!submitted.ok()) {
    return absl::StatusOr<Result>(submitted);
  }
  return pair.promise.attach(kj::heap<Interest>(abandoned))
      .catch_([](kj::Exception&& exception) -> absl::StatusOr<Result> {
        return InternalError(exception);
      });
}

}  // namespace perigee::server
