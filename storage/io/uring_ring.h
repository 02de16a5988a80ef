// SPDX-License-Identifier: Apache-2.0
//
// UringRing: a thread's io_uring. It submits reads, writes and flushes and waits for all of them;
// the only unit that sees liburing.
//
// Invariants:
//  1. A ring is used by the thread that made it, and by no child of a fork (U3, U11).
//  2. Run returns only when every operation that the kernel accepted has completed, whatever
//     failed, so buffers and descriptors may go when it returns (U7).
//  3. At most kDepth operations are in flight: fewer than either queue holds, so the completion
//     queue cannot overflow (U3). Operations of one Run may complete in any order, so what must
//     come after something else goes into a later Run (U4, U5).
//  4. A result is a byte count or a negative errno value, as the kernel gave it; errno is not
//     looked at (U2). Short counts are the caller's to continue (U6).
//
// Thread-safety: none; OfThisThread gives each thread its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::storage {

struct UringOperation {
  enum class Kind { kRead, kWrite, kDataSync };

  Kind kind = Kind::kRead;
  int descriptor = -1;
  uint64_t offset = 0;
  std::byte* buffer = nullptr;  ///< not written to by kWrite
  size_t length = 0;            ///< at most kLengthMax; the kernel moves no more at once
  int32_t result = 0;           ///< set by Run
};

class UringRing {
 public:
  static constexpr unsigned kDepth = 64;
  static constexpr size_t kLengthMax = size_t{1} << 30U;

  /// A ring for the calling thread. kUnavailable, kPermissionDenied or kResourceExhausted with the
  /// kernel's reason, or kUnimplemented when the kernel lacks what we need.
  static absl::StatusOr<std::unique_ptr<UringRing>> Create();

  /// The ring of the calling thread, made at first use and given back when the thread ends; nullptr
  /// when the kernel refuses one, and in a child made by fork.
  static UringRing* OfThisThread();

  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  /// Runs all operations, in any order, and sets their results.
  void Run(std::span<UringOperation> operations);
  void Run(UringOperation& operation) { Run(std::span(&operation, 1)); }

  /// Whether the kernel holds the ring to our operations (U12).
  bool is_restricted() const;

 private:
  struct Ring;  // keeps liburing out of this header

  explicit UringRing(std::unique_ptr<Ring> ring);

  void RunSome(std::span<UringOperation> operations);
  size_t Collect(std::span<UringOperation> operations);

  std::unique_ptr<Ring> ring_;
  uint64_t fork_generation_;
};

}  // namespace perigee::storage
