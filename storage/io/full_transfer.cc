// SPDX-License-Identifier: Apache-2.0
#include "storage/io/full_transfer.h"

#include <sched.h>

#include <cerrno>
#include <vector>

#include "storage/foundation/canary.h"
#include "storage/io/aligned_buffer.h"

namespace perigee::storage {
namespace {

bool Repeat(ssize_t result) {
  if (result == -EAGAIN) {
    sched_yield();  // the kernel is short of something: let others run before asking again
  }
  return result == -EINTR || result == -EAGAIN;
}

}  // namespace

ssize_t ReadFully(const ReadCall& call, uint64_t offset, std::span<std::byte> buffer,
                  size_t alignment) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = call(offset + done, buffer.subspan(done));
    if (Repeat(count)) {
      continue;
    }
    if (count < 0) {
      return count;
    }
    done += static_cast<size_t>(count);
    if (count == 0 || done % alignment != 0) {
      break;
    }
  }
  return static_cast<ssize_t>(done);
}

int WriteFully(const WriteCall& call, uint64_t offset, std::span<const std::byte> bytes,
               size_t alignment) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = call(offset + done, bytes.subspan(done));
    if (Repeat(count)) {
      continue;
    }
    if (count < 0) {
      return static_cast<int>(count);
    }
    const size_t reached = done + static_cast<size_t>(count);
    if (reached == bytes.size() || CanaryActive("ignore-short-write")) {
      break;
    }
    const auto next = static_cast<size_t>(AlignDown(reached, alignment));
    if (next <= done) {
      return -EIO;
    }
    done = next;
  }
  return 0;
}

int ReadBatchFully(const ReadBatchCall& call, std::span<ReadRequest> requests, size_t alignment) {
  std::vector<ReadRequest*> pending;
  for (ReadRequest& request : requests) {
    request.bytes_read = 0;
    if (!request.buffer.empty()) {
      pending.push_back(&request);
    }
  }
  std::vector<ReadPart> parts;
  while (!pending.empty()) {
    parts.clear();
    for (const ReadRequest* request : pending) {
      parts.push_back({.offset = request->offset + request->bytes_read,
                       .buffer = request->buffer.subspan(request->bytes_read)});
    }
    call(parts);
    std::vector<ReadRequest*> unfinished;
    for (size_t i = 0; i < pending.size(); ++i) {
      ReadRequest& request = *pending[i];
      if (Repeat(parts[i].result)) {
        unfinished.push_back(&request);
        continue;
      }
      if (parts[i].result < 0) {
        return static_cast<int>(parts[i].result);
      }
      request.bytes_read += static_cast<size_t>(parts[i].result);
      const bool at_end = parts[i].result == 0 || request.bytes_read % alignment != 0;
      if (!at_end && request.bytes_read < request.buffer.size()) {
        unfinished.push_back(&request);
      }
    }
    pending.swap(unfinished);
  }
  return 0;
}

}  // namespace perigee::storage
