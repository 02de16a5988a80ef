// SPDX-License-Identifier: Apache-2.0
//
// FeatureChange: puts a feature bit of the future, or a byte where zeros are reserved, into a file
// of a database, and repairs every checksum above it, so that nothing else is strange: IDENTITY and
// log headers by themselves, segments and deletion files together with the manifest that names
// them.
//
// Invariants: the database is at rest, and none of its other bytes means anything else than before.
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

/// Which of the three masks (F6), by its offset in all headers.
enum class FeatureMask : uint64_t { kCompat = 16, kRoCompat = 24, kIncompat = 32 };

enum class MaskedFile { kIdentity, kManifest, kLog, kSegment, kDeletion };

/// A block that begins or ends a file, or a segment's directory with what follows up to the footer.
enum class FilePart { kHeader, kDirectory, kFooter };

/// Sets the byte at `offset` of a part to 1, in the one file of that kind that is in use. Returns
/// its name as SetFeature does. Requires: only segments have other parts than a header.
std::string UseReservedByte(storage::SimulatedFileSystem& disk, MaskedFile file, FilePart part,
                            uint64_t offset);

/// Sets `bit` in the mask of the one file of that kind that is in use. Returns the file's name in
/// the directory (segments and deletion files get a new one).
std::string SetFeature(storage::SimulatedFileSystem& disk, MaskedFile file, FeatureMask mask,
                       int bit);

/// Adds a section of an unknown kind with these flags to a segment. Returns the segment's name.
std::string AddUnknownSection(storage::SimulatedFileSystem& disk, uint32_t flags);

}  // namespace perigee::engine
