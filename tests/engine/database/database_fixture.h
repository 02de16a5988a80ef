// SPDX-License-Identifier: Apache-2.0
//
// What tests of the database share: a database on a simulated disk with small sizes, short calls to
// write and read it, and its whole content as a map that can be compared.
//
// Invariants: helpers REQUIRE their success, except those that return a status.
// Thread-safety: like the database itself.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/database/database_core.h"
#include "perigee/options.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

inline constexpr std::string_view kTestDirectory = "/db";

/// Sizes so small that a few hundred rows meet every part of the engine. No threads of their own:
/// tests decide when something happens.
EngineTuning SmallTuning();
OpenOptions SmallOptions();

/// A collection with one unnamed vector of two dimensions, under l2.
CollectionSchema PlaneSchema();
/// Point `id` whose vector and payload say `value`, so that versions can be told apart.
Point PlanePoint(uint64_t id, int64_t value);
UpsertRequest PlaneUpsert(uint64_t first_id, uint64_t count, int64_t value);

absl::StatusOr<std::shared_ptr<DatabaseCore>> OpenOn(storage::FileSystem& disk,
                                                     const OpenOptions& options = SmallOptions(),
                                                     const EngineTuning& tuning = SmallTuning());
std::shared_ptr<DatabaseCore> MustOpen(storage::FileSystem& disk,
                                       const OpenOptions& options = SmallOptions(),
                                       const EngineTuning& tuning = SmallTuning());
std::shared_ptr<CollectionCore> MustCreate(DatabaseCore& database, std::string_view name);
std::shared_ptr<CollectionCore> MustFind(const DatabaseCore& database, std::string_view name);

/// All points: id to value. Checks on the way that get, scroll, count and an exact query agree,
/// that vectors and payloads belong together, and that no id comes twice.
std::map<uint64_t, int64_t> Content(const CollectionCore& collection);

}  // namespace perigee::engine
