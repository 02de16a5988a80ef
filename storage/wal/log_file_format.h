// SPDX-License-Identifier: Apache-2.0
//
// What a log file has around its groups: one header block, and per group an extent of whole 4 KiB
// blocks that ends in a block trailer. The bytes are defined in docs/formats/wal_format.md.
//
//   header block | group, zeros, trailer | group, zeros, trailer | zeros to the end of the file
//
// Invariants:
//  1. Every byte of the header block and of an extent is covered by a checksum or must be zero.
//  2. A trailer names the file (salt), the place (offset) and the group (slot, length, checksum),
//     so bytes of another file, another place or another time are never taken for a group.
//
// Thread-safety: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/wal/log_group.h"

namespace perigee::storage {

inline constexpr size_t kLogBlockBytes = 4096;
inline constexpr size_t kBlockTrailerBytes = 64;

struct LogFileHeader {
  Uuid database_uuid;
  uint64_t number = 0;
  uint64_t file_bytes = 0;          ///< size of the file, fixed before it got its name
  uint64_t salt = 0;                ///< random; repeated in every trailer
  uint64_t epoch = 0;               ///< of the open that made the file
  uint64_t predecessor_number = 0;  ///< 0: none
  /// Where the first group starts and, with it, where the predecessor ends: what stands there from
  /// this slot on is not part of the log.
  LogPosition start;
  uint32_t chain = 0;        ///< the predecessor's chain up to `start`
  uint64_t durable_lsn = 0;  ///< known to be flushed when the file got its name
};

/// Exactly one block.
std::string EncodeLogFileHeader(const LogFileHeader& header);
/// kDataLoss when the block is not valid; kUnimplemented when it has a later version or a feature
/// that this program does not know.
absl::StatusOr<LogFileHeader> DecodeLogFileHeader(std::span<const std::byte> block);

struct BlockTrailer {
  uint64_t salt = 0;
  uint64_t durable_lsn = 0;  ///< highest LSN known to be flushed when the group was written
  uint64_t slot = 0;
  uint64_t file_offset = 0;  ///< where the group starts in the file
  uint32_t group_length = 0;
  uint32_t group_crc = 0;      ///< LogGroup::crc()
  uint32_t chain = 0;          ///< NextChain of the chain before and group_crc
  bool reserved_used = false;  ///< of a later version: a byte that this one keeps zero is not
};

/// Reserved bytes are zero.
std::string EncodeBlockTrailer(const BlockTrailer& trailer);
/// kDataLoss unless `bytes` are a trailer of this or a later version.
absl::StatusOr<BlockTrailer> DecodeBlockTrailer(std::span<const std::byte> bytes);

/// The chain after a group with `group_crc` that follows `chain`.
uint32_t NextChain(uint32_t chain, uint32_t group_crc);

/// Bytes of the extent of a group of `group_length` bytes.
constexpr uint64_t ExtentBytes(uint64_t group_length) {
  return (group_length + kBlockTrailerBytes + kLogBlockBytes - 1) / kLogBlockBytes * kLogBlockBytes;
}

/// Fills `extent`, which has ExtentBytes of the group, with the group, zeros and a trailer whose
/// slot, length, checksum and chain (following `chain`) are the group's. Returns the new chain.
struct ExtentPlace {
  uint64_t salt = 0;
  uint64_t file_offset = 0;
  uint64_t durable_lsn = 0;
  uint32_t chain = 0;  ///< before this group
};
uint32_t EncodeExtent(const LogGroup& group, const ExtentPlace& place, std::span<std::byte> extent);

}  // namespace perigee::storage
