// SPDX-License-Identifier: Apache-2.0
//
// Every name in a data directory, made and parsed in this one place (F11). Names are relative to
// the directory, with '/' between parts: "CURRENT", "wal/0000000000000042.wal", "seg/<uuid>". The
// table is docs/formats/layout.md.
//
// Invariants:
//  1. A name has one spelling: ParseFileName(n) succeeds only if making the name again from the
//     parsed parts yields n, byte for byte.
//  2. No name holds "..", a leading '/', or anything that a client sent (S6).
//
// Thread-safety: functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/encoding/uuid.h"

namespace perigee::storage {

inline constexpr std::string_view kIdentityName = "IDENTITY";
inline constexpr std::string_view kLockName = "LOCK";
inline constexpr std::string_view kCurrentName = "CURRENT";
/// The list of a snapshot's files (docs/formats/snapshot_format.md); a database has none.
inline constexpr std::string_view kSnapshotListName = "SNAPSHOT";
/// What of the segments was verified when (docs/formats/scrub_format.md); may go at any time.
inline constexpr std::string_view kScrubRecordName = "SCRUB";
/// Blocks kept for a full disk (space_reserve.h); may go at any time.
inline constexpr std::string_view kReserveName = "RESERVE";
/// Opens that have not ended well (open_attempts.h); may go at any time.
inline constexpr std::string_view kOpenAttemptsName = "OPENING";
/// There while a directory is being initialised (data_directory.h, invariant 2).
inline constexpr std::string_view kInitialisingName = "tmp/INITIALISING";

inline constexpr std::string_view kLogDirectory = "wal";
inline constexpr std::string_view kSegmentDirectory = "seg";
inline constexpr std::string_view kDeletionDirectory = "del";
inline constexpr std::string_view kCodebookDirectory = "book";
inline constexpr std::string_view kTemporaryDirectory = "tmp";
inline constexpr std::string_view kQuarantineDirectory = "quarantine";

/// All directories below the data directory, in the order in which they are made.
inline constexpr std::array<std::string_view, 6> kDirectories = {
    kTemporaryDirectory, kLogDirectory,      kSegmentDirectory,
    kDeletionDirectory,  kCodebookDirectory, kQuarantineDirectory};

enum class FileKind {
  kIdentity,
  kLock,
  kCurrent,
  kSnapshotList,
  kScrubRecord,
  kReserve,
  kOpenAttempts,
  kManifest,   ///< FileName::number
  kLog,        ///< FileName::number
  kSegment,    ///< FileName::uuid
  kDeletion,   ///< FileName::uuid
  kCodebook,   ///< FileName::uuid
  kTemporary,  ///< the unfinished form of any of the above, or the marker, in tmp/
};

struct FileName {
  FileKind kind = FileKind::kIdentity;
  uint64_t number = 0;
  Uuid uuid = {};
};

/// "MANIFEST-000007".
std::string ManifestName(uint64_t number);
/// "wal/0000000000000042.wal".
std::string LogName(uint64_t number);
/// "seg/<uuid>".
std::string SegmentName(const Uuid& uuid);
/// "del/<uuid>".
std::string DeletionName(const Uuid& uuid);
/// "book/<uuid>".
std::string CodebookName(const Uuid& uuid);
/// Where the file `final_name` is written before it is published: "tmp/seg-<uuid>". Requires: a
/// name made by this header, not itself temporary.
std::string TemporaryName(std::string_view final_name);

/// The directory in which `path`, which may end with slashes, has its name.
std::string ParentOf(std::string_view path);

/// The parts of `name`, or nothing when it is not exactly a name of ours.
std::optional<FileName> ParseFileName(std::string_view name);

}  // namespace perigee::storage
