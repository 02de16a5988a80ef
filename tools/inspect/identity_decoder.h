// SPDX-License-Identifier: Apache-2.0
//
// Decodes IDENTITY and CURRENT after docs/formats/layout.md and manifest_format.md.
//
// Invariants: a value is returned exactly if the bytes are valid; otherwise at least one finding
// says why not.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

struct Identity {
  uint32_t version = 0;
  uint64_t compat = 0;
  uint64_t ro_compat = 0;
  uint64_t incompat = 0;
  Uuid database = {};
  uint64_t log_file_bytes = 0;
  uint64_t reserve_bytes = 0;
  uint32_t section_alignment = 0;
  uint64_t bucket_seed = 0;
};

struct Current {
  std::string manifest_name = {};
  uint64_t manifest_number = 0;
  Uuid database = {};
  Uuid manifest_file = {};
};

inline constexpr uint64_t kIdentityBytes = 128;
inline constexpr uint64_t kCurrentBytesMax = 4096;

std::optional<Identity> DecodeIdentity(std::string_view bytes, FileFindings& findings);
std::optional<Current> DecodeCurrent(std::string_view text, FileFindings& findings);

/// Adds a finding and returns false when `incompat` has a bit that format 1 does not know;
/// unknown ro_compat bits are a notice.
bool CheckFeatures(uint64_t ro_compat, uint64_t incompat, FileFindings& findings);

/// The n of "MANIFEST-<n>" and "wal/<n>.wal" (without folder and suffix), which have one spelling:
/// decimal, at least `digits_min` digits, no more than needed.
std::optional<uint64_t> ParseFileNumber(std::string_view digits, size_t digits_min);
std::optional<uint64_t> ParseManifestName(std::string_view name);
std::string ManifestNameOf(uint64_t number);

}  // namespace perigee::tools::inspect
