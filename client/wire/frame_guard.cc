// SPDX-License-Identifier: Apache-2.0
#include "client/wire/frame_guard.h"

#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

constexpr uint64_t kWordBytes = 8;

uint32_t LoadU32(std::span<const std::byte> bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) {
    value |= std::to_integer<uint32_t>(bytes[offset + i]) << (8U * i);
  }
  return value;
}

absl::StatusOr<uint64_t> SegmentCount(std::span<const std::byte> header,
                                      const FrameLimits& limits) {
  // In 64 bits, so that 0xFFFFFFFF is 4,294,967,296 segments and not none (M1).
  const uint64_t count = uint64_t{LoadU32(header, 0)} + 1;
  if (count > limits.segments_max) {
    return absl::InvalidArgumentError(absl::StrCat("a frame of ", count, " segments; at most ",
                                                   limits.segments_max, " are accepted"));
  }
  return count;
}

}  // namespace

absl::StatusOr<size_t> FrameGuard::HeaderBytes(std::span<const std::byte, kFramePrefixBytes> prefix,
                                               const FrameLimits& limits) {
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t count, SegmentCount(prefix, limits));
  // One u32 for the count, one per segment, rounded up to a word.
  return static_cast<size_t>((count + 2) / 2 * kWordBytes);
}

absl::StatusOr<std::vector<uint32_t>> FrameGuard::SegmentWords(std::span<const std::byte> header,
                                                               const FrameLimits& limits) {
  PERIGEE_CHECK(header.size() >= kFramePrefixBytes);
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t count, SegmentCount(header, limits));
  PERIGEE_CHECK(header.size() >= (count + 1) * sizeof(uint32_t));
  std::vector<uint32_t> words(count);
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    words[i] = LoadU32(header, (i + 1) * sizeof(uint32_t));
    bytes += uint64_t{words[i]} * kWordBytes;
  }
  if (bytes == 0) {
    return absl::InvalidArgumentError("a frame without a word; a message has a root pointer");
  }
  if (bytes > limits.message_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat("a frame of ", bytes, " bytes; at most ",
                                                   limits.message_bytes_max, " are accepted"));
  }
  return words;
}

}  // namespace perigee::wire
