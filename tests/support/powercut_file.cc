// SPDX-License-Identifier: Apache-2.0
#include "tests/support/powercut_file.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kEarlyWriteOdds = 4;
constexpr uint64_t kEarlySectorOdds = 2;

// Time for readers to see what the change that hangs has made visible too early.
constexpr absl::Duration kHangBeforeKill = absl::Milliseconds(20);

}  // namespace

bool PowercutPower::Chance(uint64_t denominator) {
  if (!has_chance_) {
    return false;
  }
  const absl::MutexLock lock(&mutex_);
  return random_() % denominator == 0;
}

absl::Status PowercutPower::Call(std::string_view call, const std::string& path) {
  const absl::MutexLock lock(&mutex_);
  if (++calls_ == kill_at_call_) {
    absl::SleepFor(kHangBeforeKill);
    kill(getpid(), SIGKILL);
  }
  for (PowercutFailure& failure : failures_) {
    if (failure.call == call && failure.number > 0 &&
        path.find(failure.path_part) != std::string::npos && --failure.number == 0) {
      return ErrnoStatus(EIO, call, path);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> PowercutNode::Read(uint64_t offset, std::span<std::byte> buffer) {
  const absl::MutexLock lock(&mutex_);
  if (offset >= size_ || buffer.empty()) {
    return 0;
  }
  const size_t count = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size_ - offset));
  std::fill_n(buffer.begin(), count, std::byte{0});
  if (offset < disk_valid_) {
    const auto on_disk = static_cast<size_t>(std::min<uint64_t>(count, disk_valid_ - offset));
    PERIGEE_RETURN_IF_ERROR(disk_->Read(offset, buffer.first(on_disk)).status());
  }
  const uint64_t end = offset + count;
  for (auto page = pages_.lower_bound(offset / kPageBytes);
       page != pages_.end() && page->first * kPageBytes < end; ++page) {
    const uint64_t start = page->first * kPageBytes;
    const uint64_t from = std::max(offset, start);
    const uint64_t to = std::min(end, start + kPageBytes);
    std::memcpy(buffer.data() + (from - offset), page->second.bytes.data() + (from - start),
                static_cast<size_t>(to - from));
  }
  return count;
}

absl::StatusOr<PowercutNode::Page*> PowercutNode::PageOf(uint64_t number) {
  const auto found = pages_.find(number);
  if (found != pages_.end()) {
    return &found->second;
  }
  Page page;
  const uint64_t start = number * kPageBytes;
  if (start < disk_valid_) {
    const auto on_disk = static_cast<size_t>(std::min<uint64_t>(kPageBytes, disk_valid_ - start));
    PERIGEE_RETURN_IF_ERROR(disk_->Read(start, std::span(page.bytes).first(on_disk)).status());
  }
  return &pages_.emplace(number, page).first->second;
}

absl::Status PowercutNode::Write(uint64_t offset, std::span<const std::byte> bytes) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_RETURN_IF_ERROR(power_->Call("write", path_));
  for (size_t done = 0; done < bytes.size();) {
    const uint64_t at = offset + done;
    const size_t within = static_cast<size_t>(at % kPageBytes);
    const size_t part = std::min(bytes.size() - done, kPageBytes - within);
    PERIGEE_ASSIGN_OR_RETURN(Page* const page, PageOf(at / kPageBytes));
    std::memcpy(page->bytes.data() + within, bytes.data() + done, part);
    page->dirty = true;
    done += part;
  }
  if (!bytes.empty()) {
    size_ = std::max(size_, offset + bytes.size());
  }
  return power_->Chance(kEarlyWriteOdds) ? WriteEarly(offset, bytes) : absl::OkStatus();
}

absl::Status PowercutNode::WriteEarly(uint64_t offset, std::span<const std::byte> bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const size_t within = static_cast<size_t>((offset + done) % kSectorBytes);
    const size_t part = std::min(bytes.size() - done, kSectorBytes - within);
    if (power_->Chance(kEarlySectorOdds)) {
      PERIGEE_RETURN_IF_ERROR(disk_->Write(offset + done, bytes.subspan(done, part)));
    }
    done += part;
  }
  return absl::OkStatus();
}

absl::Status PowercutNode::Truncate(uint64_t size) {
  const absl::MutexLock lock(&mutex_);
  if (size < size_) {
    const uint64_t number = size / kPageBytes;
    const auto within = static_cast<std::ptrdiff_t>(size % kPageBytes);
    pages_.erase(pages_.lower_bound(number + (within == 0 ? 0 : 1)), pages_.end());
    const auto last = pages_.find(number);
    if (last != pages_.end()) {
      std::fill(last->second.bytes.begin() + within, last->second.bytes.end(), std::byte{0});
    }
  }
  size_ = size;
  disk_valid_ = std::min(disk_valid_, size);
  return absl::OkStatus();
}

absl::Status PowercutNode::WriteDirtyPages() {
  std::vector<std::byte> run;
  uint64_t run_start = 0;
  const auto write_run = [this, &run, &run_start]() {
    const absl::Status written = run.empty() ? absl::OkStatus() : disk_->Write(run_start, run);
    run.clear();
    return written;
  };
  for (const auto& [number, page] : pages_) {
    if (!page.dirty) {
      continue;
    }
    const uint64_t start = number * kPageBytes;
    if (!run.empty() && (run_start + run.size() != start || run.size() >= (1U << 20U))) {
      PERIGEE_RETURN_IF_ERROR(write_run());
    }
    if (run.empty()) {
      run_start = start;
    }
    const auto part = static_cast<std::ptrdiff_t>(std::min<uint64_t>(kPageBytes, size_ - start));
    run.insert(run.end(), page.bytes.begin(), page.bytes.begin() + part);
  }
  return write_run();
}

absl::Status PowercutNode::Sync() {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status failed = power_->Call("sync", path_); !failed.ok()) {
    for (auto& [number, page] : pages_) {
      page.dirty = false;
    }
    return failed;
  }
  PERIGEE_ASSIGN_OR_RETURN(uint64_t disk_size, disk_->Size());
  if (disk_size > disk_valid_) {
    PERIGEE_RETURN_IF_ERROR(disk_->Truncate(disk_valid_));
  }
  PERIGEE_RETURN_IF_ERROR(WriteDirtyPages());
  PERIGEE_ASSIGN_OR_RETURN(disk_size, disk_->Size());
  if (disk_size < size_) {
    PERIGEE_RETURN_IF_ERROR(disk_->Truncate(size_));
  }
  PERIGEE_RETURN_IF_ERROR(disk_->Sync());
  for (auto page = pages_.begin(); page != pages_.end();) {
    page = page->second.dirty ? pages_.erase(page) : std::next(page);
  }
  disk_valid_ = size_;
  return absl::OkStatus();
}

void PowercutNode::SetPath(const std::string& path) {
  const absl::MutexLock lock(&mutex_);
  path_ = path;
}

uint64_t PowercutNode::size() {
  const absl::MutexLock lock(&mutex_);
  return size_;
}

absl::StatusOr<size_t> PowercutFile::DoRead(uint64_t offset, std::span<std::byte> buffer, IoSite) {
  return node_.Read(offset, buffer);
}

absl::Status PowercutFile::DoReadBatch(std::span<ReadRequest> requests, IoSite) {
  for (ReadRequest& request : requests) {
    PERIGEE_ASSIGN_OR_RETURN(request.bytes_read, node_.Read(request.offset, request.buffer));
  }
  return absl::OkStatus();
}

absl::Status PowercutFile::DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite) {
  if (!writable_) {
    return ErrnoStatus(EBADF, "write", path_);
  }
  return node_.Write(offset, bytes);
}

absl::StatusOr<uint64_t> PowercutFile::DoSize(IoSite) { return node_.size(); }

absl::Status PowercutFile::DoSync(IoSite) { return node_.Sync(); }

absl::Status PowercutFile::DoTruncate(uint64_t size, IoSite) {
  return writable_ ? node_.Truncate(size) : ErrnoStatus(EBADF, "truncate", path_);
}

// Grows the file and no more: the disk below has room.
absl::Status PowercutFile::DoAllocate(uint64_t size, IoSite) {
  return !writable_            ? ErrnoStatus(EBADF, "allocate", path_)
         : size > node_.size() ? node_.Truncate(size)
                               : absl::OkStatus();
}

}  // namespace perigee::storage
