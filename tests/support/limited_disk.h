// SPDX-License-Identifier: Apache-2.0
//
// LimitedDisk: a real file system of a size of its own (a tmpfs that only this process and its
// children see), so that a full disk is a real one.
//
// Invariants: the mount goes with the object. Where mounting is not allowed, mounted() is false and
// the test says that it was skipped.
// Thread-safety: make it before the process has threads that are to see it.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/temporary_directory.h"

namespace perigee::tests {

class LimitedDisk {
 public:
  explicit LimitedDisk(uint64_t bytes);
  ~LimitedDisk();
  LimitedDisk(const LimitedDisk&) = delete;
  LimitedDisk& operator=(const LimitedDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& path() const { return directory_.path(); }
  /// Takes all of the disk that is free; another filler takes what came free meanwhile.
  void Fill();
  /// Gives back what Fill took.
  void Free();

 private:
  storage::TemporaryDirectory directory_;
  bool mounted_ = false;
  int fillers_ = 0;
};

}  // namespace perigee::tests
