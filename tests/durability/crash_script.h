// SPDX-License-Identifier: Apache-2.0
//
// CrashScript: a workload that knows at every moment what a crash must leave. It runs operations
// one after another; when one fails because the power is off, it stops there.
//
// Invariants: acknowledged() is what the operations that returned ok add up to; attempted() has the
// one that failed in addition. After a crash the database must hold exactly one of the two (no
// acknowledged write lost, nothing half done, nothing resurrected).
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {

/// Collections and their points.
using World = std::map<std::string, std::map<uint64_t, int64_t>>;

World ReadWorld(const DatabaseCore& database);

class CrashScript {
 public:
  CrashScript(storage::FileSystem& disk, const EngineTuning& tuning)
      : disk_(disk), tuning_(tuning) {}

  CrashScript& Open();
  CrashScript& Close();
  CrashScript& Create(const std::string& collection);
  CrashScript& Drop(const std::string& collection);
  CrashScript& Upsert(const std::string& collection, uint64_t first, uint64_t count, int64_t value);
  CrashScript& Delete(const std::string& collection, uint64_t first, uint64_t count);
  CrashScript& Flush(const std::string& collection);
  CrashScript& Optimize(const std::string& collection);
  CrashScript& Load(const std::string& collection, uint64_t first, uint64_t count, int64_t value);

  const World& acknowledged() const { return acknowledged_; }
  const World& attempted() const { return attempted_; }
  /// False once an operation has failed.
  bool running() const { return running_; }

 private:
  CrashScript& Run(const std::function<absl::Status()>& operation, const World& outcome);

  storage::FileSystem& disk_;
  const EngineTuning tuning_;
  std::shared_ptr<DatabaseCore> database_;
  World acknowledged_;
  World attempted_;
  bool running_ = true;
};

}  // namespace perigee::engine
