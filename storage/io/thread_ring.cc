// SPDX-License-Identifier: Apache-2.0
#include "storage/io/thread_ring.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/foundation/check.h"
#include "storage/foundation/log.h"
#include "storage/io/fork_generation.h"
#include "storage/io/kernel_uring_queue.h"

namespace perigee::storage {
namespace {

int64_t Now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A thread's place for a ring. `mutex` is held for a batch, and by whoever takes the ring away.
struct Holder {
  absl::Mutex mutex;
  std::unique_ptr<UringRing> ring ABSL_GUARDED_BY(mutex);
  int64_t used_at ABSL_GUARDED_BY(mutex) = 0;
  bool refused ABSL_GUARDED_BY(mutex) = false;
};

// All holders of the process; lives for ever, because threads may end after main has.
class Registry {
 public:
  static Registry& Get() {
    static auto* registry = new Registry;
    return *registry;
  }

  void Add(Holder* holder) {
    const absl::MutexLock lock(&mutex_);
    holders_.push_back(holder);
  }
  void Remove(Holder* holder) {
    const absl::MutexLock lock(&mutex_);
    std::erase(holders_, holder);
  }

  // Waits for nobody: who is busy with a ring keeps it.
  size_t GiveBack(int64_t used_before) {
    size_t count = 0;
    const absl::MutexLock lock(&mutex_);
    for (Holder* holder : holders_) {
      if (!holder->mutex.TryLock()) {
        continue;
      }
      if (holder->ring != nullptr && holder->used_at < used_before) {
        holder->ring.reset();
        ++count;
      }
      holder->mutex.Unlock();
    }
    return count;
  }

  // Whether there is room for one more ring, if need be after taking the longest idle one away.
  bool MakeRoom(const Holder* asking) {
    const absl::MutexLock lock(&mutex_);
    size_t rings = 0;
    Holder* oldest = nullptr;
    int64_t oldest_used_at = 0;
    for (Holder* holder : holders_) {
      if (holder == asking) {
        continue;
      }
      if (!holder->mutex.TryLock()) {
        ++rings;  // busy with a ring, or about to have one
        continue;
      }
      if (holder->ring != nullptr) {
        ++rings;
        if (oldest == nullptr || holder->used_at < oldest_used_at) {
          oldest = holder;
          oldest_used_at = holder->used_at;
        }
      }
      holder->mutex.Unlock();
    }
    if (rings < kRingsMax) {
      return true;
    }
    if (oldest == nullptr || !oldest->mutex.TryLock()) {
      return false;
    }
    oldest->ring.reset();
    oldest->mutex.Unlock();
    return true;
  }

  size_t Count() {
    size_t rings = 0;
    const absl::MutexLock lock(&mutex_);
    for (Holder* holder : holders_) {
      if (!holder->mutex.TryLock()) {
        ++rings;
        continue;
      }
      rings += holder->ring != nullptr ? 1 : 0;
      holder->mutex.Unlock();
    }
    return rings;
  }

  void SetFactory(UringQueueFactory factory) {
    const absl::MutexLock lock(&mutex_);
    factory_ = std::move(factory);
    for (Holder* holder : holders_) {
      PERIGEE_CHECK(holder->mutex.TryLock(), "a ring is in use");
      holder->ring.reset();
      holder->refused = false;
      holder->mutex.Unlock();
    }
  }
  absl::StatusOr<std::unique_ptr<UringQueue>> MakeQueue() {
    UringQueueFactory factory;
    {
      const absl::MutexLock lock(&mutex_);
      factory = factory_;
    }
    return factory ? factory() : MakeKernelUringQueue();
  }

  // True once in a while, for one caller.
  bool SweepDue(int64_t now) {
    int64_t due = next_sweep_.load(std::memory_order_relaxed);
    return now >= due &&
           next_sweep_.compare_exchange_strong(due, now + absl::ToInt64Nanoseconds(kRingIdle));
  }

 private:
  // May be taken under a thread's own holder's mutex; under it, holders are only tried.
  absl::Mutex mutex_;
  std::vector<Holder*> holders_ ABSL_GUARDED_BY(mutex_);
  UringQueueFactory factory_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> next_sweep_{0};
};

// The thread's own; registered for as long as the thread lives.
struct OwnHolder {
  OwnHolder() { Registry::Get().Add(holder.get()); }
  ~OwnHolder() {
    if (ForkGeneration() != fork_generation) {
      static_cast<void>(holder.release());  // locks may be held by threads that are not here
      return;
    }
    Registry::Get().Remove(holder.get());
  }
  OwnHolder(const OwnHolder&) = delete;
  OwnHolder& operator=(const OwnHolder&) = delete;

  std::unique_ptr<Holder> holder = std::make_unique<Holder>();
  const uint64_t fork_generation = ForkGeneration();
};

// The ring of a holder whose mutex is held; made if there is none.
UringRing* RingOf(Holder& holder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(holder.mutex) {
  if (holder.ring != nullptr && holder.ring->is_broken()) {
    holder.ring.reset();
  }
  if (holder.ring == nullptr && !holder.refused && Registry::Get().MakeRoom(&holder)) {
    absl::StatusOr<std::unique_ptr<UringQueue>> queue = Registry::Get().MakeQueue();
    if (queue.ok()) {
      holder.ring = std::make_unique<UringRing>(*std::move(queue));
    } else {
      holder.refused = true;  // asking again at every call would cost more than it could bring
      Log(LogLevel::kWarning, "io.ring_refused",
          std::string(queue.status().message()) + "; this thread uses POSIX calls");
    }
  }
  holder.used_at = Now();
  return holder.ring.get();
}

}  // namespace

ThreadRing::ThreadRing() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  thread_local OwnHolder own;
  if (own.fork_generation != ForkGeneration()) {
    return;
  }
  if (Registry::Get().SweepDue(Now())) {
    GiveBackIdleRings();
  }
  own.holder->mutex.Lock();
  ring_ = RingOf(*own.holder);
  if (ring_ == nullptr) {
    own.holder->mutex.Unlock();
    return;
  }
  holder_ = own.holder.get();
}

ThreadRing::~ThreadRing() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (holder_ != nullptr) {
    static_cast<Holder*>(holder_)->mutex.Unlock();
  }
}

size_t GiveBackIdleRings(absl::Duration idle) {
  return Registry::Get().GiveBack(Now() - absl::ToInt64Nanoseconds(idle));
}

size_t ThreadRingCount() { return Registry::Get().Count(); }

void SetUringQueueFactory(UringQueueFactory factory) {
  Registry::Get().SetFactory(std::move(factory));
}

}  // namespace perigee::storage
