// SPDX-License-Identifier: Apache-2.0
//
// Databases for tests of perigee-inspect, made through the public API: small files, every kind of
// content that the formats know, in every state that a directory can be left in.
//
// Invariants: each function REQUIREs its success and leaves a directory that nobody has open.
// Thread-safety: one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "perigee/database.h"

namespace perigee::tests {

struct DatabaseKind {
  std::string name;
  /// Makes the database in the missing directory `path`.
  std::function<void(const std::string& path)> make;
};

/// Small files, no maintenance thread.
OpenOptions SmallFiles();
std::unique_ptr<Database> OpenSmall(const std::string& path);
/// Points first to first + count - 1 of `collection`, whose content says `value`.
void UpsertRange(Database& database, std::string_view collection, uint64_t first, uint64_t count,
                 int64_t value);
void DeleteRange(Database& database, std::string_view collection, uint64_t first, uint64_t count);
/// One unnamed f32 vector under l2, and a second, "b", f16 under cosine, that every third lacks.
CollectionSchema TwoVectors();

/// Never used, clean, killed, sealed with deletions, compacted, bulk-loaded, and several
/// collections of which some are dropped.
const std::vector<DatabaseKind>& DatabaseKinds();
void MakeDatabase(std::string_view kind, const std::string& path);

/// Names of all regular files below `path` but LOCK, relative to it, sorted.
std::vector<std::string> FilesOf(const std::string& path);
std::string ReadBytes(const std::string& path);
void WriteBytes(const std::string& path, std::string_view bytes);
void CopyDirectory(const std::string& from, const std::string& to);

}  // namespace perigee::tests
