// SPDX-License-Identifier: Apache-2.0
//
// AllocationFailure: makes an allocation of the calling thread fail. The binary that links it has
// operator new replaced by one that counts.
//
// Invariants: only while an object lives, on its thread, and not while a SparedAllocations lives.
// Thread-safety: each thread counts for itself.
#pragma once

#include <cstdint>

namespace perigee::tests {

class AllocationFailure {
 public:
  /// `length` allocations fail from the n-th from now on, counted from 1; 0 counts only.
  explicit AllocationFailure(uint64_t number, uint64_t length = 1);
  ~AllocationFailure();
  AllocationFailure(const AllocationFailure&) = delete;
  AllocationFailure& operator=(const AllocationFailure&) = delete;

  uint64_t count() const;
};

/// Allocations of the test's own parts, which never fail.
class SparedAllocations {
 public:
  SparedAllocations();
  ~SparedAllocations();
  SparedAllocations(const SparedAllocations&) = delete;
  SparedAllocations& operator=(const SparedAllocations&) = delete;
};

}  // namespace perigee::tests
