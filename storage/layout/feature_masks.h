// SPDX-License-Identifier: Apache-2.0
//
// FeatureMasks: what a file asks of its reader beyond the format version (F6), one registry of bits
// for all files of a database (docs/formats/segment_format.md). Unknown compat bits are ignored,
// unknown ro_compat bits allow reading only, unknown incompat bits refuse.
//
// Invariants: a refusal names each bit it is about, by its feature's name where it has one, and
// says which version knows it.
// Thread-safety: values and functions without state.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace perigee::storage {

struct FeatureMasks {
  uint64_t compat = 0;
  uint64_t ro_compat = 0;
  uint64_t incompat = 0;

  friend bool operator==(const FeatureMasks&, const FeatureMasks&) = default;
};

/// Features that have a name; no version knows them yet.
inline constexpr uint64_t kIncompatEncryption = 1;  ///< reserved: pages are AES-256-GCM
inline constexpr uint64_t kIncompatCodebook = 2;    ///< reserved: codec outside the file (N18)
/// What this version knows.
inline constexpr uint64_t kIncompatKnown = 0;
inline constexpr uint64_t kRoCompatKnown = 0;

/// Whether the file may be read and not written.
inline bool HasUnknownRoCompat(const FeatureMasks& masks) {
  return (masks.ro_compat & ~kRoCompatKnown) != 0;
}

/// kUnimplemented (kUnknownFormat) naming `file` and the features when `masks` has incompat bits
/// that this version does not know.
absl::Status CheckIncompatFeatures(const FeatureMasks& masks, std::string_view file);
/// The same for ro_compat bits: for those who would write the file or what belongs to it.
absl::Status CheckRoCompatFeatures(const FeatureMasks& masks, std::string_view file);

}  // namespace perigee::storage
