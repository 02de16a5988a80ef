// SPDX-License-Identifier: Apache-2.0
//
// DamageSample: a small database on a simulated disk that a test damages, with everything that the
// undamaged one answers, and every state that it went through.
//
// Invariants:
//  1. `disk` is at rest: what it holds is durable, nobody has it open.
//  2. history and published hold a reading for each acknowledged step, oldest first, the last one
//     being that of `disk`.
//
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/durability/damage_reading.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {

struct DamageSample {
  std::unique_ptr<storage::SimulatedFileSystem> disk;
  EngineTuning tuning;
  /// Answers for writers after each step, and for a read-only open after each step.
  std::vector<DatabaseReading> history;
  std::vector<DatabaseReading> published;
  /// The disk as a power cut would have left it after each step.
  std::vector<std::shared_ptr<storage::SimulatedFileSystem>> disks;

  const DatabaseReading& expected() const { return history.back(); }
  /// Before the last write, which an unmarked last group of the log may lose.
  const DatabaseReading& without_last() const { return history[history.size() - 2]; }
  /// The last step that changed the manifest: it knows of everything up to there.
  size_t last_published_step() const;
};

/// How the database came to its end.
enum class SampleEnd {
  kClosed,  ///< a clean-close mark ends the log
  kKilled,  ///< the last write is the last group of the log, without a mark
};

/// One collection, two segments with deletions, a few writes in one log file.
DamageSample MakeSmallSample(SampleEnd end);
/// Two collections, graphs, f16, deletions, several epochs and log files, a manifest that went on
/// in a new file, a compaction and a bulk load.
DamageSample MakeLargeSample(SampleEnd end);

/// A fresh copy of a disk at rest.
std::unique_ptr<storage::SimulatedFileSystem> CopyOf(const storage::SimulatedFileSystem& disk);

}  // namespace perigee::engine
