// SPDX-License-Identifier: Apache-2.0
//
// FrameGuard: decides from a frame's header alone whether the frame may be read at all, before
// Cap'n Proto sees a byte of it (K1, K2, K11). Its reader stores beyond a zero-sized block when the
// first word is 0xFFFFFFFF (M1) and allocates what a header promises before any of it arrived (M2).
//
// Invariants:
//  1. A frame has 1 to segments_max segments; the sum of their sizes, in 64-bit arithmetic, is at
//     most message_bytes_max; otherwise nothing is allocated for it.
//  2. The header is little-endian: u32 segments - 1, u32 words per segment, padded to 8 bytes
//     (docs/formats/wire.md).
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee::wire {

/// What one side of a connection accepts. The defaults are those after authentication.
struct FrameLimits {
  uint32_t segments_max = 64;
  uint64_t message_bytes_max = 64ULL << 20U;
};

/// Before authentication (K2).
inline constexpr FrameLimits kUnauthenticatedLimits = {.segments_max = 4,
                                                       .message_bytes_max = 16ULL << 10U};
inline constexpr FrameLimits kAuthenticatedLimits = {};

/// Bytes of the first read: the segment count and the first segment's size.
inline constexpr size_t kFramePrefixBytes = 8;

class FrameGuard {
 public:
  /// Bytes of the whole header, from its first 8 bytes; kInvalidArgument if the frame is refused.
  static absl::StatusOr<size_t> HeaderBytes(std::span<const std::byte, kFramePrefixBytes> prefix,
                                            const FrameLimits& limits);
  /// Words of each segment, from a header of HeaderBytes() bytes; kInvalidArgument if refused.
  static absl::StatusOr<std::vector<uint32_t>> SegmentWords(std::span<const std::byte> header,
                                                            const FrameLimits& limits);
};

}  // namespace perigee::wire
