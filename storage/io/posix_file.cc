// SPDX-License-Identifier: Apache-2.0
#include "storage/io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "storage/foundation/canary.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/confined_root.h"
#include "storage/io/errno_status.h"
#include "storage/io/full_transfer.h"

namespace perigee::storage {
namespace {

constexpr mode_t kFileMode = 0600;  // data is readable by its owner alone

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreateExclusive:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

// What the file system says that direct I/O needs: 0 when it refuses direct I/O, the default where
// it does not say.
size_t DirectAlignment(int descriptor) {
#ifdef STATX_DIOALIGN
  struct statx status = {};
  if (statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
      (status.stx_mask & STATX_DIOALIGN) != 0) {
    if (status.stx_dio_offset_align == 0) {
      return 0;
    }
    return std::max<size_t>({status.stx_dio_offset_align, status.stx_dio_mem_align, 1});
  }
#endif
  static_cast<void>(descriptor);
  return AlignedBuffer::kDefaultAlignment;
}

// Switching O_DIRECT on after opening leaves no half-made file behind where it is refused.
void TryDirect(OpenedDescriptor& opened) {
  const size_t alignment = DirectAlignment(opened.descriptor);
  const int flags = fcntl(opened.descriptor, F_GETFL);
  if (alignment == 0 || flags < 0 || fcntl(opened.descriptor, F_SETFL, flags | O_DIRECT) != 0) {
    return;
  }
  opened.is_direct = true;
  opened.alignment = alignment;
}

// Where direct I/O is refused, what is read must come from the disk all the same: after an unclean
// stop, or a failed flush, the page cache may hold what the disk does not (D6). Pages that are
// still dirty are written first, for else they would stay; whether that works does not matter here,
// because what failed to be written is dropped with the rest.
void DropCachedPages(int descriptor) {
  if (CanaryActive("believe-page-cache")) {
    return;
  }
  static_cast<void>(fdatasync(descriptor));
  static_cast<void>(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED));
}

}  // namespace

absl::StatusOr<OpenedDescriptor> OpenDescriptor(const std::string& path,
                                                const OpenOptions& options) {
  OpenedDescriptor opened;
  // O_NONBLOCK: a fifo put in place of a file must not block the opener; files ignore it.
  opened.descriptor = OpenConfined(path, OpenFlags(options.mode) | O_NONBLOCK, kFileMode);
  if (opened.descriptor < 0) {
    return PathErrnoStatus(errno, "open", path);
  }
  struct stat status = {};
  if (fstat(opened.descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(opened.descriptor);
    return ErrnoStatus(EINVAL, "open (not a regular file)", path);
  }
  // Blocking again: io_uring would answer EAGAIN on file systems that cannot avoid to block.
  fcntl(opened.descriptor, F_SETFL, fcntl(opened.descriptor, F_GETFL) & ~O_NONBLOCK);
  if (options.direct) {
    TryDirect(opened);
    // Callers with smaller blocks than the disk's open the file once more, buffered.
    if (options.mode != OpenMode::kCreateExclusive &&
        (!opened.is_direct || opened.alignment > AlignedBuffer::kDefaultAlignment)) {
      DropCachedPages(opened.descriptor);
    }
  }
  return opened;
}

PosixFile::PosixFile(std::string path, const OpenedDescriptor& opened,
                     std::shared_ptr<IoWatch> watch)
    : path_(std::move(path)), opened_(opened), watch_(std::move(watch)) {}

PosixFile::~PosixFile() {
  // A failed close loses nothing that Sync promised; after EINTR the descriptor is gone on Linux.
  close(opened_.descriptor);
}

absl::StatusOr<size_t> PosixFile::DoRead(uint64_t offset, std::span<std::byte> buffer,
                                         IoSite site) {
  const IoWatch::Call call(watch(), "read", site);
  const ssize_t count = ReadFully(
      [this](uint64_t at, std::span<std::byte> rest) -> ssize_t {
        const ssize_t result =
            pread(descriptor(), rest.data(), rest.size(), static_cast<off_t>(at));
        return result < 0 ? -errno : result;
      },
      offset, buffer, alignment());
  if (count < 0) {
    return ErrnoStatus(static_cast<int>(-count), "read", path_);
  }
  return static_cast<size_t>(count);
}

absl::Status PosixFile::DoReadBatch(std::span<ReadRequest> requests, IoSite site) {
  for (ReadRequest& request : requests) {
    PERIGEE_ASSIGN_OR_RETURN(request.bytes_read,
                             PosixFile::DoRead(request.offset, request.buffer, site));
  }
  return absl::OkStatus();
}

absl::Status PosixFile::DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) {
  const IoWatch::Call call(watch(), "write", site);
  const int result = WriteFully(
      [this](uint64_t at, std::span<const std::byte> rest) -> ssize_t {
        const ssize_t count =
            pwrite(descriptor(), rest.data(), rest.size(), static_cast<off_t>(at));
        return count < 0 ? -errno : count;
      },
      offset, bytes, alignment());
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, "write", path_);
}

absl::Status PosixFile::DoSync(IoSite site) {
  const IoWatch::Call call(watch(), "sync", site);
  // Interrupted is not failed: fdatasync has not reported, and consumed, an error then.
  int result = 0;
  do {
    result = fdatasync(descriptor());
  } while (result != 0 && errno == EINTR);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, "sync", path_);
}

absl::StatusOr<uint64_t> PosixFile::DoSize(IoSite site) {
  const IoWatch::Call call(watch(), "size", site);
  struct stat status = {};
  if (fstat(descriptor(), &status) != 0) {
    return ErrnoStatus(errno, "size", path_);
  }
  return static_cast<uint64_t>(status.st_size);
}

absl::Status PosixFile::DoTruncate(uint64_t size, IoSite site) {
  const IoWatch::Call call(watch(), "truncate", site);
  int result = 0;
  do {
    result = ftruncate(descriptor(), static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, "truncate", path_);
}

absl::Status PosixFile::DoAllocate(uint64_t size, IoSite site) {
  const IoWatch::Call call(watch(), "allocate", site);
  int result = 0;
  do {
    result = fallocate(descriptor(), 0, 0, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
    return WriteZerosBehindEnd(size, site);  // the file system cannot keep blocks for later
  }
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, "allocate", path_);
}

absl::Status PosixFile::WriteZerosBehindEnd(uint64_t size, IoSite site) {
  constexpr uint64_t kZeroBytes = uint64_t{1} << 20;
  PERIGEE_ASSIGN_OR_RETURN(uint64_t end, DoSize(site));
  const std::vector<std::byte> zeros(std::min(kZeroBytes, size - std::min(size, end)));
  while (end < size) {
    const uint64_t length = std::min<uint64_t>(zeros.size(), size - end);
    PERIGEE_RETURN_IF_ERROR(DoWrite(end, std::span(zeros).first(length), site));
    end += length;
  }
  return absl::OkStatus();
}

}  // namespace perigee::storage
