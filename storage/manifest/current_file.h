// SPDX-License-Identifier: Apache-2.0
//
// CURRENT: four lines of text that say which MANIFEST-<n> is in use, of which database, and a CRC
// (docs/formats/manifest_format.md). It is replaced as a whole, never changed.
//
// Invariants: DecodeCurrentFile accepts exactly what EncodeCurrentFile writes.
// Thread-safety: plain values and functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"

namespace perigee::storage {

inline constexpr size_t kCurrentFileBytesMax = 256;

struct CurrentFile {
  uint64_t manifest_number = 0;
  Uuid database_uuid = {};
  Uuid manifest_uuid = {};  ///< the file's own: a MANIFEST-<n> of another copy is recognised

  friend bool operator==(const CurrentFile&, const CurrentFile&) = default;
};

std::string EncodeCurrentFile(const CurrentFile& current);
/// kDataLoss when the text is not exactly that of an encoder.
absl::StatusOr<CurrentFile> DecodeCurrentFile(std::string_view text);

}  // namespace perigee::storage
