// SPDX-License-Identifier: Apache-2.0
//
// DatabaseReading: everything a database answers, as text that can be compared: per collection all
// rows by scroll, get and count, an exact and an approximate query per vector, a filtered query,
// bits of vectors and distances included.
//
// Invariants: two readings are equal exactly if no caller could tell the databases apart (but for
// epoch, sizes and state).
// Thread-safety: functions without state.
#pragma once

#include <map>
#include <string>

#include "engine/database/database_core.h"

namespace perigee::engine {

struct CollectionReading {
  /// Ok when every call answered; else why all of them failed.
  absl::Status status = {};
  /// Some calls failed and others answered, or a partial answer did not say so: never right.
  std::string contradiction = {};
  std::string rows = {};     ///< all points, counts and filtered answers
  std::string nearest = {};  ///< hits of queries that may use a graph
  std::string exact = {};    ///< hits of the same queries, exact
  std::string state = {};    ///< CollectionDescription::state
};

using DatabaseReading = std::map<std::string, CollectionReading>;

/// Reads every collection of the database.
DatabaseReading ReadEverything(const DatabaseCore& database);

/// Whether `reading` answers what `expected` does. A query through a graph may also be answered by
/// the exact scan.
bool SameAnswers(const CollectionReading& reading, const CollectionReading& expected);
bool SameAnswers(const DatabaseReading& reading, const DatabaseReading& expected);

}  // namespace perigee::engine
