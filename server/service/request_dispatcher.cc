// SPDX-License-Identifier: Apache-2.0
#include "server/service/request_dispatcher.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "storage/foundation/status_macros.h"

namespace perigee::server {
namespace {

size_t ReadThreads(size_t asked_for) {
  // Two at least, so that one long search does not stop the short ones.
  return asked_for != 0 ? asked_for : std::max<size_t>(2, std::thread::hardware_concurrency());
}

}  // namespace

RequestDispatcher::RequestDispatcher(const Options& options) : admission_(options.admission) {
  const std::array<size_t, kLaneCount> threads = {
      ReadThreads(options.read_threads), options.write_threads, options.administration_threads};
  for (size_t i = 0; i < kLaneCount; ++i) {
    // Admission bounds the queue; the pool's own bound only has to be no smaller.
    pools_[i] = std::make_unique<engine::WorkerPool>(
        engine::WorkerPool::Options{.name = std::string(LaneName(static_cast<Lane>(i))) + " pool",
                                    .threads = threads[i],
                                    .queue_max = options.admission.in_flight_max[i]});
  }
}

absl::Status RequestDispatcher::Submit(Lane lane, uint64_t bytes,
                                       absl::AnyInvocable<void() &&> work) {
  PERIGEE_ASSIGN_OR_RETURN(AdmissionController::Ticket ticket, admission_.Admit(lane, bytes));
  return pools_[static_cast<size_t>(lane)]->Submit(
      [ticket = std::move(ticket), work = std::move(work)]() mutable {
        // The ticket outlives the work, also when the work throws.
        const AdmissionController::Ticket held = std::move(ticket);
        std::move(work)();
      });
}

}  // namespace perigee::server
