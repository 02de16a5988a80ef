// SPDX-License-Identifier: Apache-2.0
//
// RequestDispatcher: the one way from a listener to the engine (S2): admits a request, then runs it
// on the threads of its lane. It knows no transport.
//
// Invariants:
//  1. Work that was accepted runs exactly once; work that was refused never.
//  2. A lane's threads are its own: writes that wait for the log do not stop searches, and flushes
//     that take minutes stop neither.
// Thread-safety: Submit may be called from every thread; the destructor finishes accepted work.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "engine/execution/worker_pool.h"
#include "server/service/admission_controller.h"

namespace perigee::server {

class RequestDispatcher {
 public:
  struct Options {
    /// Threads that search; 0: one per processor, at least two.
    size_t read_threads = 0;
    /// Threads that wait for the log: writes of one group commit come from as many of them.
    size_t write_threads = 64;
    size_t administration_threads = 2;
    AdmissionController::Options admission = {};
  };

  explicit RequestDispatcher(const Options& options);

  /// `bytes` of parameters are held until the work is done. kResourceExhausted when there is no
  /// room.
  absl::Status Submit(Lane lane, uint64_t bytes, absl::AnyInvocable<void() &&> work);

  size_t in_flight(Lane lane) const { return admission_.in_flight(lane); }

 private:
  AdmissionController admission_;
  std::array<std::unique_ptr<engine::WorkerPool>, kLaneCount> pools_;
};

}  // namespace perigee::server
