// SPDX-License-Identifier: Apache-2.0
#include "storage/io/io_watch.h"

#include <chrono>

namespace perigee::storage {
namespace {

constexpr int64_t kFree = 0;
constexpr int64_t kTaken = 1;

int64_t Now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

IoWatch::Call::Call(IoWatch* watch, const char* call, IoSite site) {
  if (watch == nullptr) {
    return;
  }
  // Threads begin at different places, so that they seldom meet.
  static std::atomic<size_t> next_start{0};
  thread_local const size_t start = next_start.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < kSlots; ++i) {
    Slot& slot = watch->slots_[(start + i) % kSlots];
    int64_t free = kFree;
    if (slot.started_at.load(std::memory_order_relaxed) == kFree &&
        slot.started_at.compare_exchange_strong(free, kTaken)) {
      slot.call.store(call, std::memory_order_relaxed);
      slot.file.store(site.file, std::memory_order_relaxed);
      slot.line.store(site.line, std::memory_order_relaxed);
      slot.started_at.store(Now(), std::memory_order_release);
      slot_ = &slot;
      return;
    }
  }
}

IoWatch::Call::~Call() {
  if (slot_ != nullptr) {
    slot_->started_at.store(kFree, std::memory_order_release);
  }
}

std::optional<IoCallAge> IoWatch::Oldest() const {
  const Slot* oldest = nullptr;
  int64_t oldest_started_at = Now();
  const int64_t now = oldest_started_at;
  for (const Slot& slot : slots_) {
    const int64_t started_at = slot.started_at.load(std::memory_order_acquire);
    if (started_at > kTaken && started_at < oldest_started_at) {
      oldest = &slot;
      oldest_started_at = started_at;
    }
  }
  if (oldest == nullptr) {
    return std::nullopt;
  }
  // The slot may have been taken by another call meanwhile; then the names are of a young one and
  // only the text of a message is wrong.
  return IoCallAge{.call = oldest->call.load(std::memory_order_relaxed),
                   .site = {.file = oldest->file.load(std::memory_order_relaxed),
                            .line = oldest->line.load(std::memory_order_relaxed)},
                   .age = absl::Nanoseconds(now - oldest_started_at)};
}

}  // namespace perigee::storage
