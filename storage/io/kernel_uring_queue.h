// SPDX-License-Identifier: Apache-2.0
//
// KernelUringQueue: an io_uring of the kernel. The only unit that sees liburing.
//
// Invariants:
//  1. The ring starts disabled, is restricted to READ, WRITE, FSYNC and NOP, and is used only after
//     it has been seen to refuse another operation; a kernel without restrictions runs
//     unrestricted, and is_restricted says so (U12).
//  2. Both queues hold more than UringRing::kDepth entries, and the kernel promises to drop no
//     completion (FEAT_NODROP); where it does not, there is no ring (U1, U3).
//  3. The mappings are kept from children (U11).
//
// Thread-safety: as UringQueue.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "storage/io/uring_queue.h"

namespace perigee::storage {

/// kPermissionDenied, kUnavailable or kResourceExhausted with the kernel's reason, kUnimplemented
/// when it lacks what we need.
absl::StatusOr<std::unique_ptr<UringQueue>> MakeKernelUringQueue();

}  // namespace perigee::storage
