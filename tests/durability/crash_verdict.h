// SPDX-License-Identifier: Apache-2.0
//
// CrashVerdict: judges disks that crashes left, and counts. A disk is opened, compared with its
// promise, written to, stopped once more in one of four ways, and opened again.
//
// Invariants:
//  1. The measure is the promise alone, never what happens to be stored (promises 1, 2, 3, 5).
//  2. The recovery invariants of storage.md 9 that can be seen from outside hold: I3, I5 and I6 by
//     the open itself, I4 by reading everything, I9, I10, I11.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/durability/crash_script.h"

namespace perigee::engine {

struct CrashCounts {
  uint64_t states = 0;
  uint64_t lost = 0;         ///< something acknowledged is missing
  uint64_t resurrected = 0;  ///< something is there that was deleted, or never written
  uint64_t holes = 0;        ///< an operation is there in part, or one that was seen is not
  uint64_t refusals = 0;     ///< the directory does not open

  uint64_t wrong() const { return lost + resurrected + holes + refusals; }
  /// "n crash states, 0 lost, 0 resurrected, 0 holes, 0 refusals".
  std::string ToString() const;
};

class CrashVerdict {
 public:
  explicit CrashVerdict(const EngineTuning& tuning) : tuning_(tuning) {}

  /// Uses `disk` up. `mix` chooses how it is stopped the second time; `name` is the state's.
  void Judge(storage::SimulatedFileSystem& disk, const CrashPromise& promise, uint64_t mix,
             const std::string& name);
  const CrashCounts& counts() const { return counts_; }

 private:
  enum class SecondStop { kClose, kPowerCut, kPowerCutUnwritten, kKill };

  std::shared_ptr<DatabaseCore> Open(storage::SimulatedFileSystem& disk, uint32_t threads = 0);
  void Compare(const World& found, const CrashPromise& promise);
  void CheckSnapshots(storage::SimulatedFileSystem& disk, const CrashPromise& promise);
  void CheckInvariants(const DatabaseCore& database, const World& found) const;
  void StopAndOpenAgain(storage::SimulatedFileSystem& disk, std::shared_ptr<DatabaseCore> database,
                        SecondStop how, const World& expected);
  void CheckReopenChangesNothing(storage::SimulatedFileSystem& disk);

  const EngineTuning tuning_;
  CrashCounts counts_;
};

}  // namespace perigee::engine
