// SPDX-License-Identifier: Apache-2.0
//
// FileSystem and File: the only way the engine touches a disk. Backends: PosixFileSystem (pread,
// pwrite, fdatasync), UringFileSystem (the same through the calling thread's io_uring), and in
// tests/support the simulated one. tests/conformance/file_system_conformance runs on all of them.
//
// Invariants:
//  1. A path is absolute or relative to the working directory; it never comes from a client (S6).
//  2. Write writes everything or fails; a short write is continued inside the backend (U6). Read
//     returns fewer bytes than asked only at the end of the file.
//  3. Nothing is durable before Sync (data of a file) and SyncDirectory (names in a directory) say
//  so.
//  4. A failed Sync is final for that file: callers must not sync it again (fsyncgate, D5).
//  5. Errors carry the operation, the path and the errno text. ENOSPC and EDQUOT become kDiskFull
//     (kResourceExhausted), ENOENT kNotFound, EEXIST kAlreadyExists, EACCES/EPERM/EROFS
//     kPermissionDenied, EMFILE/ENFILE/ENOMEM kResourceExhausted, the rest kUnavailable.
//  6. Callers use the public calls, which note where they were made (io_site.h); backends and
//     decorators define the protected ones of the same name with Do.
//
// Thread-safety: a FileSystem may be used from every thread. A File may be read from several
// threads at once; writes and Sync on one File come from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/io/io_site.h"

namespace perigee::storage {

class IoWatch;

/// One range of a batch read. `buffer` is filled from `offset`; `bytes_read` is set by the call.
struct ReadRequest {
  uint64_t offset = 0;
  std::span<std::byte> buffer;
  size_t bytes_read = 0;
};

/// What Open does with a name that exists or does not.
enum class OpenMode {
  kReadOnly,         ///< must exist
  kReadWrite,        ///< must exist
  kCreateExclusive,  ///< must not exist (O_EXCL); read-write
};

struct OpenOptions {
  OpenMode mode = OpenMode::kReadOnly;
  /// Ask for O_DIRECT. Offsets, lengths and buffers are then multiples of File::alignment(). Where
  /// the file system refuses, the file is opened buffered and File::is_direct() says so.
  bool direct = false;
  /// Its operations come one at a time and each is waited for, as those of a log do: a backend with
  /// a queue uses plain calls, which need no hand-over inside the kernel for a flush.
  bool one_at_a_time = false;
};

class File {
 public:
  virtual ~File() = default;

  /// Reads up to buffer.size() bytes from `offset`; returns the count, smaller only at the end.
  absl::StatusOr<size_t> Read(uint64_t offset, std::span<std::byte> buffer,
                              IoSite site = IoSite::Here()) {
    return DoRead(offset, buffer, site);
  }
  /// All of `requests`, in any order, as one batch. On an error the buffers hold nothing of worth.
  absl::Status ReadBatch(std::span<ReadRequest> requests, IoSite site = IoSite::Here()) {
    return DoReadBatch(requests, site);
  }
  /// Writes all of `bytes` at `offset`, extending the file where needed.
  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes,
                     IoSite site = IoSite::Here()) {
    return DoWrite(offset, bytes, site);
  }
  /// fdatasync: all bytes written before are durable on return.
  absl::Status Sync(IoSite site = IoSite::Here()) { return DoSync(site); }
  /// Bytes in the file.
  absl::StatusOr<uint64_t> Size(IoSite site = IoSite::Here()) { return DoSize(site); }
  /// Sets the size; growing fills with zeros.
  absl::Status Truncate(uint64_t size, IoSite site = IoSite::Here()) {
    return DoTruncate(size, site);
  }

  /// Gives the first `size` bytes blocks of the disk, so that writing them cannot find it full; a
  /// smaller file grows to `size`, with zeros. Requires: not direct.
  absl::Status Allocate(uint64_t size, IoSite site = IoSite::Here()) {
    return DoAllocate(size, site);
  }

  virtual bool is_direct() const = 0;
  /// Required alignment of direct I/O; 1 for buffered files.
  virtual size_t alignment() const = 0;
  virtual const std::string& path() const = 0;

 protected:
  virtual absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer,
                                        IoSite site) = 0;
  virtual absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) = 0;
  virtual absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) = 0;
  virtual absl::Status DoSync(IoSite site) = 0;
  virtual absl::StatusOr<uint64_t> DoSize(IoSite site) = 0;
  virtual absl::Status DoTruncate(uint64_t size, IoSite site) = 0;
  virtual absl::Status DoAllocate(uint64_t size, IoSite site) = 0;
};

/// Held for as long as the object lives; see FileSystem::Lock.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct FileStatus {
  uint64_t size = 0;
  bool is_directory = false;
  bool is_regular_file = false;
  /// Together they tell one file or directory from every other that exists now (F10).
  uint64_t device = 0;
  uint64_t inode = 0;
};

struct SpaceStatus {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
  bool is_network = false;  ///< NFS, CIFS, FUSE and the like (F10)
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, const OpenOptions& options,
                                             IoSite site = IoSite::Here()) {
    return DoOpen(path, options, site);
  }
  /// One level; kAlreadyExists when the name is taken.
  absl::Status CreateDirectory(const std::string& path, IoSite site = IoSite::Here()) {
    return DoCreateDirectory(path, site);
  }
  /// Makes creations, renames and removals inside `path` durable.
  absl::Status SyncDirectory(const std::string& path, IoSite site = IoSite::Here()) {
    return DoSyncDirectory(path, site);
  }
  /// Replaces `to` if it exists.
  absl::Status Rename(const std::string& from, const std::string& to,
                      IoSite site = IoSite::Here()) {
    return DoRename(from, to, site);
  }
  /// A second name for a file; kAlreadyExists when `to` is taken.
  absl::Status Link(const std::string& from, const std::string& to, IoSite site = IoSite::Here()) {
    return DoLink(from, to, site);
  }
  absl::Status RemoveFile(const std::string& path, IoSite site = IoSite::Here()) {
    return DoRemoveFile(path, site);
  }
  absl::Status RemoveDirectory(const std::string& path, IoSite site = IoSite::Here()) {
    return DoRemoveDirectory(path, site);
  }
  /// Of the name itself: a symbolic link is neither a directory nor a regular file.
  absl::StatusOr<FileStatus> Stat(const std::string& path, IoSite site = IoSite::Here()) {
    return DoStat(path, site);
  }
  /// Names (not paths) in a directory, sorted, without "." and "..".
  absl::StatusOr<std::vector<std::string>> List(const std::string& path,
                                                IoSite site = IoSite::Here()) {
    return DoList(path, site);
  }
  /// Takes an exclusive open-file-description lock on an existing file (F10); kFailedPrecondition
  /// with reason kLocked when another process or another handle of this process has it.
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path,
                                                 IoSite site = IoSite::Here()) {
    return DoLock(path, site);
  }
  absl::StatusOr<SpaceStatus> Space(const std::string& path, IoSite site = IoSite::Here()) {
    return DoSpace(path, site);
  }

  /// "posix", "io_uring" or "simulated".
  virtual const char* name() const = 0;
  /// Where to see which calls hang; null for a file system whose calls do not.
  virtual const IoWatch* watch() const { return nullptr; }

 protected:
  virtual absl::StatusOr<std::unique_ptr<File>> DoOpen(const std::string& path,
                                                       const OpenOptions& options, IoSite site) = 0;
  virtual absl::Status DoCreateDirectory(const std::string& path, IoSite site) = 0;
  virtual absl::Status DoSyncDirectory(const std::string& path, IoSite site) = 0;
  virtual absl::Status DoRename(const std::string& from, const std::string& to, IoSite site) = 0;
  virtual absl::Status DoLink(const std::string& from, const std::string& to, IoSite site) = 0;
  virtual absl::Status DoRemoveFile(const std::string& path, IoSite site) = 0;
  virtual absl::Status DoRemoveDirectory(const std::string& path, IoSite site) = 0;
  virtual absl::StatusOr<FileStatus> DoStat(const std::string& path, IoSite site) = 0;
  virtual absl::StatusOr<std::vector<std::string>> DoList(const std::string& path, IoSite site) = 0;
  virtual absl::StatusOr<std::unique_ptr<FileLock>> DoLock(const std::string& path,
                                                           IoSite site) = 0;
  virtual absl::StatusOr<SpaceStatus> DoSpace(const std::string& path, IoSite site) = 0;
};

}  // namespace perigee::storage
