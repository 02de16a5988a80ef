// SPDX-License-Identifier: Apache-2.0
//
// CrashCampaign: runs one workload on a simulated disk, copies the disk behind every call, and
// judges what a crash there can leave, until it has seen as many states as it was asked for.
//
// Invariants:
//  1. Calls that change neither the disk nor what is promised belong to the point before them: a
//     crash behind them leaves nothing new. Two states with the same bytes, the same unsynced
//     changes and the same promise are judged once. So every state counted is one of its own.
//  2. A state is judged by CrashVerdict alone.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/durability/crash_state.h"
#include "tests/durability/crash_verdict.h"
#include "tests/durability/crash_workload.h"

namespace perigee::engine {

/// How many states of each kind are taken; all of them is 1.
struct CrashSampling {
  double first = 1;         ///< share of the states behind a first crash
  double recoveries = 0;    ///< share of those whose recovery is crashed too
  double in_recovery = 1;   ///< share of the states behind the crash of a recovery
  uint64_t states_max = 0;  ///< stop when this many have been judged
};

class CrashCampaign {
 public:
  explicit CrashCampaign(CrashWorkload workload);
  ~CrashCampaign();

  /// Goes through all crash points once; may be called with several seeds.
  void Run(uint64_t seed, const CrashSampling& sampling);
  /// Judges one state only; whether there is one of that name.
  bool RunOne(const CrashState& state);

  const CrashCounts& counts() const { return verdict_.counts(); }
  size_t points() const { return points_.size(); }

 private:
  struct Point;
  using Points = std::vector<std::unique_ptr<Point>>;

  Points RecordWorkload();
  Points RecordRecovery(const storage::SimulatedFileSystem& crashed, const CrashPromise& promise);
  void RunRecovery(const storage::SimulatedFileSystem& crashed, const CrashPromise& promise,
                   CrashState state, const CrashSampling& sampling);
  /// The point that the call belongs to.
  static const Point* Find(const Points& points, uint64_t call);
  /// The disk in `state`, or null when the same was judged before.
  std::unique_ptr<storage::SimulatedFileSystem> Fresh(const Point& point, size_t aftermath,
                                                      uint64_t mix);
  bool Done(const CrashSampling& sampling) const;

  const CrashWorkload workload_;
  CrashVerdict verdict_;
  Points points_;
  std::set<std::pair<uint64_t, uint64_t>> judged_;
};

}  // namespace perigee::engine
