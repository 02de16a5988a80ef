// SPDX-License-Identifier: Apache-2.0
#include "storage/io/uring_ring.h"

#include <liburing.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "storage/foundation/check.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"
#include "storage/io/fork_generation.h"

namespace perigee::storage {

struct UringRing::Ring {
  Ring() = default;
  ~Ring() {
    if (is_initialised) {
      io_uring_queue_exit(&uring);
    }
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  io_uring uring = {};
  bool is_initialised = false;
  bool is_restricted = false;
  bool is_broken = false;  // an entry was refused and may still be queued: not to be used again
};

namespace {

// Twice what is in flight, so that neither queue is ever full (U3); the completion queue has twice
// the entries of the submission queue.
constexpr unsigned kEntries = 2 * UringRing::kDepth;

constexpr std::array<uint8_t, 4> kOperations = {IORING_OP_NOP, IORING_OP_READ, IORING_OP_WRITE,
                                                IORING_OP_FSYNC};

// Debian 12's liburing.so declares the two calls that need this but does not export them.
int Register(const io_uring& uring, unsigned opcode, const void* argument, size_t count) {
  const long result = syscall(__NR_io_uring_register, uring.ring_fd, opcode, argument, count);
  return result < 0 ? -errno : 0;
}

// A ring accepts other opcodes from nobody, not even from a bug in this process (U12).
bool Restrict(const io_uring& uring) {
  std::array<io_uring_restriction, kOperations.size()> restrictions = {};
  for (size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[i];
  }
  return Register(uring, IORING_REGISTER_RESTRICTIONS, restrictions.data(), restrictions.size()) ==
         0;
}

absl::Status CheckAbilities(io_uring& uring) {
  if ((uring.features & IORING_FEAT_NODROP) == 0) {
    return absl::UnimplementedError("the kernel may drop io_uring completions");
  }
  io_uring_probe* probe = io_uring_get_probe_ring(&uring);
  if (probe == nullptr) {
    return absl::UnimplementedError("the kernel cannot say which io_uring operations it has");
  }
  const bool complete = std::all_of(kOperations.begin(), kOperations.end(), [probe](uint8_t code) {
    return io_uring_opcode_supported(probe, code) != 0;
  });
  io_uring_free_probe(probe);
  return complete ? absl::OkStatus()
                  : absl::UnimplementedError("the kernel lacks an io_uring operation");
}

// One operation that does nothing, there and back: a seccomp filter may allow the setup alone.
absl::Status TryNop(io_uring& uring) {
  io_uring_prep_nop(io_uring_get_sqe(&uring));
  int submitted = 0;
  do {
    submitted = io_uring_submit_and_wait(&uring, 1);
  } while (submitted == -EINTR);
  io_uring_cqe* completion = nullptr;
  if (submitted < 0 || io_uring_peek_cqe(&uring, &completion) != 0) {
    return ErrnoStatus(submitted < 0 ? -submitted : EIO, "submit to", "io_uring");
  }
  const int result = completion->res;
  io_uring_cqe_seen(&uring, completion);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, "run", "io_uring");
}

void Prepare(io_uring_sqe* entry, const UringOperation& operation) {
  const auto length = static_cast<unsigned>(std::min(operation.length, UringRing::kLengthMax));
  switch (operation.kind) {
    case UringOperation::Kind::kRead:
      io_uring_prep_read(entry, operation.descriptor, operation.buffer, length, operation.offset);
      break;
    case UringOperation::Kind::kWrite:
      io_uring_prep_write(entry, operation.descriptor, operation.buffer, length, operation.offset);
      break;
    case UringOperation::Kind::kDataSync:
      io_uring_prep_fsync(entry, operation.descriptor, IORING_FSYNC_DATASYNC);
      break;
  }
}

void WaitAMoment() {
  constexpr timespec kMoment = {.tv_sec = 0, .tv_nsec = 100'000};
  nanosleep(&kMoment, nullptr);
}

constexpr int32_t kPending = std::numeric_limits<int32_t>::min();  // no result of the kernel

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create() {
  // The first that the kernel knows: newer kernels are told that one thread submits and need not
  // interrupt it; a ring that starts disabled can be restricted.
  constexpr std::array<unsigned, 3> kFlags = {
      IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
      IORING_SETUP_R_DISABLED, 0};
  auto ring = std::make_unique<Ring>();
  int result = -EINVAL;
  unsigned flags = 0;
  for (size_t i = 0; i < kFlags.size() && result == -EINVAL; ++i) {
    flags = kFlags[i];
    result = io_uring_queue_init(kEntries, &ring->uring, flags);
  }
  if (result < 0) {
    return ErrnoStatus(-result, "set up", "io_uring");
  }
  ring->is_initialised = true;
  if ((flags & IORING_SETUP_R_DISABLED) != 0) {
    ring->is_restricted = Restrict(ring->uring);
    PERIGEE_RETURN_IF_ERROR(CheckAbilities(ring->uring));
    if (const int enabled = Register(ring->uring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
        enabled < 0) {
      return ErrnoStatus(-enabled, "enable", "io_uring");
    }
  } else {
    PERIGEE_RETURN_IF_ERROR(CheckAbilities(ring->uring));
  }
  if (const int unshared = io_uring_ring_dontfork(&ring->uring); unshared < 0) {
    return ErrnoStatus(-unshared, "keep from children", "io_uring");
  }
  PERIGEE_RETURN_IF_ERROR(TryNop(ring->uring));
  return std::unique_ptr<UringRing>(new UringRing(std::move(ring)));
}

UringRing* UringRing::OfThisThread() {
  struct Holder {
    std::unique_ptr<UringRing> ring;
    uint64_t fork_generation = ForkGeneration();
    bool refused = false;
  };
  thread_local Holder holder;
  if (holder.refused || holder.fork_generation != ForkGeneration()) {
    return nullptr;
  }
  if (holder.ring != nullptr && holder.ring->ring_->is_broken) {
    holder.ring.reset();
  }
  if (holder.ring == nullptr) {
    absl::StatusOr<std::unique_ptr<UringRing>> created = Create();
    if (!created.ok()) {
      holder.refused = true;  // asking again at every call would cost more than it could bring
      Log(LogLevel::kWarning, "io.ring_refused",
          std::string(created.status().message()) + "; this thread uses POSIX calls");
      return nullptr;
    }
    holder.ring = *std::move(created);
  }
  return holder.ring.get();
}

UringRing::UringRing(std::unique_ptr<Ring> ring)
    : ring_(std::move(ring)), fork_generation_(ForkGeneration()) {}

UringRing::~UringRing() {
  if (ForkGeneration() != fork_generation_) {
    // The child's copy: its queues are not mapped here, and the descriptor is the parent's too.
    static_cast<void>(ring_.release());
  }
}

bool UringRing::is_restricted() const { return ring_->is_restricted; }

void UringRing::Run(std::span<UringOperation> operations) {
  PERIGEE_CHECK(ForkGeneration() == fork_generation_, "a ring is not for children");
  while (!operations.empty()) {
    const size_t count = std::min<size_t>(operations.size(), kDepth);
    RunSome(operations.first(count));
    operations = operations.subspan(count);
  }
}

void UringRing::RunSome(std::span<UringOperation> operations) {
  io_uring& uring = ring_->uring;
  if (ring_->is_broken) {
    for (UringOperation& operation : operations) {
      operation.result = -EIO;
    }
    return;
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    io_uring_sqe* entry = io_uring_get_sqe(&uring);
    PERIGEE_CHECK(entry != nullptr, "the queue is longer than what is in flight");
    Prepare(entry, operations[i]);
    io_uring_sqe_set_data64(entry, i);
    operations[i].result = kPending;
  }
  size_t completed = 0;
  int refusal = 0;
  while (completed < operations.size() && refusal == 0) {
    const int result =
        io_uring_submit_and_wait(&uring, static_cast<unsigned>(operations.size() - completed));
    if (result == -EAGAIN || result == -EBUSY) {
      sched_yield();
    } else if (result < 0 && result != -EINTR) {
      refusal = result;
    }
    completed += Collect(operations);
  }
  if (refusal == 0) {
    return;
  }
  // The kernel does not talk to us any more, but what it accepted is still its own: the buffers
  // may go only when the completions are there, and they come without being asked for.
  ring_->is_broken = true;
  Log(LogLevel::kError, "io.ring_broken",
      std::string(ErrnoStatus(-refusal, "submit to", "io_uring").message()));
  const size_t accepted = operations.size() - io_uring_sq_ready(&uring);
  while (completed < accepted) {
    WaitAMoment();
    completed += Collect(operations);
  }
  for (UringOperation& operation : operations) {
    operation.result = operation.result == kPending ? refusal : operation.result;
  }
}

size_t UringRing::Collect(std::span<UringOperation> operations) {
  io_uring& uring = ring_->uring;
  size_t collected = 0;
  unsigned seen = 0;
  unsigned head = 0;
  io_uring_cqe* completion = nullptr;
  io_uring_for_each_cqe(&uring, head, completion) {
    ++seen;
    const uint64_t position = completion->user_data;
    if (position >= operations.size() || operations[position].result != kPending) {
      Log(LogLevel::kError, "io.unknown_completion", "a completion that nothing waits for");
      continue;
    }
    operations[position].result = completion->res;
    ++collected;
  }
  io_uring_cq_advance(&uring, seen);
  return collected;
}

}  // namespace perigee::storage
