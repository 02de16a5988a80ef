// SPDX-License-Identifier: Apache-2.0
//
// How edits stand in a file MANIFEST-<n> (docs/formats/manifest_format.md): a header block, then
// records, each beginning on a block of its own: a checkpoint, edits, and after each of them a
// mark, written once the record before it is durable (and, of the checkpoint, the file's name and
// CURRENT). ScanManifest finds in the bytes of a file
// which records hold and whether what follows them is a torn tail or damage.
//
// Invariants:
//  1. A record holds iff its header's CRC, salt and offset, its content hash and its padding are
//     right. Bytes of another file, or of this one at another place, are never taken for a record.
//  2. Anything behind a record proves that it was durable, since the mark is written only then. So
//     a bad record with anything behind its extent is damage; otherwise it is a torn tail.
//
// Thread-safety: plain values and functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/segment/segment_format.h"

namespace perigee::storage {

inline constexpr uint64_t kManifestMagic = 0x314E'414D'4752'4550;  // "PERGMAN1"
inline constexpr uint32_t kManifestFormatVersion = 1;
/// Records start at multiples of this: a torn write of one never reaches into another.
inline constexpr size_t kManifestBlockBytes = 4096;
inline constexpr size_t kManifestRecordHeaderBytes = 64;
/// A file is read as a whole, and rolled over long before this.
inline constexpr uint64_t kManifestFileBytesMax = uint64_t{64} * 1024 * 1024;

struct ManifestFileHeader {
  uint32_t format_version = kManifestFormatVersion;
  FeatureMasks features = {};
  Uuid database_uuid = {};
  Uuid file_uuid = {};
  uint64_t number = 0;
  uint64_t previous_number = 0;  ///< the file before, which is kept; 0: none

  friend bool operator==(const ManifestFileHeader&, const ManifestFileHeader&) = default;
};

/// Exactly kManifestBlockBytes.
std::string EncodeManifestFileHeader(const ManifestFileHeader& header);
/// kDataLoss when damaged, kUnknownFormat when it needs a newer version.
absl::StatusOr<ManifestFileHeader> DecodeManifestFileHeader(std::span<const std::byte> block);

enum class ManifestRecordType : uint16_t {
  kEdit = 1,        ///< an encoded ManifestEdit
  kCheckpoint = 2,  ///< the same, holding the whole state; first of its file
  kMark = 3,        ///< empty: the record before is durable
};

/// Where a record stands and what it is of.
struct ManifestRecord {
  ManifestRecordType type = ManifestRecordType::kEdit;
  uint64_t version = 0;
  ContentHash hash{};  ///< of the payload; of a mark: that of the record it marks
  uint64_t offset = 0;
  std::span<const std::byte> payload = {};
};

/// The record's bytes for the offset it names, padded to whole blocks.
std::string EncodeManifestRecord(const Uuid& file_uuid, const ManifestRecord& record);
/// Bytes of the record in the file.
uint64_t ManifestRecordExtent(uint64_t payload_bytes);

struct ManifestScan {
  ManifestFileHeader header = {};
  /// The checkpoint and the edits that hold, in order; payloads point into the scanned bytes.
  std::vector<ManifestRecord> records = {};
  uint64_t end_offset = 0;   ///< behind the last record or mark that holds
  bool clean = false;        ///< the file ends right there, with a mark: it may be appended to
  bool last_durable = true;  ///< something stands behind the last record
};

/// Judges a whole file. `file` goes into messages. kDataLoss naming the offset when something that
/// was durable is damaged; a torn tail is no error, it is left out.
absl::StatusOr<ManifestScan> ScanManifest(std::span<const std::byte> bytes, std::string_view file);

}  // namespace perigee::storage
