// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_file.h"

#include <sched.h>

#include <cerrno>
#include <vector>

#include "storage/io/errno_status.h"
#include "storage/io/full_transfer.h"
#include "storage/io/thread_ring.h"

namespace perigee::storage {
namespace {

bool ShouldRepeat(int32_t result) {
  if (result == -EAGAIN) {
    sched_yield();
  }
  return result == -EINTR || result == -EAGAIN;
}

}  // namespace

absl::StatusOr<size_t> UringFile::DoRead(uint64_t offset, std::span<std::byte> buffer,
                                         IoSite site) {
  const ThreadRing ring;
  if (!ring) {
    return PosixFile::DoRead(offset, buffer, site);
  }
  const IoWatch::Call call(watch(), "read", site);
  const ssize_t count = ReadFully(
      [this, &ring](uint64_t at, std::span<std::byte> rest) -> ssize_t {
        UringOperation operation{.kind = UringOperation::Kind::kRead,
                                 .descriptor = descriptor(),
                                 .offset = at,
                                 .buffer = rest.data(),
                                 .length = rest.size()};
        ring->Run(operation);
        return operation.result;
      },
      offset, buffer, alignment());
  if (count < 0) {
    return ErrnoStatus(static_cast<int>(-count), "read", path());
  }
  return static_cast<size_t>(count);
}

absl::Status UringFile::DoReadBatch(std::span<ReadRequest> requests, IoSite site) {
  const ThreadRing ring;
  if (!ring) {
    return PosixFile::DoReadBatch(requests, site);
  }
  const IoWatch::Call call(watch(), "read", site);
  std::vector<UringOperation> operations;
  const int result = ReadBatchFully(
      [this, &ring, &operations](std::span<ReadPart> parts) {
        operations.clear();
        for (const ReadPart& part : parts) {
          operations.push_back({.kind = UringOperation::Kind::kRead,
                                .descriptor = descriptor(),
                                .offset = part.offset,
                                .buffer = part.buffer.data(),
                                .length = part.buffer.size()});
        }
        ring->Run(operations);
        for (size_t i = 0; i < parts.size(); ++i) {
          parts[i].result = operations[i].result;
        }
      },
      requests, alignment());
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, "read", path());
}

absl::Status UringFile::DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) {
  const ThreadRing ring;
  if (!ring) {
    return PosixFile::DoWrite(offset, bytes, site);
  }
  const IoWatch::Call call(watch(), "write", site);
  const int result = WriteFully(
      [this, &ring](uint64_t at, std::span<const std::byte> rest) -> ssize_t {
        UringOperation operation{.kind = UringOperation::Kind::kWrite,
                                 .descriptor = descriptor(),
                                 .offset = at,
                                 .buffer = const_cast<std::byte*>(rest.data()),
                                 .length = rest.size()};
        ring->Run(operation);
        return operation.result;
      },
      offset, bytes, alignment());
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, "write", path());
}

absl::Status UringFile::DoSync(IoSite site) {
  const ThreadRing ring;
  if (!ring) {
    return PosixFile::DoSync(site);
  }
  const IoWatch::Call call(watch(), "sync", site);
  UringOperation operation{.kind = UringOperation::Kind::kDataSync, .descriptor = descriptor()};
  do {
    ring->Run(operation);
  } while (ShouldRepeat(operation.result));
  return operation.result == 0 ? absl::OkStatus() : ErrnoStatus(-operation.result, "sync", path());
}

}  // namespace perigee::storage
