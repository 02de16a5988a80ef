// SPDX-License-Identifier: Apache-2.0
//
// ReadFully, ReadBatchFully and WriteFully: reads and writes of whole ranges out of calls that the
// kernel may cut short or interrupt (U6). The call itself is a parameter: pread, io_uring, or a
// test's fake.
//
// Invariants:
//  1. EINTR and EAGAIN repeat the same call; a short count continues behind it.
//  2. For direct files each call starts at a multiple of the alignment: a short read that ends
//     elsewhere is the end of the file, a short write is continued from the multiple below.
//  3. A write that makes no progress is an error (EIO), never an endless loop.
//
// Thread-safety: functions without state.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "storage/io/file_system.h"

namespace perigee::storage {

/// Transfers up to the span's size at an offset; returns the count or a negative errno value (U2).
using ReadCall = std::function<ssize_t(uint64_t offset, std::span<std::byte> buffer)>;
using WriteCall = std::function<ssize_t(uint64_t offset, std::span<const std::byte> bytes)>;

/// Bytes read (fewer than asked only at the end of the file), or a negative errno value.
ssize_t ReadFully(const ReadCall& call, uint64_t offset, std::span<std::byte> buffer,
                  size_t alignment);

/// 0 when all of `bytes` are written, or a negative errno value.
int WriteFully(const WriteCall& call, uint64_t offset, std::span<const std::byte> bytes,
               size_t alignment);

/// A part of a batch: filled from `offset`, with a count or a negative errno value as result.
struct ReadPart {
  uint64_t offset = 0;
  std::span<std::byte> buffer;
  ssize_t result = 0;
};
/// Transfers all parts and sets their results.
using ReadBatchCall = std::function<void(std::span<ReadPart> parts)>;

/// 0 when all of `requests` are read and their bytes_read set, or a negative errno value.
int ReadBatchFully(const ReadBatchCall& call, std::span<ReadRequest> requests, size_t alignment);

}  // namespace perigee::storage
