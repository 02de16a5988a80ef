// SPDX-License-Identifier: Apache-2.0
//
// Decodes the frame of a manifest file after docs/formats/manifest_format.md: header block, records
// on blocks of their own, marks, and the verdict on where the file ends.
//
// Invariants: records are those that hold and follow each other, in order, without the marks; the
// first is the checkpoint. An end of kDamaged comes with a finding.
// Thread-safety: functions without state; the content refers to the bytes it was decoded from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tools/inspect/checksum.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

inline constexpr uint64_t kManifestBlock = 4096;
inline constexpr uint64_t kManifestPayloadMax = uint64_t{8} << 20U;
/// Checkpoint, 4 MiB or 1,000 edits, one more edit, a mark each: no manifest is larger.
inline constexpr uint64_t kManifestFileMax = uint64_t{64} << 20U;

struct ManifestHeader {
  uint64_t ro_compat = 0;
  uint64_t incompat = 0;
  Uuid database = {};
  Uuid file = {};
  uint64_t number = 0;
  uint64_t previous = 0;
};

enum class ManifestRecordKind : uint16_t { kEdit = 1, kCheckpoint = 2, kMark = 3 };

struct ManifestRecord {
  uint64_t offset = 0;
  uint64_t version = 0;
  ManifestRecordKind kind = ManifestRecordKind::kEdit;
  Hash hash = {};
  std::string_view payload = {};
  bool marked = false;
};

enum class ManifestEnd {
  kClean,     ///< behind a mark, nothing follows
  kUnmarked,  ///< the last record is whole but has no mark
  kTorn,      ///< an unfinished record follows, which was never acknowledged
  kDamaged,   ///< a record that was acknowledged does not hold
};

struct ManifestContent {
  ManifestHeader header = {};
  std::vector<ManifestRecord> records = {};
  ManifestEnd end = ManifestEnd::kDamaged;
  uint64_t end_offset = 0;  ///< where no further record holds
};

std::string_view ManifestEndName(ManifestEnd end);

/// Nothing when not even the header can be read. `bytes` is the whole file and outlives the result.
std::optional<ManifestContent> DecodeManifest(std::string_view bytes, FileFindings& findings);

}  // namespace perigee::tools::inspect
