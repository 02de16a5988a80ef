// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_ring.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"
#include "storage/io/fork_generation.h"
#include "storage/io/kernel_uring_queue.h"

#if defined(__SANITIZE_ADDRESS__)
#define PERIGEE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PERIGEE_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef PERIGEE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace perigee::storage {
namespace {

constexpr int32_t kPending = std::numeric_limits<int32_t>::min();  // no result of the kernel

void WaitAMoment() {
  constexpr timespec kMoment = {.tv_sec = 0, .tv_nsec = 100'000};
  nanosleep(&kMoment, nullptr);
}

// The kernel's until it has completed: whoever looks at the buffer meanwhile has a bug (U7).
void Poison(const UringOperation& operation) {
#ifdef PERIGEE_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(operation.buffer, operation.length);
#else
  static_cast<void>(operation);
#endif
}

void Unpoison(const UringOperation& operation) {
#ifdef PERIGEE_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(operation.buffer, operation.length);
#else
  static_cast<void>(operation);
#endif
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create() {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<UringQueue> queue, MakeKernelUringQueue());
  return std::make_unique<UringRing>(std::move(queue));
}

UringRing::UringRing(std::unique_ptr<UringQueue> queue)
    : queue_(std::move(queue)), fork_generation_(ForkGeneration()) {}

UringRing::~UringRing() {
  if (ForkGeneration() != fork_generation_) {
    // The child's copy: its queues are not mapped here, and the descriptor is the parent's too.
    static_cast<void>(queue_.release());
  }
}

void UringRing::Run(std::span<UringOperation> operations) {
  PERIGEE_CHECK(ForkGeneration() == fork_generation_, "a ring is not for children");
  while (!operations.empty()) {
    const size_t count = std::min<size_t>(operations.size(), kDepth);
    RunSome(operations.first(count));
    operations = operations.subspan(count);
  }
}

void UringRing::RunSome(std::span<UringOperation> operations) {
  if (is_broken_) {
    for (UringOperation& operation : operations) {
      operation.result = -EIO;
    }
    return;
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    queue_->Add(operations[i], i);
    operations[i].result = kPending;
    Poison(operations[i]);
  }
  size_t completed = 0;
  int refusal = 0;
  while (completed < operations.size() && refusal == 0) {
    const int result = queue_->SubmitAndWait(static_cast<unsigned>(operations.size() - completed));
    if (result == -EAGAIN || result == -EBUSY) {
      sched_yield();
    } else if (result < 0 && result != -EINTR) {
      refusal = result;
    }
    if (CanaryActive("ack-before-cqe") && result == -EINTR) {
      for (UringOperation& operation : operations) {
        operation.result = static_cast<int32_t>(operation.length);
        Unpoison(operation);
      }
      return;
    }
    completed += Collect(operations);
  }
  if (refusal != 0) {
    Break(operations, refusal, completed);
  } else if (queue_->overflows() != 0) {
    Break(operations, -EIO, completed);
    for (UringOperation& operation : operations) {
      operation.result = -EIO;
    }
  }
}

// The kernel does not talk to us any more, but what it accepted is still its own: the buffers may
// go only when the completions are there, and they come without being asked for.
void UringRing::Break(std::span<UringOperation> operations, int refusal, size_t completed) {
  is_broken_ = true;
  Log(LogLevel::kError, "io.ring_broken",
      queue_->overflows() != 0
          ? "io_uring found no room for a completion, which cannot be with so few in flight"
          : std::string(ErrnoStatus(-refusal, "submit to", "io_uring").message()));
  const size_t accepted = operations.size() - queue_->queued();
  while (completed < accepted) {
    WaitAMoment();
    completed += Collect(operations);
  }
  for (UringOperation& operation : operations) {
    if (operation.result == kPending) {
      operation.result = refusal;
      Unpoison(operation);
    }
  }
}

size_t UringRing::Collect(std::span<UringOperation> operations) {
  std::array<UringCompletion, kDepth> completions;
  size_t collected = 0;
  for (size_t count = queue_->Take(completions); count > 0; count = queue_->Take(completions)) {
    for (const UringCompletion& completion : std::span(completions).first(count)) {
      if (completion.tag >= operations.size() || operations[completion.tag].result != kPending) {
        Log(LogLevel::kError, "io.unknown_completion", "a completion that nothing waits for");
        continue;
      }
      UringOperation& operation = operations[completion.tag];
      operation.result = completion.result;
      Unpoison(operation);
      ++collected;
    }
  }
  return collected;
}

}  // namespace perigee::storage
