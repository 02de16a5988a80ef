// SPDX-License-Identifier: Apache-2.0
//
// Identity: what a data directory is and how it was created, for good. Written once as the file
// IDENTITY at initialisation and never changed (F2); every other file repeats the database uuid.
// docs/formats/layout.md defines the bytes.
//
// Invariants:
//  1. DecodeIdentity(EncodeIdentity(i)) is i; any other length, a wrong CRC or a value outside the
//     limits below is refused.
//  2. An unknown incompat bit is refused by name; an unknown ro_compat bit only for writing (F6).
//
// Thread-safety: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/encoding/uuid.h"
#include "storage/layout/feature_masks.h"

namespace perigee::storage {

inline constexpr uint32_t kLayoutFormatVersion = 1;
inline constexpr size_t kIdentityBytes = 128;

/// Chosen when a directory is initialised, the same for its whole life.
struct CreationParameters {
  static constexpr uint64_t kLogFileBytesMin = 64ULL << 10U;
  static constexpr uint64_t kLogFileBytesMax = 1ULL << 30U;
  static constexpr uint64_t kReserveBytesMax = 1ULL << 40U;

  uint64_t log_file_bytes = 64ULL << 20U;         ///< a multiple of 4 KiB, 64 KiB to 1 GiB
  uint32_t section_alignment_bytes = 64U << 10U;  ///< 4 KiB or 64 KiB
  uint64_t reserve_bytes = 0;  ///< a multiple of 4 KiB, kept free for deletes when the disk is full

  friend bool operator==(const CreationParameters&, const CreationParameters&) = default;
};

/// The one definition; segments and manifests include this header for it.
inline constexpr uint16_t kBucketCount = 4096;

/// How an id becomes one of kBucketCount buckets (N15); see BucketOf.
enum class BucketFunction : uint32_t { kSha256 = 1 };

struct Identity {
  uint32_t format_version = kLayoutFormatVersion;
  FeatureMasks features = {};
  Uuid database_uuid = {};
  CreationParameters creation = {};
  BucketFunction bucket_function = BucketFunction::kSha256;
  uint64_t bucket_seed = 0;

  friend bool operator==(const Identity&, const Identity&) = default;
};

/// kInvalidArgument (reason limit) naming the value and its limits.
absl::Status ValidateCreationParameters(const CreationParameters& parameters);

/// A new identity with a random uuid and seed. Requires: valid parameters.
Identity NewIdentity(const CreationParameters& parameters);

/// kIdentityBytes bytes.
std::string EncodeIdentity(const Identity& identity);

/// kDataLoss (reason damaged) for damage, kUnimplemented (reason unknown_format) for a later
/// version or an unknown incompat feature.
absl::StatusOr<Identity> DecodeIdentity(std::span<const std::byte> bytes);

/// kUnimplemented when `identity` has ro_compat features that this version does not know.
absl::Status CheckWritable(const Identity& identity);

/// The bucket of an id by BucketFunction::kSha256: the first eight bytes, little-endian, of
/// SHA-256(seed as eight bytes, little-endian, then the encoded id), modulo kBucketCount.
uint32_t BucketOf(uint64_t bucket_seed, std::string_view encoded_id);

}  // namespace perigee::storage
